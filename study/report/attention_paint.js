// Weights as colours on a canvas. What the mask hides is hatched, so that it is no weight of zero.

const weight_scales = {
  absolute: { words: "0 to 1", share: (weight) => weight, ends: () => ["0", "1"] },
  relative: {
    words: "0 to the map's greatest",
    share: (weight, greatest) => weight / (greatest || 1),
    ends: (greatest) => ["0", number_words(greatest, 2)],
  },
  logarithmic: {
    words: "logarithmic, 0.0001 to 1",
    share: (weight) => 1 + Math.log10(Math.max(weight, 1e-4)) / 4,
    ends: () => ["≤ 0.0001", "1"],
  },
};

let hatch_tile = { theme: null, canvas: null };

function hatch(context) {
  const theme = current_theme();
  if (hatch_tile.theme !== theme) {
    const size = 6;
    const canvas = element("canvas", { width: size, height: size });
    const tile = canvas.getContext("2d");
    tile.fillStyle = style_colour("hidden");
    tile.fillRect(0, 0, size, size);
    tile.strokeStyle = style_colour("hatch");
    tile.beginPath();
    for (const start of [-size, 0, size]) {
      tile.moveTo(start, size);
      tile.lineTo(start + size, 0);
    }
    tile.stroke();
    hatch_tile = { theme, canvas };
  }
  return context.createPattern(hatch_tile.canvas, "repeat");
}

const cells_canvas = document.createElement("canvas");

// Draws a PooledView over the rectangle; the cells' edges are sharp.
function paint_view(context, view, scale, x, y, width, height) {
  context.fillStyle = hatch(context);
  context.fillRect(x, y, width, height);
  cells_canvas.width = view.columns;
  cells_canvas.height = view.rows;
  const cells = cells_canvas.getContext("2d");
  const image = cells.createImageData(view.columns, view.rows);
  const words = new Uint32Array(image.data.buffer);
  const { share } = weight_scales[scale];
  for (let i = 0; i < words.length; ++i) {
    const weight = view.values[i];
    if (weight === weight) words[i] = viridis_words[viridis_index(share(weight, view.greatest))];
  }
  cells.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(cells_canvas, x, y, width, height);
}

// A canvas that has as many pixels as the screen shows of it; returns [context, width, height] in CSS pixels.
function fit_canvas(canvas, width, height) {
  const ratio = devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  return [context, width, height];
}

// For SVG: at most `most` pixels a side, each with the greatest weight of its cells.
function view_as_map(weights, head, scale, area, most) {
  const view = new PooledView(weights, head, area, most, most).sample();
  view.refine(Infinity);
  const { share } = weight_scales[scale];
  return {
    rows: view.rows,
    columns: view.columns,
    greatest: view.greatest,
    share: (row, column) => share(view.values[row * view.columns + column], view.greatest),
  };
}

// [[middle of the cell, text]] of the tokens of [first, last); too many of them give way to positions.
function axis_words(tokens, first, last, room) {
  const count = last - first;
  if (count <= room) {
    return Array.from({ length: count }, (_, i) => [
      i + 0.5,
      shorten(token_words(tokens?.[first + i] ?? String(first + i)), 12),
    ]);
  }
  return linear_ticks(first, last - 1, 6)
    .filter(Number.isInteger)
    .map((position) => [position - first + 0.5, String(position)]);
}

// `place`: where the map stands on the canvas (AttentionMap.layout).
function paint_axis_words(context, place, { query_tokens, key_tokens }) {
  const { area, left, top, plot_width, plot_height, rows, columns, upright } = place;
  context.font = "11px system-ui, sans-serif";
  context.fillStyle = style_colour("ink-soft");
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const [at, text] of axis_words(query_tokens, area.top, area.bottom, place.width / 13)) {
    context.fillText(text, left - 5, top + (plot_height * at) / rows);
  }
  context.textAlign = upright ? "center" : "left";
  for (const [at, text] of axis_words(key_tokens, area.left, area.right, place.width / 13)) {
    context.save();
    context.translate(left + (plot_width * at) / columns, top - 5);
    if (!upright) context.rotate(-Math.PI / 2);
    context.fillText(text, 0, upright ? -4 : 0);
    context.restore();
  }
  context.textAlign = "right";
  context.fillText("keys →", left + plot_width, 8);
  context.save();
  context.translate(8, top + plot_height);
  context.rotate(-Math.PI / 2);
  context.textAlign = "left";
  context.fillText("← queries", 0, 0);
  context.restore();
}

// Black around white, to be seen on every colour.
function paint_cursor(context, cursor, { area, left, top, plot_width, plot_height, rows, columns }) {
  if (
    !cursor ||
    cursor.query < area.top ||
    cursor.query >= area.bottom ||
    cursor.key < area.left ||
    cursor.key >= area.right
  )
    return;
  const cell_width = plot_width / columns;
  const cell_height = plot_height / rows;
  const x = left + (cursor.key - area.left) * cell_width;
  const y = top + (cursor.query - area.top) * cell_height;
  context.lineWidth = 1.5;
  for (const [colour, outset] of [
    ["#000000", 1.5],
    ["#ffffff", 0],
  ]) {
    context.strokeStyle = colour;
    context.strokeRect(
      x - outset,
      y - outset,
      Math.max(cell_width, 4) + 2 * outset,
      Math.max(cell_height, 4) + 2 * outset,
    );
  }
}
