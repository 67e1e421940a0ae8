// The street's pages beyond what every page does: blowing a whistle, and the few forms on a whistle's page that count
// or gather. Loaded by those pages only.
import { startBlowing } from "./blow.js";

// -- forms that count, gather, or ask differently according to an answer

/** <form data-sum>: the numbers of its fields, added up in [data-total]. */
function sum(form) {
  const all = [...form.querySelectorAll("input[type=number]")].reduce((total, field) => total + (Number(field.value) || 0), 0);
  form.querySelector("[data-total]").textContent = all;
}

/** <fieldset data-items="name">: rows [data-item] of fields [data-of], as JSON in the hidden field of that name. */
function gather(set) {
  const rows = [...set.querySelectorAll("[data-item]")].map((row) =>
    Object.fromEntries([...row.querySelectorAll("[data-of]")].map((field) => [field.dataset.of, field.value.trim()])));
  const said = rows.filter((row) => row.department && row.title);
  set.querySelector(`[name="${set.dataset.items}"]`).value = said.length ? JSON.stringify(said) : "";
}

/** <form data-callback>: who was not reached has answered nothing. */
function ask(form) {
  const reached = form.querySelector("[name=contacted]:checked").value === "true";
  for (const set of form.querySelectorAll("[data-reached]")) {
    set.hidden = !reached;
    for (const field of set.querySelectorAll("input")) field.disabled = !reached;
  }
  const waiver = form.querySelector("[data-unreached]");
  waiver.hidden = reached;
  if (reached) waiver.querySelector("input").checked = false;
}

function changed({ target }) {
  const form = target.closest?.("form");
  if (form?.matches("[data-sum]")) sum(form);
  if (form?.matches("[data-callback]")) ask(form);
  const items = target.closest?.("[data-items]");
  if (items) gather(items);
}

document.addEventListener("input", changed);
document.addEventListener("change", changed);

/** <button data-open="#dialog" data-check='["CGJ"]'>: these boxes are ticked when it opens, for they may have changed. */
function tick(opener) {
  const codes = JSON.parse(opener.dataset.check);
  for (const box of document.querySelectorAll(`${opener.dataset.open} input[type=checkbox]`)) box.checked = codes.includes(box.value);
}

document.addEventListener("click", ({ target }) => {
  if (target.closest("[data-print]")) print();
  const opener = target.closest("[data-check]");
  if (opener) tick(opener);
});
document.addEventListener("beforeprint", () => { for (const part of document.querySelectorAll("main details")) part.open = true; });
for (const form of document.querySelectorAll("[data-sum]")) sum(form);
for (const form of document.querySelectorAll("[data-callback]")) ask(form);

const matter = document.getElementById("matter");
if (matter) startBlowing(matter);
