// Blowing a whistle in under a minute: the words propose a category, the category sets kind and urgency, and what would
// follow is shown before anything is sent. What is typed survives a reload of the tab.
import { complain, keyOf, send } from "./act.js";
import { bodyOf } from "./form.js";
import { fill, lang, texts } from "./page.js";
import { toast } from "./toasts.js";

const SOON = 400;
const make = (tag, about, ...inside) => { const node = Object.assign(document.createElement(tag), about); node.append(...inside); return node; };

/** Runs once the typing has paused; of several only the last answer counts. */
function soon(act) {
  let timer, turn = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(() => { const mine = ++turn; act(() => mine === turn).catch(() => {}); }, SOON);
  };
}

export function startBlowing(form) {
  const $ = (selector) => form.querySelector(selector);
  const field = (name) => form.elements[name];
  const say = JSON.parse(form.dataset.say);
  const legal = JSON.parse(form.dataset.legal);
  const kept = `whistle-blow-${form.dataset.who}`;
  const post = async (path, body) => { const answer = await send(path, body); return answer.ok ? answer.json() : null; };
  const words = () => ({ title: field("title").value.trim(), description: field("description").value.trim() || field("title").value.trim() });
  const grid = () => document.getElementById("grid");

  // -- words → category → kind and urgency

  const suggest = soon(async (counts) => {
    const said = words();
    if (said.title.length < 2) return;
    const found = await post("/api/v1/suggestions", said);
    if (!found || !counts()) return;
    const place = $("#suggestions");
    place.hidden = found.items.length === 0;
    const known = new Map([...place.querySelectorAll("button")].map((chip) => [chip.dataset.category, chip]));
    const wanted = found.items.map(({ category }) => category);
    if (wanted.join() !== [...known.keys()].join()) known.forEach((chip) => chip.remove()); // what is under a finger stays
    for (const one of found.items.filter(({ category }) => !known.get(category)?.isConnected)) {
      const chip = make("button", { type: "button", className: "btn btn-sm suggestion", textContent: lang === "en" ? one.name_en : one.name_zh });
      chip.title = fill(say.because, { words: one.reasons.join(lang === "en" ? ", " : "、") });
      chip.setAttribute("aria-pressed", String(field("category").value === one.category));
      chip.addEventListener("click", () => { field("category").value = one.category; categorised(); });
      chip.dataset.category = one.category;
      place.append(chip);
    }
    if (form.dataset.blow === "new" && !field("category").value && found.items.length && !form.dataset.chose) { field("category").value = found.items[0].category; preset(); }
    pressed();
  });

  const pressed = () => { for (const chip of form.querySelectorAll("#suggestions button")) chip.setAttribute("aria-pressed", String(chip.dataset.category === field("category").value)); };

  function preset() {
    const { kind, urgency } = field("category").selectedOptions[0].dataset;
    if (kind) { field("kind").value = kind; allow(); field("urgency").value = urgency; }
    pressed();
    follow();
  }

  function categorised() { form.dataset.chose = "1"; preset(); }

  function allow() {
    const may = legal[field("kind").value] ?? [];
    for (const option of field("urgency").options) { option.disabled = !may.includes(option.value); option.hidden = option.disabled; }
    if (field("urgency").selectedOptions[0]?.disabled) field("urgency").value = may.at(-1) ?? "";
  }

  function gate() {
    const duties = field("category").selectedOptions[0]?.dataset.duties ?? "";
    const box = $("#own-duty");
    if (!box) return;
    box.hidden = !duties || field("kind").value === "emergency";
    $("#duties").textContent = duties;
    field("override_reason").disabled = box.hidden;
  }

  // -- what would follow, and what is known already

  const foresee = soon(async (counts) => {
    const about = new URLSearchParams();
    for (const name of ["street", "category", "kind", "urgency"]) about.append(name, field(name).value);
    for (const code of bodyOf(form).departments ?? []) about.append("departments[]", code);
    about.append("cross_district", field("cross_district").checked);
    const answer = await fetch(`/blow/foresight?${about}`);
    if (answer.ok && counts()) $("#foresight").innerHTML = await answer.text();
  });

  const place = () => {
    const [latitude, longitude] = ["location.latitude", "location.longitude"].map((name) => field(name).value);
    return latitude ? { location: { latitude: Number(latitude), longitude: Number(longitude) } } : {};
  };

  const look = soon(async (counts) => {
    const said = { street: field("street").value, category: field("category").value, ...words(), ...place() };
    if (grid()?.value) said.grid = grid().value;
    if (!said.category || !said.title || !(said.grid || said.location)) return;
    const found = await post("/api/v1/duplicate-checks", said);
    if (found && counts()) alike(found);
  });

  function alike({ duplicates = [], relapses = [] }) {
    const box = $("#alike");
    box.hidden = duplicates.length + relapses.length === 0;
    const reason = field("distinct_reason");
    if (reason) reason.disabled = box.hidden;
    box.querySelector("ul").replaceChildren(...[...duplicates, ...relapses].map((one) => {
      const link = make("a", { href: `/whistles/${one.whistle_id}`, target: "_blank", textContent: one.title });
      const apart = one.metres === null ? "" : ` · ${fill(say.apart, { n: one.metres })}`;
      const about = make("p", { className: "case-about", textContent: `${one.number}${apart}${one.closed_at ? ` · ${say.relapse}` : ""}` });
      const line = make("li", { className: "alike" }, make("div", {}, link, about));
      if (!one.closed_at && reason) {
        const join = make("button", { type: "button", className: "btn btn-sm btn-outline-primary", textContent: say.join });
        join.addEventListener("click", () => become(one, join));
        line.append(join);
      }
      return line;
    }));
  }

  /** What was typed, as a draft: made once, and changed when something else was typed since. */
  let draft = null;
  function drafted(body) {
    if (draft) return send(`/api/v1/whistles/${draft}`, body, { method: "PUT" });
    return send("/api/v1/drafts", body, { key: keyOf(form, "POST", "/api/v1/drafts", body) });
  }

  /** What was typed becomes a part of a whistle that is open: a draft first, for only a draft can be joined. */
  async function become(one, button) {
    button.disabled = true;
    const { override_reason: _, distinct_reason: __, ...body } = complete();
    try {
      const made = await drafted(body);
      if (!made.ok) return complain(form, await made.json());
      draft = (await made.json()).whistle_id;
      const joined = await send(`/api/v1/whistles/${draft}/joining`, { whistle_id: one.whistle_id });
      if (!joined.ok) return complain(form, await joined.json());
      sessionStorage.removeItem(kept);
      location.assign(`/whistles/${one.whistle_id}`);
    } catch {
      toast(texts.unreachable, { kind: "danger" });
    } finally {
      button.disabled = false;
    }
  }

  function complete() {
    if (!field("description").value.trim()) field("description").value = field("title").value;
    return bodyOf(form);
  }

  // -- where

  function choose(code) {
    const list = grid();
    if (list && [...list.options].some((option) => option.value === code)) list.value = code;
    marked();
    look();
  }

  function marked() {
    for (const path of form.querySelectorAll(".ground [data-grid]")) path.toggleAttribute("data-chosen", path.dataset.grid === grid()?.value);
  }

  function locate() {
    const told = $("#located");
    const nowhere = () => { told.textContent = say.nowhere; };
    if (!navigator.geolocation) return nowhere();
    navigator.geolocation.getCurrentPosition(async ({ coords }) => {
      const at = { latitude: coords.latitude.toFixed(6), longitude: coords.longitude.toFixed(6) };
      field("location.latitude").value = at.latitude;
      field("location.longitude").value = at.longitude;
      told.textContent = `${say.located} · ${fill(say.accuracy, { n: Math.round(coords.accuracy) })}`;
      const answer = await fetch(`/blow/here?${new URLSearchParams(at)}`).catch(() => null);
      const found = answer?.ok ? await answer.json() : {};
      if (found.grid && found.street === field("street").value) choose(found.grid);
      else { told.textContent += ` · ${say.outside}`; look(); }
    }, nowhere, { enableHighAccuracy: true, timeout: 10_000, maximumAge: 30_000 });
  }

  async function elsewhere() {
    const answer = await fetch(`/blow/ground?${new URLSearchParams({ street: field("street").value })}`);
    if (answer.ok) document.getElementById("ground").innerHTML = await answer.text();
    follow();
  }

  // -- what is typed survives; what was sent is forgotten

  const NOT_KEPT = ["photos[]", "departments[]"];
  const fresh = form.dataset.blow === "new";
  const keep = () => {
    if (!fresh) return;
    const said = [...form.elements].filter((it) => it.name && it.type !== "file" && it.type !== "checkbox" && !NOT_KEPT.includes(it.name));
    sessionStorage.setItem(kept, JSON.stringify(said.map(({ name, value }) => [name, value])));
  };
  function restore() {
    for (const [name, value] of JSON.parse((fresh && sessionStorage.getItem(kept)) || "[]")) if (field(name) && value) field(name).value = value;
    if (field("category").value) form.dataset.chose = "1";
  }

  function follow() { allow(); gate(); foresee(); look(); keep(); }

  form.addEventListener("input", ({ target }) => { if (["title", "description"].includes(target.name)) { suggest(); look(); } keep(); });
  form.addEventListener("change", ({ target }) => {
    if (target.name === "category") categorised();
    else if (target.name === "street") elsewhere();
    else if (target.id === "grid") { marked(); look(); keep(); }
    else follow();
  });
  form.addEventListener("click", ({ target }) => {
    const path = target.closest(".ground [data-grid]");
    if (path) { choose(path.dataset.grid); keep(); }
    const text = target.closest("[data-write]");
    if (text) { const into = $(text.dataset.write); into.value = into.value.trim() ? `${into.value.trim()}${text.textContent}` : text.textContent; keep(); }
  });
  $("#locate").addEventListener("click", locate);
  // Before act.js reads the form: a draft carries no reasons, and one line is enough to say what the matter is.
  form.addEventListener("submit", ({ submitter }) => {
    complete();
    const reasons = ["override_reason", "distinct_reason"].map(field).filter((it) => it && !it.disabled);
    if (!submitter?.hasAttribute("data-draft")) return;
    reasons.forEach((it) => { it.disabled = true; });
    setTimeout(() => reasons.forEach((it) => { it.disabled = false; }));
  });
  form.addEventListener("whistle:refused", ({ detail: { problem } }) => { if (problem.duplicates) { alike(problem); $("#alike").scrollIntoView({ block: "center" }); } });
  form.addEventListener("whistle:done", () => sessionStorage.removeItem(kept));
  restore();
  marked();
  follow();
  suggest(); // for what was written before this script was there
}
