// Business time as the server tells it (it may run faster than the wall's, or stand still), and whatever on a page
// counts: <time data-due="…"> (how much is left) and <time data-ago="…"> (how long ago). One timer for all.
import { fill, lang } from "./page.js";

const body = document.body;
const spans = JSON.parse(body.dataset.spans ?? "{}");
const zone = { timeZone: "Asia/Shanghai" };
const clock = new Intl.DateTimeFormat("en-GB", { ...zone, hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat(lang, { ...zone, year: "numeric", month: lang === "en" ? "short" : "long", day: "numeric" });
const weekday = new Intl.DateTimeFormat(lang, { ...zone, weekday: "short" });
const relative = new Intl.RelativeTimeFormat(lang, { numeric: "auto" });
const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];

let time = null;

export function setTime({ now, rate, until, as_of: asOf }) {
  time = { now: Date.parse(now), rate: Number(rate), until: until ? Date.parse(until) : Infinity, at: performance.now() };
  const place = document.getElementById("as-of");
  if (place && asOf) place.textContent = clock.format(Date.parse(asOf));
}

export const businessNow = () => Math.min(time.until, time.now + (performance.now() - time.at) * time.rate);

function span(milliseconds) {
  const all = Math.floor(Math.abs(milliseconds) / 1000);
  const [days, hours, minutes, seconds] = [Math.floor(all / 86400), Math.floor(all / 3600) % 24, Math.floor(all / 60) % 60, all % 60];
  const two = (count) => String(count).padStart(2, "0");
  if (days) return fill(spans.days, { days, hours });
  if (hours) return fill(spans.hours, { hours, minutes: two(minutes) });
  if (minutes) return fill(spans.minutes, { minutes, seconds: two(seconds) });
  return fill(spans.seconds, { seconds });
}

/** 3 分钟前: in whole units, and nothing finer than a minute, which would never stand still. */
function ago(milliseconds) {
  const seconds = Math.round(milliseconds / 1000);
  if (Math.abs(seconds) < 60) return relative.format(0, "second");
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size);
  return relative.format(Math.trunc(seconds / size), unit);
}

const say = (place, text) => { if (place.textContent !== text) place.textContent = text; };

export function tick() {
  const now = businessNow();
  const named = lang === "en" ? [weekday.format(now), day.format(now)] : [day.format(now), weekday.format(now)];
  const wallClock = document.getElementById("now");
  if (wallClock) say(wallClock, [...named, clock.format(now)].join(" "));
  for (const place of document.querySelectorAll("[data-due]")) {
    const left = Date.parse(place.dataset.due) - now;
    say(place, fill(left > 0 ? spans.left : spans.over, { span: span(left) }));
    place.closest(".chip")?.toggleAttribute("data-over", left <= 0);
  }
  for (const place of document.querySelectorAll("[data-ago]")) say(place, ago(Date.parse(place.dataset.ago) - now));
}

export function startTime() {
  setTime({ now: body.dataset.now, rate: body.dataset.rate, until: body.dataset.until, as_of: body.dataset.asOf });
  tick();
  setInterval(() => body.hasAttribute("data-paused") || tick(), time.rate > 1 ? 250 : 1000);
}
