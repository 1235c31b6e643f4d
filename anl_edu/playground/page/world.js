// Points in the plane with a true class, and the label that each was given.

import { normal, random, shuffle } from "./random.js";

export const SIZE = 6; // points lie within -SIZE..SIZE, or about
const TURNS = 0.5; // of a spiral's arm
const TEST = 300; // clean points that measure accuracy

// One point of class k of K, about in [-1, 1] x [-1, 1]; t in 0..1 runs along the class.
const SHAPES = {
  arms: (k, K, t, spread, draw) => {
    const r = 0.1 + 0.87 * t ** 0.7; // about as dense without as within
    return around(r, k / K + TURNS * t, spread, draw);
  },
  blobs: (k, K, t, spread, draw) => around(0.62, k / K, 0.1 + 2 * spread, draw),
  rings: (k, K, t, spread, draw) => around((0.95 * (k + 0.6)) / K, t, 0.6 * spread, draw),
};

function around(r, turn, spread, draw) {
  const angle = 2 * Math.PI * turn;
  const within = (v) => Math.max(-1.1, Math.min(1.1, v)); // the plane that is shown
  return [Math.cos(angle), Math.sin(angle)].map((v) => within(r * v + spread * normal(draw)));
}

function points({ data, classes, spread }, count, draw) {
  const x = new Float64Array(2 * count);
  const y = new Uint8Array(count);
  for (let n = 0; n < count; n++) {
    y[n] = n % classes;
    const [a, b] = SHAPES[data](y[n], classes, draw(), spread, draw);
    x[2 * n] = SIZE * a;
    x[2 * n + 1] = SIZE * b;
  }
  return { x, y };
}

// Which classes lose labels, and to which: to any other, to the next, or (asymmetric) to the next
// from every second class alone, as on CIFAR-10 where half of the classes keep theirs.
const KINDS = {
  symmetric: { flips: () => true, to: (k, K, draw) => (k + 1 + Math.floor(draw() * (K - 1))) % K },
  pair: { flips: () => true, to: (k, K) => (k + 1) % K },
  asymmetric: { flips: (k) => k % 2 === 0, to: (k, K) => (k + 1) % K },
};

// Of each class that flips, round(rate * its points) labels become wrong.
export function corrupt(truth, K, kind, rate, draw) {
  const labels = Uint8Array.from(truth);
  const { flips, to } = KINDS[kind];
  for (let k = 0; k < K; k++) {
    if (!flips(k)) continue;
    const own = Array.from(truth.keys()).filter((n) => truth[n] === k);
    for (const n of shuffle(own, draw).slice(0, Math.round(rate * own.length)))
      labels[n] = to(k, K, draw);
  }
  return labels;
}

export function makeWorld(state) {
  const { classes: K, points: count, kind, noise, seed } = state;
  const { x, y: truth } = points(state, count, random(3 * seed + 1));
  const y = corrupt(truth, K, kind, noise, random(3 * seed + 2));
  const test = points(state, TEST, random(3 * seed + 3));
  return { K, x, y, truth, testX: test.x, testY: test.y };
}
