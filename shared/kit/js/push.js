// The service worker that shows browser push: one message for one thing, the newest; a press opens the page it is about.
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => {
  const { title, body, tag, address } = event.data?.json() ?? {};
  event.waitUntil(self.registration.showNotification(title ?? "吹哨报到", { body, tag, data: { address }, lang: "zh-CN" }));
});

async function open(address) {
  const windows = await self.clients.matchAll({ type: "window" });
  const there = windows.find((window) => window.url === address);
  return there ? there.focus() : self.clients.openWindow(address);
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const { address } = event.notification.data;
  if (address) event.waitUntil(open(address));
});
