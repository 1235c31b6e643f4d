// What the reader has set: one flat object, checked, with a short form for the address.

import SETTINGS from "./settings.json" with { type: "json" };

export const SIDES = ["1", "2"];
const FIRST_LOSS = SETTINGS.side.loss.start;
// What only changes how it is looked at.
export const VIEW = ["point", "pulls", "speed"];

// The setting behind a name, which for one side's ends in its number: alpha_1, loss_2.
export function settingOf(name) {
  const [group, bare] = /_[12]$/.test(name) ? ["side", name.slice(0, -2)] : ["shared", name];
  return Object.hasOwn(SETTINGS[group], bare) ? SETTINGS[group][bare] : undefined;
}

// What one side can move beside its loss.
export const parametersOf = (loss) => [
  ...new Set([...Object.keys(SETTINGS.losses[loss].parameters), "l1"]),
];

// A whole state from some settings. A side's setting without its number counts for both sides; what
// is not given begins where it begins, a loss's parameters where that loss has them.
export function complete(some) {
  const given = {};
  for (const [name, value] of Object.entries(some)) {
    if (Object.hasOwn(SETTINGS.side, name))
      for (const side of SIDES) given[`${name}_${side}`] ??= some[`${name}_${side}`] ?? value;
    else if (settingOf(name)) given[name] = value;
    else throw new Error(`no setting is called ${name}`);
  }
  const state = {};
  for (const [name, { start }] of Object.entries(SETTINGS.shared))
    state[name] = checked(name, given[name] ?? start);
  for (const side of SIDES) {
    const loss = checked(`loss_${side}`, given[`loss_${side}`] ?? FIRST_LOSS[side]);
    const begin = { ...SETTINGS.losses[loss].parameters, loss };
    for (const [name, { start }] of Object.entries(SETTINGS.side)) {
      const key = `${name}_${side}`;
      state[key] = checked(key, given[key] ?? begin[name] ?? start);
    }
  }
  if (state.point >= state.points) state.point = -1;
  return state;
}

// A value as it is set, or as it stands in an address.
function checked(name, value) {
  const setting = settingOf(name);
  const options = optionsFor(name);
  if (options) {
    if (!Object.hasOwn(options, value))
      throw new Error(`${name} is one of ${Object.keys(options).join(", ")}, not ${value}`);
    return value;
  }
  if (typeof setting.start === "boolean") {
    if (!["true", "false"].includes(String(value)))
      throw new Error(`${name} is true or false, not ${value}`);
    return String(value) === "true";
  }
  const v = value === "" || typeof value === "boolean" ? NaN : Number(value);
  const { low, high, step, zero } = setting;
  if (!((v >= low && v <= high) || (zero && v === 0)))
    throw new Error(`${name} is ${low} to ${high}, not ${value}`);
  if (Number.isInteger(step) && !Number.isInteger(v))
    throw new Error(`${name} is a whole number, not ${value}`);
  return v;
}

// What a setting can be, if it is a choice: value to words.
export function optionsFor(name) {
  if (!/^loss_[12]$/.test(name)) return settingOf(name).options;
  return Object.fromEntries(
    Object.entries(SETTINGS.losses).map(([key, { label }]) => [key, label]),
  );
}

// What decides how it trains, as one text; but not how far.
export function training(state) {
  const view = [...VIEW, "epoch"].map((name) => [name, SETTINGS.shared[name].start]);
  return toHash({ ...state, ...Object.fromEntries(view) });
}

// What one side's trainer needs: the settings without numbers.
export function optionsOf(state, side) {
  const own = Object.keys(SETTINGS.side).map((name) => [name, state[`${name}_${side}`]]);
  return { ...state, ...Object.fromEntries(own) };
}

// The part of a state that differs from where its losses begin, as it stands in an address.
export function toHash(state) {
  const { loss_1, loss_2 } = state;
  const start = complete({ loss_1, loss_2 });
  const differs = ([name, value]) =>
    name.startsWith("loss") ? value !== FIRST_LOSS[name.at(-1)] : value !== start[name];
  return new URLSearchParams(Object.entries(state).filter(differs)).toString();
}

// A "+" typed by hand is one, as in "nce+mae".
export const fromHash = (hash) =>
  complete(Object.fromEntries(new URLSearchParams(hash.slice(1).replaceAll("+", "%2B"))));

export const MOMENTS = SETTINGS.moments;
export const labelOf = (loss) => SETTINGS.losses[loss].label;
