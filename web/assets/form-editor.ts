// The form editor of a draft: form-js' editor with its own palette and properties.
import { FormEditor } from "@bpmn-io/form-js-editor";
import "@bpmn-io/form-js-viewer/dist/assets/form-js.css";
import "@bpmn-io/form-js-editor/dist/assets/form-js-editor.css";
import "@bpmn-io/form-js-editor/dist/assets/properties-panel.css";
import { type FileEditor, editDraftFile } from "./parts/draft-file";

function makeEditor(canvas: HTMLElement, _panel: HTMLElement, changed: () => void): FileEditor {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the shipped types leave out half of what it does
  const editor: any = new FormEditor({ container: canvas });
  editor.on("commandStack.changed", changed);
  return {
    async load(text) {
      await editor.importSchema(JSON.parse(text));
    },
    text() {
      return Promise.resolve(`${JSON.stringify(editor.saveSchema(), null, 2)}\n`);
    },
    select(id) {
      const found = editor.get("formFieldRegistry").get(id);
      if (found) editor.get("selection").set(found);
    },
  };
}

editDraftFile(makeEditor);
