declare module "*.css";
declare module "htmx.org";
declare module "bpmn-js-properties-panel";
declare module "@bpmn-io/properties-panel";
declare module "dmn-js/lib/Modeler";
