// What a form says, as the API wants it, and which of its fields an answer of the API is about.
//
//   fields       `place.grid` nests; `departments[]` is a list; data-as="number|boolean|instant"; empty ones are
//                left out, unless data-keep
//   data-items   a list of things: `data-items="plan"` around rows [data-item] of fields [data-of="name"]. A row in which
//                nothing stands beside what is preset (data-preset) is left out. [data-more] adds a row, [data-less]
//                takes its own away.
const SHANGHAI = "+08:00";

function read(field) {
  switch (field.dataset.as) {
    case "number": return field.value === "" ? "" : Number(field.value);
    case "boolean": return field.type === "checkbox" ? field.checked : field.value === "true";
    case "instant": return field.value && field.value + (field.value.length === 16 ? ":00" : "") + SHANGHAI;
    default: return field.value;
  }
}

function put(body, name, value) {
  const path = name.replace(/\[\]$/, "").split(".");
  const last = path.pop();
  let place = body;
  for (const part of path) place = place[part] ??= {};
  if (name.endsWith("[]")) (place[last] ??= []).push(value);
  else place[last] = value;
}

const rowsOf = (list) => [...list.querySelectorAll("[data-item]")];
const saysSomething = (row) => [...row.querySelectorAll("[data-of]:not([data-preset])")].some((field) => field.value.trim());
const itemOf = (row) => Object.fromEntries([...row.querySelectorAll("[data-of]")].map((field) => [field.dataset.of, read(field)]));

/** The form's fields as the API wants them. */
export function bodyOf(form, submitter) {
  const body = {};
  for (const field of form.elements) {
    const off = !field.name || field.disabled || field.type === "file" || field.type === "submit";
    if (off || (field.type === "radio" && !field.checked)) continue;
    if (field.type === "checkbox" && field.dataset.as !== "boolean" && !field.checked) continue;
    if (field.multiple && field.options) {
      for (const option of field.selectedOptions) put(body, field.name, option.value);
      continue;
    }
    const value = read(field);
    if (value !== "" || field.hasAttribute("data-keep")) put(body, field.name, value);
  }
  for (const list of form.querySelectorAll("[data-items]")) {
    const items = rowsOf(list).filter(saysSomething).map(itemOf);
    if (items.length) put(body, list.dataset.items, items);
  }
  if (submitter?.name) put(body, submitter.name, read(submitter));
  return body;
}

/** `plan.1.due_at`: of the rows that were sent, the second one's; where there is none, the list's first field. */
function fieldOfList(form, name) {
  const [list, n, of] = name.split(".");
  const rows = rowsOf(form.querySelector(`[data-items="${CSS.escape(list)}"]`) ?? document.createElement("p"));
  const row = rows.filter(saysSomething)[n] ?? rows[0];
  return row?.querySelector(`[data-of="${CSS.escape(of ?? "")}"]`) ?? row?.querySelector("[data-of]");
}

export const fieldOf = (form, name) =>
  [...form.elements].find((field) => field.name && [name, `${name}[]`].includes(field.name)) ??
  [...form.elements].find((field) => field.name && name.startsWith(field.name.replace("[]", "."))) ??
  fieldOfList(form, name);

export function labelOf(field) {
  return (field?.labels?.[0]?.firstChild?.textContent ?? field?.getAttribute("aria-label") ?? "").trim();
}

/** What was complained about before is none of what comes next. */
export function clear(form) {
  form.querySelector(":scope .errors")?.remove();
  for (const field of form.querySelectorAll("[aria-invalid]")) {
    field.removeAttribute("aria-invalid");
    field.classList.remove("is-invalid");
  }
}

function more(list) {
  const last = rowsOf(list).at(-1);
  const row = last.cloneNode(true);
  clear(row);
  for (const field of row.querySelectorAll("[data-of]")) { field.removeAttribute("id"); field.value = ""; }
  last.after(row);
  row.querySelector("[data-of]").focus();
}

function press({ target }) {
  const list = target.closest("[data-items]");
  if (list && target.closest("[data-more]")) more(list);
  else if (list && target.closest("[data-less]") && rowsOf(list).length > 1) target.closest("[data-item]").remove();
}

function shorten({ target }) {
  for (const list of target.querySelectorAll("[data-items]:has([data-more])")) rowsOf(list).slice(1).forEach((row) => row.remove());
}

export function startForms() {
  document.addEventListener("click", press);
  document.addEventListener("reset", shorten);
}
