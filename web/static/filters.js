// Filters that live in the address: form[data-filter]. What is typed shows at once, and a reload shows the same.
import { refresh } from "./live.js";

const PAUSE = 250; // after the last letter
let wait = null;

async function apply(form) {
  const url = new URL(form.action || location.href);
  url.search = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
  history.replaceState(null, "", url);
  busy(true);
  if (await refresh()) busy(false);
}

/** Loading is neither none nor no match: what is shown is not the answer yet. */
function busy(is) {
  document.body.setAttribute("aria-busy", String(is));
  for (const part of document.querySelectorAll("main [data-live]")) part.setAttribute("aria-busy", String(is));
  document.getElementById("loading").textContent = is ? "Loading" : "";
}

document.addEventListener("input", (event) => {
  const form = event.target.closest?.("form[data-filter]");
  if (!form) return;
  clearTimeout(wait);
  wait = setTimeout(() => apply(form), event.target.tagName === "SELECT" ? 0 : PAUSE);
});
document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-filter]")) return;
  event.preventDefault();
  clearTimeout(wait);
  apply(event.target);
});
