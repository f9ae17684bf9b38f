// Rows that are selected: input[name=ids], input[data-select-all], and the bar [data-bulk] that says how many.
//
// The bar holds [data-selected-words] and buttons with data-selected; its data-filter (JSON) is what the list shows,
// data-total how many match. A button in it with data-select-matching selects those too that are on other pages.
let matching = false;

const boxes = () => [...document.querySelectorAll("input[name=ids]")];
const chosen = () => boxes().filter((box) => box.checked);

/** What is selected, as an action's body takes it: ids, or the filter when all that match are. */
export function selection() {
  const bar = document.querySelector("[data-bulk]");
  return matching ? { filter: JSON.parse(bar.dataset.filter) } : { ids: chosen().map((box) => box.value) };
}

export function clear() {
  matching = false;
  for (const box of boxes()) box.checked = false;
  show();
}

function show() {
  const bar = document.querySelector("[data-bulk]");
  if (!bar) return;
  const [every, some] = [boxes(), chosen()];
  if (some.length < every.length || !every.length) matching = false;
  const count = matching && bar.dataset.total ? bar.dataset.total : some.length;
  bar.hidden = some.length === 0;
  bar.querySelector("[data-selected-words]").textContent =
    matching && !bar.dataset.total ? "All that match are selected" : `${Number(count).toLocaleString("en")} selected`;
  for (const button of bar.querySelectorAll("[data-selected]")) button.dataset.count = matching ? "all that match" : count;
  const more = bar.querySelector("[data-select-matching]");
  if (more) more.hidden = matching || some.length < every.length;
  const all = document.querySelector("input[data-select-all]");
  if (all) [all.checked, all.indeterminate] = [some.length > 0 && some.length === every.length, some.length > 0 && some.length < every.length];
}

document.addEventListener("change", (event) => {
  if (event.target.matches("input[data-select-all]")) for (const box of boxes()) box.checked = event.target.checked;
  if (event.target.matches("input[name=ids], input[data-select-all]")) show();
});
document.addEventListener("click", (event) => {
  if (event.target.closest?.("[data-select-matching]")) { matching = true; show(); }
  if (event.target.closest?.("[data-select-none]")) clear();
});
document.addEventListener("live:drawn", show);
