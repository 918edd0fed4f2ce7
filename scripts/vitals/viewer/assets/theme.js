// Before anything is painted: the theme that was chosen here, else the system's.
(() => {
  let chosen = null;
  try { chosen = localStorage.getItem("vitals-theme"); } catch { /* storage may be forbidden */ }
  const system = matchMedia("(prefers-color-scheme: light)");
  const apply = () => {
    document.documentElement.dataset.theme = chosen ?? (system.matches ? "light" : "dark");
    dispatchEvent(new Event("vitals-theme"));
  };
  globalThis.vitalsSwitchTheme = () => {
    chosen = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    try { localStorage.setItem("vitals-theme", chosen); } catch { /* it lasts as long as the page */ }
    apply();
  };
  system.addEventListener("change", apply);
  apply();
})();
