// Buttons that do something: data-action, data-method, data-body, data-confirm, data-type, data-undo, data-done, data-goto.
import { refresh } from "./live.js";
import { clear, selection } from "./select.js";
import { toast } from "./toast.js";

/** Ask before it is done; `typed` is what must be typed first. True when it is meant. */
function confirmed(question, label, typed) {
  const dialog = document.getElementById("confirm");
  const field = dialog.querySelector("input"), go = dialog.querySelector("[value=yes]");
  dialog.querySelector("p").textContent = question;
  dialog.querySelector("label").hidden = !typed;
  dialog.querySelector("label code").textContent = typed ?? "";
  go.textContent = label;
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
    body: method === "DELETE" ? undefined : JSON.stringify(body ?? {}),
  });
  const said = await answer.json().catch(() => ({}));
  if (answer.status === 401) location.reload();
  if (!answer.ok) throw new Error(said.detail ?? said.title ?? answer.statusText);
  return said;
}

/** Send it, and again while the server says that there is more to do; what was done in all. */
async function sendAll(method, url, body) {
  let done = 0, skipped = 0, said;
  do {
    said = await send(method, url, body);
    done += said.done ?? 0;
    skipped += said.skipped ?? 0;
  } while (said.complete === false && said.done);
  return { ...said, done, skipped, counted: said.done !== undefined };
}

function words(button, said) {
  const text = button.dataset.done ?? `${button.textContent.trim()}: done`;
  if (!said.counted) return text;
  return `${text}: ${said.done} done${said.skipped ? `, ${said.skipped} left as they are` : ""}`;
}

async function act(button) {
  const { action, method = "POST", body, confirm, type, undo, goto } = button.dataset;
  const given = { ...(body ? JSON.parse(body) : {}), ...("selected" in button.dataset ? selection() : {}) };
  const question = confirm?.replace("{n}", button.dataset.count ?? "");
  if (question && !(await confirmed(question, button.textContent.trim(), type))) return;
  if (type) given.confirm = type;
  button.setAttribute("aria-busy", "true");
  try {
    const said = await sendAll(method, action, given);
    const back = undo && (() => send("POST", undo, body && JSON.parse(body)).then(() => refresh(), fail));
    if (goto) location.assign(goto);
    else toast(words(button, said), "ok", back);
    if ("selected" in button.dataset) clear();
  } catch (error) {
    fail(error);
  } finally {
    button.removeAttribute("aria-busy");
    await refresh();
  }
}

const fail = (error) => toast(error.message || "Web does not answer; nothing is known to be done", "fail");

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-action]");
  if (!button || button.disabled || button.getAttribute("aria-busy") === "true") return;
  event.preventDefault();
  act(button);
});
