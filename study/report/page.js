// Puts the page together: sections, navigation, theme, keys.

const shortcuts = [
  ["n / b", "next section, section before", null],
  ["/", "find a metric", () => document.querySelector('[data-control="curves-search"]')?.focus()],
  ["t", "theme: system, light, dark", () => next_theme()],
  ["p", "print", () => print_page()],
  ["?", "this list", () => document.getElementById("help").showModal()],
];

const elsewhere_keys = [
  ["← → on a chart", "move the cursor; with Shift ten points at once"],
  ["+ − 0 on a chart or a map", "zoom in, zoom out, show all"],
  ["← ↑ → ↓ on a map", "move from cell to cell; with Shift ten cells at once"],
  ["← → on small maps and tokens", "go from one to the next"],
  ["← → on a slider", "step through checkpoints"],
];

const themes = ["system", "light", "dark"];

let theme_choice = "system";

function set_theme(choice) {
  theme_choice = choice;
  document.documentElement.dataset.theme = choice !== "system" ? choice : dark_preferred.matches ? "dark" : "light";
  document.querySelector('[data-control="theme"]').value = choice;
  invalidate_all();
}

const next_theme = () => set_theme(themes[(themes.indexOf(theme_choice) + 1) % themes.length]);

// Sections of one run are made anew when another is chosen; those of all runs stay.
const sections = [
  { id: "overview", title: "Overview", make: (runs) => overview_section(runs), all_runs: true },
  { id: "curves", title: "Curves", make: (runs) => curves_section(runs), all_runs: true },
  { id: "attention", title: "Attention", make: (_, run) => attention_section(run) },
  { id: "predictions", title: "Predictions", make: (_, run) => predictions_section(run) },
  { id: "calibration", title: "Calibration", make: (_, run) => calibration_figure(run) },
  { id: "spectra", title: "Spectra", make: (_, run) => spectra_section(run) },
  { id: "curvature", title: "Curvature", make: (runs, run) => curvature_section(runs, run) },
  { id: "landscape", title: "Landscape", make: (_, run) => landscape_section(run) },
  { id: "embeddings", title: "Embeddings", make: (_, run) => embeddings_section(run) },
  { id: "gradcheck", title: "Gradients", make: (_, run) => gradcheck_section(run) },
];

function build_section(section, runs, run) {
  const content = section.make(runs, run);
  section.node.hidden = section.link.hidden = content === null;
  if (content === null) {
    section.node.replaceChildren();
    return;
  }
  const parts = [content].flat(Infinity).filter(Boolean);
  section.node.replaceChildren(
    element(
      "h2",
      { id: `${section.id}-title` },
      section.title,
      !section.all_runs && runs.length > 1 && element("span", { class: "of-run" }, run.name),
    ),
    ...parts,
  );
}

const next_turn = () => new Promise((resolve) => setTimeout(resolve, 0));

// One after another, so that the first is on screen before the last is made.
async function build_run(runs, run) {
  for (const section of sections) {
    if (section.all_runs) continue;
    await next_turn();
    build_section(section, runs, run);
  }
  document.documentElement.dataset.run = run.name;
}

function help_dialog() {
  const row = ([keys, words]) =>
    element(
      "tr",
      {},
      element(
        "td",
        {},
        keys.split(" ").map((key, i) => [i ? " " : "", key.length < 3 ? element("kbd", {}, key) : key]),
      ),
      element("td", {}, words),
    );
  return element(
    "dialog",
    { id: "help", "aria-labelledby": "help-title" },
    element("h2", { id: "help-title" }, "Keys"),
    element("table", {}, element("tbody", {}, [...shortcuts, ...elsewhere_keys].map(row))),
    element("form", { method: "dialog" }, element("button", { type: "submit", "data-control": "help-close" }, "Close")),
  );
}

function fill_bar(runs) {
  const bar = document.querySelector(".bar");
  const navigation = document.getElementById("navigation");
  navigation.append(...sections.map((section) => section.link));
  const tools = element("div", { class: "bar-tools" });
  if (runs.length > 1) {
    tools.append(
      select(
        "run",
        "Run",
        runs.map((run, i) => [i, run.name]),
        0,
        (i) => build_run(runs, runs[Number(i)]),
      ),
    );
  }
  tools.append(
    select(
      "theme",
      "Theme",
      themes.map((theme) => [theme, theme]),
      "system",
      set_theme,
    ),
    button("print", "Print", print_page, { class: "quiet" }),
    button("help", "Keys", () => document.getElementById("help").showModal(), { class: "quiet" }),
  );
  bar.append(tools);
}

// The section that is read now stands out in the navigation.
function follow_scrolling() {
  const line = 120;
  const current =
    sections.filter((section) => !section.node.hidden && section.node.getBoundingClientRect().top <= line).at(-1) ??
    sections[0];
  for (const section of sections) {
    if (section === current) section.link.setAttribute("aria-current", "true");
    else section.link.removeAttribute("aria-current");
  }
  return current;
}

function go_to_section(direction) {
  const shown = sections.filter((section) => !section.node.hidden);
  const next = shown[shown.indexOf(follow_scrolling()) + direction];
  next?.node.scrollIntoView();
  next?.node.focus({ preventScroll: true });
}

function on_key(event) {
  if (event.key === "p" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    print_page();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input[type=search], select, dialog *"))
    return;
  if (event.key === "n" || event.key === "b") go_to_section(event.key === "n" ? 1 : -1);
  else {
    const shortcut = shortcuts.find(([key, , act]) => act && key === event.key);
    if (!shortcut) return;
    shortcut[2]();
  }
  event.preventDefault();
}

async function start() {
  const { runs, program, written } = report_data;
  for (const section of sections) {
    section.node = element("section", {
      id: section.id,
      tabindex: -1,
      "aria-labelledby": `${section.id}-title`,
      hidden: true,
    });
    section.link = element("a", { href: `#${section.id}`, hidden: true, "data-control": "section" }, section.title);
  }
  document.title = `${runs.map((run) => run.name).join(", ")} – transformlet report`;
  document
    .getElementById("report")
    .append(
      element("h1", {}, runs.length === 1 ? runs[0].name : `${runs.length} runs`),
      ...sections.map((section) => section.node),
    );
  document.getElementById("written").textContent = `Written by ${program}, ${written}.`;
  document.body.append(help_dialog());
  fill_bar(runs);
  set_theme("system");
  document.addEventListener("keydown", on_key);
  document.addEventListener("scroll", follow_scrolling, { passive: true });
  dark_preferred.addEventListener("change", () => set_theme(theme_choice));
  build_section(sections[0], runs, runs[0]);
  await next_turn();
  build_section(sections[1], runs, runs[0]);
  await build_run(runs, runs[0]);
  follow_scrolling();
  if (location.hash.length > 1) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

// After all other scripts of this page, whatever their order.
queueMicrotask(start);
