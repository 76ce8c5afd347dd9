// Before the first paint: the colour scheme and language that this browser chose last, so that nothing flashes; and what
// the page at this address needs, files and answers of the studio, asked for at once rather than one after the other.
(function () {
  var pages = [];
  var scheme = "auto";
  var language = "";
  try {
    scheme = localStorage.getItem("mantine-color-scheme-value") || "auto";
    language = localStorage.getItem("enogu-language") || "";
  } catch {
    // Storage is switched off: the system's own choice holds.
  }
  if (scheme !== "light" && scheme !== "dark") {
    scheme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  }
  var asked = new URLSearchParams(location.search).get("lng");
  if (asked) language = asked;
  if (language !== "ja" && language !== "en") language = /^ja\b/.test(navigator.language) ? "ja" : "en";
  document.documentElement.setAttribute("data-mantine-color-scheme", scheme);
  document.documentElement.lang = language;

  for (var place = 0; place < pages.length; place += 1) {
    var page = pages[place];
    var found = new RegExp(page.path).exec(location.pathname);
    if (!found) continue;
    // Answers first: the studio works on them while the files come.
    ask(page.answers, found[1]);
    page.scripts.concat(page.texts[language]).forEach(function (name) {
      preload("modulepreload", name);
    });
    page.styles.forEach(function (name) {
      preload("preload", name);
    });
    break;
  }

  function preload(kind, name) {
    var link = document.createElement("link");
    link.rel = kind;
    if (kind === "preload") link.as = "style";
    link.crossOrigin = "";
    link.href = "/" + name;
    document.head.append(link);
  }

  function whole(answer) {
    return answer.arrayBuffer().then(function (body) {
      return new Response(body, { status: answer.status, headers: answer.headers });
    });
  }

  // src/api/early.ts takes them. What nobody took after a while is old, and goes.
  function ask(urls, id) {
    var answers = new Map();
    window.enoguEarly = { language: language, answers: answers };
    urls.forEach(function (pattern) {
      var url = pattern.replace("{id}", id);
      // Read to its end, taken or not: a body that nobody reads keeps its connection.
      var answer = fetch(url, { headers: { Accept: "application/json", "Accept-Language": language } }).then(whole);
      answer.catch(function () {});
      answers.set(url, answer);
    });
    setTimeout(function () {
      answers.clear();
    }, 10000);
  }
})();
