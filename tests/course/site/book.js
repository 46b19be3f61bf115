// What the pages can do beside being read. Without it all of the text is there.

const article = document.querySelector("article");
const file = article.dataset.page;

function make(name, properties, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

// A page that was opened as a file may not keep anything in some browsers.
function keep(store, name, value) {
  try { store.setItem(name, value); } catch { /* then it is forgotten */ }
}

function kept(store, name) {
  try { return store.getItem(name); } catch { return null; }
}

// Commands and listings to take along, without a prompt

for (const pre of article.querySelectorAll(".rust, .sh, .console, .python")) {
  const commands = [...pre.querySelectorAll(".y")];
  if (pre.className === "console" && commands.length === 0) continue;
  const text = () => commands.length > 0
    ? commands.map((command) => command.textContent).join("\n") + "\n"
    : pre.textContent;
  const button = make("button", { type: "button", className: "copy" }, "Copy");
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text());
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  pre.after(button);
}

// What is wider than its place can be scrolled with the keyboard too

function reachByKey() {
  for (const wide of article.querySelectorAll("pre, .wide")) {
    if (wide.scrollWidth > wide.clientWidth) {
      wide.tabIndex = 0;
    } else {
      wide.removeAttribute("tabindex");
    }
  }
}

addEventListener("resize", reachByKey);
reachByKey();

// Folds: which were opened, and all of them on paper

const folds = [...article.querySelectorAll("details")];
const seen = new Set(JSON.parse(kept(localStorage, `folds of ${file}`) ?? "[]"));
let onPaper = [];

folds.forEach((fold, number) => {
  fold.classList.toggle("seen", seen.has(number));
  fold.addEventListener("toggle", () => {
    reachByKey();
    if (!fold.open || onPaper.includes(fold)) return;
    seen.add(number);
    keep(localStorage, `folds of ${file}`, JSON.stringify([...seen]));
  });
});

addEventListener("beforeprint", () => {
  onPaper = folds.filter((fold) => !fold.open);
  for (const fold of onPaper) fold.open = true;
});

addEventListener("afterprint", () => {
  for (const fold of onPaper) fold.open = false;
});

// Where one is

const list = document.querySelector("#book");
const links = new Map([...list.querySelectorAll("ol ol a")].map((link) => [link.hash, link]));

function showPlace() {
  const headings = [...article.querySelectorAll("h2")];
  const above = headings.filter((heading) => heading.getBoundingClientRect().top < innerHeight / 3);
  const now = above.length > 0 ? links.get(`#${above.at(-1).id}`) : undefined;
  for (const link of links.values()) {
    if (link === now) {
      link.ariaCurrent = "location";
    } else {
      link.removeAttribute("aria-current");
    }
  }
}

addEventListener("scroll", showPlace, { passive: true });
showPlace();

function scrollList() {
  const page = list.querySelector("[aria-current=page]");
  list.scrollTop = page.offsetTop - list.clientHeight / 3;
}

list.addEventListener("toggle", scrollList);
list.addEventListener("click", (event) => {
  if (event.target.closest("a") && list.matches(":popover-open")) list.hidePopover();
});
scrollList();

// What the learner has done: `cargo course` writes results.js anew after each check

function showResults() {
  const results = globalThis.courseResults;
  if (!results) return;
  for (const link of list.querySelectorAll("[data-chapter]")) {
    const { checks, exercise } = results.chapters[link.dataset.chapter] ?? {};
    link.classList.toggle("passed", checks?.passed ?? false);
    link.classList.toggle("solved", exercise?.passed ?? false);
  }
  document.querySelector(".progress")?.remove();
  const line = make("p", { className: "progress" });
  line.dataset.added = "";
  const chapter = results.chapters[article.dataset.chapter];
  if (chapter) {
    const words = (result) => result?.words ?? "not run yet";
    line.append(`Your checks: ${words(chapter.checks)}. `
      + `Exercise: ${words(chapter.exercise)}.`);
  } else if (file === "index.html" && results.next) {
    const { href } = list.querySelector(`[data-chapter="${results.next}"]`);
    const entry = [...article.querySelectorAll("li a")].find((link) => link.href === href);
    line.append("You go on with ", entry.cloneNode(true), ".");
  } else {
    return;
  }
  article.querySelector("h1").after(line);
}

function load(name) {
  return new Promise((resolve, reject) => {
    const script = make("script", { src: name, onload: resolve, onerror: reject });
    document.head.append(script);
    script.remove();
  });
}

