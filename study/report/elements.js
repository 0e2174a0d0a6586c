// Elements of the page. Text of the data only ever becomes a text node: a token that holds "<script>" is shown, and not
// run.

function set_property(node, key, value) {
  if (value === undefined || value === null || value === false) return;
  if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
  else if (key === "style") for (const [name, text] of Object.entries(value)) node.style.setProperty(name, text);
  else if (key === "value") node.value = value;
  else node.setAttribute(key, value === true ? "" : value);
}

function fill(node, properties, children) {
  for (const [key, value] of Object.entries(properties ?? {})) set_property(node, key, value);
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

// element("p", {class: "note"}, "text", element("b", {}, "more"))
const element = (name, properties, ...children) => fill(document.createElement(name), properties, children);

const svg_element = (name, properties, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", name), properties, children);

// `control` names what a button or an input is for, to whoever drives the page from outside.
const button = (control, text, on_click, properties) =>
  element("button", { type: "button", "data-control": control, onclick: on_click, ...properties }, text);

let identifiers = 0;
const new_identifier = (stem) => `${stem}-${++identifiers}`;

function labelled(text, control, after) {
  control.id ||= new_identifier("control");
  return element("span", { class: "control" }, element("label", { for: control.id }, text), control, after);
}

// options: [[value, text], ...]
function select(control, label, options, chosen, on_change) {
  const node = element(
    "select",
    { "data-control": control, onchange: () => on_change(node.value) },
    options.map(([value, text]) => element("option", { value }, text)),
  );
  node.value = chosen;
  const whole = labelled(label, node);
  whole.input = node;
  return whole;
}

function checkbox(control, label, checked, on_change) {
  const node = element("input", { type: "checkbox", "data-control": control, onchange: () => on_change(node.checked) });
  node.checked = checked;
  return element("label", { class: "check" }, node, label);
}

// A slider over 0 ... count - 1 that says in words where it stands.
function slider(control, label, count, position, words, on_input) {
  const output = element("output", { class: "slider-words" });
  const node = element("input", {
    type: "range",
    min: 0,
    max: Math.max(0, count - 1),
    step: 1,
    "data-control": control,
  });
  const say = () => {
    output.textContent = words(Number(node.value));
    node.setAttribute("aria-valuetext", output.textContent);
  };
  node.value = position;
  node.disabled = count < 2;
  node.addEventListener("input", () => {
    say();
    on_input(Number(node.value));
  });
  say();
  return labelled(label, node, output);
}

// columns: [{text, number}], rows: lists of texts or nodes
function table(caption, columns, rows, properties) {
  const cells = (row) => row.map((cell, i) => element("td", { class: columns[i].number && "number" }, cell));
  return element(
    "section",
    { class: "table-frame", tabindex: 0, "aria-label": caption },
    element(
      "table",
      properties,
      element("caption", { class: "unseen" }, caption),
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          columns.map((column) => element("th", { scope: "col", class: column.number && "number" }, column.text)),
        ),
      ),
      element(
        "tbody",
        {},
        rows.map((row) => element("tr", {}, cells(row))),
      ),
    ),
  );
}

// A grid of buttons takes one tab stop; the arrow keys go from one to the next.
function rove(container, selector, columns) {
  const items = () => [...container.querySelectorAll(selector)];
  const set_stop = (chosen) => items().forEach((item) => item.setAttribute("tabindex", item === chosen ? 0 : -1));
  const first = items().find((item) => item.getAttribute("aria-pressed") === "true") ?? items()[0];
  if (first) set_stop(first);
  container.addEventListener("keydown", (event) => {
    const all = items();
    const at = all.indexOf(document.activeElement);
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns(), ArrowDown: columns() };
    if (at < 0 || !(event.key in steps)) return;
    event.preventDefault();
    const next = all[at + steps[event.key]];
    if (next) {
      set_stop(next);
      next.focus();
    }
  });
  container.addEventListener("focusin", (event) => {
    if (event.target.matches(selector)) set_stop(event.target);
  });
}
