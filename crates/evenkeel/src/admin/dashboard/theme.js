// Light, dark, or as the system has it; what was chosen is remembered in this browser.

import { $ } from "./dom.js";

const THEMES = ["auto", "light", "dark"];

// A browser may forbid that anything is kept.
function remembered() {
  try {
    return localStorage.getItem("evenkeel-theme");
  } catch {
    return null;
  }
}

function remember(theme) {
  try {
    localStorage.setItem("evenkeel-theme", theme);
  } catch {
    // Then it holds until the page is loaded again.
  }
}

function show(theme) {
  document.documentElement.dataset.theme = theme;
  $("theme").textContent = { auto: "◐ Auto", light: "○ Light", dark: "● Dark" }[theme];
  $("theme").setAttribute("aria-label", `Theme: ${theme}`);
}

export function begin() {
  let theme = THEMES.includes(remembered()) ? remembered() : "auto";
  show(theme);
  $("theme").addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    remember(theme);
    show(theme);
  });
}
