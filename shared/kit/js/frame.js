// The frame of a page: its menu goes away when something else is pressed, the place where one is stands in sight,
// [data-print] prints, and whoever signs out leaves nothing behind that was theirs.
const menu = () => document.querySelector("details.menu[open]");

function leave({ target, type }) {
  const open = menu();
  if (open && (!open.contains(target) || (type === "click" && target.closest("[data-open]")))) open.open = false;
}

function escape(event) {
  const open = menu();
  if (event.key !== "Escape" || !open) return;
  open.open = false;
  open.querySelector("summary").focus();
}

const printed = ({ target }) => { if (target.closest("[data-print]")) window.print(); };
const signedOut = ({ target }) => { if (target.matches("[action='/sign-out']")) sessionStorage.clear(); };

export function startFrame() {
  document.addEventListener("click", leave);
  document.addEventListener("click", printed);
  document.addEventListener("submit", signedOut);
  document.addEventListener("keydown", escape);
  document.addEventListener("focusin", leave);
  const here = document.querySelector(".places [aria-current]");
  const row = here?.parentElement;
  if (row) row.scrollLeft = here.offsetLeft - (row.clientWidth - here.clientWidth) / 2;
}
