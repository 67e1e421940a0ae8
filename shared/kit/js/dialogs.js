// <button data-open="#dialog"> opens a native dialog; data-fill='{"name": "value"}' fills its fields first, and texts
// of [data-slot="name"]. A press beside it, Escape and [data-close] close it; focus goes back by itself.
// <form data-act="…" data-shows="#dialog"> shows what it was answered in the [data-slot]s of another dialog.
function fill(dialog, values) {
  for (const [name, value] of Object.entries(values)) {
    for (const field of dialog.querySelectorAll(`[name="${name}"]`)) field.value = value;
    for (const place of dialog.querySelectorAll(`[data-slot="${name}"]`)) place.textContent = value;
    if (name === "act") dialog.querySelector("form[data-act]").dataset.act = value;
  }
}

function press(event) {
  const opener = event.target.closest("[data-open]");
  if (opener) {
    const dialog = document.querySelector(opener.dataset.open);
    fill(dialog, JSON.parse(opener.dataset.fill ?? "{}"));
    dialog.showModal();
    return;
  }
  if (event.target.closest("[data-close]") || event.target.matches("dialog")) event.target.closest("dialog")?.close();
}

function answered({ target, detail }) {
  if (!target.dataset.shows) return;
  const dialog = document.querySelector(target.dataset.shows);
  fill(dialog, detail ?? {});
  dialog.showModal();
}

export function startDialogs() {
  document.addEventListener("click", press);
  document.addEventListener("whistle:done", answered);
}
