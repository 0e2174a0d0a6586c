// Text of the data is shown as it is and never run; the page is sound HTML.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { basename } from "node:path";
import { HtmlValidate } from "html-validate";
import { assert_no_complaints, open_browser, open_page } from "./browser.mjs";
import { hostile_page, page_files } from "./pages.mjs";

let browser;
before(async () => (browser = await open_browser()));
after(() => browser.close());

test("a token that holds <script> is shown, not run", async () => {
  const page = await open_page(browser, hostile_page());
  await page.evaluate(() => document.querySelectorAll("details").forEach((node) => (node.open = true)));
  await page.waitForTimeout(200);
  assert.equal(await page.evaluate(() => window.pwned), undefined);
  assert.equal(await page.locator("script").count(), 2, "the data's element, and the page's own");
  assert.equal(await page.locator("img, b:text-is('bold')").count(), 0);
  assert.ok(await page.locator("#predictions .token-sample", { hasText: "<script>window.pwned" }).first().isVisible());
  assert.ok(await page.locator("#predictions .token-sample", { hasText: "&amp;" }).first().isVisible());
  assert.ok(await page.locator("#predictions .token-sample", { hasText: "U+202Eabc" }).first().isVisible());
  assert.ok(await page.locator("#predictions", { hasText: "test 0 <b>bold</b>" }).isVisible());
  assert_no_complaints(page);
  await page.context().close();
});

const validator = (rules) =>
  new HtmlValidate({
    extends: ["html-validate:recommended"],
    rules: {
      "long-title": "off", // a run's name is as long as it is
      "no-trailing-whitespace": "off", // of the libraries
      ...rules,
    },
  });

const written = validator({});
const built = validator({
  "no-inline-style": "off", // the widths of bars and the colours of cells are data
  // How a browser writes elements down: hidden=""
  "attribute-boolean-style": "off",
  "attribute-empty-style": "off",
});

async function assert_valid(rules, text, name) {
  const report = await rules.validateString(text);
  const messages = report.results.flatMap((result) =>
    result.messages.map((each) => `${name}:${each.line} ${each.ruleId}: ${each.message} ${each.selector ?? ""}`),
  );
  assert.deepEqual([...new Set(messages)].slice(0, 10), []);
}

for (const file of page_files()) {
  test(`html-validate: ${basename(file)}, as it is written and once it is built`, async () => {
    await assert_valid(written, readFileSync(file, "utf8"), "written");
    const page = await open_page(browser, file);
    await page.waitForTimeout(200);
    await assert_valid(built, await page.content(), "built");
    await page.context().close();
  });
}
