// Maps as SVG: small ones cell by cell, as rectangles; larger ones as an image in it, one pixel a cell.

const largest_map_of_rectangles = 40 * 40;

// map: {rows, columns, share(row, column) -> 0 ... 1 or NaN where nothing is} in a rectangle of the drawing
function svg_cells(map, left, top, width, height) {
  const group = svg_element("g", { "shape-rendering": "crispEdges" });
  group.append(svg_element("rect", { x: left, y: top, width, height, fill: "#dddddd" }));
  if (map.rows * map.columns > largest_map_of_rectangles) {
    group.append(
      svg_element("image", {
        x: left,
        y: top,
        width,
        height,
        preserveAspectRatio: "none",
        style: { "image-rendering": "pixelated" },
        href: map_canvas(map).toDataURL("image/png"),
      }),
    );
    return group;
  }
  const cell_width = width / map.columns;
  const cell_height = height / map.rows;
  for (let row = 0; row < map.rows; ++row) {
    for (let column = 0; column < map.columns; ++column) {
      const share = map.share(row, column);
      if (Number.isNaN(share)) continue;
      group.append(
        svg_element("rect", {
          x: (left + column * cell_width).toFixed(2),
          y: (top + row * cell_height).toFixed(2),
          width: (cell_width + 0.3).toFixed(2),
          height: (cell_height + 0.3).toFixed(2),
          fill: viridis(share),
        }),
      );
    }
  }
  return group;
}

// A canvas of one pixel a cell; what is NaN is left clear.
function map_canvas(map) {
  const canvas = element("canvas", { width: map.columns, height: map.rows });
  const context = canvas.getContext("2d");
  const image = context.createImageData(map.columns, map.rows);
  const words = new Uint32Array(image.data.buffer);
  for (let row = 0; row < map.rows; ++row) {
    for (let column = 0; column < map.columns; ++column) {
      const share = map.share(row, column);
      if (!Number.isNaN(share)) words[row * map.columns + column] = viridis_words[viridis_index(share)];
    }
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

// The key to the colours, below a map. `words` name its ends.
function svg_colour_key(left, top, words) {
  const group = svg_element("g");
  for (let i = 0; i < 40; ++i) {
    group.append(svg_element("rect", { x: left + 50 + 3 * i, y: top, width: 3.3, height: 9, fill: viridis(i / 39) }));
  }
  group.append(
    svg_text(left + 44, top + 9, words[0], { "text-anchor": "end" }),
    svg_text(left + 176, top + 9, words[1]),
  );
  if (words[2]) {
    group.append(
      svg_element("rect", { x: left + 236, y: top, width: 12, height: 9, fill: "#dddddd" }),
      svg_text(left + 252, top + 9, words[2]),
    );
  }
  return group;
}

// One map with words on both axes. rows and columns: [[position in cells, text], ...]
function map_svg({ title, map, row_words, column_words, row_label, column_label, key_words, marks }) {
  const longest = Math.max(0, ...row_words.map(([, text]) => text.length));
  const left = 34 + Math.min(140, 7 * longest);
  const size = 480;
  const widest = 7 * Math.max(0, ...column_words.map(([, text]) => text.length));
  const upright = column_words.length * (widest + 6) < size;
  const top = 44 + (upright ? 14 : Math.min(140, widest));
  const height = Math.max(60, Math.min(size, (size * map.rows) / map.columns));
  const svg = svg_root(left + size + 20, top + height + 44, title);
  svg.append(
    svg_text(12, 18, title, { class: "svg-title", "font-size": 13, "font-weight": 600 }),
    svg_cells(map, left, top, size, height),
  );
  for (const [at, text] of row_words) {
    svg.append(svg_text(left - 5, top + (height * at) / map.rows + 4, text, { "text-anchor": "end" }));
  }
  for (const [at, text] of column_words) {
    const x = left + (size * at) / map.columns;
    svg.append(
      upright
        ? svg_text(x, top - 6, text, { "text-anchor": "middle" })
        : svg_text(x + 4, top - 5, text, { transform: `rotate(-90 ${x + 4} ${top - 5})` }),
    );
  }
  const middle = top + height / 2;
  svg.append(
    svg_text(14, middle, row_label, {
      "text-anchor": "middle",
      fill: svg_ink.axis,
      transform: `rotate(-90 14 ${middle})`,
    }),
    svg_text(left + size, 34, column_label, { "text-anchor": "end", fill: svg_ink.axis }),
    svg_colour_key(left - 44, top + height + 18, key_words),
  );
  for (const path of marks?.(left, top, size, height) ?? []) svg.append(path);
  return svg;
}
