// The keyboard, for whoever works through a list: j and k go from row to row, a presses the row's first act, / goes to
// the search, ? tells this. Single keys without modifiers, never while typing; they can be switched off (WCAG 2.1.4).
// When the row that was worked on is gone, the next one takes the focus.
// INVARIANT: a row that goes takes its focus away with it, for whoever presses Enter acts on what they looked at: rows of
// live panels have ids, by which htmx tells them apart.
const OFF = "whistle-keys-off";
const rows = () => [...document.querySelectorAll("[data-row]")].filter((row) => row.offsetParent !== null);
const focusOf = (row) => row.querySelector("a, button, input") ?? row;

function step(by) {
  const all = rows();
  if (!all.length) return;
  const at = all.findIndex((row) => row.contains(document.activeElement));
  const next = all[Math.min(all.length - 1, Math.max(0, at < 0 ? 0 : at + by))];
  focusOf(next).focus();
  next.scrollIntoView({ block: "nearest" });
}

const ACTS = {
  j: () => step(1),
  k: () => step(-1),
  a: () => document.activeElement?.closest("[data-row]")?.querySelector("[data-first]")?.click(),
  "/": () => document.querySelector("[type=search]")?.focus(),
  "?": () => document.getElementById("keys")?.showModal(),
};

function press(event) {
  const typing = event.target.closest("input, textarea, select, [contenteditable], dialog[open]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || localStorage.getItem(OFF)) return;
  const act = ACTS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

let worked = null;

/** What was pressed, or the dialog that it opened, may take its row away. */
function leaving({ target }) {
  const row = target.closest("[data-row][id]");
  if (row) worked = { id: row.id, next: (row.nextElementSibling ?? row.previousElementSibling)?.id };
}

function goOn() {
  if (!worked || document.getElementById(worked.id)) return;
  const next = document.activeElement === document.body && document.getElementById(worked.next)?.querySelector("[data-first]");
  if (next) next.focus();
  // While a form is being sent its buttons take no focus.
  if (!next || document.activeElement === next) worked = null;
}

export function startKeys() {
  document.addEventListener("keydown", press);
  document.addEventListener("click", leaving);
  document.addEventListener("whistle:fresh", goOn);
  const box = document.getElementById("keys-on");
  if (!box) return;
  box.checked = !localStorage.getItem(OFF);
  box.addEventListener("change", () => (box.checked ? localStorage.removeItem(OFF) : localStorage.setItem(OFF, "1")));
}
