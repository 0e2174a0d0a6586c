// What each control of the page must do. A control is a button, an input, a select, a summary or a link within the
// page; its data-control names it, and one that has no entry here fails the test.
import assert from "node:assert/strict";
import { assert_changes, data_of, drawn } from "./browser.mjs";
import {
  mark_toggle,
  toggle_twice,
  try_details,
  try_options,
  try_save,
  try_slider,
  zoom_in_and_back,
} from "./control_checks.mjs";

export const handlers = {
  async section(page, control) {
    const target = await control.getAttribute("href");
    await control.click();
    await page.waitForFunction(
      (id) => Math.abs(document.querySelector(id).getBoundingClientRect().top) < innerHeight,
      target,
    );
  },

  async skip(page, control) {
    await control.focus();
    await control.press("Enter");
    assert.equal(new URL(page.url()).hash, "#overview");
  },

  async theme(page, control) {
    const theme = () =>
      page.evaluate(() => [document.documentElement.dataset.theme, getComputedStyle(document.body).backgroundColor]);
    await control.selectOption("dark");
    const [name, background] = await theme();
    assert.equal(name, "dark");
    await control.selectOption("light");
    assert.notEqual((await theme())[1], background);
    await control.selectOption("system");
    assert.equal((await theme())[0], "light");
  },

  async run(page, control) {
    for (const option of [1, 0]) {
      await control.selectOption({ index: option });
      const name = await control.locator("option").nth(option).textContent();
      await page.waitForFunction((chosen) => document.documentElement.dataset.run === chosen, name);
      assert.equal(await page.locator("#attention .of-run").textContent(), name);
    }
  },

  async print(page, control) {
    await control.click();
    await page.waitForFunction(() => window.printed);
    assert.ok((await page.locator(".print-copy svg").count()) > 0);
    await page.evaluate(() => dispatchEvent(new Event("afterprint")));
    assert.equal(await page.locator(".print-copy svg").count(), 0);
  },

  async help(page, control) {
    await control.click();
    assert.ok(await page.locator("#help").isVisible());
    await page.keyboard.press("Escape");
    assert.equal(await page.locator("#help").isVisible(), false);
  },

  async "help-close"(page, control) {
    await page.locator("[data-control=help]").click();
    await control.click();
    assert.equal(await page.locator("#help").isVisible(), false);
  },

  save: try_save,
  // Pressed by try_save, where the menu is open.
  "save-svg": null,
  "save-png": null,
  "save-csv": null,

  "details-parameters": try_details,
  "details-config": try_details,
  "details-environment": try_details,
  "details-events": try_details,
  "details-probes": try_details,
  "details-lens": try_details,
  "change-followers": try_details,
  "curves-group": try_details,

  async "config-differing"(page, control) {
    const rows = () =>
      control.evaluate(
        (node) =>
          [...node.closest("figure").querySelectorAll("tbody tr")].filter((row) => row.checkVisibility()).length,
      );
    const all = await rows();
    const differing = await control.evaluate((node) => node.closest("figure").querySelectorAll("tr.differs").length);
    await control.click();
    assert.equal(await rows(), differing);
    await control.click();
    assert.equal(await rows(), all);
  },

  async "curves-search"(page, control) {
    const shown = () =>
      page.evaluate(() =>
        [...document.querySelectorAll("#curves .metric")]
          .filter((node) => !node.hidden && node.checkVisibility())
          .map((node) => node.dataset.metric),
      );
    await control.fill("LOSS val");
    const names = await shown();
    assert.ok(names.length > 0 && names.every((name) => name.includes("loss") && name.includes("val")), names.join());
    await control.fill("no metric is called so");
    assert.deepEqual(await shown(), []);
    assert.ok(await page.getByText("No metric has such a name.").isVisible());
    await control.fill("");
    assert.ok((await shown()).length > names.length);
  },

  "curves-x": (page, control) => try_options(page, control, "#curves .charts"),
  "curves-y": (page, control) => try_options(page, control, "#curves .charts"),
  "curves-smoothing": (page, control) => try_slider(page, control, "#curves .charts"),
  "curves-mark-evaluations": mark_toggle("evaluations"),
  "curves-mark-checkpoints": mark_toggle("checkpoints"),
  "curves-mark-resumptions": mark_toggle("resumptions"),
  "curves-mark-phases": mark_toggle("phases"),
  "curves-run": (page, control) => toggle_twice(page, control, "#curves .charts"),

  async "curves-reset"(page, control) {
    assert.ok(await control.isDisabled());
    const chart = page.locator("#curves .metric:visible .chart").first();
    await chart.focus();
    await assert_changes(page, "#curves .charts", "+", () => chart.press("+"));
    await assert_changes(page, "#curves .charts", "showing all steps", () => control.click());
    assert.ok(await control.isDisabled());
  },

  async "curve-wide"(page, control) {
    const width = () => control.evaluate((node) => node.closest("figure").offsetHeight);
    const before = await width();
    await control.click();
    await drawn(page);
    assert.ok((await width()) > before + 100);
    assert.equal(await control.getAttribute("aria-pressed"), "true");
    await control.click();
    await drawn(page);
  },

  async "change-zoom"(page, control) {
    const reset = page.locator("[data-control=curves-reset]");
    await control.click();
    assert.ok(await reset.isEnabled());
    await reset.click();
  },

  "attention-example": (page, control) => try_options(page, control, ".attention"),
  "attention-checkpoint": (page, control) => try_slider(page, control, ".attention"),
  "attention-scale": (page, control) => try_options(page, control, "#attention .attention", { some: true }),

  async "attention-head"(page, control) {
    await control.click();
    assert.equal(await control.getAttribute("aria-pressed"), "true");
    assert.equal(await page.locator("#attention [aria-pressed=true]").count(), 1);
    const title = await page.locator(".large-map .figure-title").textContent();
    assert.ok((await control.textContent()).startsWith(title), title);
  },

  // Maps of four cells a side and fewer can't be zoomed; nor can a whole map be zoomed out.
  async "map-zoom-in"(page, control) {
    const cells = (await page.locator(".large-map .map").getAttribute("aria-label"))
      .match(/\d+(?= queries| keys)/g)
      .map(Number);
    assert.equal(await control.isDisabled(), Math.max(...cells) <= 4);
    if (await control.isDisabled()) return;
    await assert_changes(page, ".large-map", "zooming in", () => control.click());
    await assert_changes(page, ".large-map", "zooming out", () => page.locator("[data-control=map-zoom-all]").click());
  },
  "map-zoom-out": zoom_in_and_back,
  "map-zoom-all": zoom_in_and_back,

  async "predictions-filter"(page, control) {
    const [run] = (await data_of(page)).runs;
    for (const [kind, count] of [
      ["right", run.predictions.filter(({ right }) => right).length],
      ["wrong", run.predictions.filter(({ right }) => !right).length],
      ["all", run.predictions.length],
    ]) {
      await control.selectOption(kind);
      assert.equal(await page.locator(".prediction:visible").count(), count, kind);
    }
  },

  async "prediction-place"(page, control) {
    await control.click();
    assert.equal(await control.getAttribute("aria-pressed"), "true");
    const wanted = (await control.textContent()).match(/wanted (.*), probability/s)[1];
    const panel = await control.evaluate((node) => node.closest("figure").querySelector(".place b").textContent);
    assert.equal(panel, wanted);
  },

  "spectra-weight": (page, control) => try_options(page, control, "#spectra .pair", { some: true }),
  "spectra-checkpoint": (page, control) => try_slider(page, control, "#spectra .pair"),
  "embedding-weight": (page, control) => try_options(page, control, "#embeddings .map"),
  "embedding-checkpoint": (page, control) => try_slider(page, control, "#embeddings .map"),

  async "embedding-search"(page, control) {
    const [token] = (await data_of(page)).runs[0].embeddings[0].tokens.filter((each) => each.trim() !== "");
    await assert_changes(page, "#embeddings .map", "searching a token", () => control.fill(token));
    await assert_changes(page, "#embeddings .map", "searching nothing", () => control.fill(""));
  },
};

