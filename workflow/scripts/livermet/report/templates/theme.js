// Dark or light: as the reader's system has it, until the button says otherwise; kept in the browser.
(() => {
  const KEY = "livermet-style";
  const dark = document.getElementById("dark");
  const system = dark.media;
  const isDark = () => matchMedia(dark.media).matches;

  function use(style) {
    dark.media = style === "dark" ? "screen" : style === "light" ? "not all" : system;
  }

  function kept() {
    try { return localStorage.getItem(KEY); } catch { return null; }
  }

  function keep(style) {
    try { localStorage.setItem(KEY, style); } catch { /* A browser may forbid it to files. */ }
  }

  use(kept());
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const tell = () => { button.textContent = isDark() ? "Light style" : "Dark style"; };
    button.hidden = false;
    button.addEventListener("click", () => {
      const style = isDark() ? "light" : "dark";
      use(style);
      keep(style);
      tell();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", tell);
    tell();
  });
})();
