// When to train, when to draw, when to speak: a turn at a time, so that a reader is heard at once.

const SLICE = 8; // milliseconds of training in a turn, or one epoch if that takes longer
const PICTURE = 100; // milliseconds between two pictures, or eight times what one takes
const STILL = 1000; // the same where motion is unwelcome
const SENTENCE = 4000; // milliseconds between two sentences: a screen reader must finish one
const PAUSE = 10; // milliseconds of waiting where nothing is due

export class Clock {
  // `app` has an epoch, and runEpoch, draw, tell and pause.
  constructor(app) {
    this.app = app;
    this.running = false;
    this.speed = Infinity; // epochs a second
    this.stale = false; // what the reader sees is not what they set
    this.waiting = false; // for the next turn
    this.turns = new MessageChannel(); // whose message comes as soon as nothing else is to be done
    this.turns.port1.onmessage = () => this.turn();
    this.spoken();
  }

  // Train to epoch `target`.
  start(target) {
    Object.assign(this, { target, running: true });
    this.drawAt = performance.now();
    this.pace(this.speed);
    this.spoken();
    this.wait();
  }

  stop() {
    this.running = false;
  }

  pace(speed) {
    this.speed = speed;
    this.since = { time: performance.now(), epoch: this.app.epoch };
  }

  drawNext() {
    this.stale = true;
    requestAnimationFrame(() => this.app.draw());
  }

  drawn() {
    this.stale = false;
  }

  spoken() {
    this.spokenAt = performance.now();
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
    const { app, target, speed, since } = this;
    const now = performance.now();
    if (this.stale) return this.wait(PAUSE); // what the reader did is seen first
    if (now >= this.drawAt) {
      app.draw();
      const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
      this.drawAt = now + Math.max(still ? STILL : PICTURE, 8 * (performance.now() - now));
      return this.wait();
    }
    if (now - this.spokenAt >= SENTENCE) app.tell();
    const paced = since.epoch + ((now - since.time) * speed) / 1000;
    const due = speed < Infinity ? paced : Infinity;
    const goal = Math.min(target, due);
    while (app.epoch < goal && performance.now() - now < SLICE) app.runEpoch();
    if (app.epoch >= target) app.pause();
    else this.wait(app.epoch >= due ? PAUSE : 0);
  }
}
