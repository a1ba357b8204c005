// Light or dark: the system's choice until the button is pressed.
import { byId } from "./page_parts.js";

export function bindTheme() {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  const label = () => {
    const dark = (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
    byId("theme").textContent = dark ? "Light" : "Dark";
    return dark;
  };
  byId("theme").addEventListener("click", () => {
    root.dataset.theme = label() ? "light" : "dark";
    label();
  });
  system.addEventListener("change", label);
  label();
}