showResults();
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) load("results.js").then(showResults, () => {});
});

// Search. The index is the text of the book; it is loaded when it is first wanted.

const dialog = document.querySelector("#search");
const input = document.querySelector("#words");
const found = document.querySelector("#found");
const count = document.querySelector("#count");
const most = 50;
let index;
let chosen = -1;

async function loadIndex() {
  await load("search.js");
  const bytes = Uint8Array.from(atob(globalThis.bookIndex), (byte) => byte.charCodeAt(0));
  const unpacked = new Blob([bytes]).stream()
    .pipeThrough(new DecompressionStream("deflate-raw"));
  return sectionsOf(await new Response(unpacked).json());
}

// The sections of all pages. Their texts stand behind the pages, and the code behind those.
function sectionsOf([pages, texts, codes]) {
  let next = 0;
  return pages.flatMap(([page, pageTitle, sections]) =>
    sections.map(([anchor, title], place) => {
      const [text, code] = [texts[next], codes[next]];
      next += 1;
      return {
        page, pageTitle, title, text, code,
        link: place === 0 ? page : `${page}#${anchor}`,
        isTerm: anchor.startsWith("term-"),
        told: `${title}\n${text}`.toLowerCase(),
        lower: `${title}\n${text}\n${code}`.toLowerCase(),
      };
    }));
}

function wordsOf(text) {
  return text.toLowerCase().split(/\s+/).filter(Boolean);
}

function escaped(word) {
  return word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/\s+/g, "\\s+");
}

// Finds a word where one begins with it, and not in the middle of another.
function atBeginning(word) {
  return new RegExp(`(?<![\\p{L}\\p{N}])${escaped(word)}`, "iu");
}

// Finds a word where it stands alone.
function alone(word) {
  return new RegExp(`${atBeginning(word).source}(?![\\p{L}\\p{N}])`, "iu");
}

// How well a section fits, or 0: a word in its title counts more than one in its text, one
// that stands alone more than a part of another, what is told more than what is code, and
// what explains more than what asks. Of two that fit as well, the book's order has the
// earlier one first.
function fit(section, words, phrase) {
  if (!words.every((word) => section.lower.includes(word))) return 0;
  const title = section.title.toLowerCase();
  let points = 100;
  if (title === phrase) points += 100;
  if (words.every((word) => title.includes(word))) points += section.isTerm ? 60 : 40;
  const isTold = words.every((word) => section.told.includes(word));
  const where = isTold ? section.told : section.lower;
  if (isTold) points += 30;
  if (words.every((word) => atBeginning(word).test(where))) points += 20;
  if (words.every((word) => alone(word).test(where))) points += 5;
  if (atBeginning(phrase).test(where)) points += 20;
  if (/^(what .* brings|the listing|what changed)/.test(title)) points -= 30;
  if (/^(exercise|questions|still wrong)/.test(title)) points -= 10;
  return points;
}

// A text with the words in it marked. A line may end in the middle of several.
function marked(text, words) {
  const parts = text.split(new RegExp(`(${words.map(escaped).join("|")})`, "gi"));
  return parts.map((part, place) => (place % 2 ? make("mark", {}, part) : part));
}

// What stands around the first of the words.
function around(section, words, phrase) {
  const isTold = words.every((word) => section.told.includes(word));
  const text = isTold ? section.text : section.code;
  const lower = text.toLowerCase();
  const wanted = [phrase, ...words];
  const places = [
    ...wanted.map((word) => lower.search(atBeginning(word))),
    ...wanted.map((word) => lower.indexOf(word)),
  ];
  const at = places.find((place) => place >= 0) ?? 0;
  const start = at < 50 ? 0 : lower.lastIndexOf(" ", at - 40) + 1;
  const before = start > 0 ? "… " : "";
  const marks = lower.includes(phrase) ? [phrase] : words;
  const end = text.indexOf(" ", start + 150);
  const after = end < 0 ? "" : " …";
  return marked(before + text.slice(start, end < 0 ? undefined : end) + after, marks);
}

function choose(number) {
  const options = [...found.querySelectorAll("a")];
  chosen = Math.max(-1, Math.min(number, options.length - 1));
  options.forEach((option, place) => { option.ariaSelected = String(place === chosen); });
  const option = options[chosen];
  if (option) {
    input.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  } else {
    input.removeAttribute("aria-activedescendant");
  }
}

