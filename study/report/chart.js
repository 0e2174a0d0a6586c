// A line chart on screen: uPlot, with what it lacks: keys, marks, a line of values below the cursor.
//
// `describe()` gives what line_svg takes (svg.js), and `height`; it is asked anew whenever the chart is drawn.

class Chart {
  constructor({ title, describe, on_zoom, group }) {
    this.title = title;
    this.describe = describe;
    this.on_zoom = on_zoom;
    this.group = group;
    this.readout = element("p", { class: "readout" });
    this.frame = element("div", {
      class: "chart",
      tabindex: 0,
      role: "group",
      "aria-label": `Chart of ${title}. Arrow keys move the cursor, plus and minus zoom, 0 shows all.`,
      onkeydown: (event) => this.on_key(event),
    });
    this.node = element("div", { class: "chart-frame" }, this.frame, this.readout);
    this.drawing = new Drawing(this.frame, () => this.draw());
  }

  async draw() {
    const chart = await this.describe();
    this.shown = chart;
    this.plot?.destroy();
    const data = joined_series(chart);
    this.plot = new uPlot(this.options(chart, data), data, this.frame);
    this.say(null);
  }

  options(chart, data) {
    const ink = style_colour("ink-soft");
    const axis = {
      stroke: ink,
      font: "11px system-ui, sans-serif",
      ticks: { stroke: style_colour("rule"), width: 1, size: 4 },
      grid: { stroke: style_colour("grid"), width: 1 },
    };
    const words = (_, values) => values.map((value) => (value === null ? "" : number_words(value)));
    const [x_low, x_high] = chart.x_range ?? extent([data[0]], chart.x_log);
    const x_range = x_low < x_high ? [x_low, x_high] : chart.x_log ? [x_low / 2, x_high * 2] : [x_low - 1, x_high + 1];
    const scale = { time: false, distr: chart.x_log ? 3 : 1, range: () => x_range };
    const y_scale = { distr: chart.y_log ? 3 : 1 };
    y_scale.range = (_, low, high) => padded_range(low, high, chart);
    return {
      width: Math.max(180, this.frame.clientWidth),
      height: chart.height ?? 190,
      legend: { show: false },
      scales: { x: scale, y: y_scale },
      axes: [
        { ...axis, values: words, size: 26, space: 60, splits: () => make_scale(x_range, chart.x_log).ticks },
        { ...axis, values: words, size: 58, space: 34, splits: (_, __, low, high) => y_ticks(low, high, chart) },
      ],
      series: [
        {},
        ...chart.series.map((series) => ({
          label: series.label,
          stroke: with_opacity(series.colour, series.opacity),
          width: series.width ?? 1.5,
          dash: series.dash?.split(" ").map(Number),
          spanGaps: series.gaps_joined ?? false,
          points: { show: series.x.length < 2 || series.dots === true, size: 5 },
        })),
      ],
      cursor: {
        drag: { x: Boolean(this.on_zoom), y: false, setScale: false },
        points: { size: 6 },
        sync: this.group && { key: this.group, setSeries: false, scales: ["x", null] },
      },
      hooks: {
        draw: [(plot) => draw_marks(plot, chart)],
        setCursor: [(plot) => this.say(plot.cursor.idx)],
        setSelect: [(plot) => this.select(plot)],
      },
    };
  }

  select(plot) {
    if (plot.select.width < 4) return;
    const range = [plot.posToVal(plot.select.left, "x"), plot.posToVal(plot.select.left + plot.select.width, "x")];
    plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    this.on_zoom?.(range);
  }

  // The values below the cursor, or else the last ones.
  say(index) {
    const data = this.plot?.data;
    if (!data) return;
    const parts = [];
    this.shown.series.forEach((series, i) => {
      if (!series.label) return;
      const at = nearest_value(data[i + 1], index ?? data[0].length - 1);
      if (at < 0) return;
      parts.push(
        element(
          "span",
          { class: "value" },
          element("i", { class: "swatch", style: { background: series.colour } }),
          this.shown.series.length > 1 ? `${series.label} ` : "",
          element("b", {}, number_words(data[i + 1][at])),
        ),
      );
    });
    const step =
      index === null || index === undefined ? "last" : `${this.shown.x_label} ${number_words(data[0][index])}`;
    this.readout.replaceChildren(element("span", { class: "value" }, step), ...parts);
  }

