// Two networks side by side: what is set, when they train, and what is shown of them.

import { Clock } from "./clock.js";
import { element, field } from "./controls.js";
import { drawCurves, drawPlane } from "./draw.js";
import { CURVES, layOut } from "./layout.js";
import { nearest, onward } from "./point.js";
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
    root.classList.add("anl-play");
    root.addEventListener("keydown", (event) => event.stopPropagation()); // not for JupyterLab
    this.part = layOut(this);
    this.begin(some);
    let width = root.clientWidth;
    this.observer = new ResizeObserver(() => {
      if (width === root.clientWidth) return; // its own words change its height
      width = root.clientWidth;
      this.draw();
    });
    this.observer.observe(root);
  }

  destroy() {
    this.clock.close();
    this.observer.disconnect();
  }

  // --- what is set ----------------------------------------------------------------------------

  control(name) {
    const { box, show } = field(name, (value) => this.change(name, value));
    this.shown[name] = show;
    show(this.state[name]);
    return box;
  }

  change(name, value) {
    const state = { ...this.state, [name]: value };
    if (VIEW.includes(name)) return this.look(state);
    if (name.startsWith("loss"))
      for (const key of parametersOf(this.state[name])) delete state[`${key}_${name.at(-1)}`];
    this.begin({ ...state, epoch: 0 });
  }

  // Take a state; what only changes how it is looked at leaves the networks alone.
  set(some) {
    const state = complete(some);
    const alike = training(state) === training(this.state) && state.epoch === this.state.epoch;
    if (alike) this.look(state);
    else this.begin(state);
  }

  // Take a state, draw its data, start both networks, and train to its epoch.
  begin(some) {
    const going = this.playing && this.clock.target === LAST; // the reader pressed Play
    this.halt();
    this.state = complete(some);
    const world = makeWorld(this.state);
    this.trainers = SIDES.map((side) => new Trainer(world, optionsOf(this.state, side)));
    this.showState();
    this.draw();
    this.tell();
    this.onState(this.state);
    if (this.state.epoch) this.play(this.state.epoch);
    else if (going) this.play(LAST);
  }

  look(some) {
    this.state = complete(some);
    this.showState();
    this.clock.drawNext();
    this.onState(this.state);
  }

  showState() {
    this.clock.pace(this.state.speed);
    for (const side of SIDES) {
      const loss = this.state[`loss_${side}`];
      const { own } = this.part.sides[side];
      if (own.dataset.loss === loss) continue;
      own.dataset.loss = loss;
      const legend = element("legend", {}, `Loss ${side}: ${labelOf(loss)}`);
      const controls = parametersOf(loss).map((name) => this.control(`${name}_${side}`));
      own.replaceChildren(legend, ...controls);
    }
    for (const [name, show] of Object.entries(this.shown)) show(this.state[name]);
    this.showMoment();
  }

  // What an example asks, as long as the networks train as it says.
  showMoment() {
    const { moment: box } = this.part;
    const here = training(this.state);
    const moment = Object.values(MOMENTS).find(({ state }) => training(complete(state)) === here);
    box.hidden = !moment;
    if (!moment || box.dataset.look === moment.look) return;
    box.dataset.look = moment.look;
    const answer = element("details", {}, element("summary", {}, "What is to be seen"));
    answer.append(element("p", {}, moment.seen));
    box.replaceChildren(element("p", {}, moment.look), answer);
  }

  // --- training -------------------------------------------------------------------------------

  // Epochs that both networks have behind them; the second trains after the first.
  get epoch() {
    return this.trainers[1].epoch;
  }

  // Train on until both have one epoch more, or a time (in milliseconds, as performance.now has it).
  advance(until = Infinity) {
    const goal = this.epoch + 1;
    for (const trainer of this.trainers) {
      if (trainer.epoch < goal && !trainer.advance(until)) return;
    }
  }

  get playing() {
    return this.clock.running;
  }

  play(target) {
    if (this.epoch >= target)
      return this.say(`Training ends at epoch ${target}. Reset begins anew.`);
    this.part.play.textContent = "Pause";
    this.clock.start(target);
  }

  halt() {
    this.clock.stop();
    this.part.play.textContent = "Play";
  }

  pause() {
    this.halt();
    this.draw();
    this.tell();
  }

  playOrPause() {
    if (this.playing) this.pause();
    else this.play(LAST);
  }

  stepOnce() {
    this.halt();
    if (this.epoch < LAST) this.advance();
    this.draw();
    this.tell();
  }

  // --- what is to be seen ---------------------------------------------------------------------

  colour(name) {
    return getComputedStyle(this.root).getPropertyValue(`--${name}`).trim();
  }

  // Both networks, as what draws or describes them needs them.
  networks() {
    const { point, pulls } = this.state;
    return SIDES.map((side, i) => ({
      side,
      trainer: this.trainers[i],
      pulls: pulls || point >= 0 ? this.trainers[i].pulls() : [],
      colour: this.colour(`side-${side}`),
      dash: DASHES[side],
    }));
  }

  draw() {
    const { root, state, epoch, part } = this;
    this.clock.drawn();
    const dark = root.classList.contains("dark");
    const colours = { ink: this.colour("ink"), line: this.colour("line") };
    const networks = this.networks();
    part.epoch.textContent = `epoch ${epoch}`;
    if (this.linked) part.link.href = `#${toHash({ ...state, epoch })}`;
    for (const { side, trainer, pulls } of networks) {
      const { canvas, numbers } = part.sides[side];
      const sizes = state.pulls ? pulls : null;
      numbers.textContent = caption(trainer.now, state);
      if (canvas.clientWidth) drawPlane(canvas, trainer, { dark, chosen: state.point, sizes });
    }
    for (const [key, canvas] of Object.entries(part.curves)) {
      const values = ({ trainer }) => trainer.history.map((h) => h[key]);
      const series = networks.map((network) => ({ ...network, values: values(network) }));
      if (canvas.clientWidth) drawCurves(canvas, CURVES[key], colours, series);
    }
    part.panel.draw(state.point, networks, colours);
    this.onMeasure(this.measured);
  }

  get measured() {
    const shares = this.trainers.map(({ now: { beliefs, ...rest } }) => rest);
    return { epoch: this.epoch, playing: this.playing, 1: shares[0], 2: shares[1] };
  }

  tell() {
    this.say(sentence(this.state, this.trainers), this.playing);
  }

  // Write a sentence; `passing` ones are not spoken each time.
  say(words, passing = false) {
    this.part.said.textContent = words;
    if (this.clock.speaks(passing) && this.part.heard.textContent !== words)
      this.part.heard.textContent = words;
  }

  // --- a point --------------------------------------------------------------------------------

  // The nearest point; none, if that is the one chosen.
  pick(side, event) {
    const at = this.part.sides[side].canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - at.left, event.clientY - at.top];
    const point = nearest(this.trainers[0].world, at.width, x, y);
    this.choose(point === this.state.point ? -1 : point);
  }

  walk(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { world } = this.trainers[0];
    const { point } = this.state;
    if (event.key === "Escape") this.choose(-1);
    else if (!(event.key in ARROWS)) return;
    else if (point < 0) this.choose(nearest(world, 1, 0.5, 0.5));
    else this.choose(onward(world, point, ARROWS[event.key]));
    event.preventDefault();
  }

  choose(point) {
    this.change("point", point);
    this.part.heard.textContent =
      point < 0 ? "No point is chosen." : describe(point, this.networks());
  }
}
