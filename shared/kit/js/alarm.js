// The inbox's alarm: a sound and a browser notification for a new emergency, only for whoever has switched it on here.
// A row says [data-alarm="once|repeat"]; `repeat` sounds every 30 s until its row has been acknowledged and is gone. So
// does a page that was signed out (live.js): nothing new would come to it.
//
//   <body data-alarms="off|on|blocked">   what the page shows; `blocked`: the browser lets no sound out
//   <body data-alarmed>                   keeps the stream of a hidden tab (live.js)
const SWITCH = "whistle-alarm";
const KNOWN = "whistle-alarm-known";
const AGAIN = 30_000;
const SLACK = 1_000;
const BEEPS = [[880, 0], [660, 0.28], [880, 0.56]];
const SECONDS = 0.22;
const body = document.body;

let sound = null;
let lastRing = 0;

const isOn = () => localStorage.getItem(SWITCH) === "on";
const calls = () => [...document.querySelectorAll("[data-alarm]")];
const known = () => new Set(JSON.parse(sessionStorage.getItem(KNOWN) ?? "[]"));

function say(state) {
  body.dataset.alarms = state;
  body.toggleAttribute("data-alarmed", state !== "off");
}

/** Whether the browser lets sounds out: it does once somebody has touched the page. */
async function mayRing() {
  sound ??= new AudioContext();
  if (sound.state === "running") return true;
  await Promise.race([sound.resume(), new Promise((done) => setTimeout(done, 400))]);
  return sound.state === "running";
}

function beep() {
  for (const [pitch, after] of BEEPS) {
    const start = sound.currentTime + after;
    const tone = new OscillatorNode(sound, { type: "square", frequency: pitch });
    const loud = new GainNode(sound, { gain: 0 });
    loud.gain.setValueAtTime(0, start);
    loud.gain.linearRampToValueAtTime(0.35, start + 0.02);
    loud.gain.linearRampToValueAtTime(0, start + SECONDS);
    tone.connect(loud).connect(sound.destination);
    tone.start(start);
    tone.stop(start + SECONDS);
  }
}

async function ring() {
  lastRing = performance.now();
  const may = await mayRing();
  say(may ? "on" : "blocked");
  if (may) beep();
  document.dispatchEvent(new CustomEvent("whistle:rung", { detail: may }));
}

function notify({ alarmOf, alarmTitle, alarmPlace }, words) {
  document.getElementById("alarm").textContent = [words, alarmTitle, alarmPlace].join(" ");
  if (globalThis.Notification?.permission !== "granted") return;
  try {
    const shown = new Notification(`${words} ${alarmTitle}`, { body: alarmPlace, tag: alarmOf });
    shown.onclick = () => { window.focus(); location.assign(`/tasks/${alarmOf}`); };
  } catch { /* phones have notifications for service workers only: the sound must do */ }
}

async function look() {
  if (!isOn()) return;
  const rows = calls();
  const before = known();
  const fresh = rows.filter((row) => !before.has(row.dataset.alarmOf));
  sessionStorage.setItem(KNOWN, JSON.stringify(rows.map((row) => row.dataset.alarmOf)));
  const words = document.querySelector("[data-alarm-words]").dataset.alarmWords;
  for (const row of fresh) notify(row.dataset, words);
  if (fresh.length) await ring();
}

/** Called by the stream's beats too: a hidden tab's timers are slowed down, its stream is not. */
async function remind() {
  const due = performance.now() - lastRing >= AGAIN - SLACK;
  const isDeaf = body.hasAttribute("data-out");
  if (isOn() && due && (isDeaf || calls().some((row) => row.dataset.alarm === "repeat"))) await ring();
}

async function turn(to) {
  localStorage.setItem(SWITCH, to);
  if (to === "off") return say("off");
  globalThis.Notification?.requestPermission?.().catch(() => {});
  await ring();
  await look();
}

export function startAlarm() {
  if (!document.querySelector("[data-alarm-switch]")) return;
  say(isOn() ? "on" : "off");
  document.addEventListener("click", ({ target }) => {
    const to = target.closest("[data-alarm-switch]")?.dataset.alarmSwitch;
    if (to) turn(to);
  });
  document.addEventListener("whistle:fresh", look);
  document.addEventListener("whistle:beat", remind);
  document.addEventListener("whistle:out", () => isOn() && ring());
  setInterval(remind, 5_000);
  if (isOn()) mayRing().then((may) => { say(may ? "on" : "blocked"); look(); });
}
