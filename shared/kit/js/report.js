// One-tap report (一键报事) for whoever has no account: photos, place, a sentence. What is typed is kept on the device; a
// report goes off by itself when there is a network.
import { newKey } from "./act.js";
import { shrink } from "./photos.js";
import { all, sendAll, write } from "./report/queue.js";
import { startPlace } from "./report/place.js";
import { startProgress } from "./report/progress.js";
import { toast } from "./toasts.js";

const EVERY = 15_000;
const MOST_PHOTOS = 9;
const SHOWN = 20;
const DRAFT = "draft";
const CACHE = "whistle-report";

const form = document.getElementById("report");
const said = JSON.parse(form?.dataset.said ?? "{}");
const moment = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short", timeZone: "Asia/Shanghai" });
const after = (act, wait) => { let timer; return () => { clearTimeout(timer); timer = setTimeout(act, wait); }; };
const copyOf = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);

let pictures = [];
let place = null;
let adding = Promise.resolve();
let submitting = false;

// -- what was reported from here

function waitingRow(row) {
  const item = copyOf("waiting-row");
  const isRefused = row.problem !== undefined;
  item.querySelector(".chip").dataset.state = isRefused ? "late" : "half";
  item.querySelector(".word").textContent = isRefused ? said.refused : navigator.onLine ? said.sending : said.waiting;
  item.querySelector("time").textContent = moment.format(row.at);
  item.querySelector(".words").textContent = row.body.text;
  item.querySelector(".why").hidden = item.querySelector(".btn-list").hidden = !isRefused;
  item.querySelector(".why").textContent = row.problem || (isRefused ? said.old : "");
  item.querySelector("[data-drop]").addEventListener("click", async () => { await write(["delete", "waiting", row.key]); show(); });
  item.querySelector("[data-mend]").addEventListener("click", async () => {
    await write(["delete", "waiting", row.key]);
    await fill({ ...row, photos: row.photos.map(({ data }) => ({ data })) });
    await show();
    form.elements.text.focus();
  });
  return item;
}

function sentRow({ key, at, code }) {
  const item = copyOf("sent-row");
  item.querySelector("time").textContent = moment.format(at);
  item.querySelector(".tracking").textContent = code ?? "";
  item.querySelector("[data-way]").href = `/report/progress#${code}`;
  for (const part of item.querySelectorAll("[data-code], [data-way], [data-copy]")) part.hidden = !code;
  item.querySelector("[data-copy]").addEventListener("click", () => copy(item.querySelector(".tracking")));
  item.querySelector("[data-drop]").addEventListener("click", async () => { await write(["delete", "sent", key]); show(); });
  return item;
}

/** The clipboard is given to pages over TLS only; elsewhere the text is selected, ready to be copied. */
async function copy(text) {
  getSelection().selectAllChildren(text);
  const copied = navigator.clipboard ? navigator.clipboard.writeText(text.textContent).then(() => true, () => false) : document.execCommand("copy");
  if (await copied) toast(said.copied);
}

async function show() {
  const waiting = await all("waiting");
  const sent = (await all("sent")).slice(-SHOWN);
  const rows = [...waiting.map(waitingRow), ...sent.map(sentRow)].reverse();
  document.querySelector("#outbox .sent").replaceChildren(...rows);
  document.getElementById("outbox").hidden = !rows.length;
}

const send = () => sendAll(show);

// -- photos

function tile(picture, canvas) {
  const item = Object.assign(document.createElement("li"), { className: "photo" });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", String(pictures.indexOf(picture) + 1));
  const away = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-icon", textContent: "×", ariaLabel: said.remove });
  away.addEventListener("click", () => { pictures = pictures.filter((one) => one !== picture); item.remove(); keep(); });
  item.append(canvas, away);
  document.getElementById("photos").append(item);
}

async function add(file) {
  if (pictures.length >= MOST_PHOTOS) return;
  try {
    const { canvas, blob } = await shrink(file);
    const picture = { data: await blob.arrayBuffer() };
    pictures.push(picture);
    tile(picture, canvas);
    keep();
  } catch {
    toast(said.badPicture, { kind: "danger" });
  }
}

/** One after the other; a report waits for those on their way. */
function addAll(files) {
  adding = adding.then(async () => { for (const file of files) await add(file); });
  return adding;
}

// -- what is being written

const category = () => form.querySelector("[name=category]:checked")?.value ?? "";

async function keepNow() {
  const { text, target, "contact.name": name, "contact.phone": phone } = form.elements;
  const contact = { name: name.value, phone: phone.value };
  const body = { ...place.read(), text: text.value, target: target.value, category: category(), contact };
  await write(["put", DRAFT, { key: DRAFT, at: Date.now(), body, photos: pictures.map(({ data }) => ({ data })) }]);
}
const keep = after(keepNow, 400);

async function fill({ body, photos }) {
  form.elements.text.value = body.text;
  form.elements.target.value = body.target;
  form.elements["contact.name"].value = body.contact?.name ?? "";
  form.elements["contact.phone"].value = body.contact?.phone ?? "";
  document.getElementById("contact").open = Boolean(body.contact?.name || body.contact?.phone);
  pictures = [];
  document.getElementById("photos").replaceChildren();
  await addAll(photos.map(({ data }) => new Blob([data], { type: "image/jpeg" })));
  await place.restore({ street: body.street ?? "", grid: body.grid ?? "", location: body.location ?? null });
  suggest(body.category);
}

function offer(items, chosen) {
  const room = document.querySelector("#kinds .form-selectgroup");
  const name = document.documentElement.lang === "en" ? "name_en" : "name_zh";
  const chips = items.map((item) => {
    const chip = copyOf("kind");
    Object.assign(chip.querySelector("input"), { value: item.category, checked: item.category === chosen });
    chip.querySelector("span").textContent = item[name];
    return chip;
  });
  room.replaceChildren(...chips);
  document.getElementById("kinds").hidden = !chips.length;
}

