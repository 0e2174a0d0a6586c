// What was run, on what, how it went; several runs stand side by side.

function overview_section(runs) {
  return [
    missing_notice(runs),
    overview_cards(runs),
    figures_table(runs),
    differences_table(runs),
    runs.map((run) => run_details(run, runs.length > 1)),
  ];
}

// Said first, calmly: what could not be read, and what ended early.
function missing_notice(runs) {
  const state_words = {
    stopped: (run) => `Training was stopped after step ${step_words(run.step)}.`,
    unfinished: (run) => `Training has not finished: step ${step_words(run.step)} is the newest that was recorded.`,
    diverged: (run) => `Training diverged after step ${step_words(run.step)}.`,
  };
  const sentences = runs.flatMap((run) => {
    const own = [state_words[run.state]?.(run), ...(run.missing ?? [])].filter(Boolean);
    return own.map((text) => [runs.length > 1 ? `${run.name}: ` : "", text]);
  });
  if (sentences.length === 0) return null;
  return element(
    "aside",
    { class: "notice", "aria-label": "What is missing" },
    element("h3", {}, "What to know first"),
    element(
      "ul",
      {},
      sentences.map(([run, text]) => element("li", {}, element("b", {}, run), text)),
    ),
  );
}

const parameter_count = (run) => (run.parameters ?? []).reduce((sum, parameter) => sum + parameter.count, 0);

function overview_cards(runs) {
  const facts = (run) => [
    ["Task", run.task],
    ["Model", run.kind],
    ["Parameters", step_words(parameter_count(run))],
    ["Steps", step_words(run.step)],
    ["Time", duration_words(run.seconds)],
    ["State", run.state],
  ];
  return element(
    "div",
    { class: "cards" },
    runs.map((run, i) =>
      element(
        "article",
        { class: "card" },
        // Of one run the page's title has the name.
        runs.length > 1 &&
          element("h3", {}, element("i", { class: "swatch", style: { background: `var(--line-${i % 7})` } }), run.name),
        element("p", { class: "note folder" }, run.folder),
        element(
          "dl",
          { class: "facts" },
          facts(run).map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))),
        ),
      ),
    ),
  );
}

function figures_table(runs) {
  const names = [...new Set(runs.flatMap((run) => (run.figures ?? []).map((each) => each.name)))];
  if (names.length === 0) return null;
  const found = (run, name) => (run.figures ?? []).find((each) => each.name === name);
  const bests = names.map((name) =>
    runs.map((run) => found(run, name)?.best).find((best) => best !== null && best !== undefined),
  );
  const has_best = bests.some((best) => best !== undefined);
  const columns = [
    { text: "figure" },
    ...runs.map((run) => ({ text: runs.length > 1 ? run.name : "reached", number: true })),
  ];
  if (has_best) columns.push({ text: "best possible", number: true });
  const rows = names.map((name, i) => [
    name,
    ...runs.map((run) => number_words(found(run, name)?.value)),
    ...(has_best ? [bests[i] === undefined ? "–" : number_words(bests[i])] : []),
  ]);
  return figure({
    title: "Final figures",
    note: has_best && "Best possible: what nothing can beat on this task, however long it trains.",
    body: table("Final figures", columns, rows),
    csv: () => [
      columns.map((column) => column.text),
      ...names.map((name, i) => [name, ...runs.map((run) => found(run, name)?.value), ...(has_best ? [bests[i]] : [])]),
    ],
  });
}

// Keys on which the runs do not agree.
function differences_table(runs) {
  if (runs.length < 2) return null;
  const values = runs.map((run) => new Map((run.config ?? []).map((entry) => [entry.key, entry.value])));
  const keys = [...new Set(values.flatMap((map) => [...map.keys()]))];
  const different = keys.filter((key) => new Set(values.map((map) => map.get(key))).size > 1);
  const rows = different.map((key) => [
    element("code", {}, key),
    ...values.map((map) => element("code", {}, map.get(key) ?? "–")),
  ]);
  if (rows.length === 0) return element("p", {}, "The runs have the same config.");
  const columns = [{ text: "key" }, ...runs.map((run) => ({ text: run.name }))];
  return figure({
    title: "Where the runs' configs differ",
    body: table("Where the runs' configs differ", columns, rows),
    csv: () => [
      columns.map((column) => column.text),
      ...different.map((key) => [key, ...values.map((map) => map.get(key))]),
    ],
  });
}

