// What worker pages need beyond plain links and forms. Each part is a comfort: without it the page still works.
import "htmx.org";
import { watchLists } from "./parts/lists";
import { watchTasks } from "./parts/tasks";
import { watchUploads } from "./parts/uploads";

document.documentElement.classList.add("scripted");
watchLists();
watchTasks();
watchUploads();
