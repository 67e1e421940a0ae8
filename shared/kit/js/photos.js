// <input type="file" data-photos="photos[]"> adds photos: each is made small on the device, sent, and its id put into the
// form; what could not be sent can be sent again. No blob: address is needed, so the page's policy allows none.
// <button data-photos-from="/desk/…/photos"> adds those of a fragment, as if they had been chosen.
import { lang, texts } from "./page.js";
import { toast } from "./toasts.js";

const LONGEST = 1600;
const underWay = new WeakMap();

/** A JPEG of at most 1600 px, drawn on a canvas that can be shown at once. */
export async function shrink(file) {
  const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.85));
  return { canvas, blob };
}

/** Whether it has arrived. */
async function add(input, file) {
  const tile = document.createElement("li");
  tile.className = "photo waiting";
  const list = input.closest(".photos").querySelector(".photo-list");
  list.append(tile);
  try {
    const { canvas, blob } = await shrink(file);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", file.name);
    tile.append(canvas);
    const answer = await fetch(input.dataset.to ?? "/api/v1/photos", {
      method: "POST",
      headers: { "Content-Type": "image/jpeg", "Accept-Language": lang },
      body: blob,
    });
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.detail ?? told.title);
    const id = Object.assign(document.createElement("input"), { type: "hidden", name: input.dataset.photos, value: told.photo_id });
    const away = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-sm btn-icon", textContent: "×", ariaLabel: texts.remove });
    away.addEventListener("click", () => tile.remove());
    tile.append(id, away);
    tile.classList.remove("waiting");
    return true;
  } catch (error) {
    tile.remove();
    toast(`${texts.photoFailed} ${error.message ?? ""}`, { kind: "danger" });
    return false;
  }
}

async function addAll(input, files, before) {
  let all = (await before) ?? true;
  for (const file of files) all = (await add(input, file)) && all;
  return all;
}

/** Waits for the form's photos that are on their way; false when one of these did not arrive. */
export async function uploaded(form) {
  while (underWay.has(form)) if (!(await underWay.get(form))) return false;
  return true;
}

async function take(input, files) {
  const { form } = input;
  const adding = addAll(input, files, underWay.get(form));
  underWay.set(form, adding);
  await adding;
  if (underWay.get(form) === adding) underWay.delete(form);
}

async function chosen({ target }) {
  if (!target.matches?.("input[data-photos]")) return;
  const files = [...target.files];
  target.value = "";
  await take(target, files);
}

/** The photos of a fragment, by the addresses that it was given for whoever looks. */
async function fetched(address) {
  const answer = await fetch(address);
  const fragment = new DOMParser().parseFromString(answer.ok ? await answer.text() : "", "text/html");
  const links = [...fragment.querySelectorAll(".photo a")];
  return Promise.all(links.map(async (link) => {
    const photo = await fetch(link.getAttribute("href"));
    if (!photo.ok) throw new Error(String(photo.status));
    return new File([await photo.blob()], link.querySelector("img").alt);
  }));
}

async function bring({ target }) {
  const button = target.closest?.("[data-photos-from]");
  if (!button) return;
  button.disabled = true;
  try {
    const files = await fetched(button.dataset.photosFrom);
    await take(button.form.querySelector("input[data-photos]"), files);
    button.hidden = files.length > 0;
  } catch {
    toast(texts.photoFailed, { kind: "danger" });
  } finally {
    button.disabled = false;
  }
}

export function startPhotos() {
  document.addEventListener("change", chosen);
  document.addEventListener("click", bring);
  document.addEventListener("reset", ({ target }) => target.querySelectorAll(".photo-list").forEach((list) => list.replaceChildren()));
}
