// A field and its box on the page belong together; Ctrl+Enter decides; an error summary gets the focus.

function boxesOf(field: string): NodeListOf<SVGElement> {
  return document.querySelectorAll<SVGElement>(`.box[data-field="${CSS.escape(field)}"]`);
}

function onFocus(event: FocusEvent): void {
  if (!(event.target instanceof HTMLElement)) return;
  const field = event.target.closest<HTMLElement>("[data-field-name]")?.dataset.fieldName;
  if (!field) return;
  document.querySelectorAll(".box.here").forEach((box) => box.classList.remove("here"));
  boxesOf(field).forEach((box) => {
    box.classList.add("here");
    scrollIntoPage(box);
  });
}

function scrollIntoPage(box: SVGElement): void {
  const page = box.closest<HTMLElement>(".page");
  if (!page) return;
  const where = box.getBoundingClientRect();
  const frame = page.getBoundingClientRect();
  page.scrollTop += where.top - frame.top - frame.height / 3;
  page.scrollLeft += where.left - frame.left - frame.width / 3;
}

function onKey(event: KeyboardEvent): void {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  const form = event.target instanceof HTMLElement ? event.target.closest("form") : null;
  const button = form?.querySelector<HTMLButtonElement>("button.primary");
  if (form && button) {
    event.preventDefault();
    form.requestSubmit(button);
  }
}

/** A second press of a deciding button is ignored. */
function onSubmit(event: SubmitEvent): void {
  const form = event.target as HTMLFormElement;
  if (!form.matches("[data-once]")) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
}

export function watchTasks(): void {
  document.addEventListener("focusin", onFocus);
  document.addEventListener("keydown", onKey);
  document.addEventListener("submit", onSubmit);
  window.addEventListener("pageshow", () => {
    document.querySelectorAll<HTMLFormElement>("form[data-sent]").forEach((form) => delete form.dataset.sent);
  });
  document.getElementById("error-summary")?.focus();
}
