// One head, large: tokens on both axes, a cursor that the mouse and the arrow keys move, zoom and pan.

const quick_cells = 300 * 300;
const quick_rows = 128;
const least_cells = 4; // that zooming leaves on a side

class AttentionMap {
  // `source()`: {weights, head, query_tokens, key_tokens, scale, name}
  constructor(source) {
    this.source = source;
    this.cursor = null;
    this.area = null;
    this.canvas = element("canvas");
    this.readout = element("p", { class: "readout", "aria-live": "polite" });
    this.state = element("p", { class: "note" });
    this.frame = element(
      "div",
      {
        class: "map",
        tabindex: 0,
        role: "application",
        "aria-roledescription": "attention map",
        onkeydown: (event) => this.on_key(event),
        onpointermove: (event) => this.on_move(event),
        onpointerdown: (event) => this.on_press(event),
        onpointerup: () => (this.pressed = null),
        onpointercancel: () => (this.pressed = null),
        onpointerleave: () => !this.pressed && this.point(null),
        onwheel: (event) => this.on_wheel(event),
      },
      this.canvas,
    );
    this.tools = element(
      "span",
      { class: "figure-tools" },
      button("map-zoom-in", "+", () => this.zoom(0.5), { class: "quiet", "aria-label": "Zoom in" }),
      button("map-zoom-out", "−", () => this.zoom(2), { class: "quiet", "aria-label": "Zoom out" }),
      button("map-zoom-all", "All", () => this.show_all(), { class: "quiet", "aria-label": "All: show the whole map" }),
    );
    this.node = element("div", { class: "map-frame" }, this.frame, this.readout, this.state);
    this.drawing = new Drawing(this.frame, () => this.draw());
  }

  whole() {
    const { weights } = this.source();
    return { top: 0, left: 0, bottom: weights.queries, right: weights.keys };
  }

  // New weights: the same cells stay in view if there are such.
  change() {
    const { weights, name } = this.source();
    if (
      this.area &&
      (this.area.bottom > weights.queries ||
        this.area.right > weights.keys ||
        this.size_before !== `${weights.queries} ${weights.keys}`)
    ) {
      this.area = null;
      this.cursor = null;
    }
    this.size_before = `${weights.queries} ${weights.keys}`;
    this.frame.setAttribute(
      "aria-label",
      `Attention of ${name}: ${weights.queries} queries down, ${weights.keys} keys across. ` +
        "Arrow keys move between cells, plus and minus zoom, 0 shows all.",
    );
    this.view = null;
    this.drawing.invalidate();
  }

  show_all() {
    this.area = null;
    this.refresh();
  }

  refresh() {
    this.view = null;
    this.drawing.invalidate();
  }

  layout() {
    const { weights, query_tokens, key_tokens } = this.source();
    const area = (this.area ??= this.whole());
    const width = Math.max(200, Math.min(this.frame.clientWidth, 640));
    const small = width < 420;
    const longest = (tokens, first, last) =>
      Math.max(1, ...axis_words(tokens, first, last, width / 13).map(([, text]) => text.length));
    const left = 20 + Math.min(small ? 60 : 90, 7.5 * longest(query_tokens, area.top, area.bottom));
    const plot = width - left - 2;
    const key_width = 7.5 * longest(key_tokens, area.left, area.right);
    const upright = area.right - area.left <= 60 && key_width + 4 < Math.min(60, plot / (area.right - area.left));
    const top = 22 + (upright ? 14 : Math.min(small ? 60 : 90, key_width));
    const rows = area.bottom - area.top;
    const columns = area.right - area.left;
    const cell = Math.min(plot / columns, 60);
    const plot_width = cell * columns;
    const plot_height = Math.min(Math.max((plot_width * rows) / columns, Math.min(40, 20 * rows)), plot_width * 1.6);
    return {
      weights,
      area,
      left,
      top,
      plot_width,
      plot_height,
      width,
      height: top + plot_height + 2,
      rows,
      columns,
      upright,
    };
  }

  draw() {
    const source = this.source();
    if (!source.weights) return; // still being unpacked
    const place = (this.place = this.layout());
    const [context] = fit_canvas(this.canvas, place.width, place.height);
    const ratio = devicePixelRatio || 1;
    if (!this.view) this.look(source, place, ratio);
    paint_view(context, this.view, source.scale, place.left, place.top, place.plot_width, place.plot_height);
    paint_axis_words(context, place, source);
    paint_cursor(context, this.cursor, place);
    this.say_state();
    const [zoom_in, zoom_out, all] = this.tools.children;
    zoom_in.disabled = place.rows <= least_cells && place.columns <= least_cells;
    zoom_out.disabled = all.disabled = !this.is_zoomed();
  }

  // Too many cells to compute at once are first seen through fewer queries; a finer view takes the place of that one
  // once it has been computed, a bit at a time.
  look({ weights, head }, { area, plot_width, plot_height }, ratio) {
    const [rows, columns] = [plot_height, plot_width].map((size) => Math.round(Math.min(512, size * ratio)));
    const fine = new PooledView(weights, head, area, rows, columns);
    if (fine.cells <= quick_cells) {
      fine.refine(Infinity);
      this.view = fine;
    } else {
      this.view = new PooledView(weights, head, area, Math.min(rows, quick_rows), columns).sample();
      this.refine_later(fine, this.view);
    }
  }

