// The loss along a line between two sets of weights, and on a plane around one, as a map with contours.

function landscape_section(run) {
  const { line, plane } = run.landscape ?? {};
  if (!line && !plane) return null;
  return element("div", { class: "pair" }, line && line_figure(line), plane && plane_figure(plane));
}

function line_figure(line) {
  const chart = new Chart({
    title: "Loss along the line",
    describe: (theme) => ({
      x_label: "at",
      height: 320,
      series: [{ label: "loss", colour: line_colour(0, theme), x: line.positions, y: line.losses, dots: true }],
    }),
  });
  return figure({
    title: chart.title,
    note: "0 and 1 are the two ends.",
    body: chart.node,
    svg: () => chart.svg(),
    print: () => chart.print(),
    csv: () => [["position", "loss"], ...line.positions.map((position, i) => [position, line.losses[i]])],
  });
}

// Losses as shares of their range; logarithmic where that range spans more than a factor of ten.
function loss_scale(losses) {
  const [low, high] = extent(losses);
  const logarithmic = low > 0 && high / low > 10;
  const scale = make_scale([low, high], logarithmic);
  const value = (share) => (logarithmic ? low * (high / low) ** share : low + (high - low) * share);
  return {
    low,
    high,
    logarithmic,
    value,
    share: (loss) => (loss === null || !Number.isFinite(loss) ? NaN : scale.place(loss)),
  };
}

const contour_count = 9;

function plane_svg(plane) {
  const { x, y, losses } = plane;
  const scale = loss_scale(losses);
  // Row 0 is the least y, which belongs at the bottom.
  const map = {
    rows: y.length,
    columns: x.length,
    share: (row, column) => scale.share(losses[y.length - 1 - row][column]),
  };
  const words = (values) =>
    linear_ticks(values[0], values.at(-1), 5).map((tick) => [
      ((tick - values[0]) / (values.at(-1) - values[0])) * (values.length - 1) + 0.5,
      number_words(tick),
    ]);
  return map_svg({
    title: "Loss on the plane",
    map,
    row_words: words(y).map(([at, text]) => [y.length - at, text]),
    column_words: words(x),
    row_label: "second direction",
    column_label: "first direction",
    key_words: [number_words(scale.low, 3), `${number_words(scale.high, 3)}${scale.logarithmic ? " (log)" : ""}`],
    marks: (left, top, width, height) =>
      contours(losses, scale, (column, row) =>
        [left + ((column + 0.5) * width) / x.length, top + height - ((row + 0.5) * height) / y.length]
          .map((at) => at.toFixed(1))
          .join(" "),
      ),
  });
}

// Marching squares: in each square of four neighbours, straight pieces between the edges that a level crosses.
function contours(losses, scale, place) {
  return Array.from({ length: contour_count }, (_, i) => (i + 1) / (contour_count + 1)).map((level) => {
    let path = "";
    for (let row = 0; row + 1 < losses.length; ++row) {
      for (let column = 0; column + 1 < losses[row].length; ++column) {
        const corners = [
          [column, row],
          [column + 1, row],
          [column + 1, row + 1],
          [column, row + 1],
        ];
        const heights = corners.map(([c, r]) => scale.share(losses[r][c]) - level);
        const crossings = [];
        for (let edge = 0; edge < 4; ++edge) {
          const next = (edge + 1) % 4;
          if (heights[edge] < 0 === heights[next] < 0 || Number.isNaN(heights[edge] + heights[next])) continue;
          const share = heights[edge] / (heights[edge] - heights[next]);
          crossings.push(
            place(
              corners[edge][0] + share * (corners[next][0] - corners[edge][0]),
              corners[edge][1] + share * (corners[next][1] - corners[edge][1]),
            ),
          );
        }
        for (let i = 0; i + 1 < crossings.length; i += 2) path += `M${crossings[i]}L${crossings[i + 1]}`;
      }
    }
    const ink = level < 0.6 ? "#ffffff" : "#000000";
    return svg_element(
      "path",
      { d: path, fill: "none", stroke: ink, "stroke-opacity": 0.65, "stroke-width": 1 },
      svg_element("title", {}, `loss ${number_words(scale.value(level), 3)}`),
    );
  });
}

function plane_figure(plane) {
  const { x, y, losses } = plane;
  const readout = element("p", { class: "readout", "aria-live": "polite" }, "\u00a0");
  const svg = plane_svg(plane);
  const cells = svg.querySelector("image, g > rect");
  const marker = svg_element("circle", {
    r: 5,
    fill: "none",
    stroke: "#ffffff",
    "stroke-width": 2,
    visibility: "hidden",
  });
  svg.append(marker);
  let cursor = { column: Math.floor(x.length / 2), row: Math.floor(y.length / 2) };
  const point = (column, row) => {
    cursor = { column: Math.max(0, Math.min(x.length - 1, column)), row: Math.max(0, Math.min(y.length - 1, row)) };
    const loss = losses[cursor.row][cursor.column];
    readout.textContent =
      `(${number_words(x[cursor.column], 3)}, ${number_words(y[cursor.row], 3)}): ` +
      (loss === null ? "no finite loss" : `loss ${number_words(loss)}`);
    const at = (name) => Number(cells.getAttribute(name));
    marker.setAttribute("cx", at("x") + ((cursor.column + 0.5) * at("width")) / x.length);
    marker.setAttribute("cy", at("y") + at("height") * (1 - (cursor.row + 0.5) / y.length));
    marker.setAttribute("visibility", "visible");
  };
  const frame = element(
    "div",
    {
      class: "inline-svg map",
      tabindex: 0,
      role: "application",
      "aria-roledescription": "map of the loss",
      "aria-label": "Loss on the plane. Arrow keys move between points.",
      onkeydown: (event) => {
        const direction = { ArrowUp: [0, 1], ArrowDown: [0, -1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
        if (!direction) return;
        event.preventDefault();
        point(cursor.column + direction[0], cursor.row + direction[1]);
      },
      onpointermove: (event) => {
        const box = cells.getBoundingClientRect();
        const column = Math.floor(((event.clientX - box.left) / box.width) * x.length);
        const row = y.length - 1 - Math.floor(((event.clientY - box.top) / box.height) * y.length);
        if (column >= 0 && row >= 0 && column < x.length && row < y.length) point(column, row);
      },
    },
    svg,
  );
  return figure({
    title: "Loss on the plane",
    note: "Around the weights, in two random directions that have the weights' own scale; lines of equal loss.",
    body: [frame, readout],
    svg: () => plane_svg(plane),
    csv: () => [["x", "y", "loss"], ...losses.flatMap((row, j) => row.map((loss, i) => [x[i], y[j], loss]))],
  });
}
