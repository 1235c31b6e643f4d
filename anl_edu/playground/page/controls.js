// Elements of the page, and one labelled control for each setting.

import { optionsFor, settingOf } from "./state.js";

// An element; attributes that begin with "on" are listeners, and false ones are left out.
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

// Each widget of a notebook loads these modules anew, on one page.
const OWN = Math.random().toString(36).slice(2, 8);
let fields = 0;

// {box, show}: the control of a setting with its label, and how to show it another value. `change`
// hears what the reader chooses.
export function field(name, change) {
  const { label, start } = settingOf(name);
  const id = `anl-play-${OWN}-${(fields += 1)}`;
  const named = element("label", { for: id }, label);
  const options = optionsFor(name);
  if (options) {
    const choices = Object.entries(options).map(([value, words]) =>
      element("option", { value }, words),
    );
    const select = element("select", { id, onchange: () => change(select.value) }, ...choices);
    return {
      box: element("div", { class: "field" }, named, select),
      show: (value) => {
        select.value = value;
      },
    };
  }
  if (typeof start === "boolean") {
    const box = element("input", { id, type: "checkbox", onchange: () => change(box.checked) });
    return {
      box: element("div", { class: "field switch" }, box, named),
      show: (value) => {
        box.checked = value;
      },
    };
  }
  return slider(name, id, named, change);
}

function slider(name, id, named, change) {
  const stops = stopsOf(settingOf(name));
  const output = element("span", { class: "value" });
  const say = (value) => {
    output.textContent = String(value);
    input.setAttribute("aria-valuetext", String(value));
  };
  const moved = () => {
    const value = stops[Number(input.value)];
    say(value);
    change(value);
  };
  const input = element("input", {
    id,
    type: "range",
    min: 0,
    max: stops.length - 1,
    step: 1,
    oninput: moved,
  });
  const show = (value) => {
    input.value = stops.reduce(
      (best, v, i) => (Math.abs(v - value) < Math.abs(stops[best] - value) ? i : best),
      0,
    );
    say(value);
  };
  return {
    box: element("div", { class: "field" }, named, element("div", { class: "row" }, input, output)),
    show,
  };
}

// Every value that a slider stops at: even steps, or 1, 2 and 5 of every power of ten.
function stopsOf({ low, high, step, log, zero }) {
  if (!log)
    return Array.from({ length: Math.round((high - low) / step) + 1 }, (_, i) =>
      Number((low + i * step).toFixed(6)),
    );
  const stops = zero ? [0] : [];
  for (let power = Math.round(Math.log10(low)); power <= Math.log10(high); power++) {
    for (const digit of [1, 2, 5]) {
      const value = Number(`${digit}e${power}`);
      if (value <= high) stops.push(value);
    }
  }
  return stops;
}
