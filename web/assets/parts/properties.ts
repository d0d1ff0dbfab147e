// The properties panel's entries for what we add to BPMN; names as in vocabulary.json, choices from the page's catalogue.
import { ListGroup, SelectEntry, TextAreaEntry, TextFieldEntry, isSelectEntryEdited, isTextAreaEntryEdited, isTextFieldEntryEdited, Group } from "@bpmn-io/properties-panel";
import { useService } from "bpmn-js-properties-panel";

export interface Catalogue {
  forms: string[];
  decisions: string[];
  operations: string[];
  groups: string[];
  statuses: string[];
  processes: string[];
}
/* eslint-disable @typescript-eslint/no-explicit-any -- bpmn-js' elements are open records */
type Any = any;
interface Field {
  id: string;
  label: string;
  /** The moddle element that holds the property, and the property's name. */
  holder: Any;
  name: string;
  hint?: string;
  choices?: string[];
  isLong?: boolean;
  get?: () => string;
  set?: (value: string | undefined, services: { modeling: Any; factory: Any }) => void;
}

function Attribute(props: Any): Any {
  const field: Field = props.field;
  const modeling = useService("modeling");
  const factory = useService("bpmnFactory");
  const debounce = useService("debounceInput");
  const getValue = field.get ?? ((): string => (field.holder.get(field.name) as string | undefined) ?? "");
  const setValue = (value: string | undefined): void => {
    const text = value?.trim() ? value : undefined;
    if (field.set) field.set(text, { modeling, factory });
    else modeling.updateModdleProperties(props.element, field.holder, { [field.name]: text });
  };
  const common = { element: props.element, id: field.id, label: field.label, description: field.hint, getValue, setValue };
  if (field.choices) return SelectEntry({ ...common, getOptions: () => options(field.choices ?? [], getValue()) });
  return field.isLong ? TextAreaEntry({ ...common, debounce, monospace: true, rows: 4 }) : TextFieldEntry({ ...common, debounce });
}

function options(choices: string[], current: string): { value: string; label: string }[] {
  const all = current && !choices.includes(current) ? [...choices, current] : choices;
  return [{ value: "", label: "–" }, ...all.map((value) => ({ value, label: value }))];
}

function entry(field: Field): Any {
  const isEdited = field.choices ? isSelectEntryEdited : field.isLong ? isTextAreaEntryEdited : isTextFieldEntryEdited;
  return { id: field.id, component: Attribute, field, isEdited };
}

function group(id: string, label: string, fields: Field[]): Any {
  return { id: `parcelflow-${id}`, label, component: Group, entries: fields.map(entry) };
}

function ours(element: Any, name: string, label: string, more: Partial<Field> = {}): Field {
  return { id: `parcelflow-${name}`, label, holder: element.businessObject, name: `parcelflow:${name}`, ...more };
}

const EXPRESSION = "An expression over the variables.";

/** Gives our groups for an element, most important first. */
export function groupsOf(element: Any, catalogue: Catalogue, services: { modeling: Any; factory: Any }): Any[] {
  const node = element.businessObject;
  const is = (type: string): boolean => Boolean(node?.$instanceOf?.(type));
  if (element.type === "label" || !node) return [];
  const groups: Any[] = [];
  if (is("bpmn:SequenceFlow")) groups.push(group("condition", "Condition", [condition(element)]));
  if (is("bpmn:UserTask") || is("bpmn:ManualTask")) groups.push(group("person", "Person", person(element, catalogue)));
  if (is("bpmn:ScriptTask")) groups.push(group("script", "Script", [{ id: "parcelflow-script", label: "Script", holder: node, name: "script", isLong: true }]));
  if (is("bpmn:BusinessRuleTask")) groups.push(group("decision", "Decision", [
    ours(element, "decision", "Decision", { choices: catalogue.decisions }),
    ours(element, "resultVariable", "Result variable", { hint: "Without it each output becomes a variable." }),
  ]));
  if (is("bpmn:ServiceTask") || is("bpmn:SendTask")) {
    groups.push(group("operation", "Operation", [
      ours(element, "operation", "Operation", { choices: catalogue.operations }),
      ours(element, "retry", "Tried again after", { hint: "Pauses, such as PT10S,PT1M,PT10M; none; without it as the installation says." }),
    ]));
    groups.push(list(element, "Input", "Inputs", ["name", "expression"], services));
    groups.push(list(element, "Output", "Outputs", ["name", "expression"], services));
  }
  if (is("bpmn:CallActivity")) {
    groups.push(group("called", "Called process", called(element, catalogue)));
    groups.push(list(element, "In", "Variables in", ["source", "target", "all"], services));
    groups.push(list(element, "Out", "Variables out", ["source", "target", "all"], services));
  }
  if ((is("bpmn:ParallelGateway") || is("bpmn:InclusiveGateway")) && (node.incoming ?? []).length > 1) {
    const hint = "When branches changed the same variable differently.";
    groups.push(group("join", "Where branches meet", [ours(element, "onConflict", "Conflict", { choices: ["refuse", "last", "append"], hint })]));
  }
  groups.push(...messages(element, is));
  const loop = node.loopCharacteristics;
  if (loop?.$instanceOf("bpmn:MultiInstanceLoopCharacteristics")) groups.push(group("each", "For each", [
    { id: "parcelflow-collection", label: "Collection", holder: loop, name: "parcelflow:collection", hint: "The list whose items are gone through." },
    { id: "parcelflow-elementVariable", label: "Name of one item", holder: loop, name: "parcelflow:elementVariable" },
  ]));
  if (is("bpmn:FlowNode")) groups.push(group("status", "Status of the parcel", [
    ours(element, "status", "Set when a token arrives", { choices: catalogue.statuses }),
  ]));
  return groups;
}

