// What all curves share: axes, zoom, smoothing, marks, which runs are shown. And the curves' points.

const curves_state = {
  x_log: false,
  y_log: false,
  x_range: null,
  half_life: 0, // of the smoothing, in steps
  marks: { evaluations: false, checkpoints: true, resumptions: true, phases: true },
  hidden_runs: new Set(),
};

const curves_drawings = new Set();

function change_curves(changes) {
  Object.assign(curves_state, changes);
  for (const chart of curves_drawings) chart.drawing.invalidate();
}

const metric_of = (run, name) => (run.curves?.metrics ?? []).find((metric) => metric.name === name);

async function metric_points(run, metric) {
  const [x, y] = await Promise.all([unpack(run.curves.axes[metric.axis]), unpack(metric.values)]);
  return { x, y };
}

// An exponential average that halves a point's weight every `half_life` steps, however the points are spaced; weights
// are normalised, so that the first points are not drawn to 0 (as Adam's averages are corrected).
function smoothed(x, y, half_life) {
  const result = new Float64Array(y.length);
  let sum = 0;
  let weight = 0;
  let previous = x[0];
  for (let i = 0; i < y.length; ++i) {
    if (!Number.isFinite(y[i])) {
      result[i] = NaN;
      continue;
    }
    const decay = 0.5 ** ((x[i] - previous) / half_life);
    previous = x[i];
    sum = sum * decay + y[i];
    weight = weight * decay + 1;
    result[i] = sum / weight;
  }
  return result;
}

// The series of a metric in every run that has it: the points, and over them, if asked for, their average.
async function metric_series(runs, name, theme) {
  const series = [];
  for (const [index, run] of runs.entries()) {
    const metric = metric_of(run, name);
    if (!metric || curves_state.hidden_runs.has(index)) continue;
    const { x, y } = await metric_points(run, metric);
    const colour = line_colour(index, theme);
    const half_life = curves_state.half_life;
    if (half_life > 0 && x.length > 2) {
      series.push({ x, y, colour, opacity: 0.3, width: 1 });
      series.push({ label: run.name, x, y: smoothed(x, y, half_life), colour, width: 1.8 });
    } else {
      series.push({ label: run.name, x, y, colour, dots: x.length <= 12 });
    }
  }
  return series;
}

const mark_kinds = {
  evaluations: { words: "evaluations", colour: "#888888", short: true },
  checkpoints: { words: "checkpoints", colour: "#009e73", short: true },
  resumptions: { words: "resumptions", colour: "#cc79a7", dash: "4 3" },
  phases: { words: "phase changes", colour: "#d55e00", dash: "2 3" },
};

// Where a run was evaluated: where its metrics of validation stand.
async function evaluation_steps(run) {
  const metric = (run.curves?.metrics ?? []).find((each) => /^(val|test)\//.test(each.name));
  return metric ? unpack(run.curves.axes[metric.axis]) : [];
}

// Phase changes only of the metric itself.
async function metric_marks(runs, name) {
  const marks = [];
  for (const [index, run] of runs.entries()) {
    if (curves_state.hidden_runs.has(index)) continue;
    const { marks: wanted } = curves_state;
    // Of several runs a long mark has the colour of its run.
    const add = (kind, x, label) => {
      const { colour, ...rest } = mark_kinds[kind];
      marks.push({ ...rest, colour: runs.length > 1 && !rest.short ? line_colour(index) : colour, x, label });
    };
    if (wanted.evaluations) for (const step of await evaluation_steps(run)) add("evaluations", step, "evaluation");
    if (wanted.checkpoints) {
      const saved = (run.events ?? []).filter((event) => event.event === "saved" && event.step !== null);
      for (const event of saved) add("checkpoints", event.step, "checkpoint");
    }
    if (wanted.resumptions) {
      const resumed = (run.events ?? []).filter((event) => event.event === "resumed" && event.step !== null);
      for (const event of resumed) add("resumptions", event.step, "resumed");
    }
    if (wanted.phases) {
      for (const change of run.changes ?? []) if (change.metric === name) add("phases", change.step, change.kind);
    }
  }
  return marks;
}

function last_step(runs) {
  return Math.max(1, ...runs.map((run) => run.step ?? 0));
}
