// The diagram editor of a draft: bpmn-js with a properties panel that knows our words.
import Modeler from "bpmn-js/lib/Modeler";
import { BpmnPropertiesPanelModule, BpmnPropertiesProviderModule } from "bpmn-js-properties-panel";
import "bpmn-js/dist/assets/diagram-js.css";
import "bpmn-js/dist/assets/bpmn-js.css";
import "bpmn-js/dist/assets/bpmn-font/css/bpmn.css";
import "@bpmn-io/properties-panel/dist/assets/properties-panel.css";
import { type FileEditor, editDraftFile } from "./parts/draft-file";
import { type Catalogue, groupsOf } from "./parts/properties";
import vocabulary from "./parts/vocabulary.json";

/* eslint-disable @typescript-eslint/no-explicit-any -- bpmn-js' services are open records */
type Any = any;
const UNUSED = new Set(["isExecutable"]);

class OurProperties {
  static $inject = ["propertiesPanel", "modeling", "bpmnFactory", "config.catalogue"];

  constructor(panel: Any, private readonly modeling: Any, private readonly factory: Any, private readonly catalogue: Catalogue) {
    panel.registerProvider(400, this);
  }

  getGroups(element: Any): (groups: Any[]) => Any[] {
    return (groups) => {
      const own = groupsOf(element, this.catalogue, { modeling: this.modeling, factory: this.factory });
      const stock = groups.filter((one) => !UNUSED.has(one.id));
      return [...stock.slice(0, 1), ...own, ...stock.slice(1)];
    };
  }
}

function makeEditor(canvas: HTMLElement, panel: HTMLElement, changed: () => void): FileEditor {
  const catalogue = JSON.parse(document.getElementById("editor")?.dataset.catalogue ?? "{}") as Catalogue;
  const modeler = new Modeler({
    container: canvas,
    propertiesPanel: { parent: panel },
    catalogue,
    moddleExtensions: { parcelflow: vocabulary },
    additionalModules: [
      BpmnPropertiesPanelModule,
      BpmnPropertiesProviderModule,
      { __init__: ["ourProperties"], ourProperties: ["type", OurProperties] },
    ],
  } as Any);
  modeler.on("commandStack.changed", changed);
  return {
    async load(text) {
      await modeler.importXML(text);
      modeler.get<Any>("canvas").zoom("fit-viewport", "auto");
    },
    async text() {
      const { xml } = await modeler.saveXML({ format: true });
      if (!xml) throw new Error("The diagram could not be written.");
      return xml;
    },
    select(id) {
      const found = modeler.get<Any>("elementRegistry").get(id);
      if (!found) return;
      modeler.get<Any>("selection").select(found);
      if (found.parent) modeler.get<Any>("canvas").scrollToElement(found, 80);
    },
  };
}

editDraftFile(makeEditor);
