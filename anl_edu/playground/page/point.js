// One point under the glass: what it is labelled, what each network believes of it, how it pulls.

import { element } from "./controls.js";
import { drawCurves, drawPushes, place } from "./draw.js";
import { describe } from "./words.js";

export class PointPanel {
  // `leave`: what to do when the reader has seen enough.
  constructor(leave) {
    this.words = element("p");
    this.beliefs = element("canvas", {
      role: "img",
      "aria-label": "p of the chosen point's label, by epoch",
    });
    this.pushes = element("canvas", {
      role: "img",
      "aria-label": "the chosen point's push on each logit",
    });
    this.box = element(
      "section",
      { class: "point", "aria-label": "the chosen point", hidden: true },
      this.words,
      element("button", { type: "button", onclick: leave }, "Choose none"),
      element("div", { class: "curves" }, this.beliefs, this.pushes),
    );
  }

  // `sides`: {side, trainer, pulls, colour, dash} of each network.
  draw(n, sides, colours) {
    this.box.hidden = n < 0;
    if (n < 0) return;
    this.words.textContent = describe(n, sides);
    if (!this.beliefs.clientWidth || sides.some(({ trainer }) => trainer.now.diverged)) return;
    drawCurves(
      this.beliefs,
      "p of its label, by epoch",
      colours,
      sides.map((side) => ({
        ...side,
        values: side.trainer.history.map(({ beliefs }) => beliefs[n] / 255),
      })),
    );
    drawPushes(
      this.pushes,
      "Its push on each logit: −gradient",
      colours,
      sides.map((side) => ({
        ...side,
        values: Array.from(side.trainer.look(n).gradient, (v) => -v),
      })),
    );
  }
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
