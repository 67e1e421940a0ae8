// How far a report has come. Its code stands behind # in the address, which is sent to nobody, and goes to the server in
// a header; so it stands in no log and in no list of pages seen elsewhere.
import { bodyOf } from "../form.js";
import { tick } from "../time.js";

const EVERY = 60_000;
const way = document.getElementById("way");
const fault = document.getElementById("fault");
const language = document.documentElement.lang;
let shown = "";

const code = () => decodeURIComponent(window.location.hash.slice(1));

const headers = (more) => ({ "Tracking-Code": code(), "Accept-Language": language, ...more });

function complain(status) {
  fault.hidden = status === 200;
  for (const text of fault.querySelectorAll("[data-when]")) text.hidden = text.dataset.when !== String(status);
}

const isTyping = () => document.querySelector("#rate :checked") !== null;

async function look() {
  if (!code() || isTyping()) return;
  const path = `/report/progress/steps?lang=${language.slice(0, 2)}`;
  const answer = await fetch(path, { headers: headers(), credentials: "omit" }).catch(() => null);
  const status = answer?.status ?? 0;
  if (status === 404 || status === 422) { way.replaceChildren(); shown = ""; }
  complain(status === 422 ? 404 : status >= 500 ? 0 : status);
  if (!answer?.ok) return;
  const html = await answer.text();
  if (html === shown) return;
  way.innerHTML = shown = html;
  tick();
}

async function rate(event) {
  if (!event.target.matches("#rate")) return;
  event.preventDefault();
  const form = event.target;
  const unsaid = document.getElementById("unsaid");
  unsaid.hidden = form.checkValidity();
  if (!unsaid.hidden) return;
  const button = form.querySelector("button");
  button.disabled = true;
  const sent = { method: "POST", headers: headers({ "Content-Type": "application/json" }), body: JSON.stringify(bodyOf(form)), credentials: "omit" };
  const answer = await fetch("/api/v1/reports/progress/rating", sent).catch(() => null);
  button.disabled = false;
  if (!answer || answer.status >= 500 || answer.status === 429) return complain(answer?.status === 429 ? 429 : 0);
  form.reset();
  shown = "";
  await look();
}

export function startProgress() {
  const ask = document.getElementById("ask");
  const field = document.getElementById("code");
  const begin = () => { field.value = code(); look(); };
  ask.addEventListener("submit", (event) => {
    event.preventDefault();
    history.replaceState(null, "", `#${encodeURIComponent(field.value.trim())}`);
    look();
  });
  document.addEventListener("submit", rate);
  window.addEventListener("hashchange", begin);
  window.addEventListener("online", look);
  document.addEventListener("visibilitychange", () => document.hidden || look());
  setInterval(() => document.hidden || look(), EVERY);
  begin();
}
