// The street's pages beyond what every page does: blowing a whistle, and the few forms on a whistle's page that count or
// ask differently according to an answer. Loaded by those pages only.
import { startBlowing } from "./blow.js";

/** <form data-sum>: the numbers of its fields, added up in [data-total]. */
function sum(form) {
  const all = [...form.querySelectorAll("input[type=number]")].reduce((total, field) => total + (Number(field.value) || 0), 0);
  form.querySelector("[data-total]").textContent = all;
}

/** <form data-callback>: who was not reached has answered nothing. */
function ask(form) {
  const said = form.querySelector("[name=contacted]:checked")?.value;
  const reached = said !== "false";
  for (const set of form.querySelectorAll("[data-reached]")) {
    set.hidden = !reached;
    for (const field of set.querySelectorAll("input")) field.disabled = !reached;
  }
  const waiver = form.querySelector("[data-unreached]");
  waiver.hidden = said !== "false";
  if (reached) waiver.querySelector("input").checked = false;
}

function settle(form) {
  if (form?.matches("[data-sum]")) sum(form);
  if (form?.matches("[data-callback]")) ask(form);
}

const changed = ({ target }) => settle(target.closest?.("form"));

document.addEventListener("input", changed);
document.addEventListener("change", changed);
// A form says that it will be empty before it is.
document.addEventListener("reset", ({ target }) => setTimeout(settle, 0, target));

/** <button data-open="#dialog" data-check='["CGJ"]'>: these boxes are ticked when it opens, for they may have changed. */
function tick(opener) {
  const codes = JSON.parse(opener.dataset.check);
  for (const box of document.querySelectorAll(`${opener.dataset.open} input[type=checkbox]`)) box.checked = codes.includes(box.value);
}

document.addEventListener("click", ({ target }) => {
  const opener = target.closest("[data-check]");
  if (opener) tick(opener);
});
document.addEventListener("beforeprint", () => { for (const part of document.querySelectorAll("main details")) part.open = true; });
document.querySelectorAll("form").forEach(settle);

const matter = document.getElementById("matter");
if (matter) startBlowing(matter);
