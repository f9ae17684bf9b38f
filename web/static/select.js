// Rows that are selected: input[name=ids], input[data-select-all], and the bar [data-bulk] that says how many.
//
// The bar holds [data-selected-words] and buttons with data-selected, each for rows in its data-states; its data-filter (JSON) is what the list shows,
// data-what the same in words. A button in it with data-select-matching selects those too that are on other pages;
// rows that come in by themselves are then selected as well, until somebody takes one out or changes the filter.
let matching = false;

const boxes = () => [...document.querySelectorAll("input[name=ids]")];
const chosen = () => boxes().filter((box) => box.checked);
const bar = () => document.querySelector("[data-bulk]");

/** `1,234 jobs`. */
export const jobs = (number) => `${number.toLocaleString("en")} ${number === 1 ? "job" : "jobs"}`;

/** What is selected, as an action's body takes it: ids, or the filter when all that match are. */
export function selection() {
  return matching ? { filter: JSON.parse(bar().dataset.filter) } : { ids: chosen().map((box) => box.value) };
}

/** The filter in words, for a question. */
export const what = () => bar().dataset.what;

export function clear() {
  matching = false;
  for (const box of boxes()) box.checked = false;
  show();
}

function show() {
  const place = bar();
  if (!place) return;
  if (matching) for (const box of boxes()) box.checked = true;
  const [every, some] = [boxes(), chosen()];
  if (!every.length) matching = false;
  const whole = some.length > 0 && some.length === every.length;
  place.hidden = some.length === 0;
  place.querySelector("[data-selected-words]").textContent = matching ? "All that match are selected" : `${jobs(some.length)} selected`;
  for (const button of place.querySelectorAll("[data-selected]")) {
    const fit = some.filter((box) => button.dataset.states.split(" ").includes(box.dataset.state));
    button.dataset.count = jobs(fit.length);
    button.hidden = !matching && !fit.length;
  }
  const more = place.querySelector("[data-select-matching]");
  if (more) more.hidden = matching || !whole;
  const all = document.querySelector("input[data-select-all]");
  if (all) [all.checked, all.indeterminate] = [whole, some.length > 0 && !whole];
}

document.addEventListener("change", (event) => {
  const box = event.target;
  if (box.matches("input[data-select-all]")) for (const one of boxes()) one.checked = box.checked;
  if (!box.matches("input[name=ids], input[data-select-all]")) return;
  if (!box.checked) matching = false;
  show();
});
document.addEventListener("input", (event) => { if (event.target.closest?.("form[data-filter]")) clear(); });
document.addEventListener("click", (event) => {
  if (event.target.closest?.("[data-select-matching]")) { matching = true; show(); }
  if (event.target.closest?.("[data-select-none]")) clear();
});
document.addEventListener("live:drawn", show);
