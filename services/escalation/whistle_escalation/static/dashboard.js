// The live part of the dashboard: the stream with its guard, the ticking clocks, and fresh panels put in place
// without disturbing focus, scroll or screen readers. The page reads well without it.
"use strict";
(() => {
  const SILENCE = 40_000; // the server beats every 15 s
  const LONGEST_WAIT = 10_000;
  const page = document.documentElement;
  const body = document.body;
  const wall = page.dataset.mode === "wall";
  const light = document.getElementById("light");
  const pause = document.getElementById("pause");

  // -- business time, as the server tells it (it may run faster than the wall's, or stand still)

  let time = null;

  function setTime({ now, rate, until, as_of }) {
    time = { now: Date.parse(now), rate, until: until ? Date.parse(until) : Infinity, at: performance.now() };
    document.getElementById("as-of").textContent = timeOfDay.format(Date.parse(as_of));
  }

  const businessNow = () => Math.min(time.until, time.now + (performance.now() - time.at) * time.rate);

  // -- the clocks: one timer for all

  const spans = JSON.parse(body.dataset.spans);
  const zone = { timeZone: "Asia/Shanghai" };
  const timeOfDay = new Intl.DateTimeFormat("en-GB", { ...zone, hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const day = new Intl.DateTimeFormat(page.lang, { ...zone, year: "numeric", month: page.lang === "en" ? "short" : "long", day: "numeric" });
  const weekday = new Intl.DateTimeFormat(page.lang, { ...zone, weekday: "short" });

  const fill = (form, parts) => form.replace(/%\((\w+)\)s/g, (_, name) => parts[name]);

  function span(milliseconds) {
    const all = Math.floor(Math.abs(milliseconds) / 1000);
    const [days, hours, minutes, seconds] = [Math.floor(all / 86400), Math.floor(all / 3600) % 24, Math.floor(all / 60) % 60, all % 60];
    const two = (count) => String(count).padStart(2, "0");
    if (days) return fill(spans.days, { days, hours });
    if (hours) return fill(spans.hours, { hours, minutes: two(minutes) });
    if (minutes) return fill(spans.minutes, { minutes, seconds: two(seconds) });
    return fill(spans.seconds, { seconds });
  }

  function tick() {
    const now = businessNow();
    const named = page.lang === "en" ? [weekday.format(now), day.format(now)] : [day.format(now), weekday.format(now)];
    document.getElementById("now").textContent = [...named, timeOfDay.format(now)].join(" ");
    for (const clock of document.querySelectorAll("[data-due]")) {
      const left = Date.parse(clock.dataset.due) - now;
      clock.textContent = fill(left > 0 ? spans.left : spans.over, { span: span(left) });
      clock.parentElement.toggleAttribute("data-over", left <= 0);
    }
  }

  // -- fresh panels: what is the same stays, node for node

  const sources = new WeakMap(); // node -> the HTML it came as, before the clocks wrote into it
  const remember = (node) => {
    sources.set(node, node.outerHTML);
    for (const child of node.children) if (isPart(child)) remember(child);
  };
  const isPart = (node) => node.hasAttribute("data-key") || node.hasAttribute("data-list");
  const partKey = (node) => node.dataset.key ?? node.tagName;

  function update(old, fresh) {
    if (sources.get(old) === fresh.outerHTML) return;
    const both = old.hasAttribute("data-list") && fresh.hasAttribute("data-list") && old.tagName === fresh.tagName;
    if (!both) {
      remember(fresh);
      old.replaceWith(fresh);
      return;
    }
    sources.set(old, fresh.outerHTML);
    for (const { name, value } of fresh.attributes) old.setAttribute(name, value);
    updateChildren(old, fresh);
  }

  function updateChildren(old, fresh) {
    const known = new Map([...old.children].map((child) => [partKey(child), child]));
    let place = old.firstElementChild;
    for (const child of [...fresh.children]) {
      const same = known.get(partKey(child));
      known.delete(partKey(child));
      if (same === undefined) {
        remember(child);
        child.classList.add("fresh");
        old.insertBefore(child, place);
        continue;
      }
      if (same !== place) old.insertBefore(same, place);
      place = same.nextElementSibling;
      update(same, child);
    }
    for (const gone of known.values()) gone.remove();
  }

  function show(panels) {
    for (const [name, html] of Object.entries(panels)) {
      const template = document.createElement("template");
      template.innerHTML = html;
      updateChildren(document.querySelector(`[data-panel="${name}"]`), template.content);
    }
    tick();
  }

  // -- the stream and its guard

  let source = null;
  let position = body.dataset.position;
  let lastWord = 0;
  let wait = 500;
  let retry = 0;
  let paused = false;

  const say = (state) => { light.dataset.state = paused && state !== "out" ? "paused" : state; };

  function close() {
    clearTimeout(retry);
    source?.close();
    source = null;
  }

  function open() {
    close();
    if (paused || (document.hidden && !wall)) return;
    lastWord = performance.now();
    source = new EventSource(`/events?lang=${page.lang.slice(0, 2)}&after=${position}`);
    source.addEventListener("hello", (event) => {
      const hello = JSON.parse(event.data);
      if (hello.build !== body.dataset.build) return location.reload();
      wait = 500;
      heard(hello);
    });
    source.addEventListener("beat", (event) => heard(JSON.parse(event.data)));
    source.addEventListener("resync", () => location.reload());
    source.onmessage = (event) => {
      position = event.lastEventId;
      show(JSON.parse(event.data));
    };
    source.onerror = lost;
  }

  function heard(word) {
    lastWord = performance.now();
    setTime(word);
    const behind = businessNow() - Date.parse(word.as_of) > SILENCE * Math.max(1, time.rate);
    body.toggleAttribute("data-stale", behind);
    say("live");
  }

  // The browser tries again by itself after a broken connection, never after a refusal.
  async function lost() {
    say("lost");
    if (source?.readyState !== EventSource.CLOSED) return;
    close();
    const answer = await fetch("/events", { method: "HEAD" }).catch(() => null);
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

  pause?.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    if (paused) { close(); say("paused"); } else { say("waiting"); open(); }
  });
  document.addEventListener("visibilitychange", () => {
    if (wall) keepAwake();
    else if (document.hidden) close();
    else open();
  });

  // -- the wall: awake, and new every night

  function keepAwake() {
    if (!document.hidden) navigator.wakeLock?.request("screen").catch(() => {});
  }

  function untilFour() {
    const four = new Date();
    four.setHours(28, 0, Math.floor(Math.random() * 300), 0);
    return (four - Date.now()) % 86_400_000;
  }

  // Only while the server answers: nobody stands at the wall to leave the browser's error page.
  async function renew() {
    const answer = await fetch("/events", { method: "HEAD" }).catch(() => null);
    if (answer?.ok) location.reload();
    else setTimeout(renew, 60_000);
  }

  document.querySelectorAll("[data-panel]").forEach((panel) => [...panel.children].forEach(remember));
  setTime({ now: body.dataset.now, rate: Number(body.dataset.rate), as_of: body.dataset.asOf });
  tick();
  setInterval(() => { if (!paused) tick(); guard(); }, time.rate > 1 ? 250 : 1000);
  open();
  if (wall) { keepAwake(); setTimeout(renew, untilFour()); }
})();
