// What is to be seen, in words: for whoever hears the page, or looks and wonders.

import { nameOf } from "./draw.js";
import { labelOf, SIDES } from "./state.js";

const percent = (share) => `${Math.round(100 * share)} %`;

// Both networks now.
export function sentence(state, trainers) {
  const { epoch } = trainers[0];
  if (!epoch) {
    const wrong = trainers[0].world.y.filter((y, n) => y !== trainers[0].world.truth[n]).length;
    return `Not trained yet. ${wrong} of ${trainers[0].count} labels are wrong. Press Play, or choose an example above.`;
  }
  const said = trainers.map(({ history, now }, i) => {
    const name = `Network ${SIDES[i]}, ${labelOf(state[`loss_${SIDES[i]}`])}`;
    if (now.diverged) return `${name}, has diverged: its numbers are no numbers any more.`;
    const best = bestOfTen(history);
    const fell = best - now.accuracy > 0.05 ? ` after a best of some ${percent(best)}` : "";
    const repeats = state.noise ? `, repeats ${percent(now.memorised)} of the wrong labels` : "";
    const gone = epoch > 20 && now.worst < 0.1;
    const lost = gone ? `, and has lost the ${nameOf(now.worstClass)}` : "";
    return `${name}: test accuracy ${percent(now.accuracy)}${fell}${repeats}${lost}.`;
  });
  return `Epoch ${epoch}. ${said.join(" ")}`;
}

// The highest test accuracy, as a mean of ten epochs: one alone may be luck.
function bestOfTen(history) {
  let best = 0;
  let sum = 0;
  history.forEach(({ accuracy }, e) => {
    sum += accuracy - (e >= 10 ? history[e - 10].accuracy : 0);
    best = Math.max(best, sum / Math.min(e + 1, 10));
  });
  return best;
}

// One network, below its plane.
export function caption({ accuracy, worst, fit, memorised, diverged }, { noise }) {
  if (diverged) return "Diverged: its numbers are no numbers any more.";
  const wrong = noise ? `, wrong ones memorised ${percent(memorised)}` : "";
  return (
    `Test accuracy ${percent(accuracy)}, of its worst class ${percent(worst)}. ` +
    `Right labels learned ${percent(fit)}${wrong}.`
  );
}

// One point; `networks` are {side, trainer, pulls}.
export function describe(n, networks) {
  const { y, truth } = networks[0].trainer.world;
  const label =
    y[n] === truth[n]
      ? `This point is labelled as one of the ${nameOf(y[n])}, and rightly so.`
      : `This point is labelled as one of the ${nameOf(y[n])}, and wrongly: it belongs to the ${nameOf(truth[n])}.`;
  const heard = networks.map(({ side, trainer, pulls }) => {
    if (trainer.now.diverged) return `Network ${side} has diverged.`;
    const p = Math.exp(trainer.look(n).logp[y[n]]);
    const mean = pulls.reduce((sum, v) => sum + v, 0) / trainer.count;
    const times = mean > 0 ? pulls[n] / mean : 0;
    return `Network ${side} gives that label p = ${p.toFixed(3)}; the point pulls ${times.toPrecision(2)} times as hard as its mean point.`;
  });
  return [label, ...heard].join(" ");
}
