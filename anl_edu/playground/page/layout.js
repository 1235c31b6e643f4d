// The elements of the page and where they stand.

import { element } from "./controls.js";
import { PointPanel } from "./point.js";
import { complete, MOMENTS, SIDES, toHash } from "./state.js";

const GROUPS = {
  Noise: ["kind", "noise"],
  Data: ["data", "classes", "points", "spread", "seed"],
  Network: ["layers", "width"],
  Optimiser: ["lr", "momentum", "batch", "decay", "clip"],
};
export const CURVES = {
  accuracy: "Test accuracy",
  fit: "Right labels learned",
  memorised: "Wrong labels memorised",
};
const KEY =
  "Colour and shape of a point: its label. Ring: the label is wrong. Cross on a ring: the network repeats it " +
  "(memorised: the share of rings with a cross). Colour of the plane: what the network says there, paler where " +
  "it is less sure. Choose a point by mouse or touch, or in a plane by the arrow keys. Its pull is the length " +
  "of the gradient of its loss at the logits.";

const button = (words, press, more = {}) =>
  element("button", { type: "button", onclick: press, ...more }, words);

// Fill the app's root; returns the elements that change later.
export function layOut(app) {
  const part = {
    play: button("Play", () => app.playOrPause(), { class: "main" }),
    epoch: element("span", { class: "epoch" }),
    link: element("a", { href: "#" }, "Link to this state"),
    moment: element("div", { class: "moment", "aria-live": "polite", hidden: true }),
    said: element("p", { class: "said" }),
    heard: element("p", { class: "unseen", role: "status" }),
    panel: new PointPanel(() => {
      app.choose(-1);
      part.sides[1].canvas.focus(); // the button that had it is gone
    }),
    sides: Object.fromEntries(SIDES.map((side) => [side, layOutSide(app, side)])),
    curves: Object.fromEntries(
      Object.entries(CURVES).map(([key, title]) => [
        key,
        element("canvas", { role: "img", "aria-label": `${title}, by epoch` }),
      ]),
    ),
  };
  const bar = element(
    "div",
    { class: "bar", role: "group", "aria-label": "training" },
    part.play,
    button("One epoch", () => app.stepOnce()),
    button("Reset", () => app.begin({ ...app.state, epoch: 0 })),
    app.control("speed"),
    part.epoch,
    ...(app.linked ? [part.link] : []),
  );
  const pictures = element(
    "div",
    { class: "pictures" },
    element("div", { class: "sides" }, ...SIDES.map((side) => part.sides[side].box)),
    element("div", { class: "curves" }, ...Object.values(part.curves)),
    element("p", { class: "key" }, KEY),
    app.control("pulls"),
    part.panel.box,
  );
  const groups = Object.entries(GROUPS).map(([name, keys]) =>
    element("fieldset", {}, element("legend", {}, name), ...keys.map((key) => app.control(key))),
  );
  const settings = element(
    "div",
    { class: "settings" },
    ...SIDES.map((side) => part.sides[side].own),
    ...groups,
  );
  app.root.replaceChildren(
    element("div", { class: "examples" }, "Examples:", examples(app)),
    bar,
    part.moment,
    part.said,
    part.heard,
    element("div", { class: "halves" }, pictures, settings),
  );
  return part;
}

function layOutSide(app, side) {
  const canvas = element("canvas", {
    tabindex: 0,
    role: "application",
    "aria-label": `Plane of network ${side}. Arrow keys choose a point, Escape none.`,
    onclick: (event) => app.pick(side, event),
    onkeydown: (event) => app.walk(event),
  });
  const numbers = element("p", { class: "numbers" });
  const number = element("strong", { "aria-hidden": "true" }, side);
  const box = element(
    "section",
    { class: `side side-${side}`, "aria-label": `network ${side}` },
    element("div", { class: "head" }, number, app.control(`loss_${side}`)),
    canvas,
    numbers,
  );
  return { box, canvas, numbers, own: element("fieldset") };
}

// Links where the page has an address, buttons elsewhere.
function examples(app) {
  const items = Object.entries(MOMENTS).map(([name, { state }]) => {
    const begin = () => app.begin({ ...state, speed: app.state.speed });
    const press = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a window of its own
      event.preventDefault();
      begin();
    };
    const address = `#${toHash(complete(state))}`;
    return app.linked ? element("a", { href: address, onclick: press }, name) : button(name, begin);
  });
  return element("ul", {}, ...items.map((item) => element("li", {}, item)));
}