let question = 0;
async function suggest(chosen = category()) {
  const text = form.elements.text.value.trim();
  const mine = ++question;
  if (text.length < 4) return offer([], "");
  const sent = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ text }), credentials: "omit" };
  const answer = await fetch("/api/v1/report-suggestions", sent).catch(() => null);
  if (mine === question && answer?.ok) offer((await answer.json()).items, chosen);
}

const phoneOf = (text) => text.normalize("NFKC").replace(/[\s()-]/g, "").replace(/^(\+|00)?86(?=1\d{10}$|0\d{9,11}$)/, "");

function faults(body) {
  const found = [];
  if (!body.text) found.push(["text", said.noText]);
  if (!body.street) found.push(["street", said.noPlace]);
  const phone = body.contact?.phone;
  if (phone && !/^(1[3-9]\d{9}|0(10|2\d|[3-9]\d\d)\d{7,8})$/.test(phoneOf(phone))) found.push(["phone", said.badPhone]);
  return found;
}

function complain(found) {
  const box = document.getElementById("wrong");
  box.hidden = !found.length;
  box.querySelector("ul").replaceChildren(...found.map(([id, text]) => {
    const field = document.getElementById(id);
    const link = Object.assign(document.createElement("a"), { href: `#${id}`, textContent: text, className: "alert-link" });
    link.addEventListener("click", (event) => { event.preventDefault(); field.focus(); });
    const line = document.createElement("li");
    line.append(link);
    return line;
  }));
  for (const id of ["text", "street", "phone"]) {
    const isWrong = found.some(([name]) => name === id);
    const field = document.getElementById(id);
    field.classList.toggle("is-invalid", isWrong);
    if (isWrong) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  }
  if (!found.length) return false;
  if (found.some(([id]) => id === "phone")) document.getElementById("contact").open = true;
  box.focus();
  return true;
}

/** As the API wants it: what is empty is left out. */
function written() {
  const { street, grid, location } = place.read();
  const { text, target, "contact.name": name, "contact.phone": phone } = form.elements;
  const filled = (values) => Object.fromEntries(Object.entries(values).filter(([, value]) => value));
  const contact = filled({ name: name.value.trim(), phone: phone.value.trim() });
  const body = filled({ street, grid, location, category: category(), text: text.value.trim(), target: target.value });
  return Object.keys(contact).length ? { ...body, contact } : body;
}

/** Whether what is written is a report now: kept, and on its way. */
async function accept() {
  await adding;
  const body = written();
  if (complain(faults(body))) return false;
  const row = { key: newKey(), at: Date.now(), body, photos: pictures.map(({ data }) => ({ data })) };
  const kept = await write(["put", "waiting", row], ["delete", DRAFT, DRAFT]);
  toast(kept ? said.saved : said.notKept, { kind: kept ? "success" : "danger" });
  const street = form.elements.street.value;
  form.reset();
  form.elements.street.value = street;
  pictures = [];
  document.getElementById("photos").replaceChildren();
  document.getElementById("contact").open = false;
  offer([], "");
  await place.rest();
  await show();
  document.getElementById("outbox").scrollIntoView({ block: "start" });
  return true;
}

/** Pressed twice, it is one report. */
async function submit(event) {
  event.preventDefault();
  if (submitting) return;
  submitting = true;
  const button = form.querySelector(".btn-report");
  button.disabled = true;
  let isAccepted = false;
  try { isAccepted = await accept(); } finally { submitting = button.disabled = false; }
  if (isAccepted) await send();
}

// -- without a network

async function stock() {
  const drawn = [...document.querySelectorAll("use")].map((use) => new URL(use.getAttribute("href"), location).pathname);
  const loaded = performance.getEntriesByType("resource").map(({ name }) => new URL(name)).filter(({ origin }) => origin === location.origin);
  const files = [...drawn, ...loaded.map(({ pathname }) => pathname)].filter((path) => path.startsWith("/static/"));
  const cache = await caches.open(CACHE);
  await cache.addAll([...new Set(["/report", "/report/progress", "/map.json", ...files])]);
  for (const { url } of await cache.keys()) {
    const { pathname } = new URL(url);
    if (pathname.startsWith("/static/") && !files.includes(pathname)) await cache.delete(url);
  }
}

function install() {
  if (!navigator.serviceWorker) return;
  navigator.serviceWorker.register("/sw.js", { scope: "/report" }).then(() => navigator.onLine && stock()).catch(() => {});
}

async function startReport() {
  place = startPlace(form, said, () => keep());
  form.addEventListener("submit", submit);
  form.addEventListener("input", () => keep());
  form.elements.text.addEventListener("input", after(() => suggest(), 600));
  document.addEventListener("change", ({ target }) => {
    if (!target.matches("[data-picture]")) return;
    const files = [...target.files];
    target.value = "";
    addAll(files);
  });
  const lamp = () => { document.getElementById("offline").hidden = navigator.onLine; show(); };
  window.addEventListener("offline", lamp);
  window.addEventListener("online", () => { lamp(); send(); });
  document.addEventListener("visibilitychange", () => (document.hidden ? keepNow() : send()));
  setInterval(send, EVERY);
  lamp();
  const [draft] = await all(DRAFT);
  // Somebody quick has begun already.
  const isBlank = !form.elements.text.value && !form.elements.street.value && !pictures.length;
  if (isBlank) await (draft ? fill(draft) : place.begin());
  await send();
}

install();
if (form) startReport();
else startProgress();