  on_key(event) {
    if (!this.plot || event.target !== this.frame || event.ctrlKey || event.metaKey || event.altKey) return;
    const { plot } = this;
    const count = plot.data[0].length;
    const { min, max } = plot.scales.x;
    const move = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -count, End: count }[event.key];
    if (move) {
      const index = Math.min(
        count - 1,
        Math.max(0, (plot.cursor.idx ?? (move > 0 ? -1 : count)) + move * (event.shiftKey ? 10 : 1)),
      );
      plot.setCursor({ left: plot.valToPos(plot.data[0][index], "x"), top: plot.over.clientHeight / 2 });
    } else if (this.on_zoom && (event.key === "+" || event.key === "-" || event.key === "=")) {
      const middle =
        plot.cursor.idx === null || plot.cursor.idx === undefined ? (min + max) / 2 : plot.data[0][plot.cursor.idx];
      const factor = event.key === "-" ? 2 : 0.5;
      this.on_zoom([middle + (min - middle) * factor, middle + (max - middle) * factor]);
    } else if (this.on_zoom && event.key === "0") {
      this.on_zoom(null);
    } else {
      return;
    }
    event.preventDefault();
  }

  svg(width, height) {
    return Promise.resolve(this.describe("light")).then((chart) =>
      line_svg({ ...chart, title: this.title }, width, height),
    );
  }

  // Two stand side by side on paper.
  print() {
    return this.svg(400, 230);
  }

  async csv() {
    const chart = await this.describe();
    const rows = [[chart.x_label, "series", "value"]];
    for (const series of chart.series) {
      if (series.label) series.x.forEach((x, i) => rows.push([x, series.label, series.y[i]]));
    }
    return rows;
  }
}

// All series on one axis, as uPlot wants them. What a logarithmic axis has no place for is left out.
function joined_series(chart) {
  const allowed = (x, y) => (!chart.x_log || x > 0) && (!chart.y_log || y > 0);
  const tables = chart.series.map((series) => {
    const x = [];
    const y = [];
    for (let i = 0; i < series.x.length; ++i) {
      if (chart.x_log && series.x[i] <= 0) continue;
      x.push(series.x[i]);
      y.push(Number.isFinite(series.y[i]) && allowed(series.x[i], series.y[i]) ? series.y[i] : null);
    }
    return [x, y];
  });
  return tables.length === 0 ? [[]] : uPlot.join(tables);
}

function padded_range(low, high, chart) {
  if (chart.y_range) return chart.y_range;
  if (low === null || low === undefined) return chart.y_log ? [1, 10] : [0, 1];
  if (chart.y_log)
    return low === high ? [low / 2, high * 2] : [low * (low / high) ** 0.05, high * (high / low) ** 0.05];
  const margin = (high - low) * 0.05 || Math.abs(high) * 0.1 || 1;
  return [low - margin, high + margin];
}

const y_ticks = (low, high, chart) => (chart.y_log ? logarithmic_ticks(low, high) : linear_ticks(low, high, 4));

function with_opacity(colour, opacity) {
  if (opacity === undefined) return colour;
  return `${colour}${Math.round(255 * opacity)
    .toString(16)
    .padStart(2, "0")}`;
}

function nearest_value(values, index) {
  for (let distance = 0; distance < values.length; ++distance) {
    if (values[index - distance] !== null && values[index - distance] !== undefined) return index - distance;
    if (values[index + distance] !== null && values[index + distance] !== undefined) return index + distance;
  }
  return -1;
}

function draw_marks(plot, chart) {
  const { ctx: context, bbox } = plot;
  context.save();
  context.lineWidth = devicePixelRatio;
  for (const mark of chart.marks ?? []) {
    if (chart.x_log && mark.x <= 0) continue;
    const x = plot.valToPos(mark.x, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    context.strokeStyle = mark.colour;
    context.setLineDash(
      (mark.dash ?? "")
        .split(" ")
        .filter(Boolean)
        .map((length) => length * devicePixelRatio),
    );
    context.beginPath();
    context.moveTo(x, mark.short ? bbox.top + bbox.height - 6 * devicePixelRatio : bbox.top);
    context.lineTo(x, bbox.top + bbox.height);
    context.stroke();
  }
  context.restore();
}
