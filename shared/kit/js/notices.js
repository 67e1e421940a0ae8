// Browser push on this device: asks the browser, subscribes with our key, and hands the subscription to the API as one
// more channel. Shown only where a browser can do it (TLS, or this very machine).
import { newKey, send } from "./act.js";
import { refresh } from "./live.js";
import { lang } from "./page.js";
import { toast } from "./toasts.js";

const card = document.getElementById("push");

function bytesOf(text) {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (character) => character.charCodeAt(0));
}

async function subscribed(key) {
  const registration = await navigator.serviceWorker.register("/push.js");
  await navigator.serviceWorker.ready;
  const before = await registration.pushManager.getSubscription();
  await before?.unsubscribe();
  return registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytesOf(key) });
}

async function begin(button) {
  if ((await Notification.requestPermission()) !== "granted") return toast(button.dataset.denied, { kind: "danger" });
  const { key, to } = card.dataset;
  const subscription = await subscribed(key);
  const secret = JSON.stringify({ ...subscription.toJSON(), ours: key });
  const answer = await send(to, { kind: "push", secret, language: lang.slice(0, 2) }, { key: newKey() });
  if (!answer.ok) {
    const problem = await answer.json();
    return toast(problem.errors?.[0]?.reason ?? problem.detail ?? problem.title, { kind: "danger" });
  }
  toast(button.dataset.done, { kind: "success" });
  return refresh();
}

if (card && "PushManager" in window && "serviceWorker" in navigator) {
  const show = () => { card.hidden = false; };
  show();
  document.addEventListener("whistle:fresh", show);
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-push]");
    if (!button) return;
    button.disabled = true;
    try { await begin(button); } catch { toast(button.dataset.failed, { kind: "danger" }); }
    button.disabled = false;
  });
}
