// Examples token by token: what was to come, what the model held likely, and, layer by layer, what it would have said
// had it ended there (the logit lens).

function predictions_section(run) {
  if (!run.predictions?.length) return null;
  const right = run.predictions.filter((prediction) => prediction.right).length;
  const nodes = run.predictions.map((prediction) => ({ prediction, node: prediction_figure(run, prediction) }));
  const counts = { all: run.predictions.length, right, wrong: run.predictions.length - right };
  const filter = select(
    "predictions-filter",
    "Show",
    Object.entries(counts).map(([kind, count]) => [kind, `${kind} (${count})`]),
    "all",
    (kind) => {
      for (const { prediction, node } of nodes) node.hidden = kind !== "all" && prediction.right !== (kind === "right");
    },
  );
  return [
    element(
      "div",
      { class: "controls" },
      filter,
      element(
        "span",
        { class: "colour-key" },
        "the wanted token's probability: 0",
        element("i", { class: "gradient tint" }),
        "1",
        element("span", { class: "token-sample wrong" }, "abc"),
        "another was wanted: it stands below",
      ),
    ),
    element(
      "div",
      { class: "predictions" },
      nodes.map(({ node }) => node),
    ),
  ];
}

const is_hit = (place) => place.top.length > 0 && place.top[0].token === place.target;

function prediction_figure(run, prediction) {
  const example = run.examples[prediction.example];
  const panel = element("div", { class: "place-panel", "aria-live": "polite" });
  const strip = element("div", { class: "strip", role: "group", "aria-label": `Predicted tokens of ${example.name}` });
  const choose = (place, node) => {
    strip.querySelectorAll("[aria-pressed=true]").forEach((other) => other.setAttribute("aria-pressed", "false"));
    node.setAttribute("aria-pressed", "true");
    panel.replaceChildren(place_details(example, place));
  };
  const places = prediction.places.map((place) => place_button(example, place, choose));
  strip.append(...places);
  const first = Math.max(
    0,
    prediction.places.findIndex((place) => !is_hit(place)),
  );
  if (places.length > 0) choose(prediction.places[first], places[first]);
  rove(strip, ".token", () => strip_columns(strip));
  return figure({
    title: example.name,
    class: "prediction",
    controls: element(
      "span",
      { class: `verdict ${prediction.right ? "right" : "wrong"}` },
      prediction.right ? "✓ right" : "✗ wrong",
    ),
    body: [
      Object.entries(example.sequences).map(([name, tokens]) => sequence_line(name, tokens)),
      element("p", { class: "sequence-name" }, "predicted"),
      strip,
      prediction.cut && element("p", { class: "note" }, "There are more places than are shown."),
      panel,
      lens_details(prediction, example),
    ],
    csv: () => prediction_rows(example, prediction),
  });
}

// How many tokens stand in the first line of the strip.
function strip_columns(strip) {
  const tops = [...strip.children].map((child) => child.offsetTop);
  return Math.max(1, tops.filter((top) => top === tops[0]).length);
}

function sequence_line(name, tokens) {
  return element(
    "div",
    { class: "sequence" },
    element("p", { class: "sequence-name" }, name),
    element(
      "p",
      { class: "tokens" },
      tokens.map((token) => element("span", { class: "token-sample" }, token_words(token))),
    ),
  );
}

function place_button(example, place, choose) {
  const hit = is_hit(place);
  const node = element(
    "button",
    {
      type: "button",
      class: `token ${hit ? "" : "wrong"}`,
      "data-control": "prediction-place",
      "aria-pressed": "false",
      style: { "--share": `${Math.round(100 * (place.target_probability ?? 0))}%` },
      onclick: () => choose(place, node),
    },
    token_words(place.top[0]?.token ?? place.target),
    element("span", { class: "unseen" }, ", wanted "),
    element(hit ? "span" : "small", { class: hit ? "unseen" : undefined }, token_words(place.target)),
    element(
      "span",
      { class: "unseen" },
      `, probability ${probability_words(place.target_probability)}` +
        (place.place < 0 ? "" : `, place ${place.place}`),
    ),
  );
  return node;
}

