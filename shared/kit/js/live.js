// Fresh panels for an open page: the stream with its guard, and panels put in place without disturbing focus, scroll
// or screen readers. The page reads well without it. htmx's own extension for streams gives up after a first failure
// and does not notice silence, hence this.
// INVARIANT: what a page shows is what its stream goes on from.
// INVARIANT: nothing changes under a finger: what was read where it came down is what its press does.
import htmx from "htmx.org";
import { page, texts } from "./page.js";
import { businessNow, setTime, tick } from "./time.js";
import { toast } from "./toasts.js";

const SILENCE = 40_000; // the server beats every 15 s
const LONGEST_WAIT = 10_000;
const LONGEST_PRESS = 2_000; // some browsers lose the end of a press beyond the window
const CLICK_FOLLOWS = 50;
const RENEWED = "whistle-renewed";
const RENEWED_AT_MOST_EVERY = 60_000;
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
let lifted = Promise.resolve();
let lift;
let renewing = 0;
let isOffered = false;
const typed = new Set();

const address = () => `/live?${new URLSearchParams({ topic: body.dataset.topic, about: body.dataset.about, lang: page.lang.slice(0, 2) })}`;

function say(state) {
  if (light) light.dataset.state = paused && state !== "out" ? "paused" : state;
  body.toggleAttribute("data-out", state === "out");
}

/** One thing is put in place after the other. `shows` is what stands there when all are. */
function inTurn(act) {
  showing = showing.catch(() => {}).then(act);
  return showing;
}

async function put(target, html) {
  await lifted;
  return htmx.swap({ sourceElement: target, target, text: html, swap: "innerMorph" });
}

function pressed() {
  lifted = new Promise((resolve) => { lift = resolve; });
  setTimeout(lift, LONGEST_PRESS);
}

function told() {
  tick();
  document.dispatchEvent(new CustomEvent("whistle:fresh"));
}

async function show(panels) {
  for (const [name, html] of Object.entries(panels)) {
    const target = document.querySelector(`[data-panel="${name}"]`);
    if (target) await put(target, html);
  }
  told();
}

/** Shows the page's content as it is now, without losing focus, scroll or what is typed elsewhere. */
export async function refresh() {
  const before = shows;
  const answer = await fetch(location.href, { headers: { "Accept": "text/html" } }).catch(() => null);
  if (!answer?.ok || answer.redirected) return location.reload();
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const isOvertaken = await inTurn(async () => {
    // A push has told something newer meanwhile: nothing goes back, what stands beside the panels is fetched again.
    if (shows !== before) return true;
    await put(document.getElementById("content"), fresh.getElementById("content").innerHTML);
    told();
    if (fresh.body.dataset.shows === shows) return false;
    shows = fresh.body.dataset.shows;
    if (source) open();
    return false;
  });
  if (isOvertaken) await refresh();
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
    wait = 500;
    heard(hello);
    clearTimeout(renewing);
    if (hello.build !== body.dataset.build) renew();
  });
  source.addEventListener("beat", (event) => heard(JSON.parse(event.data)));
  source.onmessage = ({ target, data, lastEventId }) => inTurn(async () => {
    // What comes after a stream has ended, the next one sends again.
    if (target !== source) return;
    await show(JSON.parse(data));
    shows = lastEventId;
  });
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
  if (answer?.status === 401) {
    say("out");
    return document.dispatchEvent(new CustomEvent("whistle:out"));
  }
  wait = Math.min(wait * 2, LONGEST_WAIT);
  retry = setTimeout(open, wait * (0.5 + Math.random() / 2));
}

function guard() {
  if (source === null || performance.now() - lastWord < SILENCE) return;
  say("lost");
  body.setAttribute("data-stale", "");
  open();
}

// -- a new build: at once where nothing can be lost by it

/** Whoever is writing goes on; and a page that sounds must be touched before it would sound again. */
function isInUse() {
  const isWriting = [...typed].some((form) => form.isConnected);
  return isWriting || document.querySelector("dialog[open]") !== null || body.hasAttribute("data-alarmed");
}

function renew() {
  const left = Number(sessionStorage.getItem(RENEWED) ?? 0) + RENEWED_AT_MOST_EVERY - Date.now();
  if (left > 0) { renewing = setTimeout(renew, left); return; }
  if (wall || !isInUse()) {
    sessionStorage.setItem(RENEWED, Date.now());
    location.reload();
  } else if (!isOffered) {
    isOffered = true;
    toast(texts.newer, { link: [location.pathname + location.search, texts.load] });
  }
}

// -- the wall: awake, and new every night

const keepAwake = () => { if (!document.hidden) navigator.wakeLock?.request("screen").catch(() => {}); };

function untilFour() {
  const four = new Date();
  four.setHours(28, 0, Math.floor(Math.random() * 300), 0);
  return (four - Date.now()) % 86_400_000;
}

// Only while the server answers: nobody stands at the wall to leave the browser's error page.
async function everyNight() {
  const answer = await fetch(address(), { method: "HEAD" }).catch(() => null);
  if (answer?.ok) location.reload();
  else setTimeout(everyNight, 60_000);
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
  addEventListener("pointerdown", pressed);
  for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => setTimeout(lift, CLICK_FOLLOWS));
  document.addEventListener("input", ({ target }) => target.form && typed.add(target.form));
  for (const end of ["reset", "whistle:done"]) document.addEventListener(end, ({ target }) => typed.delete(target));
  setInterval(guard, 1000);
  open();
  if (wall) { keepAwake(); setTimeout(everyNight, untilFour()); }
}
