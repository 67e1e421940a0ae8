// What every page runs. htmx fetches parts of pages and puts fresh ones in place; what changes something is sent by
// act.js to the service's own API.
import htmx from "htmx.org";
import { startActs } from "./act.js";
import { startAlarm } from "./alarm.js";
import { startDialogs } from "./dialogs.js";
import { startForms } from "./form.js";
import { startFrame } from "./frame.js";
import { startKeys } from "./keys.js";
import { startLive } from "./live.js";
import { startPhotos } from "./photos.js";
import { startTime } from "./time.js";
import { startToasts } from "./toasts.js";

// This runs before htmx looks at the page for the first time.
Object.assign(htmx.config, {
  // An answer that something failed must never stand where content was.
  noSwap: [204, 304, "4xx", "5xx"],
  // Ours are in the style sheet.
  includeIndicatorCSS: false,
  // What scripts and readers set on a page stays when a fresh one is put in place.
  morphIgnore: ["data-htmx-powered", "open", "data-over", "data-busy", "novalidate"],
  // What was fetched into a page stays until it is fetched again.
  morphSkipChildren: "[hx-get]",
});

startTime();
startToasts();
startFrame();
startDialogs();
startForms();
startActs();
startPhotos();
startKeys();
startLive();
startAlarm();
