// What a page changes: <form data-act="/api/v1/…"> is sent to the service's own API as JSON. Nothing is shown as done
// before the server has said so; what was typed stays until then, whatever happens.
//
//   data-act     the API's path; data-method (POST)
//   data-done    what the toast says afterwards
//   data-then    where to go afterwards, `{whistle_id}` filled in from the answer; without it the page is shown anew
//   fields       `place.grid` nests, `plan.0.name` in a list; `departments[]` is a list; data-as="number|boolean|instant|list|json"; empty
//                ones are left out, unless data-keep
//
// A form keeps one Idempotency-Key until it has succeeded: pressed twice, or sent again after a lost answer, it counts
// once.
import htmx from "htmx.org";
import { tick } from "./time.js";
import { toast } from "./toasts.js";

const page = document.documentElement;
const texts = JSON.parse(document.body.dataset.texts ?? "{}");
const SHANGHAI = "+08:00";

/** Browsers give crypto.randomUUID to pages over TLS only. */
export function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function read(field) {
  switch (field.dataset.as) {
    case "number": return field.value === "" ? "" : Number(field.value);
    case "boolean": return field.type === "checkbox" ? field.checked : field.value === "true";
    case "instant": return field.value && field.value + (field.value.length === 16 ? ":00" : "") + SHANGHAI;
    case "list": return field.value.split(/[,，\s]+/).filter(Boolean);
    case "json": return field.value ? JSON.parse(field.value) : "";
    default: return field.value;
  }
}

const isEmpty = (value) => value === "" || (Array.isArray(value) && value.length === 0);

function put(body, name, value) {
  const list = name.endsWith("[]");
  const path = name.replace(/\[\]$/, "").split(".");
  const last = path.pop();
  let place = body;
  path.forEach((part, i) => { place = place[part] ??= /^\d+$/.test(path[i + 1] ?? last) ? [] : {}; });
  if (list) (place[last] ??= []).push(value);
  else place[last] = value;
}

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
    if (!isEmpty(value) || field.hasAttribute("data-keep")) put(body, field.name, value);
  }
  if (submitter?.name) put(body, submitter.name, read(submitter));
  return body;
}

// -- what went wrong stands at the top of the form and beside the fields it is about

function clear(form) {
  form.querySelector(":scope .errors")?.remove();
  for (const field of form.querySelectorAll("[aria-invalid]")) {
    field.removeAttribute("aria-invalid");
    field.classList.remove("is-invalid");
  }
}

const fieldOf = (form, name) =>
  [...form.elements].find((field) => field.name && [name, `${name}[]`].includes(field.name)) ??
  [...form.elements].find((field) => field.name && name.startsWith(field.name.replace("[]", ".")));

function labelOf(field) {
  return (field?.labels?.[0]?.firstChild?.textContent ?? field?.getAttribute("aria-label") ?? "").trim();
}

/** Shows a problem document (RFC 9457) of the API in the form. */
export function complain(form, problem) {
  clear(form);
  const box = document.createElement("div");
  box.className = "errors alert alert-danger";
  box.setAttribute("role", "alert");
  box.tabIndex = -1;
  const found = problem.errors ?? [];
  const heading = document.createElement("p");
  heading.className = "fw-bold mb-1";
  heading.textContent = found.length ? texts.mend : problem.detail || problem.title;
  box.append(heading);
  const list = document.createElement("ul");
  list.className = "mb-0 ps-3";
  for (const { field: name, reason } of found) {
    const field = fieldOf(form, name);
    const line = document.createElement("li");
    const text = [labelOf(field) || name, reason].join(page.lang === "en" ? ": " : "：");
    if (field?.type !== "hidden" && field) {
      field.id ||= `field-${newKey().slice(0, 8)}`;
      field.setAttribute("aria-invalid", "true");
      field.classList.add("is-invalid");
      const link = document.createElement("a");
      link.href = `#${field.id}`;
      link.className = "alert-link";
      link.textContent = text;
      link.addEventListener("click", (event) => { event.preventDefault(); field.focus(); });
      line.append(link);
    } else line.textContent = text;
    list.append(line);
  }
  if (found.length) box.append(list);
  form.prepend(box);
  box.focus();
}

/** Shows the page's content as it is now, without losing focus, scroll or what is typed elsewhere. */
export async function refresh() {
  const answer = await fetch(location.href, { headers: { "Accept": "text/html" } }).catch(() => null);
  if (!answer?.ok) return location.reload();
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("content");
  const target = document.getElementById("content");
  await htmx.swap({ sourceElement: target, target, text: fresh.innerHTML, swap: "innerMorph" });
  tick();
  document.dispatchEvent(new CustomEvent("whistle:fresh", { detail: [] }));
}

export async function send(path, body, { method = "POST", key } = {}) {
  const headers = { "Accept-Language": page.lang, "Accept": "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  return fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
}

const problemOf = async (answer) => {
  try { return await answer.json(); } catch { return { title: `${answer.status}` }; }
};

function leave(form, told) {
  const then = form.dataset.then?.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(told?.[name] ?? ""));
  if (form.dataset.done) toast(form.dataset.done, { kind: "success", stays: Boolean(then) });
  if (then) location.assign(then);
  return then;
}

async function submit(event) {
  const form = event.target;
  if (!form.matches("form[data-act]")) return;
  event.preventDefault();
  if (form.hasAttribute("data-busy")) return;
  const buttons = [...form.querySelectorAll("button"), ...document.querySelectorAll(`button[form="${CSS.escape(form.id)}"]`)];
  const pressed = event.submitter;
  const path = pressed?.dataset.act ?? form.dataset.act;
  form.setAttribute("data-busy", "");
  buttons.forEach((button) => { button.disabled = true; });
  pressed?.classList.add("btn-loading");
  form.dataset.key ??= newKey();
  try {
    const answer = await send(path, bodyOf(form, pressed), { method: form.dataset.method, key: form.dataset.key });
    if (answer.ok) {
      delete form.dataset.key;
      clear(form);
      const told = await answer.json().catch(() => null);
      form.dispatchEvent(new CustomEvent("whistle:done", { bubbles: true, detail: told }));
      if (!leave(form, told)) {
        form.closest("dialog")?.close();
        if (!form.hasAttribute("data-keep")) form.reset();
        await refresh();
      }
      return;
    }
    if (answer.status === 401) return toast(texts.out, { kind: "danger", link: ["/sign-in", texts.signIn] });
    const problem = await problemOf(answer);
    if (answer.status < 500 && answer.status !== 429) delete form.dataset.key; // another attempt is another request
    complain(form, problem);
    form.dispatchEvent(new CustomEvent("whistle:refused", { bubbles: true, detail: { status: answer.status, problem } }));
  } catch {
    toast(texts.unreachable, { kind: "danger" });
  } finally {
    form.removeAttribute("data-busy");
    buttons.forEach((button) => { button.disabled = false; });
    pressed?.classList.remove("btn-loading");
  }
}

export function startActs() {
  for (const form of document.querySelectorAll("form[data-act]")) form.noValidate = true;
  document.addEventListener("submit", submit);
}
