// The table editor of a draft: dmn-js, opened at the first decision table.
import DmnModeler from "dmn-js/lib/Modeler";
import "dmn-js/dist/assets/diagram-js.css";
import "dmn-js/dist/assets/dmn-js-shared.css";
import "dmn-js/dist/assets/dmn-js-drd.css";
import "dmn-js/dist/assets/dmn-js-decision-table.css";
import "dmn-js/dist/assets/dmn-js-decision-table-controls.css";
import "dmn-js/dist/assets/dmn-js-literal-expression.css";
import "dmn-js/dist/assets/dmn-js-boxed-expression.css";
import "dmn-js/dist/assets/dmn-js-boxed-expression-controls.css";
import "dmn-js/dist/assets/dmn-font/css/dmn.css";
import { type FileEditor, editDraftFile } from "./parts/draft-file";

/* eslint-disable @typescript-eslint/no-explicit-any -- dmn-js brings no types */
type Any = any;

function holds(element: Any, id: string): boolean {
  const rules: Any[] = element.decisionLogic?.rule ?? [];
  const parts = [element, element.decisionLogic, ...(element.decisionLogic?.input ?? []), ...(element.decisionLogic?.output ?? [])];
  const cells = rules.flatMap((rule) => [rule, ...(rule.inputEntry ?? []), ...(rule.outputEntry ?? [])]);
  return [...parts, ...cells].some((part) => part?.id === id);
}

function makeEditor(canvas: HTMLElement, _panel: HTMLElement, changed: () => void): FileEditor {
  const modeler: Any = new DmnModeler({ container: canvas });
  const watched = new WeakSet<object>();
  modeler.on("views.changed", ({ activeView }: Any) => {
    const viewer = activeView && modeler.getActiveViewer();
    if (!viewer || watched.has(viewer)) return;
    watched.add(viewer);
    viewer.on("commandStack.changed", changed);
  });
  return {
    async load(text) {
      await modeler.importXML(text);
      const table = modeler.getViews().find((view: Any) => view.type === "decisionTable");
      if (table) await modeler.open(table);
    },
    async text() {
      const { xml } = await modeler.saveXML({ format: true });
      return xml as string;
    },
    select(id) {
      const view = modeler.getViews().find((one: Any) => holds(one.element, id));
      if (view) void modeler.open(view);
      const cell = canvas.querySelector<HTMLElement>(`[data-element-id="${CSS.escape(id)}"]`);
      cell?.scrollIntoView({ block: "center" });
      cell?.click();
    },
  };
}

editDraftFile(makeEditor);
