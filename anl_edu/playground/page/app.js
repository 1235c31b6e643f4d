// The page: two networks side by side, what moves them, and what is to be seen.

import { Clock } from "./clock.js";
import { element, field } from "./controls.js";
import { drawCurves, drawPlane } from "./draw.js";
import { nearest, onward, PointPanel } from "./point.js";
import {
  complete,
  labelOf,
  MOMENTS,
  optionsOf,
  parametersOf,
  settingOf,
  SIDES,
  toHash,
  training,
  VIEW,
} from "./state.js";
import { Trainer } from "./trainer.js";
import { caption, describe, sentence } from "./words.js";
import { makeWorld } from "./world.js";

const GROUPS = {
  Noise: ["kind", "noise"],
  Data: ["data", "classes", "points", "spread", "seed"],
  Network: ["layers", "width"],
  Optimiser: ["lr", "momentum", "batch", "decay", "clip"],
};
const CURVES = {
  accuracy: "Test accuracy",
  fit: "Right labels learned",
  memorised: "Wrong labels memorised",
};
const LAST = settingOf("epoch").high;
const DASHES = { 1: [], 2: [6, 4] };
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Playground {
  // `onState` hears of every change of a setting, `onMeasure` of every picture.
  constructor(root, some, { onState = () => {}, onMeasure = () => {}, linked = false } = {}) {
    Object.assign(this, { root, onState, onMeasure, linked });
    this.state = complete(some);
    this.clock = new Clock(this);
    this.shown = {}; // how to show each control another value
    this.build();
    this.restart();
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(root);
  }

  destroy() {
    this.clock.stop();
    this.observer.disconnect();
  }

  // --- the page -------------------------------------------------------------------------------

  build() {
    const button = (words, press, more = {}) =>
      element("button", { type: "button", onclick: press, ...more }, words);
    this.playButton = button("Play", () => (this.playing ? this.pause() : this.play(LAST)), {
      class: "main",
    });
    this.epochOut = element("span", { class: "epoch" });
    this.link = element("a", { href: "#" }, "Link to this state");
    this.said = element("p", { class: "said", role: "status" });
    this.sides = Object.fromEntries(SIDES.map((side) => [side, this.buildSide(side)]));
    this.curves = Object.fromEntries(
      Object.entries(CURVES).map(([key, title]) => [
        key,
        element("canvas", { role: "img", "aria-label": `${title}, by epoch` }),
      ]),
    );
    this.panel = new PointPanel();
    this.moment = element("div", { class: "moment", hidden: true });
    const examples = Object.entries(MOMENTS).map(([name, { state }]) =>
      element(
        "li",
        {},
        element(
          "a",
          { href: `#${toHash(complete(state))}`, onclick: (event) => this.follow(event, state) },
          name,
        ),
      ),
    );
    const groups = Object.entries(GROUPS).map(([name, keys]) =>
      element("fieldset", {}, element("legend", {}, name), ...keys.map((key) => this.control(key))),
    );
    const own = SIDES.map((side) => this.sides[side].own);
    const bar = element(
      "div",
      { class: "bar", role: "group", "aria-label": "training" },
      this.playButton,
      button("One epoch", () => this.stepOnce()),
      button("Reset", () => this.set({ ...this.state, epoch: 0 })),
      this.control("speed"),
      this.epochOut,
      ...(this.linked ? [this.link] : []),
    );
    const pictures = element(
      "div",
      { class: "pictures" },
      element("div", { class: "sides" }, ...SIDES.map((side) => this.sides[side].box)),
      element("div", { class: "curves" }, ...Object.values(this.curves)),
      element(
        "p",
        { class: "key" },
        "Colour and shape of a point: its label. Ring: the label is wrong. Cross on a ring: the network repeats it ",
        "(memorised: the share of rings with a cross). Colour of the plane: what the network says there, paler where ",
        "it is less sure. Choose a point by mouse or touch, or in a plane by the arrow keys. Its pull is the length ",
        "of the gradient of its loss at the logits.",
      ),
      this.control("pulls"),
      this.panel.box,
    );
    this.root.classList.add("anl-play");
    this.root.addEventListener("keydown", (event) => event.stopPropagation()); // not for JupyterLab
    this.root.replaceChildren(
      element("div", { class: "examples" }, "Examples:", element("ul", {}, ...examples)),
      bar,
      this.moment,
      this.said,
      element(
        "div",
        { class: "halves" },
        pictures,
        element("div", { class: "settings" }, ...own, ...groups),
      ),
    );
  }

  buildSide(side) {
    const canvas = element("canvas", {
      tabindex: 0,
      role: "application",
      "aria-label": `Plane of network ${side}. Arrow keys choose a point, Escape none.`,
      onclick: (event) => this.pick(side, event),
      onkeydown: (event) => this.walk(event),
    });
    const numbers = element("p", { class: "numbers" });
    const own = element("fieldset");
    const box = element(
      "section",
      { class: `side side-${side}`, "aria-label": `network ${side}` },
      element(
        "div",
        { class: "head" },
        element("strong", { "aria-hidden": "true" }, side),
        this.control(`loss_${side}`),
      ),
      canvas,
      numbers,
    );
    return { box, canvas, numbers, own };
  }

  control(name) {
    const { box, show } = field(name, (value) => this.change(name, value));
    this.shown[name] = show;
    show(this.state[name]);
    return box;
  }

  // --- what is set ----------------------------------------------------------------------------

  // Take a whole state: draw its data, start both networks, and train to its epoch.
  set(some) {
    this.state = complete(some);
    this.showState();
    this.restart();
    this.onState(this.state);
  }

  change(name, value) {
    const state = { ...this.state, [name]: value };
    if (VIEW.includes(name)) return this.look(state);
    if (name.startsWith("loss"))
      for (const key of parametersOf(value)) delete state[`${key}_${name.at(-1)}`];
    this.set({ ...state, epoch: 0 });
  }

  // Take a state that trains the same.
  look(state) {
    this.state = complete(state);
    this.showState();
    this.clock.drawNext();
    this.onState(this.state);
  }

  showState() {
    const { speed } = this.state;
    this.clock.pace(speed === "max" ? Infinity : Number(speed));
    for (const side of SIDES) {
      const loss = this.state[`loss_${side}`];
      const { own } = this.sides[side];
      if (own.dataset.loss === loss) continue;
      own.dataset.loss = loss;
      const legend = element("legend", {}, `Loss ${side}: ${labelOf(loss)}`);
      own.replaceChildren(
        legend,
        ...parametersOf(loss).map((name) => this.control(`${name}_${side}`)),
      );
    }
    this.showMoment();
    for (const [name, show] of Object.entries(this.shown)) show(this.state[name]);
  }

  showMoment() {
    const here = training(this.state);
    const moment = Object.values(MOMENTS).find(({ state }) => training(complete(state)) === here);
    this.moment.hidden = !moment;
    if (!moment || this.moment.dataset.look === moment.look) return;
    this.moment.dataset.look = moment.look;
    this.moment.replaceChildren(
      element("p", {}, moment.look),
      element(
        "details",
        {},
        element("summary", {}, "What is to be seen"),
        element("p", {}, moment.seen),
      ),
    );
  }

  follow(event, some) {
    event.preventDefault();
    this.set({ ...some, speed: this.state.speed });
  }

  // --- training -------------------------------------------------------------------------------

  restart() {
    const playing = this.playing;
    if (playing) this.pause();
    const world = makeWorld(this.state);
    this.trainers = SIDES.map((side) => new Trainer(world, optionsOf(this.state, side)));
    if (this.state.point >= world.y.length) this.state.point = -1;
    this.showState();
    this.draw();
    this.tell();
    if (this.state.epoch) this.play(this.state.epoch);
    else if (playing) this.play(LAST);
  }

  get epoch() {
    return this.trainers[0].epoch;
  }

  runEpoch() {
    for (const trainer of this.trainers) trainer.runEpoch();
  }

  get playing() {
    return this.clock.running;
  }

  play(target) {
    if (this.epoch >= target) return;
    this.playButton.textContent = "Pause";
    this.clock.start(target);
  }

  pause() {
    this.clock.stop();
    this.playButton.textContent = "Play";
    this.draw();
    this.tell();
  }

  stepOnce() {
    if (this.playing) this.pause();
    if (this.epoch >= LAST) return;
    this.runEpoch();
    this.draw();
    this.tell();
  }

  // --- what is to be seen ---------------------------------------------------------------------

  colour(name) {
    return getComputedStyle(this.root).getPropertyValue(`--${name}`).trim();
  }

  networks() {
    return SIDES.map((side, i) => ({
      side,
      trainer: this.trainers[i],
      colour: this.colour(`side-${side}`),
      dash: DASHES[side],
    }));
  }

  draw() {
    const { root, state, epoch } = this;
    this.clock.drawn();
    const dark = root.classList.contains("dark");
    const colours = { ink: this.colour("ink"), line: this.colour("line") };
    const sides = this.networks();
    this.epochOut.textContent = `epoch ${epoch}`;
    if (this.linked) this.link.href = `#${toHash({ ...state, epoch })}`;
    for (const { side, trainer } of sides) {
      const { canvas, numbers } = this.sides[side];
      numbers.textContent = caption(trainer.now);
      if (canvas.clientWidth)
        drawPlane(canvas, trainer, { dark, chosen: state.point, pulls: state.pulls });
    }
    for (const [key, canvas] of Object.entries(this.curves)) {
      const series = sides.map((side) => ({
        ...side,
        values: side.trainer.history.map((h) => h[key]),
      }));
      if (canvas.clientWidth) drawCurves(canvas, CURVES[key], colours, series);
    }
    this.panel.draw(state.point, sides, colours);
    this.onMeasure(this.measured);
  }

  get measured() {
    const shares = this.trainers.map(({ now: { beliefs, ...rest } }) => rest);
    return { epoch: this.epoch, playing: this.playing, 1: shares[0], 2: shares[1] };
  }

  tell() {
    this.say(sentence(this.state, this.trainers));
  }

  say(words) {
    this.said.textContent = words;
    this.clock.spoken();
  }

  // --- a point --------------------------------------------------------------------------------

  pick(side, event) {
    const at = this.sides[side].canvas.getBoundingClientRect();
    this.change(
      "point",
      nearest(this.trainers[0].world, at.width, event.clientX - at.left, event.clientY - at.top),
    );
    this.sayPoint();
  }

  walk(event) {
    const { world } = this.trainers[0];
    const { point } = this.state;
    if (event.key === "Escape") this.change("point", -1);
    else if (!(event.key in ARROWS)) return;
    else
      this.change(
        "point",
        point < 0 ? nearest(world, 1, 0.5, 0.5) : onward(world, point, ARROWS[event.key]),
      );
    event.preventDefault();
    this.sayPoint();
  }

  sayPoint() {
    const { point } = this.state;
    this.say(point < 0 ? "No point is chosen." : describe(point, this.networks()));
  }
}
