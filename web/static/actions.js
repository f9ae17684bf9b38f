// Buttons that do something: data-action, data-method, data-body, data-confirm, data-type, data-undo, data-done, data-goto.
import { refresh } from "./live.js";
import { clear, jobs, selection, what } from "./select.js";
import { toast } from "./toast.js";

/** Ask before it is done: the question, and what else is to be known. `typed` must be typed first. True when it is meant. */
function confirmed(question, button, many, typed) {
  const dialog = document.getElementById("confirm");
  const field = dialog.querySelector("input"), go = dialog.querySelector("[value=yes]");
  const end = question.indexOf("?") + 1;
  dialog.querySelector("h2").textContent = question.slice(0, end);
  dialog.querySelector("p").textContent = question.slice(end).trim();
  dialog.querySelector("label").hidden = !typed;
  dialog.querySelector("label code").textContent = typed ?? "";
  go.textContent = `${label(button)}${many ? ` ${many}` : ""}`;
  go.classList.toggle("danger", button.classList.contains("fail"));
  field.value = "";
  const check = () => { go.disabled = Boolean(typed) && field.value !== typed; };
  field.oninput = check;
  check();
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

async function send(method, url, body) {
  const answer = await fetch(url, {
    method,
    headers: { Accept: "application/json", "Content-Type": "application/json" },
    body: method === "DELETE" || method === "GET" ? undefined : JSON.stringify(body ?? {}),
  }).catch(() => { throw new Error("Web does not answer; nothing is known to be done"); });
  const said = await answer.json().catch(() => ({}));
  if (answer.status === 401) location.reload();
  if (!answer.ok) throw new Error(said.detail ?? said.title ?? answer.statusText);
  return said;
}

/** Send it, and again while the server says that there is more to do; what was done in all, and what takes it back. */
async function sendAll(method, url, body) {
  let said, did, number = 0, skipped = 0;
  const undos = [];
  do {
    said = await send(method, url, body);
    did = said.done ?? said.removed ?? said.canceled;
    number += did ?? 0;
    skipped += said.skipped ?? 0;
    if (said.undo?.ids) undos.push(said.undo);
  } while (said.complete === false && did);
  return { number, skipped, undos, counted: did !== undefined };
}

function words(button, said) {
  const text = button.dataset.done ?? `${label(button)}: done`;
  if (!said.counted) return text;
  const told = text.includes("{n}") ? text.replace("{n}", jobs(said.number)) : `${text}: ${jobs(said.number)}`;
  return said.skipped ? `${told}; ${jobs(said.skipped)} left as they are: in other states, or awaited by others` : told;
}

/** How many it is about, in words: those that are selected, or all that match and are in a state for it; "" for none. */
async function meant(button, given) {
  if (!given.filter || !("selected" in button.dataset)) return button.dataset.count ?? "";
  const found = await send("GET", `/api/count?${new URLSearchParams({ ...given.filter, action: given.action })}`);
  return found.count ? `${found.complete ? "all" : "at least"} ${jobs(found.count)} ${what()}`.trim() : "";
}

async function act(button) {
  const { action, method = "POST", body, confirm, type, undo, goto } = button.dataset;
  const selected = "selected" in button.dataset;
  const given = { ...(body ? JSON.parse(body) : {}), ...(selected ? selection() : {}) };
  button.setAttribute("aria-busy", "true");
  try {
    const many = await meant(button, given);
    if (selected && !many) return toast(`${label(button)}: no job that matches is in a state for it`, "fail");
    if (confirm && !(await confirmed(confirm.replace("{n}", many), button, selected ? many.split(" that match")[0] : "", type))) return;
    if (type) given.confirm = type;
    const said = await sendAll(method, action, given);
    if (goto) return location.assign(goto);
    toast(words(button, said), "ok", wayBack(said.undos, action, undo, body));
    if (selected) clear();
  } catch (error) {
    fail(error);
  } finally {
    button.removeAttribute("aria-busy");
    await refresh();
  }
}

/** What takes it back: the address that the button names, or what the server says; null where nothing does. */
function wayBack(undos, action, undo, body) {
  const back = async () => {
    if (undo) await send("POST", undo, body && JSON.parse(body));
    else for (const one of undos.reverse()) await sendAll("POST", action, one); // the last first, or a lane turns round
    toast("Taken back");
  };
  return undo || undos.length ? () => back().catch(fail).finally(refresh) : null;
}

const label = (button) => button.textContent.trim();
const fail = (error) => toast(error.message, "fail");

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-action]");
  if (!button || button.disabled || button.getAttribute("aria-busy") === "true") return;
  event.preventDefault();
  act(button);
});
