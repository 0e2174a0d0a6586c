// Every metric as a chart, in groups by the part of its name before the slash.

const leading_groups = ["train", "val", "test"];

function metric_groups(runs) {
  const groups = new Map();
  for (const run of runs) {
    for (const { name } of run.curves?.metrics ?? []) {
      const group = name.includes("/") ? name.slice(0, name.indexOf("/")) : "other";
      if (!groups.has(group)) groups.set(group, new Set());
      groups.get(group).add(name);
    }
  }
  const rank = (name) => (leading_groups.includes(name) ? leading_groups.indexOf(name) : leading_groups.length);
  return [...groups].sort(([a], [b]) => rank(a) - rank(b)).map(([name, metrics]) => ({ name, metrics: [...metrics] }));
}

function metric_chart(runs, name) {
  const chart = new Chart({
    title: name,
    group: "curves",
    on_zoom: (x_range) => zoom_curves(x_range),
    describe: async (theme) => ({
      x_label: "step",
      x_log: curves_state.x_log,
      y_log: curves_state.y_log,
      x_range: curves_range(runs),
      height: node.classList.contains("wide") ? 420 : 190,
      series: await metric_series(runs, name, theme),
      marks: await metric_marks(runs, name),
    }),
  });
  curves_drawings.add(chart);
  const wide = button(
    "curve-wide",
    "Enlarge",
    () => {
      const is_wide = node.classList.toggle("wide");
      wide.textContent = is_wide ? "Shrink" : "Enlarge";
      wide.setAttribute("aria-label", `${wide.textContent} ${name}`);
      wide.setAttribute("aria-pressed", is_wide);
      chart.drawing.invalidate();
    },
    { class: "quiet", "aria-pressed": "false", "aria-label": `Enlarge ${name}` },
  );
  const recorded = runs.map((run) => metric_of(run, name)).filter(Boolean);
  const node = figure({
    title: name,
    class: "metric",
    controls: wide,
    body: chart.node,
    svg: () => chart.svg(),
    print: () => chart.print(),
    csv: () => metric_rows(runs, name),
  });
  node.dataset.metric = name;
  const points = recorded.reduce((sum, metric) => sum + metric.recorded, 0);
  const least = number_words(Math.min(...recorded.map(({ minimum }) => minimum)));
  const greatest = number_words(Math.max(...recorded.map(({ maximum }) => maximum)));
  chart.frame.setAttribute(
    "aria-description",
    `${step_words(points)} values were recorded, from ${least} to ${greatest}.`,
  );
  return node;
}

// The points themselves, whatever is smoothed or shown.
async function metric_rows(runs, name) {
  const rows = [["run", "step", name]];
  for (const run of runs) {
    const metric = metric_of(run, name);
    if (!metric) continue;
    const { x, y } = await metric_points(run, metric);
    x.forEach((step, i) => rows.push([run.name, step, y[i]]));
  }
  return rows;
}

const curves_range = (runs) => curves_state.x_range ?? [curves_state.x_log ? 1 : 0, last_step(runs)];

function zoom_curves(x_range) {
  change_curves({ x_range });
  const reset = document.querySelector('[data-control="curves-reset"]');
  reset.disabled = x_range === null;
  reset.nextElementSibling.textContent =
    x_range === null ? "" : `steps ${step_words(Math.round(x_range[0]))} to ${step_words(Math.round(x_range[1]))}`;
}

