// axe-core finds nothing serious or critical, in light and dark, on a narrow screen, in the dialog and the menu.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { basename } from "node:path";
import axe from "axe-core";
import { drawn, open_browser, open_page } from "./browser.mjs";
import { page_files } from "./pages.mjs";

let browser;
before(async () => (browser = await open_browser()));
after(() => browser.close());

async function assert_accessible(page, when) {
  const { violations, passes } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const bad = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  assert.deepEqual(
    bad.map(
      ({ id, nodes }) =>
        `${when}: ${id}: ${nodes
          .slice(0, 3)
          .map((node) => `${node.html.slice(0, 150)} ${node.any[0]?.message ?? ""}`)
          .join(" | ")}`,
    ),
    [],
  );
  assert.ok(passes.length > 10, "axe looked at nothing");
}

for (const file of page_files()) {
  test(basename(file), async () => {
    const page = await open_page(browser, file);
    await page.evaluate(() =>
      document.querySelectorAll("#overview details, .prediction details").forEach((node) => (node.open = true)),
    );
    await page.evaluate(axe.source);
    for (const [scheme, width] of [
      ["light", 1280],
      ["dark", 1280],
      ["light", 400],
    ]) {
      await page.emulateMedia({ colorScheme: scheme });
      await page.setViewportSize({ width, height: 900 });
      await drawn(page);
      assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), scheme);
      await assert_accessible(page, `${scheme}, ${width} pixels`);
    }
    await page.context().close();
  });
}

for (const scheme of ["light", "dark"]) {
  test(`dialog and menu, ${scheme}`, async () => {
    const page = await open_page(browser, page_files().at(-1), { scheme });
    await page.evaluate(axe.source);
    await page.locator("[data-control=help]").click();
    await assert_accessible(page, "dialog");
    await page.keyboard.press("Escape");
    await page.locator("[data-control=save]").first().click();
    await assert_accessible(page, "menu");
    await page.context().close();
  });
}
