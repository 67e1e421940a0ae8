// What a page changes: <form data-act="/api/v1/…"> is sent to the service's own API as JSON. Nothing is shown as done
// before the server has said so; what was typed stays until then, whatever happens.
//
//   data-act     the API's path; data-method (POST)
//   data-done    what the toast says afterwards
//   data-then    where to go afterwards, `{whistle_id}` filled in from the answer; without it the page is shown anew
//   fields       as form.js reads them; photos that are still on their way are waited for
//
// INVARIANT: sent again after a lost answer, it counts once: a form keeps one Idempotency-Key for one request until it has
// succeeded. Sent to another address or saying something else, it is another request.
import { bodyOf, clear, fieldOf, labelOf } from "./form.js";
import { refresh } from "./live.js";
import { lang, texts } from "./page.js";
import { uploaded } from "./photos.js";
import { toast } from "./toasts.js";

const keys = new WeakMap();

/** Browsers give crypto.randomUUID to pages over TLS only. */
export function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The key of this request of a form; `said`: what makes it another one. */
export function keyOf(form, ...said) {
  const request = JSON.stringify(said);
  if (keys.get(form)?.request !== request) keys.set(form, { request, key: newKey() });
  return keys.get(form).key;
}

/** The form's next request is another one, whatever it says. */
export const forget = (form) => keys.delete(form);

// -- what went wrong stands at the top of the form and beside the fields it is about

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
    const text = [labelOf(field) || name, reason].join(lang === "en" ? ": " : "：");
    if (field && field.type !== "hidden") {
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

export async function send(path, body, { method = "POST", key } = {}) {
  const headers = { "Accept-Language": lang, "Accept": "application/json" };
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

/** Whether the page is left now. */
async function done(form, answer) {
  forget(form);
  clear(form);
  const told = await answer.json().catch(() => null);
  form.dispatchEvent(new CustomEvent("whistle:done", { bubbles: true, detail: told }));
  if (leave(form, told)) return true;
  form.closest("dialog")?.close();
  if (!form.hasAttribute("data-keep")) form.reset();
  return false;
}

async function refused(form, answer) {
  if (answer.status === 401) return toast(texts.out, { kind: "danger", link: ["/sign-in", texts.signIn] });
  const problem = await problemOf(answer);
  if (answer.status < 500 && answer.status !== 429) forget(form); // another attempt is another request
  // What stands in a panel, the next push takes away.
  if (form.closest("[data-panel]")) toast(problem.detail || problem.title, { kind: "danger" });
  else complain(form, problem);
  form.dispatchEvent(new CustomEvent("whistle:refused", { bubbles: true, detail: { status: answer.status, problem } }));
}

async function submit(event) {
  const form = event.target;
  if (!form.matches("form[data-act]")) return;
  event.preventDefault();
  if (form.hasAttribute("data-busy")) return;
  const buttons = [...form.querySelectorAll("button"), ...document.querySelectorAll(`button[form="${CSS.escape(form.id)}"]`)];
  const pressed = event.submitter;
  const path = pressed?.dataset.act ?? form.dataset.act;
  const method = form.dataset.method ?? "POST";
  const free = () => {
    form.removeAttribute("data-busy");
    buttons.forEach((button) => { button.disabled = false; });
    pressed?.classList.remove("btn-loading");
  };
  form.setAttribute("data-busy", "");
  buttons.forEach((button) => { button.disabled = true; });
  pressed?.classList.add("btn-loading");
  try {
    if (!(await uploaded(form))) return free();
    const body = bodyOf(form, pressed);
    const answer = await send(path, body, { method, key: keyOf(form, method, path, body) });
    if (!answer.ok) await refused(form, answer);
    // While the next page is on its way nothing is sent again; whoever comes back goes on.
    else if (await done(form, answer)) return addEventListener("pageshow", free, { once: true });
    free();
    if (!answer.ok) return;
  } catch {
    free();
    return toast(texts.unreachable, { kind: "danger" });
  }
  // A dialog is shut, and may be opened for another one at once.
  await shownAnew(form.closest("dialog") ? null : pressed);
}

/** What else the form can do may be done at once; what was done, only once the page shows what has become of it. */
async function shownAnew(pressed) {
  if (pressed) pressed.disabled = true;
  try { await refresh(); } finally { if (pressed) pressed.disabled = false; }
}

/** What is missing is told by us, not by the browser: also in a form that a push has brought in since. */
function ownWords({ target }) {
  const form = target.closest("button")?.form;
  if (form?.matches("[data-act]")) form.noValidate = true;
}

export function startActs() {
  document.addEventListener("click", ownWords, { capture: true });
  document.addEventListener("submit", submit);
}
