// Line charts as SVG: what is saved and what is printed. Always on white, whatever the theme.

const svg_ink = { text: "#222222", axis: "#555555", grid: "#e4e4e4", font: "system-ui, Helvetica, Arial, sans-serif" };

function svg_text(x, y, text, properties) {
  return svg_element("text", { x, y, fill: svg_ink.text, "font-size": 11, ...properties }, text);
}

function svg_root(width, height, title) {
  return svg_element(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      "font-family": svg_ink.font,
      role: "img",
      "aria-label": title,
    },
    svg_element("title", {}, title),
    svg_element("rect", { width, height, fill: "#ffffff" }),
  );
}

// A path of the points of a series; a value that is missing, or that a logarithm has no place for, breaks it.
function svg_path(series, x_scale, y_scale, area, logarithmic) {
  let path = "";
  let pen_down = false;
  for (let i = 0; i < series.x.length; ++i) {
    const x = series.x[i];
    const y = series.y[i];
    if (
      y === null ||
      y === undefined ||
      !Number.isFinite(y) ||
      (logarithmic.x && x <= 0) ||
      (logarithmic.y && y <= 0)
    ) {
      if (!series.gaps_joined) pen_down = false;
      continue;
    }
    const left = (area.left + area.width * x_scale.place(x)).toFixed(1);
    const top = (area.top + area.height * (1 - y_scale.place(y))).toFixed(1);
    path += `${pen_down ? "L" : "M"}${left} ${top}`;
    pen_down = true;
  }
  return path;
}

function svg_axes(svg, area, x_scale, y_scale, labels) {
  const bottom = area.top + area.height;
  for (const tick of x_scale.ticks) {
    const x = area.left + area.width * x_scale.place(tick);
    svg.append(
      svg_element("line", { x1: x, x2: x, y1: area.top, y2: bottom, stroke: svg_ink.grid, class: "grid" }),
      svg_text(x, bottom + 15, number_words(tick), { "text-anchor": "middle" }),
    );
  }
  for (const tick of y_scale.ticks) {
    const y = bottom - area.height * y_scale.place(tick);
    svg.append(
      svg_element("line", {
        x1: area.left,
        x2: area.left + area.width,
        y1: y,
        y2: y,
        stroke: svg_ink.grid,
        class: "grid",
      }),
      svg_text(area.left - 6, y + 4, number_words(tick), { "text-anchor": "end" }),
    );
  }
  svg.append(
    svg_element("path", {
      d: `M${area.left} ${area.top}V${bottom}H${area.left + area.width}`,
      fill: "none",
      stroke: svg_ink.axis,
      class: "axis",
    }),
    svg_text(area.left + area.width, bottom + 31, labels.x ?? "", { "text-anchor": "end", fill: svg_ink.axis }),
  );
}

// chart: {title, x_label, x_log, y_log, x_range, y_range,
//   series: [{label, colour, x, y, width, opacity, dash, gaps_joined, dots}], marks: [{x, colour, dash, short, label}]}
function line_svg(chart, width = 640, height = 360) {
  const svg = svg_root(width, height, chart.title);
  const named = chart.series.filter((series) => series.label);
  const area = { left: 64, top: 34 + (named.length > 1 ? 16 : 0), width: width - 84, height: 0 };
  area.height = height - area.top - 42;
  const logarithmic = { x: chart.x_log, y: chart.y_log };
  const x_range =
    chart.x_range ??
    extent(
      chart.series.map((series) => series.x),
      chart.x_log,
    );
  const inside = (series) =>
    Array.from(series.y).filter((_, i) => series.x[i] >= x_range[0] && series.x[i] <= x_range[1]);
  const x_scale = make_scale(x_range, chart.x_log);
  const y_scale = make_scale(chart.y_range ?? extent(chart.series.map(inside), chart.y_log), chart.y_log);
  svg_axes(svg, area, x_scale, y_scale, { x: chart.x_label });
  const clip = new_identifier("clip");
  svg.append(
    svg_element(
      "clipPath",
      { id: clip },
      svg_element("rect", { x: area.left, y: area.top - 2, width: area.width, height: area.height + 4 }),
    ),
    svg_text(area.left, 18, chart.title, { "font-size": 13, "font-weight": 600 }),
  );
  const plot = svg_element("g", { "clip-path": `url(#${clip})` });
  for (const mark of chart.marks ?? []) {
    if (mark.x < x_scale.low || mark.x > x_scale.high || (chart.x_log && mark.x <= 0)) continue;
    const x = area.left + area.width * x_scale.place(mark.x);
    plot.append(
      svg_element(
        "line",
        {
          x1: x,
          x2: x,
          y1: mark.short ? area.top + area.height - 6 : area.top,
          y2: area.top + area.height,
          stroke: mark.colour,
          "stroke-dasharray": mark.dash,
        },
        svg_element("title", {}, mark.label),
      ),
    );
  }
  for (const series of chart.series) {
    plot.append(
      svg_element("path", {
        d: svg_path(series, x_scale, y_scale, area, logarithmic),
        fill: "none",
        stroke: series.colour,
        "stroke-width": series.width ?? 1.5,
        "stroke-opacity": series.opacity,
        "stroke-dasharray": series.dash,
        "stroke-linejoin": "round",
      }),
    );
  }
  svg.append(plot);
  if (named.length > 1) svg_legend(svg, named, area);
  return svg;
}

function svg_legend(svg, named, area) {
  const room = area.width / named.length;
  named.forEach((series, i) => {
    const x = area.left + i * Math.min(room, 170);
    svg.append(
      svg_element("line", {
        x1: x,
        x2: x + 16,
        y1: 32,
        y2: 32,
        stroke: series.colour,
        "stroke-width": 2.5,
        "stroke-dasharray": series.dash,
      }),
      svg_text(x + 20, 36, shorten(series.label, Math.max(4, Math.floor((Math.min(room, 170) - 24) / 6)))),
    );
  });
}
