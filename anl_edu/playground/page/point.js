// One point under the glass: what it is labelled, what each network believes of it, how it pulls.

import { element } from "./controls.js";
import { drawCurves, drawPushes, nameOf, place } from "./draw.js";

export class PointPanel {
  constructor() {
    this.words = element("p");
    this.beliefs = element("canvas", { role: "img", "aria-label": "p of the chosen point's label, by epoch" });
    this.pushes = element("canvas", { role: "img", "aria-label": "the chosen point's push on each logit" });
    this.box = element(
      "section",
      { class: "point", "aria-label": "the chosen point", hidden: true },
      this.words,
      element("div", { class: "curves" }, this.beliefs, this.pushes),
    );
  }

  // `sides`: {letter, trainer, colour, dash} of each network.
  draw(n, sides, colours) {
    this.box.hidden = n < 0;
    if (n < 0) return;
    this.words.textContent = describe(n, sides);
    if (!this.beliefs.clientWidth) return;
    drawCurves(
      this.beliefs,
      "Belief in its label: p at that label",
      colours,
      sides.map((side) => ({ ...side, values: side.trainer.history.map(({ beliefs }) => beliefs[n] / 255) })),
    );
    drawPushes(
      this.pushes,
      "Its push on each logit: −gradient",
      colours,
      sides.map((side) => ({ ...side, values: Array.from(side.trainer.look(n).gradient, (v) => -v) })),
    );
  }
}

// The chosen point in words.
export function describe(n, sides) {
  const { y, truth } = sides[0].trainer.world;
  const label =
    y[n] === truth[n]
      ? `This point is labelled as one of the ${nameOf(y[n])}, and rightly so.`
      : `This point is labelled as one of the ${nameOf(y[n])}, and wrongly: it belongs to the ${nameOf(truth[n])}.`;
  const heard = sides.map(({ letter, trainer }) => {
    const p = Math.exp(trainer.look(n).logp[y[n]]);
    const pulls = trainer.pulls();
    const mean = pulls.reduce((sum, v) => sum + v, 0) / trainer.count;
    const times = mean > 0 ? pulls[n] / mean : 0;
    return `${letter} gives that label p = ${p.toFixed(3)}; the point pulls ${times.toFixed(1)} times as hard as the mean point.`;
  });
  return [label, ...heard].join(" ");
}

// The point nearest to a place in a picture so many units wide.
export function nearest(world, width, x, y) {
  return least(world, width, (a, b) => (a - x) ** 2 + (b - y) ** 2);
}

// The next point in a direction, near and not far aside; the same one at the edge.
export function onward(world, from, [dx, dy]) {
  const [x, y] = place(world, from, 1);
  const next = least(world, 1, (a, b) => {
    const ahead = (a - x) * dx + (b - y) * dy;
    const aside = Math.abs((a - x) * dy) + Math.abs((b - y) * dx);
    return ahead > 1e-9 ? ahead + 2 * aside : Infinity;
  });
  return next < 0 ? from : next;
}

function least(world, width, cost) {
  let best = -1;
  let lowest = Infinity;
  for (let n = 0; n < world.y.length; n++) {
    const here = cost(...place(world, n, width));
    if (here < lowest) [best, lowest] = [n, here];
  }
  return best;
}
