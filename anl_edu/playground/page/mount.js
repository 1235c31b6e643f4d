// Where the playground lives: a page of its own, or a notebook's output.

import { Playground } from "./app.js";
import { element } from "./controls.js";
import { fromHash, toHash } from "./state.js";

// JupyterLab, VS Code and Colab say themselves whether they are dark; elsewhere the system does.
function pageIsDark() {
  const { body, documentElement } = document;
  const { jpThemeLight, vscodeThemeKind } = body.dataset;
  if (jpThemeLight) return jpThemeLight === "false";
  if (vscodeThemeKind) return !vscodeThemeKind.endsWith("light");
  const theme = documentElement.getAttribute("theme") ?? documentElement.dataset.theme;
  if (["dark", "light"].includes(theme)) return theme === "dark";
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

const THEMES = ["theme", "data-theme", "data-jp-theme-light", "data-vscode-theme-kind"];

// Look as the page does, now and whenever it changes.
function followTheme(root, redraw) {
  const look = () => {
    if (root.classList.contains("dark") === pageIsDark()) return;
    root.classList.toggle("dark");
    redraw();
  };
  const observer = new MutationObserver(look);
  for (const node of [document.body, document.documentElement])
    observer.observe(node, { attributes: true, attributeFilter: THEMES });
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", look);
  return () => {
    observer.disconnect();
    system.removeEventListener("change", look);
  };
}

// Write an address, but not at every step of a slider: a browser that is told too often refuses.
function addressWriter() {
  let timer;
  return (hash) => {
    clearTimeout(timer);
    timer = setTimeout(() => history.replaceState(null, "", hash), 200);
  };
}

// The address tells the settings, and is told of every change.
export function mountPage(root, start) {
  const linked = location.protocol !== "about:"; // a frame without an address has none to change
  const notice = element("p", { class: "notice", role: "alert", hidden: true });
  const write = addressWriter();
  const read = (otherwise) => {
    try {
      return fromHash(location.hash);
    } catch (error) {
      notice.textContent = `The address is not understood: ${error.message}.`;
      notice.hidden = false;
      return otherwise;
    }
  };
  let first = true; // what it begins with is in the address already
  const onState = (state) => {
    if (first) return;
    notice.hidden = true;
    if (linked) write(`#${toHash(state)}`);
  };
  root.classList.toggle("dark", pageIsDark());
  const told = linked && location.href.includes("#");
  const app = new Playground(root, told ? read(start) : start, { onState, linked });
  first = false;
  root.prepend(
    element("h1", {}, "A playground for wrong labels"),
    element(
      "p",
      {},
      "Two networks learn from the same points, some of them with wrong labels, and begin with the same weights. ",
      "They differ in their loss, and in the L1 penalty that belongs to ANL. Which of them repeats wrong labels?",
    ),
    notice,
  );
  followTheme(root, () => app.draw());
  addEventListener("hashchange", () => {
    const state = read(null);
    if (state) app.set(state);
  });
  return app;
}

// anywidget calls this. The model tells the settings, and is told of every change.
export function render({ model, el }) {
  const root = element("div");
  el.append(root);
  root.classList.toggle("dark", pageIsDark());
  let sent = 0;
  const tell = (name, value) => {
    model.set(name, value);
    model.save_changes();
  };
  const onMeasure = (measured) => {
    if (measured.playing && performance.now() - sent < 1000) return;
    sent = performance.now();
    tell("measured", measured);
  };
  const app = new Playground(root, model.get("state"), {
    onState: (state) => tell("state", state),
    onMeasure,
  });
  const hear = () => {
    const state = model.get("state");
    if (JSON.stringify(state) !== JSON.stringify(app.state)) app.set(state);
  };
  model.on("change:state", hear);
  const forget = followTheme(root, () => app.draw());
  return () => {
    model.off("change:state", hear);
    forget();
    app.destroy();
  };
}
