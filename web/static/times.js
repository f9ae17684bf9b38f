// Keeps relative times fresh, in the words that the server uses (web/words.py).
const UNITS = [[86400, "d"], [3600, "h"], [60, "min"]];

function span(seconds) {
  const [size, unit] = UNITS.find(([size]) => seconds >= 2 * size) ?? [1, "s"];
  return `${Math.round(seconds / size)} ${unit}`;
}

function words(seconds, plain) {
  if (plain) return span(Math.max(0, seconds));
  if (Math.abs(seconds) < 1) return "now";
  return seconds > 0 ? `${span(seconds)} ago` : `in ${span(-seconds)}`;
}

export function tick() {
  const now = Date.now();
  for (const time of document.querySelectorAll("time[data-relative]")) {
    const text = words((now - Date.parse(time.dateTime)) / 1000, time.dataset.relative === "plain");
    if (time.textContent !== text) time.textContent = text;
  }
}

setInterval(() => { if (!document.hidden) tick(); }, 1000);
