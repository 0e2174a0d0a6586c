// The rows of an embedding in their first two principal components, over checkpoints.

class EmbeddingMap {
  constructor(embeddings) {
    this.embeddings = embeddings;
    this.choose(0);
    this.found = "";
    this.chosen = null;
    this.canvas = element("canvas");
    this.readout = element("p", { class: "readout", "aria-live": "polite" }, "\u00a0");
    this.frame = element(
      "div",
      {
        class: "map",
        tabindex: 0,
        role: "application",
        "aria-roledescription": "scatter plot",
        onkeydown: (event) => this.on_key(event),
        onpointermove: (event) => this.on_move(event),
      },
      this.canvas,
    );
    this.drawing = new Drawing(this.frame, () => this.draw());
  }

  choose(index) {
    this.embedding = this.embeddings[index];
    this.checkpoint = this.embedding.checkpoints.length - 1;
    this.chosen = null;
  }

  // One range for all checkpoints, so that growth is seen.
  async load() {
    const all = await Promise.all(this.embedding.checkpoints.map(({ coordinates }) => unpack(coordinates)));
    const greatest =
      Math.max(...all.map((points) => points.reduce((most, value) => Math.max(most, Math.abs(value) || 0), 0))) || 1;
    const points = all[this.checkpoint];
    return Array.from({ length: points.length / 2 }, (_, i) => ({
      x: points[2 * i] / greatest,
      y: points[2 * i + 1] / greatest,
      token: token_words(this.embedding.tokens[i]),
      i,
    }));
  }

  axis_label(component) {
    const share = this.embedding.checkpoints[this.checkpoint].explained?.[component];
    const explained = share === undefined || share === null ? "" : `, ${Math.round(100 * share)} % of the variance`;
    return `component ${component + 1}${explained}`;
  }

  async draw() {
    const points = (this.points = await this.load());
    const width = Math.max(240, this.frame.clientWidth);
    const height = Math.round(Math.min(width * 0.75, 520));
    const [context] = fit_canvas(this.canvas, width, height);
    this.frame.setAttribute(
      "aria-label",
      `${points.length} rows of ${this.embedding.name} in two principal components. ` +
        "Left and right arrow go from row to row.",
    );
    this.place = (point) => [width / 2 + (point.x * (width - 60)) / 2, height / 2 - (point.y * (height - 50)) / 2];
    context.strokeStyle = style_colour("grid");
    context.strokeRect(0.5, 0.5, width - 1, height - 1);
    context.beginPath();
    context.moveTo(width / 2, 0);
    context.lineTo(width / 2, height);
    context.moveTo(0, height / 2);
    context.lineTo(width, height / 2);
    context.stroke();
    context.font = "11px system-ui, sans-serif";
    context.fillStyle = style_colour("ink-soft");
    context.textAlign = "right";
    context.fillText(this.axis_label(0), width - 8, height - 8);
    context.textAlign = "left";
    context.fillText(this.axis_label(1), 8, 16);
    this.draw_points(context, points);
  }

  is_marked(point) {
    return point.i === this.chosen || (this.found !== "" && point.token.toLowerCase().includes(this.found));
  }

  // A label is left out where another already stands; those looked for come first.
  draw_points(context, points) {
    const taken = new Set();
    const ordered = [...points].sort((a, b) => this.is_marked(b) - this.is_marked(a));
    for (const point of ordered) {
      const [x, y] = this.place(point);
      const marked = this.is_marked(point);
      context.fillStyle = marked ? line_colour(1) : line_colour(0);
      context.beginPath();
      context.arc(x, y, marked ? 5 : 2.5, 0, 2 * Math.PI);
      context.fill();
      const text = shorten(point.token, 12);
      const cells = label_cells(x, y, text.length);
      if (!marked && cells.some((cell) => taken.has(cell))) continue;
      cells.forEach((cell) => taken.add(cell));
      context.font = marked ? "bold 12px system-ui, sans-serif" : "11px system-ui, sans-serif";
      context.fillStyle = style_colour(marked ? "ink" : "ink-soft");
      context.fillText(text, x + 5, y + 4);
    }
  }

