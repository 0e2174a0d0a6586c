// The section on attention: small maps of every layer and head, a large one of the chosen head, a slider over
// checkpoints that shows how the pattern formed.

function attention_section(run) {
  if (!run.attention?.maps?.length) return null;
  const view = new AttentionView(run);
  view.scores = element("p", { class: "readout scores" });
  view.large_figure = figure({
    title: view.head_name(view.layer, view.head),
    class: "large-map",
    controls: view.large.tools,
    body: [view.scores, view.large.node],
    svg: () => large_map_svg(view),
    csv: () => map_rows(view),
  });
  const grid = element(
    "div",
    { class: "thumb-grid" },
    view.maps.map((map, layer) => {
      const thumbs = Array.from({ length: map.heads }, (_, head) => new AttentionThumb(view, layer, head));
      view.thumbs.push(...thumbs);
      return element(
        "div",
        { class: "thumb-row", role: "group", "aria-label": map.name },
        element(
          "p",
          { class: "thumb-name" },
          map.name,
          element("span", { class: "note" }, map.queries === map.keys ? "" : ` ${map.queries} → ${map.keys}`),
        ),
        element(
          "div",
          { class: "thumbs" },
          thumbs.map((thumb) => thumb.node),
        ),
      );
    }),
  );
  const widest = Math.max(...view.maps.map((map) => map.heads));
  const all = figure({
    title: `${run.name}: all heads`,
    class: "all-heads",
    body: grid,
    svg: () => all_heads_svg(view),
    csv: () => label_rows(view),
  });
  view.press();
  rove(grid, ".thumb", () => widest);
  view.load();
  return [attention_controls(view), element("div", { class: "attention" }, all, view.large_figure)];
}

function attention_controls(view) {
  const { run, steps, examples } = view;
  view.key = element("span", {}, scale_key(view.scale));
  const long = view.maps.some((map) => map.weights.flat().some((packed) => packed?.kind === "factors"));
  return element(
    "div",
    { class: "controls" },
    examples.length > 1 &&
      select(
        "attention-example",
        "Example",
        examples.map((example, i) => [i, run.examples[example].name]),
        0,
        (value) => {
          view.example = Number(value);
          view.load();
        },
      ),
    slider(
      "attention-checkpoint",
      "Checkpoint",
      steps.length,
      steps.length - 1,
      (i) => `step ${step_words(steps[i] ?? 0)}`,
      (i) => {
        view.checkpoint = i;
        view.load();
      },
    ),
    select(
      "attention-scale",
      "Colours",
      Object.entries(weight_scales).map(([key, { words }]) => [key, words]),
      "absolute",
      (value) => {
        view.scale = value;
        view.key.replaceChildren(...scale_key(value));
        view.show();
      },
    ),
    view.key,
    long &&
      element(
        "p",
        { class: "note" },
        "Small maps of long sequences are sampled: a pixel shows the greatest weight of one query of those ",
        "that it stands for, the last.",
      ),
  );
}

const scale_key = (scale) => [
  colour_key(
    [scale === "logarithmic" ? "≤ 0.0001" : "0", scale === "relative" ? "greatest" : "1"],
    "hidden by the mask",
  ),
];

// The key to the colours on screen.
function colour_key(words, hidden) {
  const shares = Array.from({ length: 9 }, (_, i) => viridis(i / 8)).join(", ");
  return element(
    "span",
    { class: "colour-key" },
    words[0],
    element("i", { class: "gradient", style: { background: `linear-gradient(90deg, ${shares})` } }),
    words[1],
    hidden && [element("i", { class: "hatched" }), hidden],
  );
}