function condition(element: Any): Field {
  const flow = element.businessObject;
  return {
    id: "parcelflow-condition",
    label: "Taken if",
    holder: flow,
    name: "conditionExpression",
    hint: EXPRESSION,
    isLong: true,
    get: () => flow.conditionExpression?.body ?? "",
    set: (value, { modeling, factory }) => {
      const expression = value && factory.create("bpmn:FormalExpression", { body: value });
      if (expression) expression.$parent = flow;
      modeling.updateModdleProperties(element, flow, { conditionExpression: expression });
    },
  };
}

function person(element: Any, { forms, groups }: Catalogue): Field[] {
  return [
    ours(element, "form", "Form", { choices: forms }),
    ours(element, "candidateGroups", "Candidate groups", { hint: `Keys with commas, or an expression; without it the lane. Groups: ${groups.join(", ")}` }),
    ours(element, "outcome", "Outcome", { hint: "The form's field whose choices become the decision buttons." }),
    ours(element, "assignee", "Assignee", { hint: EXPRESSION }),
    ours(element, "dueDate", "Due", { hint: "A duration such as P2D, a date, or an expression." }),
    ours(element, "priority", "Priority", { hint: "0 to 100, or an expression; above 50 is urgent." }),
  ];
}

function called(element: Any, { processes }: Catalogue): Field[] {
  return [
    { id: "parcelflow-calledElement", label: "Process", holder: element.businessObject, name: "calledElement", choices: processes },
    ours(element, "binding", "Version", { choices: ["deployment", "latest", "version"], hint: "Without a choice: as deployed together." }),
    ours(element, "version", "Version number", { hint: "Only with “version”." }),
  ];
}

function messages(element: Any, is: (type: string) => boolean): Any[] {
  const definitions: Any[] = element.businessObject.eventDefinitions ?? [];
  const waiting = definitions.find((one) => one.$type === "bpmn:ConditionalEventDefinition");
  const groups: Any[] = [];
  if (waiting) groups.push(group("waiting", "Condition", [eventCondition(element, waiting)]));
  if (!definitions.some((one) => one.$type === "bpmn:MessageEventDefinition") && !is("bpmn:ReceiveTask") && !is("bpmn:SendTask")) return groups;
  const fields = [ours(element, "correlationKey", "Correlation key", { hint: EXPRESSION })];
  if (is("bpmn:ThrowEvent") || is("bpmn:SendTask")) {
    fields.push(ours(element, "payload", "Payload", { hint: "A mapping; without it all variables." }));
    fields.push(ours(element, "timeToLive", "Kept for", { hint: "A duration such as P3D; without it 30 days." }));
  }
  return [...groups, group("message", "Correlation", fields)];
}

function eventCondition(element: Any, definition: Any): Field {
  return {
    id: "parcelflow-event-condition",
    label: "Happens when",
    holder: definition,
    name: "condition",
    hint: EXPRESSION,
    isLong: true,
    get: () => definition.condition?.body ?? "",
    set: (value, { modeling, factory }) => {
      const expression = value && factory.create("bpmn:FormalExpression", { body: value });
      if (expression) expression.$parent = definition;
      modeling.updateModdleProperties(element, definition, { condition: expression });
    },
  };
}

/** A list of our extension elements of one type, each with its attributes as entries. */
function list(element: Any, type: string, label: string, names: string[], { modeling, factory }: { modeling: Any; factory: Any }): Any {
  const node = element.businessObject;
  const kept = (): Any[] => node.extensionElements?.get("values") ?? [];
  const mine = kept().filter((one) => one.$type === `parcelflow:${type}`);
  const put = (values: Any[]): void => {
    const extensions = factory.create("bpmn:ExtensionElements", { values });
    extensions.$parent = node;
    values.forEach((one) => (one.$parent = extensions));
    modeling.updateModdleProperties(element, node, { extensionElements: values.length ? extensions : undefined });
  };
  const items = mine.map((one, place) => ({
    id: `parcelflow-${type}-${place}`,
    label: one.name || one.source || (one.all ? "all" : "new"),
    entries: names.map((name) => entry({ id: `parcelflow-${type}-${place}-${name}`, label: words[name] ?? name, holder: one, name, choices: name === "all" ? ["true"] : undefined })),
    remove: (event: Event) => {
      event.stopPropagation();
      put(kept().filter((other) => other !== one));
    },
  }));
  const add = (event: Event): void => {
    event.stopPropagation();
    put([...kept(), factory.create(`parcelflow:${type}`, {})]);
  };
  return { id: `parcelflow-${type}`, label, component: ListGroup, items, add };
}

const words: Record<string, string> = { name: "Name", expression: "Expression", source: "From", target: "To", all: "All variables" };
