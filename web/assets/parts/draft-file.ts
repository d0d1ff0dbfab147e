// One file of a draft in an editor: loaded from this server, saved with the version it was read at, findings refreshed after each save.

export interface FileEditor {
  load(text: string): Promise<void>;
  text(): Promise<string>;
  /** Shows an element by id, where the editor has it. */
  select(id: string): void;
}
export type MakeEditor = (canvas: HTMLElement, panel: HTMLElement, changed: () => void) => FileEditor;

interface Problem {
  detail?: string;
}

class DraftFile {
  private isDirty = false;
  private isBusy = false;
  private isWanted = false;
  private readonly button = element<HTMLButtonElement>("editor-save");
  private readonly state = element<HTMLElement>("editor-state");
  private readonly editor: FileEditor;

  constructor(private readonly box: HTMLElement, make: MakeEditor) {
    this.editor = make(element("canvas"), element("panel"), () => this.changed());
    this.button.addEventListener("click", () => void this.save());
    document.addEventListener("keydown", (event) => this.onKey(event));
    document.addEventListener("click", (event) => this.onClick(event));
    window.addEventListener("beforeunload", (event) => {
      if (this.isDirty) event.preventDefault();
    });
  }

  async open(): Promise<void> {
    const answer = await fetch(address(this.box.dataset.source));
    if (!answer.ok) throw new Error(`The file was not given (${answer.status}).`);
    await this.editor.load(await answer.text());
    this.settle("");
    await painted();
    if (this.box.dataset.element) this.editor.select(this.box.dataset.element);
    this.box.dataset.ready = "yes";
  }

  private changed(): void {
    if (this.box.dataset.ready !== "yes") return;
    this.isDirty = true;
    this.button.disabled = false;
    this.state.textContent = "Not saved yet";
  }

  private settle(words: string): void {
    this.isDirty = false;
    this.button.disabled = true;
    this.state.textContent = words;
  }

  /** Saves what was changed; asked again meanwhile, it saves once more afterwards. */
  private async save(): Promise<void> {
    if (this.isBusy) {
      this.isWanted = true;
      return;
    }
    if (!this.isDirty) return;
    this.isBusy = true;
    this.isWanted = false;
    const isSaved = await this.keep();
    this.isBusy = false;
    if (isSaved && this.isWanted && this.isDirty) await this.save();
    else if (isSaved) await this.refreshFindings();
  }

  private async keep(): Promise<boolean> {
    this.state.textContent = "Saving";
    this.isDirty = false;
    try {
      await this.send(await this.editor.text());
      if (this.isDirty) this.changed();
      else this.settle("Saved");
      return true;
    } catch (problem) {
      this.changed();
      this.state.textContent = problem instanceof Error ? problem.message : String(problem);
      return false;
    }
  }

  private async send(text: string): Promise<void> {
    const { path = "", version = "", token = "", save } = this.box.dataset;
    const form = new FormData();
    form.set("version", version);
    form.set("path", path);
    form.set("files", new Blob([text], { type: "application/octet-stream" }), path.split("/").pop());
    const headers = { "X-CSRFToken": token, "X-Upload": "1" };
    const answer = await fetch(address(save), { method: "POST", body: form, headers });
    if (!answer.ok) throw new Error(await reason(answer));
    this.box.dataset.version = String(((await answer.json()) as { version: number }).version);
  }

  private async refreshFindings(): Promise<void> {
    const answer = await fetch(address(this.box.dataset.findings));
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const found = page.getElementById("findings");
    if (found) document.getElementById("findings")?.replaceWith(document.adoptNode(found));
  }

  private onKey(event: KeyboardEvent): void {
    if (event.key !== "s" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    void this.save();
  }

  private onClick(event: MouseEvent): void {
    const link = event.target instanceof Element ? event.target.closest<HTMLElement>("#findings [data-element]") : null;
    if (!link) return;
    event.preventDefault();
    this.editor.select(link.dataset.element ?? "");
    this.box.scrollIntoView({ block: "nearest" });
  }
}

export function editDraftFile(make: MakeEditor): void {
  const box = element("editor");
  new DraftFile(box, make).open().catch((problem: unknown) => {
    const words = problem instanceof Error ? problem.message : String(problem);
    element("editor-state").textContent = `The editor cannot show this file: ${words}`;
  });
}

/** Panels begin to listen after they were painted once. */
function painted(): Promise<void> {
  return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))));
}

function element<Kind extends HTMLElement = HTMLElement>(id: string): Kind {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no ${id}.`);
  return found as Kind;
}

function address(text: string | undefined): URL {
  const url = new URL(text ?? "", window.location.href);
  if (url.origin !== window.location.origin) throw new Error("Files are read and kept on this server only.");
  return url;
}

async function reason(answer: Response): Promise<string> {
  try {
    return ((await answer.json()) as Problem).detail ?? answer.statusText;
  } catch {
    return `Not saved (${answer.status}).`;
  }
}