function run_details(run, several) {
  const of = several ? ` of ${run.name}` : "";
  return element(
    "div",
    { class: "details-group" },
    parameters_details(run, of),
    config_details(run, of),
    probes_details(run, of),
    environment_details(run, of),
    events_details(run, of),
  );
}

function details(control, summary, count, ...children) {
  return element(
    "details",
    {},
    element("summary", { "data-control": control }, summary, element("span", { class: "count" }, count)),
    children,
  );
}

function parameters_details(run, of) {
  if (!run.parameters?.length) return null;
  const columns = [{ text: "name" }, { text: "shape" }, { text: "numbers", number: true }];
  const title = `Parameters${of}`;
  return details(
    "details-parameters",
    title,
    `${run.parameters.length} tensors, ${step_words(parameter_count(run))} numbers`,
    figure({
      title,
      body: table(
        title,
        columns,
        run.parameters.map(({ name, shape, count }) => [
          element("code", {}, name),
          shape.join(" × ") || "1",
          step_words(count),
        ]),
      ),
      csv: () => [
        ["name", "shape", "count"],
        ...run.parameters.map(({ name, shape, count }) => [name, shape.join("x"), count]),
      ],
    }),
  );
}

function config_details(run, of) {
  if (!run.config?.length) return null;
  const title = `Config${of}`;
  const differing = run.config.filter((entry) => entry.differs);
  const row = ({ key, value, default: usual, differs }) =>
    element(
      "tr",
      { class: differs && "differs" },
      element("th", { scope: "row" }, element("code", {}, key)),
      element(
        "td",
        {},
        element("code", {}, value),
        differs && element("span", { class: "unseen" }, " (differs from the default)"),
      ),
      element("td", {}, usual === null || usual === undefined ? "" : element("code", {}, usual)),
    );
  const body = table(title, [{ text: "key" }, { text: "value" }, { text: "default" }], []);
  body.querySelector("tbody").append(...run.config.map(row));
  const only = checkbox("config-differing", "only what differs from the defaults", false, (checked) =>
    body.classList.toggle("only-differing", checked),
  );
  return details(
    "details-config",
    title,
    `${differing.length} of ${run.config.length} keys differ from their defaults`,
    figure({
      title,
      body,
      controls: only,
      csv: () => [
        ["key", "value", "default", "differs"],
        ...run.config.map(({ key, value, default: usual, differs }) => [key, value, usual, differs]),
      ],
    }),
  );
}

function probes_details(run, of) {
  if (!run.probes?.length) return null;
  const title = `Probes${of}`;
  const seconds = run.probes.reduce((sum, probe) => sum + probe.seconds, 0);
  const share = (part) => (run.seconds > 0 ? `${((100 * part) / run.seconds).toFixed(1)} %` : "");
  const columns = [
    { text: "probe" },
    { text: "times", number: true },
    { text: "took", number: true },
    { text: "of the run", number: true },
  ];
  const rows = run.probes.map((probe) => [
    element("code", {}, probe.name),
    step_words(probe.times),
    duration_words(probe.seconds),
    share(probe.seconds),
  ]);
  return details(
    "details-probes",
    title,
    `${run.probes.length}, which took ${duration_words(seconds)} ${share(seconds) && `(${share(seconds)})`}`,
    figure({
      title,
      body: table(title, columns, rows),
      csv: () => [
        ["probe", "times", "seconds"],
        ...run.probes.map(({ name, times, seconds: took }) => [name, times, took]),
      ],
    }),
  );
}

function environment_details(run, of) {
  if (!run.environment?.length) return null;
  const title = `Environment${of}`;
  return details(
    "details-environment",
    title,
    `${run.environment.length} entries`,
    figure({
      title,
      body: table(
        title,
        [{ text: "what" }, { text: "value" }],
        run.environment.map(([key, value]) => [key, element("code", {}, value)]),
      ),
      csv: () => [["what", "value"], ...run.environment],
    }),
  );
}

function events_details(run, of) {
  if (!run.events?.length) return null;
  const title = `Events${of}`;
  const columns = [{ text: "time" }, { text: "event" }, { text: "step", number: true }, { text: "" }];
  return details(
    "details-events",
    title,
    `${run.events.length}`,
    figure({
      title,
      body: table(
        title,
        columns,
        run.events.map(({ time, event, step, text }) => [
          time ?? "",
          event,
          step === null || step === undefined ? "" : step_words(step),
          text ?? "",
        ]),
      ),
      csv: () => [
        ["time", "event", "step", "text"],
        ...run.events.map(({ time, event, step, text }) => [time, event, step, text]),
      ],
    }),
  );
}
