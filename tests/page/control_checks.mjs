// How kinds of controls are tried.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { assert_changes, data_of } from "./browser.mjs";

// Every option of a select must look otherwise than the one before, or, where `some` is enough, one of them.
export async function try_options(page, control, selector, { some = false } = {}) {
  const options = await control.locator("option").evaluateAll((nodes) => nodes.map((node) => node.value));
  const first = await control.inputValue();
  const others = [...options.filter((option) => option !== first), first];
  let changed = 0;
  for (const option of others.length > 1 ? others : []) {
    const change = () =>
      assert_changes(page, selector, `choosing ${option}`, () => control.selectOption(option), some ? 3 : undefined);
    if (some)
      await change().then(
        () => ++changed,
        () => 0,
      );
    else await change();
  }
  if (some) assert.ok(changed > 0, `no option changes anything in ${selector}`);
}

// To its other end and back, by keys; the words beside it change with it.
export async function try_slider(page, control, selector) {
  if (await control.isDisabled()) return;
  const words = () => control.evaluate((node) => node.parentElement.querySelector("output").textContent);
  const before = await words();
  const [value, max] = await control.evaluate((node) => [Number(node.value), Number(node.max)]);
  await assert_changes(page, selector, "a slider at its other end", () =>
    control.press(value === max ? "Home" : "End"),
  );
  assert.notEqual(await words(), before);
  assert.equal(await control.getAttribute("aria-valuetext"), await words());
  await assert_changes(page, selector, "a slider's arrow key", () =>
    control.press(value === max ? "ArrowRight" : "ArrowLeft"),
  );
  await control.press(value === max ? "End" : "Home");
}

export async function toggle_twice(page, control, selector, { if_any = true } = {}) {
  const checked = await control.isChecked();
  const flip = async () => {
    await control.click();
    assert.notEqual(await control.isChecked(), undefined);
  };
  if (!if_any) {
    await flip();
    await flip();
  } else {
    await assert_changes(page, selector, "a checkbox", flip);
    await assert_changes(page, selector, "a checkbox, back", flip);
  }
  assert.equal(await control.isChecked(), checked);
}

export async function try_details(page, control) {
  const is_open = () => control.evaluate((node) => node.parentElement.open);
  const before = await is_open();
  await control.click();
  assert.equal(await is_open(), !before);
  await control.press("Enter");
  assert.equal(await is_open(), before);
}

const svg_parts = "path, line, rect, image, circle";

async function check_download(page, format, download) {
  const bytes = readFileSync(await download.path());
  assert.ok(download.suggestedFilename().endsWith(`.${format}`), download.suggestedFilename());
  if (format === "png") {
    assert.equal(bytes.subarray(1, 4).toString(), "PNG");
    assert.ok(bytes.readUInt32BE(16) >= 400, "it is not wide");
  } else if (format === "csv") {
    const lines = bytes.toString().trim().split("\r\n");
    assert.ok(lines.length >= 2 && lines[0].includes(","), lines[0]);
  } else {
    const [error, parts] = await page.evaluate(
      ([text, selector]) => {
        const svg = new DOMParser().parseFromString(text, "image/svg+xml");
        return [svg.querySelector("parsererror")?.textContent, svg.querySelectorAll(selector).length];
      },
      [bytes.toString(), svg_parts],
    );
    assert.equal(error, undefined);
    assert.ok(parts > 1, `${download.suggestedFilename()} has nothing but its background`);
  }
}

export async function try_save(page, control) {
  for (const format of ["svg", "png", "csv"]) {
    await control.click();
    const choice = page.locator(`#save-menu [data-control=save-${format}]`);
    if (!(await choice.isVisible())) {
      await page.keyboard.press("Escape");
      continue;
    }
    const [download] = await Promise.all([page.waitForEvent("download"), choice.click()]);
    await check_download(page, format, download);
  }
  assert.equal(await page.locator("#save-menu").isVisible(), false);
}

async function has_marks(page, kind) {
  const { runs } = await data_of(page);
  const shown = await page.evaluate(() =>
    [...document.querySelectorAll(".metric")]
      .filter((node) => node.checkVisibility())
      .map((node) => node.dataset.metric),
  );
  if (kind === "phases") return runs.some((run) => run.changes?.some(({ metric }) => shown.includes(metric)));
  if (kind === "evaluations")
    return runs.some((run) => run.curves.metrics.some(({ name }) => /^(val|test)\//.test(name)));
  const event = kind === "checkpoints" ? "saved" : "resumed";
  return runs.some((run) => run.events?.some((each) => each.event === event));
}

export const mark_toggle = (kind) => async (page, control) =>
  toggle_twice(page, control, "#curves .charts", { if_any: await has_marks(page, kind) });

export async function zoom_in_and_back(page, control) {
  assert.ok(await control.isDisabled());
  const zoom_in = page.locator("[data-control=map-zoom-in]");
  if (await zoom_in.isDisabled()) return;
  await assert_changes(page, ".large-map", "zooming in", () => zoom_in.click());
  await assert_changes(page, ".large-map", "zooming out", () => control.click());
  assert.ok(await control.isDisabled());
}
