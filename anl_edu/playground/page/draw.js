// Pictures: the plane with its points, curves by epoch, pushes on the logits. What a colour says, a
// shape or a dash says as well.

import { SIZE } from "./world.js";

const REACH = 1.15 * SIZE; // the plane shows -REACH..REACH
const CELLS = 36; // of the plane's colouring, in each direction

// Okabe and Ito's colours, which colour-blind readers can tell apart, and a shape for each class.
const MARKS = [
  { name: "blue circles", colour: "#0072B2", outline: (c, r) => c.arc(0, 0, r, 0, 2 * Math.PI) },
  {
    name: "orange squares",
    colour: "#E69F00",
    outline: (c, r) => polygon(c, 1.25 * r, 4, Math.PI / 4),
  },
  {
    name: "green triangles",
    colour: "#009E73",
    outline: (c, r) => polygon(c, 1.3 * r, 3, Math.PI / 2),
  },
  { name: "pink diamonds", colour: "#CC79A7", outline: (c, r) => polygon(c, 1.3 * r, 4, 0) },
  {
    name: "sky-blue arrowheads",
    colour: "#56B4E9",
    outline: (c, r) => polygon(c, 1.3 * r, 3, -Math.PI / 2),
  },
  {
    name: "red pentagons",
    colour: "#D55E00",
    outline: (c, r) => polygon(c, 1.2 * r, 5, Math.PI / 2),
  },
  { name: "grey hexagons", colour: "#8C8C8C", outline: (c, r) => polygon(c, 1.15 * r, 6, 0) },
  {
    name: "yellow stars",
    colour: "#F0E442",
    outline: (c, r) => polygon(c, 1.4 * r, 10, Math.PI / 2, 0.5),
  },
];
const RGB = MARKS.map(({ colour }) =>
  [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)),
);
export const nameOf = (k) => MARKS[k].name;

// Corners about the origin, the first at angle `turn`; every second one nearer by `inner`: a star.
function polygon(c, r, corners, turn, inner = 1) {
  for (let i = 0; i < corners; i++) {
    const angle = turn + (2 * Math.PI * i) / corners;
    const far = i % 2 ? inner * r : r;
    c[i ? "lineTo" : "moveTo"](far * Math.cos(angle), -far * Math.sin(angle));
  }
  c.closePath();
}

// The context of a canvas that has as many pixels as its place on the page; units are the page's.
function fitted(canvas) {
  const ratio = globalThis.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== across || canvas.height !== down)
    Object.assign(canvas, { width: across, height: down });
  const c = canvas.getContext("2d");
  c.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { c, width, height };
}

// --- the plane --------------------------------------------------------------------------------

const tint = document.createElement("canvas");
tint.width = tint.height = CELLS;
const cells = tint.getContext("2d").createImageData(CELLS, CELLS);

// The colour of the class that the network names, paler where it is less sure.
function paintPlane(c, { network, world }, width, dark) {
  const paper = dark ? 24 : 255;
  const { K } = world;
  for (let i = 0; i < CELLS; i++) {
    for (let j = 0; j < CELLS; j++) {
      const z = network.forward(
        REACH * ((2 * j + 1) / CELLS - 1),
        REACH * (1 - (2 * i + 1) / CELLS),
      );
      let best = 0;
      for (let k = 1; k < K; k++) if (z[k] > z[best]) best = k;
      let sum = 0;
      for (let k = 0; k < K; k++) sum += Math.exp(z[k] - z[best]);
      const sure = (K / sum - 1) / (K - 1); // 0 where p is 1/K, 1 where it is 1
      const at = 4 * (i * CELLS + j);
      for (let rgb = 0; rgb < 3; rgb++)
        cells.data[at + rgb] = paper + (RGB[best][rgb] - paper) * (0.1 + 0.5 * sure);
      cells.data[at + 3] = 255;
    }
  }
  tint.getContext("2d").putImageData(cells, 0, 0);
  c.imageSmoothingEnabled = true;
  c.drawImage(tint, 0, 0, width, width);
}

// Where point n lies in a picture so many units wide.
export const place = ({ x }, n, width) => [
  (width * (1 + x[2 * n] / REACH)) / 2,
  (width * (1 - x[2 * n + 1] / REACH)) / 2,
];

function mark(c, k, r, edge) {
  c.beginPath();
  MARKS[k].outline(c, r);
  c.fillStyle = MARKS[k].colour;
  c.fill();
  c.lineWidth = 1;
  c.strokeStyle = edge;
  c.stroke();
}

