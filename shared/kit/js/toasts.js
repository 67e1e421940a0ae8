// Short words about what has happened. Good news goes away by itself; bad news, and what leads somewhere, stays. Both are
// read out.
import { texts } from "./page.js";

const KEPT = "whistle-toast";
const SHOWN = 6_000;

/** `stays`: shown on the page that comes next. `link`: [address, text]. */
export function toast(text, { kind = "success", link = null, stays = false } = {}) {
  if (stays) return sessionStorage.setItem(KEPT, JSON.stringify({ text, kind, link }));
  const box = document.createElement("div");
  box.className = `toast show toast-${kind}`;
  box.setAttribute("role", kind === "danger" ? "alert" : "status");
  const body = document.createElement("div");
  body.className = "toast-body d-flex align-items-center gap-2";
  const words = document.createElement("span");
  words.className = "flex-fill";
  words.textContent = text;
  body.append(words);
  if (link) {
    const [href, name] = link;
    const way = Object.assign(document.createElement("a"), { href, textContent: name, className: "fw-bold" });
    body.append(way);
  }
  const close = Object.assign(document.createElement("button"), { type: "button", className: "btn-close", ariaLabel: texts.close ?? "×" });
  close.addEventListener("click", () => box.remove());
  body.append(close);
  box.append(body);
  document.getElementById("toasts").append(box);
  if (kind !== "danger" && !link) setTimeout(() => box.remove(), SHOWN);
}

export function startToasts() {
  const kept = sessionStorage.getItem(KEPT);
  sessionStorage.removeItem(KEPT);
  if (kept) { const { text, ...more } = JSON.parse(kept); toast(text, more); }
}