async function search() {
  const phrase = input.value.trim().toLowerCase();
  const words = wordsOf(phrase);
  index ??= loadIndex();
  let sections;
  try {
    sections = await index;
  } catch {
    count.textContent = "The index could not be loaded.";
    return;
  }
  if (input.value.trim().toLowerCase() !== phrase) return;
  let fitting = [];
  if (words.length > 0) {
    fitting = sections
      .map((section) => ({ section, points: fit(section, words, phrase) }))
      .filter(({ points }) => points > 0)
      .sort((one, other) => other.points - one.points);
  }
  const pages = Map.groupBy(fitting.slice(0, most), ({ section }) => section.page);
  let number = 0;
  const groups = [...pages.values()].map((hits, place) => {
    const group = make("div", { role: "group" },
      make("span", { id: `group-${place}` }, hits[0].section.pageTitle));
    group.setAttribute("aria-labelledby", `group-${place}`);
    for (const { section } of hits) {
      const properties = { href: section.link, id: `found-${number++}`, role: "option" };
      const title = make("b", {}, ...marked(section.title, words));
      const option = make("a", properties, title, ...around(section, words, phrase));
      option.tabIndex = -1;
      group.append(option);
    }
    return group;
  });
  found.replaceChildren(...groups);
  input.ariaExpanded = String(number > 0);
  const more = fitting.length > most ? `the first ${most} of ` : "";
  count.textContent = words.length === 0 ? "" : `Found in ${more}${fitting.length} places`;
  choose(number > 0 ? 0 : -1);
}

function openSearch() {
  dialog.showModal();
  input.select();
  search();
}

function follow(link) {
  const phrase = input.value.trim();
  keep(sessionStorage, "found", JSON.stringify({ link: link.href, phrase }));
  dialog.close();
  if (link.href === location.href) {
    showFound();
  } else {
    location.assign(link.href);
  }
}

const button = document.querySelector("#find");
button.hidden = false;
button.addEventListener("click", openSearch);
input.addEventListener("input", search);
found.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  follow(link);
});
input.addEventListener("keydown", (event) => {
  const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 5, PageUp: -5 };
  if (event.key in steps) {
    event.preventDefault();
    choose(Math.max(0, chosen + steps[event.key]));
  } else if (event.key === "Escape") {
    // Some browsers would only empty the field.
    event.preventDefault();
    dialog.close();
  } else if (event.key === "Enter") {
    event.preventDefault();
    const link = found.querySelectorAll("a")[chosen];
    if (link) follow(link);
  }
});
addEventListener("keydown", (event) => {
  const writes = event.target.closest?.("input, textarea, dialog");
  if (event.key === "/" && !writes && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    openSearch();
  }
});

// The words that were searched for, marked where the search led to

function textsBelow(start) {
  const all = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
  const ends = "h1, h2, h3, tr";
  const texts = [];
  for (let text = all.nextNode(); text; text = all.nextNode()) {
    const parent = text.parentElement;
    const isBehind = start.contains(text)
      || start.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING;
    if (!isBehind || parent.closest("button, [data-added]")) continue;
    const end = parent.closest(ends);
    if (end && !end.contains(start) && end.matches("h1, h2, h3")) break;
    if (start.closest("tr") && end !== start.closest("tr")) break;
    texts.push(text);
  }
  return texts;
}

function showFound() {
  const { link, phrase } = JSON.parse(kept(sessionStorage, "found") ?? "{}");
  if (link !== location.href) return;
  sessionStorage.removeItem("found");
  for (const mark of article.querySelectorAll("mark")) mark.replaceWith(mark.textContent);
  article.normalize();
  const anchor = decodeURIComponent(location.hash.slice(1));
  const start = document.getElementById(anchor) ?? article.querySelector("h1");
  const mark = (words) => {
    for (const text of textsBelow(start)) {
      const parts = marked(text.data, words);
      if (parts.length > 1) text.replaceWith(...parts);
    }
  };
  mark([phrase]);
  // Its words stand apart, or in code and text.
  if (!article.querySelector("mark")) mark(wordsOf(phrase));
  const marks = [...article.querySelectorAll("mark")];
  const first = marks.find((mark) => !mark.closest("h1, h2, h3")) ?? marks[0];
  if (!first) return;
  for (let fold = first.closest("details"); fold; fold = fold.parentElement.closest("details")) {
    fold.open = true;
  }
  first.tabIndex = -1;
  first.focus({ preventScroll: true });
  first.scrollIntoView({ block: "center" });
}

addEventListener("hashchange", showFound);
// The browser goes to the heading first, and takes the focus along.
addEventListener("load", () => requestAnimationFrame(showFound));
