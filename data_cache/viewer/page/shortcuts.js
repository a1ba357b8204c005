// Keys that work wherever they do not mean something else already.
import { byId, make } from "./page_parts.js";

const typing = "input:not([type=range]):not([type=checkbox]), select, textarea";

// keys: [name shown, keys of KeyboardEvent, what it does, action]
export function bindShortcuts(keys) {
  byId("shortcuts").append(
    ...keys.map(([shown, , does]) => make("tr", {}, make("th", { scope: "row" }, make("kbd", {}, shown)), make("td", {}, does))),
  );
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]")) return;
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return;
    const target = event.target;
    if (target.matches?.(typing)) return;
    if (event.key === " " && target.matches?.("button, input")) return; // presses it
    if (event.key.startsWith("Arrow") && target.matches?.("input[type=range], input[type=radio], [role=tab], [role=gridcell]")) return;
    const found = keys.find(([, names]) => names.includes(event.key));
    if (!found) return;
    event.preventDefault();
    found[3]();
  });
}
