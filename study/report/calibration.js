// Is the model right as often as it says? Of tokens that it holds likely with a confidence in a bin, how many are so.

function calibration_figure(run) {
  const { calibration } = run;
  if (!calibration?.bins?.length) return null;
  const body = element("div", { class: "inline-svg" }, calibration_svg(calibration));
  return figure({
    title: "Calibration",
    note:
      `Expected calibration error ${number_words(calibration.expected_calibration_error, 3)}: how far accuracy is from ` +
      "confidence, the mean over tokens. On the diagonal the model is right as often as it says.",
    body,
    svg: () => calibration_svg(calibration),
    csv: () => [
      ["confidence", "accuracy", "count"],
      ...calibration.bins.map(({ confidence, accuracy, count }) => [confidence, accuracy, count]),
    ],
  });
}

function calibration_svg({ bins }) {
  const width = 420;
  const svg = svg_root(width, 380, "Calibration");
  const area = { left: 52, top: 20, width: width - 72, height: 240 };
  const scale = make_scale([0, 1], false);
  svg_axes(svg, area, scale, scale, {});
  const x = (value) => area.left + area.width * value;
  const y = (value) => area.top + area.height * (1 - value);
  const filled = bins.filter((bin) => bin.count > 0);
  const most = Math.max(...filled.map((bin) => bin.count), 1);
  svg.append(
    svg_element("line", {
      x1: x(0),
      y1: y(0),
      x2: x(1),
      y2: y(1),
      class: "axis",
      stroke: svg_ink.axis,
      "stroke-dasharray": "4 4",
    }),
  );
  const path = filled
    .map((bin, i) => `${i ? "L" : "M"}${x(bin.confidence).toFixed(1)} ${y(bin.accuracy).toFixed(1)}`)
    .join("");
  svg.append(svg_element("path", { d: path, fill: "none", stroke: line_colours.light[0], "stroke-width": 2 }));
  const base = 356;
  for (const bin of filled) {
    const height = (48 * bin.count) / most;
    const [confidence, accuracy] = [bin.confidence, bin.accuracy].map((share) => number_words(share, 3));
    const words = `confidence ${confidence}, accuracy ${accuracy}, ${step_words(bin.count)} tokens`;
    svg.append(
      svg_element(
        "circle",
        { cx: x(bin.confidence), cy: y(bin.accuracy), r: 4, fill: line_colours.light[0] },
        svg_element("title", {}, words),
      ),
      svg_element(
        "rect",
        { x: x(bin.confidence) - 7, y: base - height, width: 14, height, fill: "#8f8f8f" },
        svg_element("title", {}, words),
      ),
    );
  }
  svg.append(
    svg_text(area.left, 12, "accuracy"),
    svg_text(x(1), 292, "confidence", { "text-anchor": "end" }),
    svg_text(area.left, 305, `tokens (most: ${step_words(most)})`),
    svg_element("line", { x1: area.left, x2: x(1), y1: base, y2: base, class: "axis", stroke: svg_ink.axis }),
  );
  return svg;
}