function place_details(example, place) {
  const input =
    place.place < 0
      ? "the whole sequence"
      : `place ${place.place} (“${token_words(example.sequences.tokens?.[place.place] ?? "")}”)`;
  const bar = ({ token, probability }) =>
    element(
      "li",
      { class: token === place.target ? "target" : "" },
      element("span", { class: "bar-token" }, token_words(token)),
      element(
        "span",
        { class: "meter", "aria-hidden": "true" },
        element("i", { style: { width: `${100 * probability}%` } }),
      ),
      element("span", { class: "bar-number" }, probability_words(probability)),
    );
  return element(
    "div",
    { class: "place" },
    element(
      "p",
      {},
      input,
      ": wanted ",
      element("b", {}, token_words(place.target)),
      `, probability ${probability_words(place.target_probability)}`,
    ),
    element("ol", { class: "bars" }, place.top.map(bar)),
  );
}

// Layers up, places across, each with its likeliest token.
function lens_details(prediction, example) {
  const names = prediction.places.find((place) => place.layers?.length)?.layers.map((layer) => layer.name);
  if (!names) return null;
  const cell = (layer) => {
    const best = layer?.top[0];
    if (!best) return element("td", {}, "");
    return element(
      "td",
      {
        style: { background: viridis(best.probability), color: ink_on_viridis(best.probability) },
        title: [
          ...layer.top.map(({ token, probability }) => `${token_words(token)} ${probability_words(probability)}`),
          `wanted: ${probability_words(layer.target_probability)}`,
        ].join("  "),
      },
      token_words(best.token),
    );
  };
  const rows = names
    .map((name, i) =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, name),
        prediction.places.map((place) => cell(place.layers?.[i])),
      ),
    )
    .reverse();
  const title = `Logit lens of ${example.name}`;
  return details(
    "details-lens",
    "Logit lens",
    `${names.length} layers`,
    figure({
      title,
      note: "What each layer would predict if the model ended there: the likeliest token, coloured by its probability.",
      controls: colour_key(["0", "1"]),
      body: element(
        "section",
        { class: "table-frame", tabindex: 0, "aria-label": title },
        element(
          "table",
          { class: "lens" },
          element("caption", { class: "unseen" }, title),
          element(
            "thead",
            {},
            element(
              "tr",
              {},
              element("th", { scope: "col" }, "wanted"),
              prediction.places.map((place) => element("th", { scope: "col" }, token_words(place.target))),
            ),
          ),
          element("tbody", {}, rows),
        ),
      ),
      svg: () => lens_svg(title, names, prediction),
      csv: () => lens_rows(names, prediction),
    }),
  );
}

function lens_svg(title, names, prediction) {
  const left = 24 + 6.5 * Math.max(...names.map((name) => name.length), 6);
  const svg = svg_root(Math.max(360, left + prediction.places.length * 46 + 12), 60 + names.length * 22, title);
  svg.append(svg_text(12, 18, title, { "font-size": 13, "font-weight": 600 }), svg_text(12, 42, "wanted"));
  prediction.places.forEach((place, column) => {
    const x = left + column * 46;
    svg.append(svg_text(x + 22, 42, shorten(token_words(place.target), 6), { "text-anchor": "middle" }));
    names.forEach((_, layer) => {
      const best = place.layers?.[layer]?.top[0];
      const y = 50 + (names.length - 1 - layer) * 22;
      if (!best) return;
      svg.append(
        svg_element("rect", { x, y, width: 45, height: 21, fill: viridis(best.probability) }),
        svg_text(x + 22, y + 15, shorten(token_words(best.token), 6), {
          "text-anchor": "middle",
          fill: ink_on_viridis(best.probability),
        }),
      );
    });
  });
  names.forEach((name, layer) => svg.append(svg_text(12, 65 + (names.length - 1 - layer) * 22, name)));
  return svg;
}

function lens_rows(names, prediction) {
  const rows = [["place", "wanted", "layer", "rank", "token", "probability", "probability of the wanted"]];
  for (const place of prediction.places) {
    (place.layers ?? []).forEach((layer) =>
      layer.top.forEach(({ token, probability }, rank) =>
        rows.push([place.place, place.target, layer.name, rank + 1, token, probability, layer.target_probability]),
      ),
    );
  }
  return rows;
}

function prediction_rows(example, prediction) {
  const rows = [["example", "place", "wanted", "probability of the wanted", "rank", "token", "probability"]];
  for (const place of prediction.places) {
    place.top.forEach(({ token, probability }, rank) =>
      rows.push([example.name, place.place, place.target, place.target_probability, rank + 1, token, probability]),
    );
  }
  return rows;
}
