// Tabs as the ARIA authoring practices describe them: arrows move, only the chosen one is a stop for Tab.
import { byId } from "./page_parts.js";

export function bindTabs(names, onShow) {
  const tabs = names.map((name) => byId(`tab-${name}`));
  function choose(name, focus) {
    names.forEach((other, at) => {
      const chosen = other === name;
      tabs[at].setAttribute("aria-selected", String(chosen));
      tabs[at].tabIndex = chosen ? 0 : -1;
      byId(`panel-${other}`).hidden = !chosen;
      if (chosen && focus) tabs[at].focus();
    });
    onShow(name);
  }
  names.forEach((name, at) => {
    tabs[at].addEventListener("click", () => choose(name, false));
    tabs[at].addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      choose(names[(at + step + names.length) % names.length], true);
    });
  });
}
