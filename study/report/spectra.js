// Singular values of the weights, and their effective rank, over checkpoints. And the metrics of curvature.

function spectra_section(run) {
  if (!run.spectra?.length) return null;
  const state = { weight: run.spectra[0], checkpoint: run.spectra[0].checkpoints.length - 1 };
  const step_of = (i) => state.weight.checkpoints[i]?.step ?? 0;
  // The ends of viridis that stand out from the page.
  const colour = (i, theme) => {
    const share = i / Math.max(1, state.weight.checkpoints.length - 1);
    return hex_of_viridis((theme ?? current_theme()) === "light" ? 0.85 * share : 0.25 + 0.75 * share);
  };
  const values = new Chart({
    title: "Singular values",
    describe: async (theme) => ({
      x_label: "index",
      y_log: true,
      height: 280,
      series: await spectra_series(state, (i) => colour(i, theme)),
    }),
  });
  const ranks = new Chart({
    title: "Effective rank",
    describe: (theme) => ({
      x_label: "step",
      height: 280,
      series: [
        {
          label: "effective rank",
          colour: line_colour(0, theme),
          dots: true,
          x: state.weight.checkpoints.map(({ step }) => step),
          y: state.weight.checkpoints.map(({ effective_rank }) => effective_rank),
        },
      ],
      marks: [{ x: step_of(state.checkpoint), colour: "#888888", dash: "2 3", label: "the chosen checkpoint" }],
    }),
  });
  const redraw = () => {
    for (const [chart, what] of [
      [values, "Singular values"],
      [ranks, "Effective rank"],
    ]) {
      chart.title = `${what} of ${state.weight.name}`;
      rename_figure(chart.node.closest("figure"), chart.title);
      chart.drawing.invalidate();
    }
  };
  const checkpoints = slider(
    "spectra-checkpoint",
    "Checkpoint",
    state.weight.checkpoints.length,
    state.checkpoint,
    (i) => `step ${step_words(step_of(i))}`,
    (i) => {
      state.checkpoint = i;
      redraw();
    },
  );
  const weights = select(
    "spectra-weight",
    "Weight",
    run.spectra.map(({ name }, i) => [i, name]),
    0,
    (i) => {
      state.weight = run.spectra[Number(i)];
      state.checkpoint = Math.min(state.checkpoint, state.weight.checkpoints.length - 1);
      redraw();
    },
  );
  values.title += ` of ${state.weight.name}`;
  ranks.title += ` of ${state.weight.name}`;
  const named = (chart) => ({
    body: chart.node,
    svg: () => chart.svg(),
    print: () => chart.print(),
    title: chart.title,
  });
  return [
    element("div", { class: "controls" }, weights, checkpoints),
    element(
      "div",
      { class: "pair" },
      figure({
        ...named(values),
        csv: () => spectra_rows(state.weight),
        note: "Of the chosen checkpoint in full colour; the others faint, from early (dark) to late (light).",
      }),
      figure({ ...named(ranks), csv: () => ranks.csv(), note: "Over how many directions the weight is spread." }),
    ),
  ];
}

async function spectra_series(state, colour) {
  const { checkpoints } = state.weight;
  const all = await Promise.all(checkpoints.map(({ singular_values }) => unpack(singular_values)));
  const series = all.map((y, i) => {
    const chosen = i === state.checkpoint;
    return {
      x: Array.from(y, (_, index) => index + 1),
      y,
      colour: colour(i),
      opacity: chosen ? undefined : 0.35,
      width: chosen ? 2.5 : 1,
      label: chosen ? `step ${step_words(checkpoints[i].step)}` : undefined,
    };
  });
  return [...series.filter((each) => !each.label), ...series.filter((each) => each.label)];
}

async function spectra_rows(weight) {
  const rows = [["weight", "step", "index", "singular value", "effective rank"]];
  for (const { step, singular_values, effective_rank } of weight.checkpoints) {
    (await unpack(singular_values)).forEach((value, i) => rows.push([weight.name, step, i + 1, value, effective_rank]));
  }
  return rows;
}

function hex_of_viridis(share) {
  const i = 3 * viridis_index(share);
  return `#${[0, 1, 2].map((channel) => viridis_bytes[i + channel].toString(16).padStart(2, "0")).join("")}`;
}

function curvature_section(runs, run) {
  const names = (run.curvature?.curves ?? []).filter((name) => metric_of(run, name));
  if (names.length === 0) return null;
  return element(
    "div",
    { class: "charts" },
    names.map((name) => metric_chart(runs, name)),
  );
}
