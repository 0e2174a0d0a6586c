// The section on attention: small maps of every layer and head, a large one of the chosen head, a slider over
// checkpoints that shows how the pattern formed.

// What is shown now. Weights of another example or checkpoint take its place once they are unpacked.
class AttentionView {
  constructor(run) {
    this.run = run;
    this.maps = run.attention.maps;
    this.steps = run.attention.checkpoints ?? run.checkpoints;
    this.examples = run.attention.examples ?? run.examples.map((_, i) => i);
    this.example = 0;
    this.checkpoint = this.steps.length - 1;
    this.scale = "absolute";
    this.layer = 0;
    this.head = 0;
    this.weights = []; // by layer
    this.large = new AttentionMap(() => this.source(this.layer, this.head));
    this.thumbs = [];
  }

  source(layer, head) {
    const map = this.maps[layer];
    const sequences = this.run.examples[this.examples[this.example]].sequences;
    return {
      weights: this.weights[layer], head, scale: this.scale, name: this.head_name(layer, head),
      query_tokens: sequences[map.queries], key_tokens: sequences[map.keys],
    };
  }

  head_name(layer, head) {
    return `${this.maps[layer].name}, head ${head}`;
  }

  label(layer, head) {
    return this.maps[layer].heads_labels?.[this.checkpoint]?.[head];
  }

  // Only the newest of several wishes is fulfilled.
  async load() {
    const wish = (this.wish = {});
    const packed = this.maps.map((map) => map.weights[this.checkpoint]?.[this.example]);
    const weights = await Promise.all(packed.map((each) => each && open_weights(each)));
    if (this.wish !== wish) return;
    this.weights = weights;
    this.show();
    setTimeout(() => this.look_ahead(wish), 200);
  }

  // Unpacks the checkpoints on both sides, where the slider may go next.
  look_ahead(wish) {
    for (const checkpoint of [this.checkpoint - 1, this.checkpoint + 1]) {
      for (const map of this.maps) {
        const packed = map.weights[checkpoint]?.[this.example];
        if (packed && this.wish === wish) open_weights(packed);
      }
    }
  }

  show() {
    this.show_large();
    for (const thumb of this.thumbs) thumb.change();
  }

  show_large() {
    const chosen = Boolean(this.weights[this.layer]);
    this.large.node.hidden = !chosen;
    if (chosen) this.large.change();
    rename_figure(this.large_figure, this.head_name(this.layer, this.head));
    this.scores.replaceChildren(...score_words(this.label(this.layer, this.head)));
  }

  choose(layer, head) {
    Object.assign(this, { layer, head });
    for (const thumb of this.thumbs) thumb.node.setAttribute("aria-pressed", thumb.layer === layer && thumb.head === head);
    this.show_large();
  }
}

// Of a head's scores, what it looks like first.
function score_words(label) {
  if (!label) return [element("span", {}, "\u00a0")];
  const others = Object.entries(label.scores ?? {}).filter(([name]) => name !== label.label).sort((a, b) => b[1] - a[1]);
  return [
    element("span", { class: "value" }, "looks ", element("b", {}, label.score > 0 ? `${label.label} ${number_words(label.score, 2)}` : label.label)),
    ...others.map(([name, score]) => element("span", { class: "value" }, `${name} ${number_words(score, 2)}`)),
  ];
}

const thumb_size = 88;

// A small map. Of a long sequence it samples: one query of those below a pixel, with all its keys.
class AttentionThumb {
  constructor(view, layer, head) {
    Object.assign(this, { view, layer, head });
    this.canvas = element("canvas");
    this.words = element("span", { class: "thumb-label" });
    this.node = element("button", { type: "button", class: "thumb", "data-control": "attention-head", "aria-pressed": "false",
      onclick: () => view.choose(layer, head) }, this.canvas, this.words);
    this.drawing = new Drawing(this.canvas, () => this.draw());
    fit_canvas(this.canvas, thumb_size, thumb_size);
  }

  change() {
    const label = this.view.label(this.layer, this.head);
    this.words.replaceChildren(
      element("span", { class: "unseen" }, `${this.view.maps[this.layer].name}, head `), element("b", {}, String(this.head)),
      label ? ` ${label.label} ` : "", label?.score > 0 ? element("span", { class: "score" }, number_words(label.score, 2)) : "");
    this.drawing.invalidate();
  }

  draw() {
    const weights = this.view.weights[this.layer];
    const [context, width, height] = fit_canvas(this.canvas, thumb_size, thumb_size);
    if (!weights) return;
    const area = { top: 0, left: 0, bottom: weights.queries, right: weights.keys };
    const most = Math.round(thumb_size * (weights.queries > 512 ? 1 : devicePixelRatio));
    const pooled = new PooledView(weights, this.head, area, most, most).sample();
    if (weights.queries <= 512) pooled.refine(Infinity);
    paint_view(context, pooled, this.view.scale, 0, 0, width, height);
  }
}

function attention_section(run) {
  if (!run.attention?.maps?.length) return null;
  const view = new AttentionView(run);
  view.scores = element("p", { class: "readout scores" });
  view.large_figure = figure({
    title: view.head_name(0, 0),
    class: "large-map",
    controls: view.large.tools,
    body: [view.scores, view.large.node],
    svg: () => large_map_svg(view),
    csv: () => map_rows(view),
  });
  const grid = element("div", { class: "thumb-grid" }, view.maps.map((map, layer) => {
    const thumbs = Array.from({ length: map.heads }, (_, head) => new AttentionThumb(view, layer, head));
    view.thumbs.push(...thumbs);
    return element("div", { class: "thumb-row", role: "group", "aria-label": map.name },
      element("p", { class: "thumb-name" }, map.name, element("span", { class: "note" }, map.queries === map.keys ? "" : ` ${map.queries} → ${map.keys}`)),
      element("div", { class: "thumbs" }, thumbs.map((thumb) => thumb.node)));
  }));
  const widest = Math.max(...view.maps.map((map) => map.heads));
  const all = figure({ title: `${run.name}: all heads`, class: "all-heads", body: grid, svg: () => all_heads_svg(view), csv: () => label_rows(view) });
  view.thumbs[0].node.setAttribute("aria-pressed", "true");
  rove(grid, ".thumb", () => widest);
  view.load();
  return [attention_controls(view), element("div", { class: "attention" }, all, view.large_figure)];
}

