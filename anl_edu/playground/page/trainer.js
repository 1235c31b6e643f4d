// Training: batches, epochs, and what is measured after each.

import { logSoftmax, lossAndGradient } from "./losses.js";
import { Network } from "./network.js";
import { random, shuffle } from "./random.js";

export class Trainer {
  // options: everything that is set, the loss's name and parameters without a side's number.
  constructor(world, options) {
    const { layers, width, seed } = options;
    this.world = world;
    this.options = options;
    this.network = new Network([2, ...Array(layers).fill(width), world.K], seed);
    this.order = random(seed + 104729);
    this.count = world.y.length;
    this.left = []; // points that the epoch has not come to
    this.said = new Int8Array(this.count); // what the network says of each training point; -1: nothing
    this.history = []; // of each epoch: shares in 0..1, and p of every point's label in 255ths
    this.measure();
  }

  get epoch() {
    return this.history.length - 1;
  }

  get now() {
    return this.history[this.epoch];
  }

  // One training point: loss, log p (K) and gradient (K) at its logits.
  look(n) {
    const { x, y } = this.world;
    const logits = this.network.forward(x[2 * n], x[2 * n + 1]);
    return lossAndGradient(this.options.loss, logits, y[n], this.options);
  }

  // One step on the mean loss of a batch of points; returns that loss.
  step(batch) {
    let total = 0;
    for (const n of batch) {
      const { value, gradient } = this.look(n);
      total += value;
      this.network.backward(gradient.map((v) => v / batch.length));
    }
    this.network.step(this.options);
    return total / batch.length;
  }

  // Go on with the epoch until a time, if any; true when it is done and measured.
  advance(until = Infinity) {
    const { batch } = this.options;
    if (!this.left.length) this.left = shuffle([...Array(this.count).keys()], this.order);
    while (this.left.length) {
      this.step(this.left.splice(0, batch));
      if (this.left.length && performance.now() >= until) return false;
    }
    this.measure();
    return true;
  }

  // Length of the gradient at the logits of every training point, now.
  pulls() {
    return Float64Array.from({ length: this.count }, (_, n) =>
      Math.hypot(...this.look(n).gradient),
    );
  }

  measure() {
    const { x, y, truth, testX, testY, K } = this.world;
    const logp = new Float64Array(K);
    const right = { hits: 0, of: 0 };
    const wrong = { hits: 0, of: 0 };
    const beliefs = new Uint8Array(this.count);
    let diverged = false; // a logit is no finite number any more
    for (let n = 0; n < this.count; n++) {
      logSoftmax(this.network.forward(x[2 * n], x[2 * n + 1]), logp);
      this.said[n] = argmax(logp);
      diverged ||= this.said[n] < 0;
      beliefs[n] = Math.round(255 * Math.exp(logp[y[n]]));
      const part = y[n] === truth[n] ? right : wrong;
      part.of += 1;
      part.hits += this.said[n] === y[n];
    }
    const classes = Array.from({ length: K }, () => ({ hits: 0, of: 0 }));
    for (let n = 0; n < testY.length; n++) {
      const said = argmax(this.network.forward(testX[2 * n], testX[2 * n + 1]));
      classes[testY[n]].of += 1;
      classes[testY[n]].hits += said === testY[n];
    }
    const recalls = classes.map((c) => c.hits / c.of);
    const worst = Math.min(...recalls);
    this.history.push({
      accuracy: classes.reduce((sum, c) => sum + c.hits, 0) / testY.length,
      worst,
      worstClass: recalls.indexOf(worst),
      diverged,
      fit: right.of ? right.hits / right.of : 0,
      memorised: wrong.of ? wrong.hits / wrong.of : 0,
      beliefs,
    });
  }
}

// The place of the largest; -1 if there is no finite one.
function argmax(values) {
  let best = -1;
  let most = -Infinity;
  for (let k = 0; k < values.length; k++) if (values[k] > most) [best, most] = [k, values[k]];
  return Number.isFinite(most) ? best : -1;
}
