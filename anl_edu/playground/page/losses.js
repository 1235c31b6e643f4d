// The losses of anl_edu.losses, for one sample: value, and slope by every log p_k.
//
// As there, a *loss table* holds what the sample's loss would be under every label, and a loss is a
// construction on a table. Here a table carries its slopes along: {L, slope}, slope[k] = dL_k / d log
// p_k, and a construction gives {value, by}, by[k] = dvalue / dL_k. The chain rule does the rest.

const LOG_ZERO = Math.log(1e-4); // what RCE takes for log 0 (Wang et al. 2019)
const TINY = 2.2250738585072014e-308;

// --- tables -----------------------------------------------------------------------------------

export function logSoftmax(z, out = new Float64Array(z.length)) {
  const K = z.length;
  let top = -Infinity;
  for (let k = 0; k < K; k++) if (z[k] > top) top = z[k];
  let sum = 0;
  for (let k = 0; k < K; k++) sum += Math.exp(z[k] - top);
  const log = Math.log(sum);
  for (let k = 0; k < K; k++) out[k] = z[k] - top - log;
  return out;
}

// L_k = -log p_k; p below p_min counts as p_min, and so has no slope.
export function ceTable(logp, p_min = 0) {
  const K = logp.length;
  const A = p_min ? maximum(0, p_min) : Infinity;
  const L = new Float64Array(K);
  const slope = new Float64Array(K);
  for (let k = 0; k < K; k++) {
    L[k] = Math.min(-logp[k], A);
    slope[k] = -logp[k] > A ? 0 : -1;
  }
  return { L, slope };
}

// L_k = -(1 - p_k)^gamma log p_k, its factor held constant in the slope.
export function flTable(logp, gamma, p_min = 0) {
  const { L, slope } = ceTable(logp, p_min);
  for (let k = 0; k < L.length; k++) {
    const factor = Math.max(-Math.expm1(-L[k]), TINY) ** gamma;
    L[k] *= factor;
    slope[k] *= factor;
  }
  return { L, slope };
}

// A, the largest entry of a table whose probabilities end at p_min.
export const maximum = (gamma, p_min) => -((1 - p_min) ** gamma) * Math.log(p_min);

// --- three constructions ----------------------------------------------------------------------

const total = (list) => list.reduce((sum, v) => sum + v, 0);

// L_y
export const active = (L, y) => ({ value: L[y], by: L.map((_, k) => Number(k === y)) });

// L_y / sum L
export function normalized(L, y) {
  const S = total(L);
  return { value: L[y] / S, by: L.map((_, k) => (k === y) / S - L[y] / S / S) };
}

// 1 - (A - L_y) / sum (A - L)
export function normalizedNegative(L, y, A) {
  const F = A * L.length - total(L);
  const left = A - L[y];
  return { value: 1 - left / F, by: L.map((_, k) => (k === y) / F - left / F / F) };
}

// Lesson 04, switch by switch. Complement: all labels but y. Flip: A - L in place of L. Normalise:
// over the sum of the table. All three make NNCE, normalise alone NCE, none CE.
export function built(L, y, A, { complement, flip, normalise }) {
  const M = flip ? L.map((v) => A - v) : L;
  const S = total(M);
  const share = complement ? S - M[y] : M[y];
  const below = normalise ? S : 1;
  const by = M.map((_, k) => {
    const inShare = (k === y) !== Boolean(complement);
    return (flip ? -1 : 1) * (inShare / below - (normalise ? share / below / below : 0));
  });
  return { value: share / below, by };
}

// --- losses -----------------------------------------------------------------------------------
// (log p, label, parameters) to {value, c}: c[k] is the slope by log p_k.

const onTable = ({ L, slope }, { value, by }) => ({ value, c: by.map((v, k) => v * slope[k]) });
const onlyLabel = (logp, y, value, slope) => {
  const c = new Float64Array(logp.length);
  c[y] = slope;
  return { value, c };
};

function ce(logp, y) {
  const table = ceTable(logp);
  return onTable(table, active(table.L, y));
}

function fl(logp, y, { gamma }) {
  const table = flTable(logp, gamma);
  return onTable(table, active(table.L, y));
}

function nce(logp, y) {
  const table = ceTable(logp);
  return onTable(table, normalized(table.L, y));
}

function nfl(logp, y, { gamma }) {
  const table = flTable(logp, gamma);
  return onTable(table, normalized(table.L, y));
}

function nnce(logp, y, { p_min }) {
  const table = ceTable(logp, p_min);
  return onTable(table, normalizedNegative(table.L, y, maximum(0, p_min)));
}

function nnfl(logp, y, { gamma, p_min }) {
  const table = flTable(logp, gamma, p_min);
  return onTable(table, normalizedNegative(table.L, y, maximum(gamma, p_min)));
}

function bySwitches(logp, y, parameters) {
  const { p_min, flip } = parameters;
  const table = ceTable(logp, flip ? p_min : 0); // A bounds the table only where it is flipped
  return onTable(table, built(table.L, y, maximum(0, p_min), parameters));
}

const mae = (logp, y) => onlyLabel(logp, y, -Math.expm1(logp[y]), -Math.exp(logp[y]));
const rce = (logp, y) => times(-LOG_ZERO, mae(logp, y));
const gce = (logp, y, { q }) =>
  onlyLabel(logp, y, -Math.expm1(q * logp[y]) / q, -Math.exp(q * logp[y]));

// a and q as Zhou et al. (2021) have them for CIFAR-10.
function aul(logp, y) {
  const [a, q] = [5.5, 3];
  const p = Math.exp(logp[y]);
  return onlyLabel(logp, y, ((a - p) ** q - (a - 1) ** q) / q, -p * (a - p) ** (q - 1));
}

const times = (factor, { value, c }) => ({ value: factor * value, c: c.map((v) => factor * v) });

const sum = (active, other) => (logp, y, parameters) => {
  const one = active(logp, y, parameters);
  const two = other(logp, y, parameters);
  const { alpha, beta } = parameters;
  return {
    value: alpha * one.value + beta * two.value,
    c: one.c.map((v, k) => alpha * v + beta * two.c[k]),
  };
};

// By the names that settings.json gives.
export const LOSSES = {
  ce,
  fl,
  mae,
  rce,
  gce,
  sce: sum(ce, rce),
  aul,
  nce,
  nfl,
  nnce,
  nnfl,
  "nce+mae": sum(nce, mae),
  "nce+rce": sum(nce, rce),
  "nfl+mae": sum(nfl, mae),
  "nfl+rce": sum(nfl, rce),
  "anl-ce": sum(nce, nnce),
  "anl-fl": sum(nfl, nnfl),
  built: bySwitches,
};

// Value and gradient (K) by the logits (K): d log p_k / d z_j = [j = k] - p_j.
export function lossAndGradient(name, logits, y, parameters) {
  const logp = logSoftmax(logits);
  const { value, c } = LOSSES[name](logp, y, parameters);
  const sum = total(c);
  return { value, logp, gradient: c.map((v, k) => v - Math.exp(logp[k]) * sum) };
}
