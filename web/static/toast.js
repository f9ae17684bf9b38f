// A word on what was done, with a way back where there is one.
const STAYS = { ok: 6000, fail: 15000 };

export function toast(text, tone = "ok", undo = null) {
  const place = document.getElementById("toasts");
  const note = document.createElement("div");
  note.className = `toast ${tone}`;
  const words = document.createElement("span");
  words.textContent = text;
  note.append(words);
  const button = document.createElement("button");
  button.className = "button small quiet";
  button.textContent = undo ? "Undo" : "Dismiss";
  button.addEventListener("click", () => { note.remove(); undo?.(); });
  note.append(button);
  place.append(note);
  while (place.children.length > 4) place.firstChild.remove();
  setTimeout(() => note.remove(), STAYS[tone] ?? STAYS.ok);
}