// Every control of the page, by name; unknown ones fail.
export async function all_controls(page) {
  const names = await page.evaluate(() =>
    [...document.querySelectorAll("button, input, select, textarea, summary, a[href]")].map((node) => [
      node.dataset.control ?? null,
      node.outerHTML.slice(0, 120),
    ]),
  );
  for (const [name, html] of names)
    assert.ok(name !== null && name in handlers, `no test of the control ${name}: ${html}`);
  return [...new Set(names.map(([name]) => name))];
}

// Those of one name that can be seen; of many alike in a section, the first and the last. Figures that are drawings and
// those that are tables are not alike.
async function instances(page, name) {
  const kinds = new Map();
  for (const control of await page.locator(`[data-control="${name}"]`).all()) {
    const [usable, kind] = await control.evaluate((node) => [
      node.closest("#help, .skip") !== null || node.checkVisibility(),
      `${node.closest("main > section")?.id} ${node.closest("figure")?.querySelector(":scope > .print-copy") !== null}`,
    ]);
    if (usable) kinds.set(kind, [...(kinds.get(kind) ?? []), control]);
  }
  return [...kinds.values()].flatMap((alike) => (alike.length > 1 ? [alike[0], alike.at(-1)] : alike));
}

// How many were tried.
export async function try_control(page, name) {
  const handler = handlers[name];
  if (handler === null) return 0;
  const controls = await instances(page, name);
  assert.ok(controls.length > 0, `the control ${name} is never to be seen`);
  for (const control of controls) {
    try {
      // Its section from the top, so that what it changes is in view too.
      await control.evaluate((node) => node.closest("main > section")?.scrollIntoView());
      await handler(page, control);
    } catch (error) {
      error.message = `control ${name}: ${error.message}`;
      throw error;
    }
  }
  return controls.length;
}
