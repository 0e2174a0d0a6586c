// The state of the section on attention, and its small maps.

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
    [this.layer, this.head] = this.most_telling_head();
    this.weights = []; // by layer
    this.large = new AttentionMap(() => this.source(this.layer, this.head));
    this.thumbs = [];
  }

  source(layer, head) {
    const map = this.maps[layer];
    const sequences = this.run.examples[this.examples[this.example]].sequences;
    return {
      weights: this.weights[layer],
      head,
      scale: this.scale,
      name: this.head_name(layer, head),
      query_tokens: sequences[map.queries],
      key_tokens: sequences[map.keys],
    };
  }

  head_name(layer, head) {
    return `${this.maps[layer].name}, head ${head}`;
  }

  // At first the head is chosen whose kind is clearest.
  most_telling_head() {
    let best = [0, 0];
    let greatest = 0;
    this.maps.forEach((map, layer) =>
      Array.from({ length: map.heads }, (_, head) => {
        const label = this.label(layer, head);
        if (!label || label.label === "uniform" || !(label.score > greatest)) return;
        greatest = label.score;
        best = [layer, head];
      }),
    );
    return best;
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
    this.press();
    this.show_large();
  }

  // Marks the small map of the chosen head.
  press() {
    for (const { node, layer, head } of this.thumbs) {
      node.setAttribute("aria-pressed", layer === this.layer && head === this.head);
    }
  }
}

// Of a head's scores, what it looks like first.
function score_words(label) {
  if (!label) return [element("span", {}, "\u00a0")];
  const others = Object.entries(label.scores ?? {})
    .filter(([name]) => name !== label.label)
    .sort((a, b) => b[1] - a[1]);
  return [
    element(
      "span",
      { class: "value" },
      "looks ",
      element("b", {}, label.score > 0 ? `${label.label} ${number_words(label.score, 2)}` : label.label),
    ),
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
    this.node = element(
      "button",
      {
        type: "button",
        class: "thumb",
        "data-control": "attention-head",
        "aria-pressed": "false",
        onclick: () => view.choose(layer, head),
      },
      this.canvas,
      this.words,
    );
    this.drawing = new Drawing(this.canvas, () => this.draw());
    fit_canvas(this.canvas, thumb_size, thumb_size);
  }

  change() {
    const label = this.view.label(this.layer, this.head);
    this.words.replaceChildren(
      element("span", { class: "unseen" }, `${this.view.maps[this.layer].name}, head `),
      element("b", {}, String(this.head)),
      label ? ` ${label.label} ` : "",
      label?.score > 0 ? element("span", { class: "score" }, number_words(label.score, 2)) : "",
    );
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
