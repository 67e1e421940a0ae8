// Small things of the department's pages: where the phone is, the steps of a plan, the printer, and the focus that goes
// on to the next row when one has been acknowledged.
const fill = (form, parts) => form.replace(/%\((\w+)\)s/g, (_, name) => parts[name]);

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

// <form data-plan>: every .plan-step has [data-part]s; together they are the field `plan`.
function moreSteps(form) {
  const steps = form.querySelector(".plan-steps");
  const step = steps.lastElementChild.cloneNode(true);
  for (const part of step.querySelectorAll("[data-part]")) part.value = "";
  steps.append(step);
  step.querySelector("[data-part]").focus();
}

function gather(form) {
  const steps = [...form.querySelectorAll(".plan-step")].map((step) => {
    const [name, due] = ["name", "due_at"].map((part) => step.querySelector(`[data-part="${part}"]`).value);
    return { name, due_at: due && `${due}:00+08:00` };
  });
  form.elements.plan.value = JSON.stringify(steps);
}

function press({ target }) {
  const button = target.closest("button");
  if (!button) return;
  if (button.dataset.locate) locate(button);
  else if (button.hasAttribute("data-print")) window.print();
  else if (button.hasAttribute("data-more-steps")) moreSteps(button.form);
  else if (button.hasAttribute("data-less-steps") && button.form.querySelectorAll(".plan-step").length > 1)
    button.closest(".plan-step").remove();
}

// What was pressed is gone with its row: the next one of its list takes the focus, so that the keyboard goes on.
let next = null;
function leaving({ target, submitter }) {
  if (target.matches("form[data-plan]")) gather(target);
  const row = submitter?.closest("[data-row]");
  next = (row?.nextElementSibling ?? row?.previousElementSibling)?.id;
}

function goOn() {
  if (next && document.activeElement === document.body) document.getElementById(next)?.querySelector("[data-first]")?.focus();
}

export function startDesk() {
  document.addEventListener("click", press);
  document.addEventListener("submit", leaving, { capture: true });
  document.addEventListener("whistle:fresh", goOn);
}
