// When to train, when to draw, when to speak: a turn at a time, so that a reader is soon heard.

const RATES = { slow: 1, steady: 10, quick: 60, max: Infinity }; // epochs a second
const SLICE = 8; // milliseconds of training in a turn
const PICTURE = 100; // milliseconds between two pictures, or eight times what one takes
const STILL = 1000; // the same where motion is unwelcome
const SENTENCE = 1000; // milliseconds between two sentences on the page
const SPEECH = 20000; // and between two that a screen reader speaks: it takes as long for one
const PAUSE = 10; // milliseconds of waiting where nothing is due

export class Clock {
  // `app` has an epoch, and advance, draw, tell and pause.
  constructor(app) {
    this.app = app;
    this.running = false;
    this.rate = Infinity;
    this.stale = false; // what the reader sees is not what they set
    this.waiting = false; // for the next turn
    this.spokenAt = -Infinity;
    this.turns = new MessageChannel(); // whose message comes as soon as nothing else is to be done
    this.turns.port1.onmessage = () => this.turn();
  }

  // Train to epoch `target`.
  start(target) {
    const now = performance.now();
    Object.assign(this, { target, running: true, drawAt: now, tellAt: now, spokenAt: now });
    this.since = { time: now, epoch: this.app.epoch };
    this.wait();
  }

  stop() {
    this.running = false;
  }

  // For good; an open channel would keep the app in memory.
  close() {
    this.stop();
    this.turns.port1.close();
  }

  pace(speed) {
    if (this.rate === RATES[speed]) return;
    this.rate = RATES[speed];
    if (this.running) this.since = { time: performance.now(), epoch: this.app.epoch };
  }

  drawNext() {
    this.stale = true;
    requestAnimationFrame(() => this.app.draw());
  }

  drawn() {
    this.stale = false;
  }

  // Whether a sentence is to be spoken; one in passing only if the last was long ago.
  speaks(passing) {
    const now = performance.now();
    if (passing && now - this.spokenAt < SPEECH) return false;
    this.spokenAt = now;
    return true;
  }

  wait(milliseconds = 0) {
    if (this.waiting) return;
    this.waiting = true;
    if (milliseconds) setTimeout(() => this.turn(), milliseconds);
    else this.turns.port2.postMessage(null);
  }

  turn() {
    this.waiting = false;
    if (!this.running) return;
    const { app, target, rate, since } = this;
    const now = performance.now();
    if (this.stale) return this.wait(PAUSE); // what the reader did is seen first
    if (now >= this.drawAt) {
      app.draw();
      const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
      this.drawAt = now + Math.max(still ? STILL : PICTURE, 8 * (performance.now() - now));
      return this.wait();
    }
    if (now >= this.tellAt) {
      app.tell();
      this.tellAt = now + SENTENCE;
    }
    const due = rate < Infinity ? since.epoch + ((now - since.time) * rate) / 1000 : Infinity;
    const goal = Math.min(target, due);
    while (app.epoch < goal && performance.now() - now < SLICE) app.advance(now + SLICE);
    if (app.epoch >= target) app.pause();
    else this.wait(app.epoch >= due ? PAUSE : 0);
  }
}
