// Every page that the program or sample_data.mjs has made: opened from its file, and each of its controls tried.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { basename } from "node:path";
import { assert_changes, assert_no_complaints, data_of, drawn, open_browser, open_page } from "./browser.mjs";
import { all_controls, try_control } from "./controls.mjs";
import { page_files } from "./pages.mjs";

let browser;
before(async () => (browser = await open_browser()));
after(() => browser.close());

async function open_all_details(page) {
  await page.evaluate(() => document.querySelectorAll("details").forEach((node) => (node.open = true)));
  await page.waitForTimeout(100);
  await page.evaluate(() => document.querySelectorAll("details").forEach((node) => (node.open = true)));
  await drawn(page);
}

// Scrolls through all of it, so that all of it is drawn.
async function read_through(page) {
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  for (let y = 0; y < height; y += 800) {
    await page.evaluate((top) => scrollTo(0, top), y);
    await drawn(page);
  }
  await page.evaluate(() => scrollTo(0, 0));
}

const section_keys = {
  attention: (run) => run.attention?.maps?.length,
  predictions: (run) => run.predictions?.length,
  calibration: (run) => run.calibration?.bins?.length,
  spectra: (run) => run.spectra?.length,
  curvature: (run) => run.curvature?.curves?.length,
  landscape: (run) => run.landscape,
  embeddings: (run) => run.embeddings?.length,
  gradcheck: (run) => run.gradcheck,
  curves: (run) => run.curves?.metrics?.length,
};

for (const file of page_files()) {
  describe(basename(file), () => {
    test("has the sections of its data, and no others", async () => {
      const page = await open_page(browser, file);
      await read_through(page);
      const { runs } = await data_of(page);
      for (const [id, has] of Object.entries(section_keys)) {
        assert.equal(await page.locator(`#${id}`).isVisible(), Boolean(has(runs[0])), id);
        assert.equal(await page.locator(`nav a[href="#${id}"]`).isVisible(), Boolean(has(runs[0])), `link to ${id}`);
      }
      for (const sentence of runs.flatMap((run) => run.missing ?? []))
        assert.ok(await page.locator(".notice", { hasText: sentence }).isVisible());
      assert_no_complaints(page);
      await page.context().close();
    });

    test("does what its controls say", async (context) => {
      const page = await open_page(browser, file, { height: 1500 });
      await open_all_details(page);
      let tried = 0;
      for (const name of await all_controls(page)) tried += await try_control(page, name);
      assert_no_complaints(page);
      context.diagnostic(`${tried} controls tried`);
      await page.context().close();
    });

    test("works with the keyboard", async () => {
      const page = await open_page(browser, file);
      const focused_in = (selector) => page.evaluate((chosen) => document.activeElement.matches(chosen), selector);
      await page.keyboard.press("Tab");
      assert.ok(await focused_in(".skip"));
      const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
      assert.notEqual(outline, "none");
      const chart = page.locator("#curves .chart:visible").first();
      await chart.scrollIntoViewIfNeeded();
      await chart.focus();
      await drawn(page);
      await assert_changes(page, "#curves .metric .readout", "an arrow key on a chart", () => chart.press("ArrowLeft"));
      if (await page.locator(".large-map").isVisible()) {
        const map = page.locator(".large-map .map");
        await map.focus();
        await drawn(page);
        await map.press("ArrowDown");
        await map.press("ArrowRight");
        assert.match(await page.locator(".large-map .map-frame .readout").textContent(), /^query 0.* → key 1\b/);
        const head = page.locator(".thumb").first();
        if ((await page.locator(".thumb").count()) > 1) {
          await head.focus();
          await page.keyboard.press("ArrowRight");
          assert.ok(await page.evaluate(() => document.activeElement === document.querySelectorAll(".thumb")[1]));
        }
      }
      await page.locator("h1").click();
      await page.keyboard.press("/");
      assert.ok(await focused_in("[data-control=curves-search]"));
      await page.locator("h1").click();
      await page.keyboard.press("t");
      assert.equal(await page.locator("[data-control=theme]").inputValue(), "light");
      await page.keyboard.press("?");
      assert.ok(await page.locator("#help").isVisible());
      await page.keyboard.press("Escape");
      await page.evaluate(() => scrollTo(0, 0));
      await page.keyboard.press("n");
      assert.ok(await focused_in("#curves"));
      await page.keyboard.press("Control+p");
      await page.waitForFunction(() => window.printed);
      assert_no_complaints(page);
      await page.context().close();
    });

    test("fits 400 pixels, and paper", async () => {
      const page = await open_page(browser, file, { width: 400, height: 800 });
      await read_through(page);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(over <= 0, `${over} pixels too wide`);
      await page.emulateMedia({ media: "print", colorScheme: "dark" });
      await page.waitForFunction(() => document.documentElement.dataset.prepared === "print");
      assert.equal(await page.locator(".bar").isVisible(), false);
      assert.equal(await page.locator(".controls:visible, button:visible:not(.token):not(.link)").count(), 0);
      assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), "rgb(255, 255, 255)");
      assert.ok((await page.locator(".print-copy svg:visible").count()) > 0);
      assert.ok((await page.pdf({ preferCSSPageSize: true })).length > 10000);
      assert_no_complaints(page);
      await page.context().close();
    });
  });
}
