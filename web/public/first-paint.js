// Before the first paint: the colour scheme and language that this browser chose last, so that nothing flashes.
(function () {
  var scheme = "auto";
  var language = "";
  try {
    scheme = localStorage.getItem("mantine-color-scheme-value") || "auto";
    language = localStorage.getItem("enogu-language") || "";
  } catch (error) {
    // Storage is switched off: the system's own choice holds.
  }
  if (scheme !== "light" && scheme !== "dark") {
    scheme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  }
  document.documentElement.setAttribute("data-mantine-color-scheme", scheme);
  document.documentElement.lang = language || (/^ja\b/.test(navigator.language) ? "ja" : "en");
})();
