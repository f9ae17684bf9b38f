// What every page does, a module for each promise. Pages work without it; it makes them live.
import "./actions.js";
import "./filters.js";
import "./keys.js";
import { begin } from "./live.js";
import "./select.js";
import "./times.js";

document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }); // on a phone
begin();
