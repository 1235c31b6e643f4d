// One label at a time. Keys and buttons go to the kernel, which writes each decision down and says
// what is to be seen next: nothing is decided here.

const PATIENCE = 4000; // milliseconds until the kernel is taken to be gone
const ACTIONS = [
  ["ArrowLeft", "Back", "←"],
  ["Enter", "Accept the suggestion", "Enter"],
  [" ", "Keep the label", "Space"],
  ["u", "Undo", "U"],
  ["ArrowRight", "Forth", "→"],
];
const NEED_LABELS = new Set(["Enter", " "]); // do nothing on a blind board

function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function button(text, key, press) {
  const made = element("button", { type: "button" }, text, " ");
  if (key && key !== text) made.append(element("kbd", {}, key));
  made.addEventListener("click", (event) => {
    press();
    if (event.detail > 0) made.closest(".anl-relabel").focus(); // by mouse: the keys go on
  });
  return made;
}

function render({ model, el }) {
  const image = element("img", { alt: "" });
  const text = element("pre");
  const fields = ["given", "suggested", "decided"].map((name) => [name, element("dd")]);
  const names = { given: "Label given", suggested: "Suggested", decided: "Decided" };
  const list = element("dl");
  const blind = model.get("view").blind;
  for (const [name, value] of fields)
    if (!blind || name === "decided") list.append(element("div", {}, element("dt", {}, names[name]), value));
  const status = element("p", { role: "status", "aria-live": "polite" });
  const failure = element("p", { role: "alert" });
  let waiting;

  const send = (message) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      failure.textContent =
        "The kernel does not answer, so this is not written. What the board said was written " +
        "is safe: run the notebook again, and the board goes on there.";
    }, PATIENCE);
    try {
      model.send({ shown: model.get("view").row, ...message });
    } catch {
      // no kernel: said in a moment
    }
  };

  const classes = model.get("classes");
  const known = new Set(classes.map(([, key]) => key).filter(Boolean));
  const choices = element("div", { role: "group", "aria-label": "Classes" });
  classes.forEach(([name, key], label) => choices.append(button(name, key, () => send({ label }))));
  const actions = element("div", { role: "group", "aria-label": "Actions" });
  const offered = ACTIONS.filter(([key]) => !blind || !NEED_LABELS.has(key));
  const keys = new Set(offered.map(([key]) => key));
  for (const [key, name, shown] of offered) actions.append(button(name, shown, () => send({ key })));

  const root = element(
    "div",
    {
      class: "anl-relabel",
      tabindex: "0",
      role: "application",
      "aria-label":
        (blind ? "Rows to look at, labels hidden. " : "Labels to look at. ") +
        "A class's key chooses it, " +
        (blind ? "" : "Enter accepts the suggestion, Space keeps the label, ") +
        "arrows go back and forth, U takes back.",
      "data-lm-suppress-shortcuts": "true",
    },
    element("div", { class: "seen" }, image, text, list),
    choices,
    actions,
    status,
    failure,
  );
  root.addEventListener("keydown", (event) => {
    event.stopPropagation(); // not for the notebook
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("button") && ["Enter", " "].includes(event.key)) return; // presses it
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (!keys.has(key) && !known.has(key)) return;
    event.preventDefault();
    if (!event.repeat || key.startsWith("Arrow")) send({ key });
  });

  const show = () => {
    clearTimeout(waiting);
    const view = model.get("view");
    image.hidden = !view.image;
    text.hidden = !view.picture;
    image.src = view.image || "data:,";
    image.alt = view.alt;
    text.textContent = view.picture;
    for (const [name, value] of fields) value.textContent = view[name] || "nothing yet";
    status.textContent = view.status;
    failure.textContent = view.failure ?? "";
  };
  model.on("change:view", show);
  show();
  el.append(root);
  return () => {
    clearTimeout(waiting);
    model.off("change:view", show);
  };
}

export default { render };
