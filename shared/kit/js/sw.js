// What a phone needs to report without a network: the pages under /report as they were last seen, their files, the map.
// What is sent passes by: reports wait in the page's own store.
const CACHE = "whistle-report";
const PATIENCE = 4_000;

const isKept = ({ pathname }) => pathname === "/map.json" || pathname === "/report" || pathname.startsWith("/report/");
// A report's way is told to whoever holds its code, and kept nowhere.
const isPrivate = ({ pathname }) => pathname === "/report/progress/steps";

async function known(request) {
  const cache = await caches.open(CACHE);
  // A page in another language or light is the same page.
  return cache.match(request, { ignoreSearch: request.mode === "navigate", ignoreVary: true });
}

async function fresh(request) {
  const answer = await fetch(request);
  if (answer.ok && !answer.redirected) {
    const copy = answer.clone();
    const cache = await caches.open(CACHE);
    await cache.put(request.mode === "navigate" ? new URL(request.url).pathname : request, copy);
  }
  return answer;
}

/** As it is now; as it was last seen when there is no network, hardly any, or nobody there. */
async function newest(request) {
  const kept = await known(request);
  if (!kept) return fresh(request);
  const late = new Promise((done) => { setTimeout(() => done(kept), PATIENCE); });
  const now = fresh(request).then((answer) => (answer.status < 500 ? answer : kept), () => kept);
  return Promise.race([now, late]);
}

async function lasting(request) {
  return (await known(request)) ?? fresh(request);
}

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin || isPrivate(url)) return;
  if (url.pathname.startsWith("/static/")) event.respondWith(lasting(request));
  else if (isKept(url)) event.respondWith(newest(request));
});
