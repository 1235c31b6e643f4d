// Where the playground lives: a page of its own, or a notebook's output.

import { Playground } from "./app.js";
import { element } from "./controls.js";
import { fromHash, toHash } from "./state.js";

// JupyterLab, VS Code and Colab say themselves whether they are dark; elsewhere the system does.
function pageIsDark() {
  const { body, documentElement } = document;
  if ("jpThemeLight" in body.dataset) return body.dataset.jpThemeLight === "false";
  if (body.matches(".vscode-dark, .vscode-light")) return body.matches(".vscode-dark");
  const theme = documentElement.getAttribute("theme") ?? documentElement.dataset.theme;
  return ["dark", "light"].includes(theme)
    ? theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
}

function followTheme(root, redraw) {
  const look = () => {
    root.classList.toggle("dark", pageIsDark());
    redraw();
  };
  look();
  const observer = new MutationObserver(look);
  for (const node of [document.body, document.documentElement]) {
    observer.observe(node, {
      attributes: true,
      attributeFilter: ["class", "theme", "data-theme", "data-jp-theme-light"],
    });
  }
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", look);
  return () => {
    observer.disconnect();
    system.removeEventListener("change", look);
  };
}

// The address tells the settings, and is told of every change.
export function mountPage(root, start) {
  const linked = location.protocol !== "about:"; // a frame without an address has none to change
  const notice = element("p", { class: "notice", role: "alert", hidden: true });
  const read = () => {
    try {
      notice.hidden = true;
      return fromHash(location.hash);
    } catch (error) {
      notice.textContent = `The address is not understood: ${error.message}. This is where the playground begins.`;
      notice.hidden = false;
      return start;
    }
  };
  const onState = (state) => {
    if (linked) history.replaceState(null, "", `#${toHash(state)}`);
  };
  const app = new Playground(root, linked && location.hash.length > 1 ? read() : start, {
    onState,
    linked,
  });
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
  addEventListener("hashchange", () => app.set(read()));
  return app;
}

// anywidget calls this. The model tells the settings, and is told of every change.
export function render({ model, el }) {
  const root = element("div");
  el.append(root);
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
