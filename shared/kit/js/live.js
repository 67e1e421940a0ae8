// Fresh panels for an open page: the stream with its guard, and panels put in place without disturbing focus, scroll
// or screen readers. The page reads well without it. htmx's own extension for streams gives up after a first failure
// and does not notice silence, hence this.
import htmx from "htmx.org";
import { businessNow, setTime, tick } from "./time.js";

const SILENCE = 40_000; // the server beats every 15 s
const LONGEST_WAIT = 10_000;
const page = document.documentElement;
const body = document.body;
const wall = page.dataset.mode === "wall";
const light = document.getElementById("light");

let source = null;
let shows = body.dataset.shows;
let lastWord = 0;
let wait = 500;
let retry = 0;
let paused = false;
let showing = Promise.resolve();

const address = () => `/live?${new URLSearchParams({ topic: body.dataset.topic, about: body.dataset.about, lang: page.lang.slice(0, 2) })}`;
const say = (state) => { if (light) light.dataset.state = paused && state !== "out" ? "paused" : state; };

async function show(panels) {
  for (const [name, html] of Object.entries(panels)) {
    const target = document.querySelector(`[data-panel="${name}"]`);
    if (target) await htmx.swap({ sourceElement: target, target, text: html, swap: "innerMorph" });
  }
  tick();
  document.dispatchEvent(new CustomEvent("whistle:fresh", { detail: Object.keys(panels) }));
}

function close() {
  clearTimeout(retry);
  source?.close();
  source = null;
}

function open() {
  close();
  if (paused || (document.hidden && !wall && !body.hasAttribute("data-alarmed"))) return;
  lastWord = performance.now();
  source = new EventSource(`${address()}&after=${shows}`);
  source.addEventListener("hello", (event) => {
    const hello = JSON.parse(event.data);
    if (hello.build !== body.dataset.build) return location.reload();
    wait = 500;
    heard(hello);
  });
  source.addEventListener("beat", (event) => heard(JSON.parse(event.data)));
  source.onmessage = (event) => {
    shows = event.lastEventId;
    showing = showing.then(() => show(JSON.parse(event.data)));
  };
  source.onerror = lost;
}

function heard(word) {
  lastWord = performance.now();
  setTime(word);
  body.toggleAttribute("data-stale", businessNow() - Date.parse(word.as_of) > SILENCE * Math.max(1, word.rate));
  say("live");
  document.dispatchEvent(new CustomEvent("whistle:beat"));
}

// The browser tries again by itself after a broken connection, never after a refusal.
async function lost() {
  say("lost");
  if (source?.readyState !== EventSource.CLOSED) return;
  close();
  const answer = await fetch(address(), { method: "HEAD" }).catch(() => null);
  if (answer?.status === 401) return say("out");
  wait = Math.min(wait * 2, LONGEST_WAIT);
  retry = setTimeout(open, wait * (0.5 + Math.random() / 2));
}

function guard() {
  if (source === null || performance.now() - lastWord < SILENCE) return;
  say("lost");
  body.setAttribute("data-stale", "");
  open();
}

// -- the wall: awake, and new every night

const keepAwake = () => { if (!document.hidden) navigator.wakeLock?.request("screen").catch(() => {}); };

function untilFour() {
  const four = new Date();
  four.setHours(28, 0, Math.floor(Math.random() * 300), 0);
  return (four - Date.now()) % 86_400_000;
}

// Only while the server answers: nobody stands at the wall to leave the browser's error page.
async function renew() {
  const answer = await fetch(address(), { method: "HEAD" }).catch(() => null);
  if (answer?.ok) location.reload();
  else setTimeout(renew, 60_000);
}

/** Keeps the page of <body data-topic="…" data-about="…" data-shows="…"> fresh. */
export function startLive() {
  if (!body.dataset.topic) return;
  document.getElementById("pause")?.addEventListener("click", ({ currentTarget }) => {
    paused = !paused;
    body.toggleAttribute("data-paused", paused);
    currentTarget.setAttribute("aria-pressed", String(paused));
    if (paused) { close(); say("paused"); } else { say("waiting"); open(); }
  });
  document.addEventListener("visibilitychange", () => {
    if (wall) keepAwake();
    else if (document.hidden && !body.hasAttribute("data-alarmed")) close();
    else if (source === null) open();
  });
  setInterval(guard, 1000);
  open();
  if (wall) { keepAwake(); setTimeout(renew, untilFour()); }
}
