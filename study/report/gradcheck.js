// The table of `transformlet gradcheck`: the gradients of the program against differences of the loss.

function gradcheck_section(run) {
  const check = run.gradcheck;
  if (!check) return null;
  const columns = [
    { text: "tensor" },
    { text: "checked", number: true },
    { text: "worst error", number: true },
    { text: "bar", number: true },
    { text: "verdict" },
  ];
  const rows = check.rows.map(({ name, checked, worst_error, bar, verdict }) => [
    element("code", {}, name),
    checked,
    number_words(worst_error, 3),
    number_words(bar, 3),
    verdict,
  ]);
  return figure({
    title: "Gradient check",
    note: [`${check.verdict}. `, (check.settings ?? []).map(([key, value]) => `${key}: ${value}`).join(" · ")],
    body: table("Gradient check", columns, rows),
    csv: () => [
      columns.map(({ text }) => text),
      ...check.rows.map(({ name, checked, worst_error, bar, verdict }) => [name, checked, worst_error, bar, verdict]),
    ],
  });
}