  say(point) {
    this.chosen = point.i;
    const [x, y] = [0, 1].map((axis) => number_words(axis ? point.y : point.x, 3));
    this.readout.textContent = `${point.i}: “${point.token}” at (${x}, ${y}) of the greatest`;
    this.drawing.invalidate();
  }

  on_key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !this.points) return;
    event.preventDefault();
    this.say(this.points[((this.chosen ?? -step) + step + this.points.length) % this.points.length]);
  }

  on_move(event) {
    if (!this.points) return;
    const box = this.canvas.getBoundingClientRect();
    let nearest = null;
    let least = 20 ** 2;
    for (const point of this.points) {
      const [x, y] = this.place(point);
      const distance = (x - event.clientX + box.left) ** 2 + (y - event.clientY + box.top) ** 2;
      if (distance < least) [nearest, least] = [point, distance];
    }
    if (nearest && nearest.i !== this.chosen) this.say(nearest);
  }

  async svg() {
    const points = await this.load();
    const svg = svg_root(640, 480, this.embedding.name);
    svg.append(
      svg_text(14, 18, `${this.embedding.name}, step ${step_words(this.embedding.checkpoints[this.checkpoint].step)}`, {
        "font-size": 13,
        "font-weight": 600,
      }),
      svg_text(626, 470, this.axis_label(0), { "text-anchor": "end" }),
      svg_text(14, 38, this.axis_label(1)),
    );
    const taken = new Set();
    for (const point of points) {
      const x = 320 + point.x * 280;
      const y = 250 - point.y * 200;
      svg.append(svg_element("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: 2.5, fill: line_colours.light[0] }));
      const text = shorten(point.token, 12);
      const cells = label_cells(x, y, text.length);
      if (cells.some((cell) => taken.has(cell))) continue;
      cells.forEach((cell) => taken.add(cell));
      svg.append(svg_text((x + 5).toFixed(1), (y + 4).toFixed(1), text));
    }
    return svg;
  }

  async csv() {
    const rows = [["weight", "step", "row", "token", "component 1", "component 2"]];
    for (const { step, coordinates } of this.embedding.checkpoints) {
      const points = await unpack(coordinates);
      this.embedding.tokens.forEach((token, i) =>
        rows.push([this.embedding.name, step, i, token, points[2 * i], points[2 * i + 1]]),
      );
    }
    return rows;
  }
}

// The squares of a coarse grid that a label covers.
function label_cells(x, y, length) {
  const cells = [];
  for (let along = 0; along <= Math.ceil((7 * length) / 10); ++along)
    cells.push(`${Math.floor(x / 10) + along} ${Math.floor(y / 12)}`);
  return cells;
}

function embeddings_section(run) {
  if (!run.embeddings?.length) return null;
  const map = new EmbeddingMap(run.embeddings);
  const redraw = () => map.drawing.invalidate();
  const checkpoints = slider(
    "embedding-checkpoint",
    "Checkpoint",
    map.embedding.checkpoints.length,
    map.checkpoint,
    (i) => `step ${step_words(map.embedding.checkpoints[i]?.step ?? 0)}`,
    (i) => {
      map.checkpoint = Math.min(i, map.embedding.checkpoints.length - 1);
      redraw();
    },
  );
  const find = element("input", {
    type: "search",
    "data-control": "embedding-search",
    oninput: () => {
      map.found = find.value.toLowerCase();
      redraw();
    },
  });
  const node = figure({
    title: map.embedding.name,
    body: [map.frame, map.readout],
    svg: () => map.svg(),
    csv: () => map.csv(),
  });
  return [
    element(
      "div",
      { class: "controls" },
      run.embeddings.length > 1 &&
        select(
          "embedding-weight",
          "Weight",
          run.embeddings.map(({ name }, i) => [i, name]),
          0,
          (i) => {
            map.choose(Number(i));
            rename_figure(node, map.embedding.name);
            redraw();
          },
        ),
      checkpoints,
      labelled("Find a token", find),
    ),
    node,
  ];
}
