// A multilayer perceptron with ReLU, trained by SGD: PyTorch's arithmetic in float64. Units that
// ReLU has silenced are left out of every sum, forwards and backwards: about half of them.

import { random } from "./random.js";

// A row of units: their values, and which of them are not silent (`live`, the first `count`).
const row = (size) => ({
  value: new Float64Array(size),
  delta: new Float64Array(size), // gradient
  live: Int32Array.from({ length: size }, (_, i) => i),
  count: size,
});

export class Network {
  // sizes: units of each row, input first. Weights (out, in) and biases as torch.nn.Linear draws
  // them: uniform within 1 / sqrt(in).
  constructor(sizes, seed) {
    const draw = random(seed + 7919);
    this.rows = sizes.map(row);
    this.layers = sizes.slice(1).map((out, l) => {
      const into = sizes[l];
      const bound = 1 / Math.sqrt(into);
      const uniform = (n) => Float64Array.from({ length: n }, () => bound * (2 * draw() - 1));
      return { into, out, w: uniform(out * into), b: uniform(out) };
    });
    for (const layer of this.layers) {
      for (const name of ["w", "b"]) {
        layer[`d${name}`] = new Float64Array(layer[name].length); // gradient
        layer[`m${name}`] = new Float64Array(layer[name].length); // momentum
      }
    }
  }

  // Logits (K) of one point; the array is used again by the next call.
  forward(x0, x1) {
    const { layers, rows } = this;
    rows[0].value[0] = x0;
    rows[0].value[1] = x1;
    for (let l = 0; l < layers.length; l++) {
      weigh(layers[l], rows[l], rows[l + 1].value);
      if (l < layers.length - 1) rectify(rows[l + 1]);
    }
    return rows[layers.length].value;
  }

  // Add the gradient of the point that was last forwarded; g (K) is that of its loss by the logits.
  backward(g) {
    const { layers, rows } = this;
    rows[layers.length].delta.set(g);
    for (let l = layers.length - 1; l >= 0; l--) {
      const { into, w, dw, db } = layers[l];
      const { value, delta: back, live, count } = rows[l];
      const above = rows[l + 1];
      for (let m = 0; m < count; m++) back[live[m]] = 0;
      for (let a = 0; a < above.count; a++) {
        const i = above.live[a];
        const d = above.delta[i];
        const at = i * into;
        db[i] += d;
        for (let m = 0; m < count; m++) {
          const j = live[m];
          dw[at + j] += d * value[j];
          back[j] += d * w[at + j];
        }
      }
    }
  }

  // One step on the gradients, as torch.optim.SGD takes it after the L1 penalty's gradient has been
  // added to them and their joint norm clipped; then clear them.
  step({ lr, momentum, l1, decay, clip }) {
    let square = 0;
    for (const { w, b, dw, db } of this.layers) square += penalise(w, dw, l1) + penalise(b, db, l1);
    const shrink = clip ? Math.min(1, clip / (Math.sqrt(square) + 1e-6)) : 1;
    for (const { w, b, dw, db, mw, mb } of this.layers) {
      descend(w, dw, mw, { lr, momentum, decay, shrink });
      descend(b, db, mb, { lr, momentum, decay, shrink });
    }
  }
}

// to = W from + b; four rows at once, since a sum waits for its last addition.
function weigh({ into, out, w, b }, { value, live, count }, to) {
  for (let i = 0; i < out; i += 4) {
    if (out - i < 4) {
      for (let r = i; r < out; r++) {
        let sum = b[r];
        for (let m = 0; m < count; m++) sum += w[r * into + live[m]] * value[live[m]];
        to[r] = sum;
      }
      return;
    }
    const at = i * into;
    let [s0, s1, s2, s3] = [b[i], b[i + 1], b[i + 2], b[i + 3]];
    for (let m = 0; m < count; m++) {
      const j = live[m];
      const x = value[j];
      s0 += w[at + j] * x;
      s1 += w[at + into + j] * x;
      s2 += w[at + 2 * into + j] * x;
      s3 += w[at + 3 * into + j] * x;
    }
    to[i] = s0;
    to[i + 1] = s1;
    to[i + 2] = s2;
    to[i + 3] = s3;
  }
}

function rectify(row) {
  row.count = 0;
  for (let i = 0; i < row.value.length; i++) {
    if (row.value[i] > 0) row.live[row.count++] = i;
  }
}

// Add the gradient of l1 * sum |p| to d; return the sum of squares.
function penalise(p, d, l1) {
  let square = 0;
  for (let i = 0; i < p.length; i++) {
    if (l1) d[i] += l1 * Math.sign(p[i]);
    square += d[i] * d[i];
  }
  return square;
}

function descend(p, d, m, { lr, momentum, decay, shrink }) {
  for (let i = 0; i < p.length; i++) {
    m[i] = momentum * m[i] + shrink * d[i] + decay * p[i];
    p[i] -= lr * m[i];
    d[i] = 0;
  }
}
