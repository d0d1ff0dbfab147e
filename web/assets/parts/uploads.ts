// Sends files with progress, and takes them dropped on the form. Without script the same form is posted plainly.

function show(form: HTMLFormElement, text: string, share: number | null): void {
  const bar = form.querySelector<HTMLProgressElement>("progress");
  const words = form.querySelector<HTMLElement>("[data-progress]");
  if (bar) {
    bar.hidden = false;
    if (share === null) bar.removeAttribute("value");
    else bar.value = share;
  }
  if (words) words.textContent = text;
}

function send(form: HTMLFormElement): void {
  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.setRequestHeader("X-Upload", "1");
  request.upload.addEventListener("progress", (event) => {
    const share = event.lengthComputable ? event.loaded / event.total : null;
    const text = share === null ? "Sending" : share < 1 ? `${Math.floor(share * 100)} % sent` : "Sent; being stored";
    show(form, text, share);
  });
  request.addEventListener("load", () => {
    const place = request.getResponseHeader("X-Location");
    if (request.status < 300 && place) window.location.assign(place);
    else show(form, reason(request), 0);
  });
  request.addEventListener("error", () => show(form, "The connection was lost; nothing was stored twice. Send again.", 0));
  show(form, "0 % sent", 0);
  request.send(new FormData(form));
}

function reason(request: XMLHttpRequest): string {
  try {
    return (JSON.parse(request.responseText) as { detail?: string }).detail ?? request.statusText;
  } catch {
    return `Not taken in (${request.status}).`;
  }
}

function names(input: HTMLInputElement, form: HTMLFormElement): void {
  const list = form.querySelector<HTMLElement>("[data-names]");
  if (list) list.textContent = Array.from(input.files ?? [], (file) => file.name).join(", ");
}

function watch(form: HTMLFormElement): void {
  const input = form.querySelector<HTMLInputElement>('input[type="file"]');
  if (!input) return;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (input.files?.length) send(form);
  });
  input.addEventListener("change", () => names(input, form));
  form.addEventListener("dragover", (event) => {
    event.preventDefault();
    form.querySelector(".drop")?.classList.add("over");
  });
  form.addEventListener("dragleave", () => form.querySelector(".drop")?.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    form.querySelector(".drop")?.classList.remove("over");
    if (event.dataTransfer?.files.length) {
      input.files = event.dataTransfer.files;
      names(input, form);
    }
  });
}

export function watchUploads(): void {
  document.querySelectorAll<HTMLFormElement>("form[data-upload]").forEach(watch);
}
