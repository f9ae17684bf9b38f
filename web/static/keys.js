// The keyboard: / searches, j and k walk the rows, Enter opens, x selects, r refreshes, g goes, ? says all this.
import { refresh } from "./live.js";

const rows = () => [...document.querySelectorAll("[data-open]")].filter((link) => link.checkVisibility());
let going = 0;

function walk(step) {
  const all = rows();
  const here = all.findIndex((link) => link.closest("tr, li, article")?.contains(document.activeElement));
  const next = all[here < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(here + step, 0), all.length - 1)];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

const KEYS = {
  "/": () => document.querySelector("[data-search], input[type=search]")?.focus(),
  "?": () => document.getElementById("help").showModal(),
  j: () => walk(1),
  k: () => walk(-1),
  x: () => document.activeElement?.closest("tr")?.querySelector("input[name=ids]")?.click(),
  r: () => refresh(),
  g: () => { going = Date.now(); },
};

function goes(key) {
  const link = Date.now() - going < 1500 && document.querySelector(`nav a[data-letter="${CSS.escape(key)}"]`);
  going = 0;
  link?.click?.();
  return Boolean(link);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const field = event.target.closest?.("input:not([type=checkbox], [type=radio]), select, textarea");
  if (field) {
    if (event.key === "Escape") field.blur();
    return;
  }
  if (goes(event.key)) return event.preventDefault();
  if (!KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});
document.addEventListener("click", (event) => {
  if (event.target.closest?.("[data-help]")) KEYS["?"]();
  const row = event.target.closest?.("tr");
  const taken = event.target.closest?.("a, button, input, label, summary, select") || String(getSelection());
  if (row && !taken) row.querySelector("[data-open]")?.click();
});
