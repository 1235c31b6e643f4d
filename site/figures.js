// Figures come alive when the reader comes to them: until then a still picture stands there, and
// neither plotly.js nor any figure has been asked for. A sheet is what one figure draws: data and
// layout, and for an explorer the words for it. An explorer's file holds the first sheet, and for
// each state of its controls what changes in it.

const here = new URL(".", document.currentScript.src);
const CONFIG = { responsive: true, displaylogo: false };
const AT_ONCE = { mode: "immediate", transition: { duration: 0 }, frame: { duration: 0 } };

// ---- what is fetched

let library;
function plotly() {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL("plotly.min.js", here);
    script.onload = () => resolve(globalThis.Plotly);
    script.onerror = () => {
      library = undefined; // the next figure tries again
      reject(new Error("plotly.js could not be loaded"));
    };
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

function sheetOf({ first, changes, paths, values }, state) {
  const sheet = structuredClone(first);
  if (!changes) return sheet; // a figure of one state
  const changed = changes[state];
  for (let i = 0; i < changed.length; i += 2) {
    const path = paths[changed[i]];
    const last = path.at(-1);
    const parent = path.slice(0, -1).reduce((part, key) => (part[key] ??= {}), sheet);
    if (changed[i + 1] < 0) delete parent[last];
    else parent[last] = structuredClone(values[changed[i + 1]]);
  }
  return sheet;
}

function valueOf(control) {
  return control.type === "checkbox" ? Number(control.checked) : Number(control.value);
}

// The last control's stops follow each other.
function stateOf(controls) {
  return controls.reduce((state, c) => state * Number(c.dataset.size) + valueOf(c), 0);
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
    this.box = root.querySelector(".anl-figure");
    this.said = this.box.querySelector("img").alt;
    this.line = root.querySelector("[role=status]");
    this.controls = [...root.querySelectorAll("[data-size]")];
    letScroll(this.box);
    for (const control of this.controls)
      control.addEventListener("input", () => {
        sayStop(control);
        this.show();
      });
  }

  // Show the state of the controls; what is called while one drawing runs is drawn once, after it.
  async show() {
    this.stale = true;
    if (this.busy) return;
    this.busy = true;
    try {
      this.sheets ??= await fetchSheets(this.root.dataset.sheet);
      this.Plotly = await plotly();
      while (this.stale) {
        this.stale = false;
        await this.draw();
      }
      this.root.dataset.live = "";
      this.root.querySelector("[role=alert]")?.remove();
    } catch (error) {
      this.complain(error);
    } finally {
      this.busy = false;
    }
  }

  async draw() {
    const state = stateOf(this.controls);
    const { data, layout, frames, words, line } = sheetOf(this.sheets, state);
    const plot = this.plot ?? document.createElement("div");
    plot.setAttribute("role", "figure");
    plot.setAttribute("aria-label", words ?? this.said);
    if (layout.height) plot.style.height = `${layout.height}px`;
    if (!this.plot) this.box.replaceChildren(plot);
    this.plot = plot;
    if (frames && plot.data) return this.Plotly.animate(plot, [frames[state].name], AT_ONCE);
    layout.uirevision ??= "explorer"; // a reader's zoom outlives a move
    delete layout.sliders; // the page has one that the keyboard reaches
    await this.Plotly.react(plot, data, layout, CONFIG);
    if (line !== undefined && this.line.innerHTML !== line) this.line.innerHTML = line;
    if (!frames) return;
    await this.Plotly.addFrames(plot, frames);
    await this.Plotly.animate(plot, [frames[state].name], AT_ONCE);
  }

  complain(error) {
    this.root.querySelector("[role=alert]")?.remove();
    const notice = document.createElement("p");
    const again = document.createElement("button");
    notice.setAttribute("role", "alert");
    notice.append(`The figure could not be made live: ${error.message}. `, again);
    again.textContent = "Try again";
    again.addEventListener("click", () => this.show());
    this.root.append(notice);
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
          byRoot.get(target).show();
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

// A frame is as high as what it holds, its own border included.
function fitFrame(frame) {
  const fit = () => {
    const body = frame.contentDocument?.body;
    if (!body) return; // a page opened as a file may not look into it
    const resize = () => {
      const border = frame.offsetHeight - frame.clientHeight;
      frame.style.height = `${body.scrollHeight + border + 1}px`;
    };
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
