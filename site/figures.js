// Figures come alive when the reader comes to them: until then a still picture stands there, and
// neither plotly.js nor any figure has been asked for. A sheet is what one figure draws: data and
// layout, and for an explorer the words for it. An explorer's file holds the first sheet, and for
// each state of its controls what differs from it.

const here = new URL(".", document.currentScript.src);
const CONFIG = { responsive: true, displaylogo: false };

// ---- what is fetched

let library;
function plotly() {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL("plotly.min.js", here);
    script.onload = () => resolve(globalThis.Plotly);
    script.onerror = () => reject(new Error("plotly.js could not be loaded"));
    document.head.append(script);
  });
  return library;
}

async function fetchSheets(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  const bytes = new Uint8Array(await answer.arrayBuffer());
  // Some servers unpack a .gz on its way, most do not.
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return JSON.parse(new TextDecoder().decode(bytes));
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(unpacked).json();
}

// ---- from a state to its sheet

function sheetOf({ first, frames, paths, values }, place) {
  const sheet = structuredClone(first);
  const changes = frames?.[place] ?? [];
  for (let i = 0; i < changes.length; i += 2) {
    const path = paths[changes[i]];
    const last = path.at(-1);
    const parent = path.slice(0, -1).reduce((part, key) => (part[key] ??= {}), sheet);
    if (changes[i + 1] < 0) delete parent[last];
    else parent[last] = structuredClone(values[changes[i + 1]]);
  }
  return sheet;
}

function valueOf(control) {
  return control.type === "checkbox" ? Number(control.checked) : Number(control.value);
}

// The last control's stops follow each other.
function placeOf(controls) {
  return controls.reduce((place, c) => place * Number(c.dataset.size) + valueOf(c), 0);
}

function sayStop(control) {
  if (control.type !== "range") return;
  const said = JSON.parse(control.dataset.shown)[control.value];
  control.parentElement.querySelector("output").textContent = said;
  control.setAttribute("aria-valuetext", said);
}

// ---- one figure

class Figure {
  constructor(root) {
    this.root = root;
    this.plot = root.querySelector(".anl-figure");
    letScroll(this.plot);
    this.line = root.querySelector("[role=status]");
    this.controls = [...root.querySelectorAll("[data-size]")];
    for (const control of this.controls) {
      control.addEventListener("input", () => {
        sayStop(control);
        this.follow();
      });
      sayStop(control); // a browser keeps where a slider stood when the page was left
    }
  }

  // The sheets are asked for once; a second call gives the same promise, after a failure a new one.
  wake() {
    this.awake ??= this.load().catch((error) => {
      this.awake = undefined;
      this.complain(error);
    });
    return this.awake;
  }

  async load() {
    const [Plotly, sheets] = await Promise.all([plotly(), fetchSheets(this.root.dataset.sheet)]);
    this.Plotly = Plotly;
    this.sheets = sheets;
    const place = document.createElement("div");
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", this.plot.querySelector("img").alt);
    this.place = place;
    this.plot.replaceChildren(place);
    await this.draw();
    this.root.dataset.live = "";
  }

  async follow() {
    await this.wake();
    if (this.place) await this.draw();
  }

  async draw() {
    const { data, layout, frames, words, line } = sheetOf(this.sheets, placeOf(this.controls));
    layout.uirevision ??= "explorer"; // a reader's zoom outlives a move
    if (words) this.place.setAttribute("aria-label", words);
    if (line !== undefined && this.line.innerHTML !== line) this.line.innerHTML = line;
    if (layout.height) this.place.style.height = `${layout.height}px`;
    await this.Plotly.react(this.place, data, layout, CONFIG);
    if (frames) await this.Plotly.addFrames(this.place, frames);
  }

  complain(error) {
    let notice = this.root.querySelector("[role=alert]");
    if (!notice) {
      notice = document.createElement("p");
      notice.setAttribute("role", "alert");
      this.root.append(notice);
    }
    notice.textContent = `The figure could not be made live: ${error.message}.`;
  }
}

// ---- the page

// Nothing is asked for before the reader does something: a page is first of all read.
function firstSignOfLife(then) {
  const signs = ["scroll", "pointermove", "pointerdown", "keydown", "touchstart"];
  const once = () => {
    for (const sign of signs) removeEventListener(sign, once, true);
    then();
  };
  for (const sign of signs) addEventListener(sign, once, { capture: true, passive: true });
}

// What scrolls in a box of its own must be reached by the keyboard.
function letScroll(box) {
  const look = () => {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  };
  new ResizeObserver(look).observe(box);
}

function wakeInView(figures) {
  const byRoot = new Map(figures.map((figure) => [figure.root, figure]));
  const watch = new IntersectionObserver(
    (seen) => {
      for (const { target, isIntersecting } of seen)
        if (isIntersecting) {
          watch.unobserve(target);
          byRoot.get(target).wake();
        }
    },
    { rootMargin: "300px" },
  );
  for (const root of byRoot.keys()) watch.observe(root);
}

// What the package draws follows JupyterLab's mark on <body>; the theme marks <html>.
function followTheme() {
  const { body, documentElement } = document;
  const look = () => {
    const dark = documentElement.dataset.theme === "dark";
    body.dataset.jpThemeLight = String(!dark);
    for (const frame of document.querySelectorAll("iframe.anl-playground")) tellTheme(frame);
  };
  new MutationObserver(look).observe(documentElement, { attributeFilter: ["data-theme"] });
  look();
}

function tellTheme(frame) {
  const page = frame.contentDocument?.documentElement;
  if (!page) return;
  page.dataset.theme = document.documentElement.dataset.theme;
  page.style.colorScheme = page.dataset.theme;
}

function fitFrame(frame) {
  const fit = () => {
    const { body } = frame.contentDocument;
    const resize = () => (frame.style.height = `${body.scrollHeight + 1}px`);
    new ResizeObserver(resize).observe(body);
    tellTheme(frame);
  };
  frame.addEventListener("load", fit);
  if (frame.contentDocument?.readyState === "complete" && frame.contentDocument.body?.firstChild)
    fit();
}

document.addEventListener("DOMContentLoaded", () => {
  const figures = [...document.querySelectorAll("figure.anl-live")].map((root) => new Figure(root));
  firstSignOfLife(() => wakeInView(figures));
  document.querySelectorAll("iframe.anl-playground").forEach(fitFrame);
  followTheme();
});
