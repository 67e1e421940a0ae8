// The registry from a spreadsheet: a file is looked through by the API before anything is saved, and its mistakes are
// shown by sheet, row and column. The file goes as it is, the body of a request.
import { forget, keyOf } from "./act.js";
import { lang, texts } from "./page.js";
import { toast } from "./toasts.js";

const form = document.getElementById("sheet");
const shown = document.getElementById("sheet-shown");
const names = JSON.parse(form?.dataset.names ?? "{}");
const columns = JSON.parse(form?.dataset.columns ?? "{}");
const TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

const part = (name) => document.getElementById(name).content.cloneNode(true);
const save = () => form.querySelector("[data-save]");

function address(dry) {
  const asked = new URLSearchParams({ base: form.dataset.base, reason: form.elements.reason.value, dry_run: String(dry) });
  return `/api/v1/registry/spreadsheet?${asked}`;
}

function cell(row, text) {
  const made = document.createElement("td");
  made.textContent = text;
  row.append(made);
}

function faults(problem) {
  const content = part("faults");
  const body = content.querySelector("tbody");
  const found = problem.errors?.length ? problem.errors : [{ reason: problem.detail ?? problem.title }];
  for (const fault of found) {
    const row = document.createElement("tr");
    cell(row, names[fault.sheet] ?? fault.sheet ?? "");
    cell(row, fault.row && fault.row !== "0" ? fault.row : "");
    cell(row, columns[`${fault.sheet}.${fault.column}`] ?? fault.column ?? "");
    cell(row, fault.reason);
    body.append(row);
  }
  content.querySelector("[data-n]").textContent = String(found.length);
  shown.replaceChildren(content);
  shown.querySelector("h2").focus();
}

function effect(told) {
  const content = part("effect");
  content.querySelector("[data-n]").textContent = String(told.changed);
  content.querySelector("[data-touched]").textContent = String(told.touched);
  content.querySelector("[data-matters]").textContent = String(told.matters);
  const body = content.querySelector("tbody");
  for (const one of told.differences) {
    const row = document.createElement("tr");
    cell(row, names[one.sheet] ?? one.sheet);
    cell(row, one.key.filter(Boolean).join(" · "));
    for (const side of [one.before, one.after]) {
      cell(row, side === null ? "—" : Object.entries(side).map(([column, text]) => `${columns[`${one.sheet}.${column}`] ?? column} ${text || "—"}`).join("；"));
    }
    body.append(row);
  }
  shown.replaceChildren(content);
  save().disabled = told.changed === 0;
  shown.querySelector("h2").focus();
}

async function send(dry) {
  const file = form.elements.file.files[0];
  if (!file) return;
  form.setAttribute("data-busy", "");
  save().disabled = true;
  try {
    const headers = { "Content-Type": TYPE, "Accept-Language": lang, "Accept": "application/json" };
    if (!dry) headers["Idempotency-Key"] = keyOf(form, address(dry), file.name, file.size, file.lastModified);
    const answer = await fetch(address(dry), { method: "POST", headers, body: await file.arrayBuffer() });
    const told = await answer.json().catch(() => ({ title: `${answer.status}` }));
    if (!answer.ok) {
      if (answer.status < 500) forget(form);
      return faults(told);
    }
    if (dry) return effect(told);
    toast(form.dataset.done, { kind: "success", stays: true });
    location.assign("/registry/versions");
  } catch {
    toast(texts.unreachable, { kind: "danger" });
    save().disabled = false;
  } finally {
    form.removeAttribute("data-busy");
  }
}

form?.elements.file.addEventListener("change", ({ target }) => {
  form.querySelector("[data-file]").textContent = target.files[0]?.name ?? "";
  send(true);
});
form?.addEventListener("submit", (event) => { event.preventDefault(); send(false); });
