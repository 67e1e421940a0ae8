// The department's phone, beyond what every page does: where it is. Loaded by a task's page only.
import { fill } from "./page.js";

// <button data-locate="field's id" data-words="…%(at)s…%(metres)s…" data-failed="…"> writes the place behind the words.
function locate(button) {
  const field = document.getElementById(button.dataset.locate);
  const told = button.parentElement.querySelector("[role=status]");
  const failed = () => { told.textContent = button.dataset.failed; button.disabled = false; };
  if (!navigator.geolocation) return failed();
  button.disabled = true;
  navigator.geolocation.getCurrentPosition(({ coords }) => {
    const at = `${coords.latitude.toFixed(5)}, ${coords.longitude.toFixed(5)}`;
    const words = fill(button.dataset.words, { at, metres: Math.round(coords.accuracy) });
    const before = field.dataset.located ? field.value.replace(field.dataset.located, "") : field.value;
    field.dataset.located = words;
    field.value = before.slice(0, field.maxLength - words.length) + words;
    told.textContent = "";
    button.disabled = false;
  }, failed, { enableHighAccuracy: true, timeout: 15_000, maximumAge: 30_000 });
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-locate]");
  if (button) locate(button);
});
