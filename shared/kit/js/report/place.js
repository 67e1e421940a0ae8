// Where it is: found by the device, or chosen: a street, then a grid on its map or from its list. Which grid a place lies
// in is found out here: the place itself goes nowhere before the report does.
const LAST = "whistle-street";

/** Whether a ring of [longitude, latitude] holds a place (even-odd rule). */
function inside([x, y], ring) {
  let odd = false;
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
    const [[x1, y1], [x2, y2]] = [ring[i], ring[j]];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) odd = !odd;
  }
  return odd;
}

const holds = ({ type, coordinates }, place) =>
  (type === "Polygon" ? [coordinates] : coordinates).some((rings) => rings.filter((ring) => inside(place, ring)).length % 2);

async function gridAt(latitude, longitude) {
  const { features } = await (await fetch("/map.json")).json();
  return features.find(({ properties, geometry }) => "grid" in properties && holds(geometry, [longitude, latitude]))?.properties;
}

export function startPlace(form, said, changed) {
  const street = form.elements.street;
  const room = document.getElementById("grids");
  const told = document.getElementById("place");
  const locate = document.getElementById("locate");
  const language = document.documentElement.lang.slice(0, 2);
  let location = null;
  let asked = 0;

  const grid = () => form.elements.grid;
  const show = () => room.querySelectorAll("[data-grid]").forEach((path) => path.toggleAttribute("data-chosen", path.dataset.grid === grid()?.value));

  async function open(code, chosen = "") {
    const mine = ++asked;
    room.replaceChildren();
    if (!code) return;
    const html = await fetch(`/report/streets/${encodeURIComponent(code)}?lang=${language}`)
      .then((answer) => (answer.ok ? answer.text() : null)).catch(() => null);
    if (mine !== asked) return;
    if (html === null) {
      const note = Object.assign(document.createElement("p"), { className: "help", textContent: said.noMap });
      const kept = Object.assign(document.createElement("input"), { type: "hidden", name: "grid", value: chosen });
      room.replaceChildren(note, kept);
      return;
    }
    room.innerHTML = html;
    grid().value = chosen;
    show();
  }

  function moved() {
    location = null;
    told.textContent = "";
    show();
    changed();
  }

  street.addEventListener("change", () => { open(street.value); moved(); });
  room.addEventListener("change", moved);
  room.addEventListener("click", ({ target }) => {
    const path = target.closest("[data-grid]");
    if (!path) return;
    grid().value = path.dataset.grid;
    moved();
  });

  async function found({ coords: { latitude, longitude, accuracy } }) {
    const place = await gridAt(latitude, longitude).catch(() => null);
    if (!place) { told.textContent = said.outside; return; }
    location = { latitude, longitude };
    street.value = place.street;
    await open(place.street, place.grid);
    told.textContent = `${language === "zh" ? place.name : place.grid} · ${said.accuracy.replace("{n}", Math.round(accuracy))}`;
    changed();
  }

  // Browsers tell a place over TLS and on their own machine only.
  locate.hidden = !(navigator.geolocation && isSecureContext);
  locate.addEventListener("click", () => {
    told.textContent = said.locating;
    const options = { enableHighAccuracy: true, timeout: 15_000, maximumAge: 0 };
    navigator.geolocation.getCurrentPosition(found, () => { told.textContent = said.denied; }, options);
  });

  return {
    read: () => ({ street: street.value, grid: grid()?.value ?? "", location }),
    async restore(place) {
      street.value = place.street;
      await open(place.street, place.grid);
      location = place.location;
    },
    /** After a report: the next one is likely to be about the same street. */
    async rest() {
      localStorage.setItem(LAST, street.value);
      grid() && (grid().value = "");
      moved();
    },
    async begin() {
      street.value = localStorage.getItem(LAST) ?? "";
      await open(street.value);
    },
  };
}
