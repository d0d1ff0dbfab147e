// Shows the diagram of an order, read only: flow nodes with a token, the path taken, nodes that are stuck.
import NavigatedViewer from "bpmn-js/lib/NavigatedViewer";
import "bpmn-js/dist/assets/diagram-js.css";
import "bpmn-js/dist/assets/bpmn-js.css";

interface Canvas {
  zoom(level: "fit-viewport", center?: "auto"): number;
  resized(): void;
  addMarker(element: string, marker: string): void;
  removeMarker(element: string, marker: string): void;
}
interface EventBus {
  on(event: "element.click", heard: (event: { element: { id: string; type: string } }) => void): void;
}
interface ElementRegistry {
  get(id: string): unknown;
}

function words(text: string | undefined): string[] {
  return (text ?? "").split(" ").filter((id) => id !== "");
}

function sameOrigin(address: string): URL {
  const url = new URL(address, window.location.href);
  if (url.origin !== window.location.origin) throw new Error("A diagram is read from this server only.");
  return url;
}

function mark(viewer: NavigatedViewer, box: HTMLElement): void {
  const canvas = viewer.get<Canvas>("canvas");
  const registry = viewer.get<ElementRegistry>("elementRegistry");
  const markers = { taken: box.dataset.taken, token: box.dataset.tokens, stuck: box.dataset.stuck };
  for (const [marker, ids] of Object.entries(markers)) {
    words(ids).filter((id) => registry.get(id)).forEach((id) => canvas.addMarker(id, marker));
  }
}

/** Fits the drawing into its box, and again when the box changes, as when a phone is turned. */
function fit(viewer: NavigatedViewer, box: HTMLElement): void {
  const canvas = viewer.get<Canvas>("canvas");
  const again = (): void => {
    if (box.clientWidth === 0 || box.clientHeight === 0) return;
    canvas.resized();
    canvas.zoom("fit-viewport", "auto");
  };
  again();
  new ResizeObserver(again).observe(box);
}

/** Lets a click on a flow node or sequence flow fill the fields that the box names, where it is one of their choices. */
function choose(viewer: NavigatedViewer, box: HTMLElement): void {
  const { nodeField, flowField } = box.dataset;
  const node = nodeField === undefined ? null : document.getElementById(nodeField);
  const flow = flowField === undefined ? null : document.getElementById(flowField);
  if (!(node instanceof HTMLSelectElement) || !(flow instanceof HTMLInputElement)) return;
  const canvas = viewer.get<Canvas>("canvas");
  let last: string | undefined;
  viewer.get<EventBus>("eventBus").on("element.click", ({ element }) => {
    if (element.type === "bpmn:SequenceFlow") flow.value = element.id;
    if (![...node.options].some((option) => option.value === element.id)) return;
    if (last !== undefined) canvas.removeMarker(last, "chosen");
    canvas.addMarker(element.id, "chosen");
    last = element.id;
    node.value = element.id;
  });
}

async function draw(box: HTMLElement): Promise<void> {
  const answer = await fetch(sameOrigin(box.dataset.diagram ?? ""), { credentials: "same-origin" });
  if (!answer.ok) throw new Error(`The diagram was not given (${answer.status}).`);
  const viewer = new NavigatedViewer({ container: box });
  await viewer.importXML(await answer.text());
  fit(viewer, box);
  mark(viewer, box);
  choose(viewer, box);
  box.dataset.ready = "yes";
}

document.querySelectorAll<HTMLElement>("[data-diagram]").forEach((box) => {
  draw(box).catch((problem: unknown) => {
    box.textContent = `${problem instanceof Error ? problem.message : String(problem)} The outline below says the same in words.`;
  });
});
