// Phase changes: which metric moved first, and how many steps later others followed.

function change_words({ kind, step, until, size }) {
  const span = until === null || until === undefined ? "" : ` until step ${step_words(until)}`;
  const by = size === null || size === undefined ? "" : ` by ${number_words(size, 3)}`;
  return kind === "plateau"
    ? `rests from step ${step_words(step)}${span}`
    : `${kind === "drop" ? "drops" : "rises"}${by}${span}`;
}

const delay_words = (delay) =>
  delay === 0
    ? "at the same step"
    : `${step_words(Math.abs(delay))} ${Math.abs(delay) === 1 ? "step" : "steps"} ${delay > 0 ? "later" : "earlier"}`;

const followers_at_once = 3;

function followers_list(followers) {
  const list = (part) =>
    element(
      "ul",
      { class: "followers" },
      part.map(({ metric, delay }) => element("li", {}, element("code", {}, metric), " ", delay_words(delay))),
    );
  if (followers.length <= followers_at_once + 1) return list(followers);
  return element(
    "div",
    {},
    list(followers.slice(0, followers_at_once)),
    element(
      "details",
      { class: "more" },
      element("summary", { "data-control": "change-followers" }, `${followers.length - followers_at_once} more`),
      list(followers.slice(followers_at_once)),
    ),
  );
}

function changes_list(runs) {
  const all = runs.flatMap((run) => (run.changes ?? []).map((change) => ({ run, ...change })));
  if (all.length === 0) return null;
  all.sort((a, b) => a.step - b.step);
  const row = (change) => [
    button("change-zoom", `step ${step_words(change.step)}`, () => zoom_to_change(runs, change), {
      class: "link",
      "aria-label": `Zoom to step ${step_words(change.step)}, where ${change.metric} ${change_words(change)}`,
    }),
    ...(runs.length > 1 ? [change.run.name] : []),
    element("code", {}, change.metric),
    change_words(change),
    followers_list(change.followers ?? []),
  ];
  const columns = ["at", ...(runs.length > 1 ? ["run"] : []), "moved first", "how", "then followed"].map((text) => ({
    text,
  }));
  return figure({
    title: "Phase changes",
    note: "Where a curve suddenly moves or comes to rest, and which others then move too.",
    body: table("Phase changes", columns, all.map(row)),
    csv: () => [
      ["run", "step", "until", "metric", "kind", "size", "follower", "delay"],
      ...all.flatMap(({ run, step, until, metric, kind, size, followers }) =>
        (followers?.length ? followers : [{}]).map((follower) => [
          run.name,
          step,
          until,
          metric,
          kind,
          size,
          follower.metric,
          follower.delay,
        ]),
      ),
    ],
  });
}

function zoom_to_change(runs, change) {
  const total = last_step(runs);
  const latest = Math.max(
    change.until ?? change.step,
    ...(change.followers ?? []).map(({ delay }) => change.step + delay),
  );
  const margin = Math.max(total * 0.02, (latest - change.step) * 0.5);
  zoom_curves([Math.max(curves_state.x_log ? 1 : 0, change.step - margin), Math.min(total, latest + margin)]);
  const chart = [...document.querySelectorAll(".metric")].find((node) => node.dataset.metric === change.metric);
  chart?.scrollIntoView({ block: "center" });
  chart?.querySelector(".chart").focus({ preventScroll: true });
}
