// Attention as SVG and as CSV.

const most_saved_pixels = 512;

function large_map_svg(view) {
  const { weights, head, query_tokens, key_tokens, scale, name } = view.source(view.layer, view.head);
  const area = view.large.area ?? view.large.whole();
  const map = view_as_map(weights, head, scale, area, most_saved_pixels);
  const words = (tokens, first, last) => axis_words(tokens, first, last, 44).map(([at, text]) => [at, text]);
  const row_words = words(query_tokens, area.top, area.bottom).map(([at, text]) => [
    (at * map.rows) / (area.bottom - area.top),
    text,
  ]);
  const column_words = words(key_tokens, area.left, area.right).map(([at, text]) => [
    (at * map.columns) / (area.right - area.left),
    text,
  ]);
  return map_svg({
    title: `${name}, step ${step_words(view.steps[view.checkpoint])}`,
    map,
    row_words,
    column_words,
    row_label: "queries",
    column_label: "keys",
    key_words: [...weight_scales[scale].ends(map.greatest), "hidden by the mask"],
  });
}

function all_heads_svg(view) {
  const size = 96;
  const widest = Math.max(...view.maps.map((map) => map.heads));
  const columns = Math.min(widest, 8);
  const row_heights = view.maps.map((map) => Math.ceil(map.heads / columns) * (size + 24) + 24);
  const svg = svg_root(
    Math.max(columns * (size + 12) + 28, 420),
    row_heights.reduce((sum, height) => sum + height, 56),
    view.run.name,
  );
  svg.append(
    svg_text(14, 20, `${view.run.name}, step ${step_words(view.steps[view.checkpoint])}`, {
      "font-size": 13,
      "font-weight": 600,
    }),
  );
  let top = 36;
  view.maps.forEach((map, layer) => {
    svg.append(svg_text(14, top + 10, map.name, { fill: svg_ink.axis }));
    const weights = view.weights[layer];
    for (let head = 0; weights && head < map.heads; ++head) {
      const x = 14 + (head % columns) * (size + 12);
      const y = top + 18 + Math.floor(head / columns) * (size + 24);
      const area = { top: 0, left: 0, bottom: weights.queries, right: weights.keys };
      const label = view.label(layer, head);
      svg.append(
        svg_cells(view_as_map(weights, head, view.scale, area, size), x, y, size, size),
        svg_text(
          x,
          y + size + 13,
          shorten(`${head} ${label ? `${label.label} ${number_words(label.score, 2)}` : ""}`, 18),
          { "font-size": 10 },
        ),
      );
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
  view.maps.forEach((map) =>
    (map.heads_labels ?? []).forEach((heads, checkpoint) =>
      (heads ?? []).forEach((label, head) => {
        for (const [name, value] of Object.entries(label?.scores ?? {})) {
          rows.push([view.steps[checkpoint], map.name, head, label.label, label.score, name, value]);
        }
      }),
    ),
  );
  return rows;
}