function curves_section(runs) {
  const groups = metric_groups(runs);
  const total = groups.reduce((sum, group) => sum + group.metrics.length, 0);
  if (total === 0) return null;
  const is_curve = (name) => runs.some((run) => metric_of(run, name)?.recorded > 1);
  const open = new Set(
    groups
      .filter(({ name, metrics }) => leading_groups.includes(name) && metrics.some(is_curve))
      .map(({ name }) => name),
  );
  if (open.size === 0) open.add(groups[0].name);
  const nodes = groups.map((group) => {
    const charts = element("div", { class: "charts" });
    const node = element(
      "details",
      { class: "group", open: open.has(group.name) },
      element(
        "summary",
        { "data-control": "curves-group" },
        group.name,
        element("span", { class: "count" }, group.metrics.length),
      ),
      charts,
    );
    const build = () => {
      if (node.open && charts.childElementCount === 0)
        charts.append(...group.metrics.map((name) => metric_chart(runs, name)));
    };
    node.addEventListener("toggle", build);
    build();
    return { ...group, node, charts, build };
  });
  const nothing = element("p", { class: "note", hidden: true }, "No metric has such a name.");
  return [curves_controls(runs, nodes, total, nothing), changes_list(runs), nodes.map((group) => group.node), nothing];
}

// All words that were typed must be in the name.
function search_metrics(groups, text, nothing) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const group of groups) {
    const matching = new Set(group.metrics.filter((name) => words.every((word) => name.toLowerCase().includes(word))));
    group.node.hidden = matching.size === 0;
    if (words.length > 0 && matching.size > 0) {
      group.node.open = true;
      group.build();
    }
    for (const node of group.charts.children) node.hidden = !matching.has(node.dataset.metric);
    shown += matching.size;
  }
  nothing.hidden = shown > 0;
  return shown;
}

function curves_controls(runs, groups, total, nothing) {
  const found = element("output", { class: "slider-words" }, `${total} metrics`);
  const search = element("input", {
    type: "search",
    id: "metric-search",
    placeholder: "e.g. val accuracy",
    "data-control": "curves-search",
    oninput: () => (found.textContent = `${search_metrics(groups, search.value, nothing)} of ${total}`),
  });
  const axes = [
    ["linear", "linear"],
    ["log", "logarithmic"],
  ];
  // The half-life of the smoothing grows evenly in its logarithm, up to a fifth of the run.
  const notches = 21;
  const half_life = (notch) => (notch === 0 ? 0 : (last_step(runs) / 5) ** (notch / (notches - 1)));
  const reset = button("curves-reset", "Show all steps", () => zoom_curves(null), { disabled: true });
  return element(
    "div",
    { class: "controls" },
    labelled("Find", search, found),
    select("curves-x", "Steps", axes, "linear", (value) => {
      zoom_curves(null);
      change_curves({ x_log: value === "log" });
    }),
    select("curves-y", "Values", axes, "linear", (value) => change_curves({ y_log: value === "log" })),
    slider(
      "curves-smoothing",
      "Smoothing",
      notches,
      0,
      (notch) => (notch === 0 ? "none" : `half-life ${number_words(half_life(notch), 2)} steps`),
      (notch) => change_curves({ half_life: half_life(notch) }),
    ),
    element(
      "fieldset",
      { class: "checks" },
      element("legend", {}, "Marks"),
      Object.entries(mark_kinds).map(([kind, { words, colour }]) =>
        checkbox(
          `curves-mark-${kind}`,
          [element("i", { class: "swatch", style: { background: colour } }), words],
          curves_state.marks[kind],
          (checked) => change_curves({ marks: { ...curves_state.marks, [kind]: checked } }),
        ),
      ),
    ),
    runs.length > 1 &&
      element(
        "fieldset",
        { class: "checks" },
        element("legend", {}, "Runs"),
        runs.map((run, i) =>
          checkbox(
            "curves-run",
            [element("i", { class: "swatch", style: { background: `var(--line-${i % 7})` } }), run.name],
            true,
            (checked) => {
              curves_state.hidden_runs[checked ? "delete" : "add"](i);
              change_curves({});
            },
          ),
        ),
      ),
    element("span", { class: "control" }, reset, element("output", { class: "slider-words" })),
    element(
      "p",
      { class: "note" },
      "Drag across a chart to zoom all of them; a half-life averages the points that are drawn. ",
      "A focused chart listens to the arrow keys, +, − and 0.",
    ),
  );
}
