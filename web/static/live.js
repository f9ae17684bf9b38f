// Keeps the page true: told by the server (SSE), else asking every 2 s; silent while nobody looks.
import { morph } from "./morph.js";
import { tick } from "./times.js";

const PERIOD = 2000; // between two questions while the server does not tell
const AGAIN = 30000; // until it is asked to tell again

const root = document.documentElement;
const every = () => Number(root.dataset.every || 15) * 1000; // what no signal covers is drawn anew this often
const beat = () => setInterval(ask, Math.min(PERIOD, every()));
const WORDS = { live: "Live", polling: "Live, by asking", paused: "Paused", offline: "Web does not answer" };
let seen = root.dataset.signature ?? "";
let source = null, timer = null, latest = Date.now(), tried = 0, asked = null, under = null, wanted = null;
let gone = false; // is what the page is about not there? It may come back

function show(state) {
  const place = document.getElementById("live");
  if (!place || place.dataset.state === state) return;
  place.dataset.state = state;
  place.textContent = WORDS[state];
}

/** Fetch this page and put in what has changed; what is under way already is of an older state and given up. */
export function refresh() {
  under?.abort();
  under = new AbortController();
  const mine = draw(under.signal).finally(() => {
    if (asked !== mine) return;
    asked = null;
    if (wanted !== null) told(wanted);
  });
  asked = mine;
  return mine;
}

async function draw(signal) {
  latest = Date.now();
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store", signal });
    if (answer.redirected && new URL(answer.url).pathname === "/login") location.reload();
    if (answer.status >= 500) throw new Error(answer.statusText);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (gone || !answer.ok) document.querySelector("main").replaceChildren(...fresh.querySelector("main").childNodes);
    gone = !answer.ok;
    put(fresh);
    return answer.ok;
  } catch (error) {
    if (error.name !== "AbortError") show("offline");
    return false;
  }
}

function put(fresh) {
  seen = fresh.documentElement.dataset.signature ?? seen;
  pace(fresh.documentElement.dataset.every);
  document.title = fresh.title;
  const icon = document.querySelector("link[rel=icon]"), other = fresh.querySelector("link[rel=icon]");
  if (icon && other && icon.getAttribute("href") !== other.getAttribute("href")) icon.replaceWith(other);
  for (const part of document.querySelectorAll("[data-live][id]")) {
    const found = fresh.getElementById(part.id);
    if (found) morph(part, found);
  }
  tick();
  document.dispatchEvent(new Event("live:drawn"));
}

/** How often it is to be drawn anew may have changed: a job that begins to run says how far it is. */
function pace(seconds) {
  if (root.dataset.every === seconds) return;
  if (seconds === undefined) delete root.dataset.every;
  else root.dataset.every = seconds;
  if (!timer) return;
  clearInterval(timer);
  timer = beat();
}

function told(signature) {
  wanted = asked ? signature : null; // what is under way may be of an older state
  if (!asked && signature !== seen) refresh();
}

function listen() {
  tried = Date.now();
  source = new EventSource(root.dataset.liveUrl);
  source.addEventListener("open", () => show("live"));
  source.addEventListener("message", (event) => { show("live"); told(event.data); });
  source.addEventListener("error", () => {
    if (source?.readyState !== EventSource.CLOSED) return;
    source = null;
    ask();
  });
}

async function ask() {
  if (!asked && Date.now() - latest >= every()) await refresh();
  if (!root.dataset.liveUrl || source?.readyState === EventSource.OPEN) {
    if (!root.dataset.liveUrl) show("polling");
    return;
  }
  if (!source && Date.now() - tried > AGAIN) listen();
  try {
    const answer = await fetch(`${root.dataset.liveUrl}/now`, { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.statusText);
    show("polling");
    told((await answer.json()).signature);
  } catch {
    show("offline");
  }
}

function start() {
  if (timer) return;
  if (root.dataset.liveUrl) listen();
  timer = beat();
}

function stop() {
  clearInterval(timer);
  source?.close();
  timer = source = null;
  show("paused");
}

export function begin() {
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return stop();
    start();
    refresh();
  });
  addEventListener("pagehide", stop);
  addEventListener("pageshow", (event) => { if (event.persisted) { start(); refresh(); } });
  if (!document.hidden) start();
}