  refine_later(fine, shown) {
    setTimeout(() => {
      if (this.view !== shown || !this.drawing.visible) return;
      if (fine.refine(10)) {
        this.view = fine;
        this.drawing.invalidate();
      } else {
        this.refine_later(fine, shown);
      }
    }, 20);
  }

  say_state() {
    const { view } = this;
    const queries = Math.round(view.queries_a_row);
    const keys = Math.round(view.cells / view.rows / view.columns / view.queries_a_row);
    this.state.textContent =
      queries * keys <= 1
        ? ""
        : view.done
          ? `Each pixel shows the greatest weight of ${queries} × ${keys} cells.`
          : `Each pixel shows the greatest weight of one query of ${queries}, for now: the others are being computed.`;
  }

  // The cell at a point of the screen.
  cell_at(event) {
    const { area, left, top, plot_width, plot_height, rows, columns } = this.place;
    const box = this.canvas.getBoundingClientRect();
    const x = (event.clientX - box.left - left) / plot_width;
    const y = (event.clientY - box.top - top) / plot_height;
    if (x < 0 || y < 0 || x >= 1 || y >= 1) return null;
    return { query: area.top + Math.floor(y * rows), key: area.left + Math.floor(x * columns) };
  }

  point(cell) {
    this.cursor = cell;
    this.drawing.invalidate();
    if (!cell) {
      this.readout.textContent = "\u00a0";
      return;
    }
    const { weights, head, query_tokens, key_tokens } = this.source();
    const weight = weight_at(weights, head, cell.query, cell.key);
    const name = (tokens, at) => (tokens?.[at] === undefined ? "" : ` “${token_words(tokens[at])}”`);
    this.readout.textContent =
      `query ${cell.query}${name(query_tokens, cell.query)} → key ${cell.key}${name(key_tokens, cell.key)}: ` +
      (Number.isNaN(weight) ? "hidden by the mask" : number_words(weight, 3));
  }

  on_move(event) {
    if (!this.place) return;
    if (this.pressed) {
      const { area, from } = this.pressed;
      const { plot_width, plot_height, rows, columns } = this.place;
      this.move_to(
        area.top - Math.round(((event.clientY - from.y) / plot_height) * rows),
        area.left - Math.round(((event.clientX - from.x) / plot_width) * columns),
      );
    } else {
      this.point(this.cell_at(event));
    }
  }

  on_press(event) {
    if (event.button !== 0 || !this.is_zoomed()) return;
    this.pressed = { area: { ...this.area }, from: { x: event.clientX, y: event.clientY } };
    this.frame.setPointerCapture(event.pointerId);
  }

  // Only where the map has the focus, or with Ctrl: the wheel is for the page.
  on_wheel(event) {
    if (!event.ctrlKey && document.activeElement !== this.frame) return;
    event.preventDefault();
    this.zoom(event.deltaY < 0 ? 0.8 : 1.25, this.cell_at(event));
  }

  is_zoomed() {
    const whole = this.whole();
    return (
      this.area && (this.area.bottom - this.area.top < whole.bottom || this.area.right - this.area.left < whole.right)
    );
  }

  // Around the cursor, or the middle.
  zoom(factor, around = this.cursor) {
    const whole = this.whole();
    const area = (this.area ??= whole);
    const rows = Math.min(whole.bottom, Math.max(least_cells, Math.round((area.bottom - area.top) * factor)));
    const columns = Math.min(whole.right, Math.max(least_cells, Math.round((area.right - area.left) * factor)));
    const query = around?.query ?? (area.top + area.bottom) / 2;
    const key = around?.key ?? (area.left + area.right) / 2;
    const share_down = (query - area.top) / (area.bottom - area.top);
    const share_across = (key - area.left) / (area.right - area.left);
    this.area = { top: 0, left: 0, bottom: rows, right: columns };
    this.move_to(Math.round(query - share_down * rows), Math.round(key - share_across * columns));
  }

  move_to(top, left) {
    const whole = this.whole();
    const rows = this.area.bottom - this.area.top;
    const columns = this.area.right - this.area.left;
    top = Math.max(0, Math.min(whole.bottom - rows, top));
    left = Math.max(0, Math.min(whole.right - columns, left));
    this.area = { top, left, bottom: top + rows, right: left + columns };
    this.frame.classList.toggle("zoomed", this.is_zoomed());
    this.refresh();
  }

  on_key(event) {
    if (event.metaKey || event.altKey || event.ctrlKey || !this.place) return;
    const direction = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (direction) {
      const whole = this.whole();
      const stride = event.shiftKey ? 10 : 1;
      const from = this.cursor ?? { query: this.area.top - direction[0], key: this.area.left - direction[1] };
      this.point({
        query: Math.max(0, Math.min(whole.bottom - 1, from.query + stride * direction[0])),
        key: Math.max(0, Math.min(whole.right - 1, from.key + stride * direction[1])),
      });
      this.follow_cursor();
    } else if (event.key === "+" || event.key === "=") this.zoom(0.5);
    else if (event.key === "-") this.zoom(2);
    else if (event.key === "0") this.show_all();
    else return;
    event.preventDefault();
  }

  follow_cursor() {
    const { area, cursor } = this;
    const top = Math.min(cursor.query, Math.max(area.top, cursor.query - (area.bottom - area.top) + 1));
    const left = Math.min(cursor.key, Math.max(area.left, cursor.key - (area.right - area.left) + 1));
    if (top !== area.top || left !== area.left) this.move_to(top, left);
  }
}
