// Letters move and act in a list only while the focus is inside it: j and k move, c claims, r releases.

function rowOf(target: EventTarget | null): HTMLElement | null {
  return target instanceof HTMLElement ? target.closest<HTMLElement>("[data-keys] tbody tr") : null;
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches("input, textarea, select");
}

function move(row: HTMLElement, step: 1 | -1): void {
  const next = step === 1 ? row.nextElementSibling : row.previousElementSibling;
  next?.querySelector<HTMLElement>("a.go")?.focus();
}

function press(row: HTMLElement, key: string): void {
  row.querySelector<HTMLElement>(`[data-key="${key}"]`)?.click();
}

function onKey(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  const row = rowOf(event.target);
  if (!row) return;
  if (event.key === "j") move(row, 1);
  else if (event.key === "k") move(row, -1);
  else if (event.key === "c" || event.key === "r") press(row, event.key);
  else return;
  event.preventDefault();
}

/** Keep the focus in the row that was exchanged after a claim or a release. */
function onSwap(event: Event): void {
  const detail = (event as CustomEvent<{ ctx?: { target?: Element } }>).detail;
  const id = detail?.ctx?.target?.id;
  if (!id?.startsWith("item-")) return;
  document.getElementById(id)?.querySelector<HTMLElement>("a.go")?.focus();
}

export function watchLists(): void {
  document.addEventListener("keydown", onKey);
  document.addEventListener("htmx:after:swap", onSwap);
}
