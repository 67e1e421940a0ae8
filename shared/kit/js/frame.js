// The frame of a page: its menu goes away when something else is pressed, and the place where one is stands in sight.
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

export function startFrame() {
  document.addEventListener("click", leave);
  document.addEventListener("keydown", escape);
  document.addEventListener("focusin", leave);
  const here = document.querySelector(".places [aria-current]");
  const row = here?.parentElement;
  if (row) row.scrollLeft = here.offsetLeft - (row.clientWidth - here.clientWidth) / 2;
}