// `sizes`: of each point, how large it is drawn, in any unit; null: all alike.
export function drawPlane(canvas, trainer, { dark, chosen, sizes }) {
  const { c, width } = fitted(canvas);
  const { world, said } = trainer;
  const ink = dark ? "#FFFFFF" : "#000000";
  const edge = dark ? "#FFFFFFB0" : "#000000A0";
  const size = Math.max(2.2, width / 140);
  const largest = sizes && Math.max(1e-12, ...sizes);
  if (trainer.now.diverged) c.clearRect(0, 0, width, width);
  else paintPlane(c, trainer, width, dark);
  for (let n = 0; n < trainer.count; n++) {
    const label = world.y[n];
    c.save();
    c.translate(...place(world, n, width));
    const part = sizes && !trainer.now.diverged ? 2 * Math.sqrt(sizes[n] / largest) : 1;
    mark(c, label, size * Math.max(0.3, part), edge);
    c.strokeStyle = ink;
    if (label !== world.truth[n]) {
      const r = 1.9 * size;
      c.lineWidth = 1.4;
      c.beginPath();
      c.arc(0, 0, r, 0, 2 * Math.PI); // the label is wrong
      if (said[n] === label) {
        for (const sign of [-1, 1]) {
          c.moveTo(-r, -sign * r); // and the network repeats it
          c.lineTo(r, sign * r);
        }
      }
      c.stroke();
    }
    if (n === chosen) {
      c.lineWidth = 3;
      c.strokeRect(-3.2 * size, -3.2 * size, 6.4 * size, 6.4 * size);
    }
    c.restore();
  }
}

// --- curves and pushes ------------------------------------------------------------------------

const EDGE = { left: 44, top: 32, right: 18, bottom: 20 };

function framed(canvas, title, { ink, line }, low, high, unit) {
  const { c, width, height } = fitted(canvas);
  const inner = { w: width - EDGE.left - EDGE.right, h: height - EDGE.top - EDGE.bottom };
  const down = (v) => EDGE.top + (inner.h * (high - v)) / (high - low);
  c.clearRect(0, 0, width, height);
  c.font = "13px system-ui, sans-serif";
  c.textAlign = "left";
  c.fillStyle = ink;
  c.fillText(title, 4, 15);
  c.strokeStyle = line;
  c.lineWidth = 1;
  c.font = "12px system-ui, sans-serif";
  c.textAlign = "right";
  for (const v of [low, (low + high) / 2, high]) {
    c.beginPath();
    c.moveTo(EDGE.left, down(v));
    c.lineTo(EDGE.left + inner.w, down(v));
    c.stroke();
    c.fillText(unit(v), EDGE.left - 4, down(v) + 4);
  }
  return { c, down, ...inner };
}

// Shares in 0..1 by epoch, one list a side: {values, colour, dash, side}.
export function drawCurves(canvas, title, colours, series) {
  const { c, down, w } = framed(canvas, title, colours, 0, 1, (v) => `${100 * v} %`);
  const now = Math.max(...series.map(({ values }) => values.length - 1));
  const last = Math.max(1, now);
  const across = (e) => EDGE.left + (w * e) / last;
  c.fillText(`epoch ${now}`, across(last), down(0) + 15);
  const ends = series.map(({ values }) => down(values.at(-1)));
  const apart = ends.length > 1 && Math.abs(ends[0] - ends[1]) < 12 ? 6 : 0; // names need 12
  const above = ends[0] <= ends[1] ? 0 : 1;
  series.forEach(({ values, colour, dash, side }, i) => {
    const every = Math.max(1, Math.floor(values.length / (2 * w)));
    c.strokeStyle = c.fillStyle = colour;
    c.lineWidth = 2;
    c.setLineDash(dash);
    c.beginPath();
    for (let e = 0; e < values.length; e += every)
      c[e ? "lineTo" : "moveTo"](across(e), down(values[e]));
    c.lineTo(across(values.length - 1), ends[i]);
    c.stroke();
    c.textAlign = "left";
    c.font = "bold 12px system-ui, sans-serif";
    const middle = apart ? (ends[0] + ends[1]) / 2 + (i === above ? -apart : apart) : ends[i];
    c.fillText(side, across(values.length - 1) + 4, middle + 4);
  });
  c.setLineDash([]);
}

// How hard a point pushes each logit up or down, one list (K) a side: {values, colour, side}.
export function drawPushes(canvas, title, colours, series) {
  const most = Math.max(1e-3, ...series.flatMap(({ values }) => values.map(Math.abs)));
  const { c, down, w } = framed(canvas, title, colours, -most, most, (v) =>
    String(Number(v.toPrecision(2))),
  );
  const K = series[0].values.length;
  const slot = w / K;
  const bar = Math.min(24, slot / 3);
  for (let k = 0; k < K; k++) {
    const middle = EDGE.left + slot * (k + 0.5);
    series.forEach(({ values, colour, side }, i) => {
      const left = middle + (i - 1) * bar;
      c.fillStyle = colour;
      c.fillRect(
        left + 1,
        Math.min(down(0), down(values[k])),
        bar - 2,
        Math.abs(down(values[k]) - down(0)),
      );
      c.textAlign = "center";
      c.fillText(side, left + bar / 2, values[k] > 0 ? down(0) + 12 : down(0) - 3);
    });
    c.save();
    c.translate(middle, down(-most) + 11);
    mark(c, k, 5, colours.ink);
    c.restore();
  }
}