function attention_controls(view) {
  const { run, steps, examples } = view;
  view.key = element("span", {}, scale_key(view.scale));
  const long = view.maps.some((map) => map.weights.flat().some((packed) => packed?.kind === "factors"));
  return element("div", { class: "controls" },
    examples.length > 1 && select("attention-example", "Example", examples.map((example, i) => [i, run.examples[example].name]), 0, (value) => {
      view.example = Number(value);
      view.load();
    }),
    slider("attention-checkpoint", "Checkpoint", steps.length, steps.length - 1, (i) => `step ${step_words(steps[i] ?? 0)}`, (i) => {
      view.checkpoint = i;
      view.load();
    }),
    select("attention-scale", "Colours", Object.entries(weight_scales).map(([key, { words }]) => [key, words]), "absolute", (value) => {
      view.scale = value;
      view.key.replaceChildren(...scale_key(value));
      view.show();
    }),
    view.key,
    long && element("p", { class: "note" }, "Small maps of long sequences are sampled: a pixel shows the greatest weight of one query of those ",
      "that it stands for, the last."));
}

const scale_key = (scale) => [colour_key([scale === "logarithmic" ? "≤ 0.0001" : "0", scale === "relative" ? "greatest" : "1"], "hidden by the mask")];

// The key to the colours on screen.
function colour_key(words, hidden) {
  const shares = Array.from({ length: 9 }, (_, i) => viridis(i / 8)).join(", ");
  return element("span", { class: "colour-key" }, words[0],
    element("i", { class: "gradient", style: { background: `linear-gradient(90deg, ${shares})` } }), words[1],
    hidden && [element("i", { class: "hatched" }), hidden]);
}

const most_saved_pixels = 512;

function large_map_svg(view) {
  const { weights, head, query_tokens, key_tokens, scale, name } = view.source(view.layer, view.head);
  const area = view.large.area ?? view.large.whole();
  const map = view_as_map(weights, head, scale, area, most_saved_pixels);
  const words = (tokens, first, last) => axis_words(tokens, first, last, 44)
    .map(([at, text]) => [at, text]);
  const row_words = words(query_tokens, area.top, area.bottom).map(([at, text]) => [(at * map.rows) / (area.bottom - area.top), text]);
  const column_words = words(key_tokens, area.left, area.right).map(([at, text]) => [(at * map.columns) / (area.right - area.left), text]);
  return map_svg({ title: `${name}, step ${step_words(view.steps[view.checkpoint])}`, map, row_words, column_words,
    row_label: "queries", column_label: "keys", key_words: [...weight_scales[scale].ends(map.greatest), "hidden by the mask"] });
}

function all_heads_svg(view) {
  const size = 96;
  const widest = Math.max(...view.maps.map((map) => map.heads));
  const columns = Math.min(widest, 8);
  const row_heights = view.maps.map((map) => Math.ceil(map.heads / columns) * (size + 24) + 24);
  const svg = svg_root(Math.max(columns * (size + 12) + 28, 420), row_heights.reduce((sum, height) => sum + height, 56), view.run.name);
  svg.append(svg_text(14, 20, `${view.run.name}, step ${step_words(view.steps[view.checkpoint])}`, { "font-size": 13, "font-weight": 600 }));
  let top = 36;
  view.maps.forEach((map, layer) => {
    svg.append(svg_text(14, top + 10, map.name, { fill: svg_ink.axis }));
    const weights = view.weights[layer];
    for (let head = 0; weights && head < map.heads; ++head) {
      const x = 14 + (head % columns) * (size + 12);
      const y = top + 18 + Math.floor(head / columns) * (size + 24);
      const area = { top: 0, left: 0, bottom: weights.queries, right: weights.keys };
      const label = view.label(layer, head);
      svg.append(svg_cells(view_as_map(weights, head, view.scale, area, size), x, y, size, size),
        svg_text(x, y + size + 13, shorten(`${head} ${label ? `${label.label} ${number_words(label.score, 2)}` : ""}`, 18), { "font-size": 10 }));
    }
    top += row_heights[layer];
  });
  return svg;
}

// The cells that are in view; of a long sequence those alone.
function map_rows(view) {
  const { weights, head, query_tokens, key_tokens } = view.source(view.layer, view.head);
  const { top, left, bottom, right } = view.large.area ?? view.large.whole();
  const rows = [["query", "query token", "key", "key token", "weight"]];
  const row = new Float32Array(right - left);
  for (let query = top; query < bottom; ++query) {
    weights.row(head, query, left, right, row);
    row.forEach((weight, i) => {
      if (!Number.isNaN(weight)) rows.push([query, query_tokens?.[query], left + i, key_tokens?.[left + i], weight]);
    });
  }
  return rows;
}

function label_rows(view) {
  const rows = [["step", "map", "head", "label", "score", "name of score", "value"]];
  view.maps.forEach((map) => (map.heads_labels ?? []).forEach((heads, checkpoint) => (heads ?? []).forEach((label, head) => {
    for (const [name, value] of Object.entries(label?.scores ?? {})) {
      rows.push([view.steps[checkpoint], map.name, head, label.label, label.score, name, value]);
    }
  })));
  return rows;
}
