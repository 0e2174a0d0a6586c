// A page in Debian's Chromium, and what must hold of every page at every moment: no error, no warning, no request.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const places = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

export async function open_browser() {
  const executablePath = places.find((place) => place && existsSync(place));
  assert.ok(executablePath, "no Chromium: apt-get install chromium, or set CHROMIUM to its path");
  return chromium.launch({ executablePath, args: ["--no-sandbox"] });
}

// `complaints` fills with what should not happen; settle() asserts that it is empty.
export async function open_page(browser, file, { scheme = "light", width = 1280, height = 900 } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, acceptDownloads: true });
  const page = await context.newPage();
  page.complaints = [];
  const address = pathToFileURL(file).href;
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) page.complaints.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => page.complaints.push(`error: ${error.stack}`));
  page.on("request", (request) => {
    const url = request.url().split("#")[0];
    if (url !== address && !/^(data|blob):/.test(url)) page.complaints.push(`request: ${url}`);
  });
  await page.addInitScript(() => {
    window.print = () => (window.printed = true);
  });
  await page.goto(address);
  await page.waitForFunction(() => document.documentElement.dataset.run !== undefined);
  await drawn(page);
  return page;
}

// Until all that is in view has been drawn.
export async function drawn(page) {
  await page.evaluate(async () => {
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    for (let quiet = 0, i = 0; quiet < 3 && i < 300; ++i) {
      await frame();
      const waiting = [...document.querySelectorAll("*")].some(
        ({ drawing }) => drawing?.visible && (drawing.stale || drawing.times === 0),
      );
      quiet = waiting ? 0 : quiet + 1;
    }
  });
}

export function assert_no_complaints(page) {
  assert.deepEqual(page.complaints, []);
}

export const data_of = (page) => page.evaluate(() => JSON.parse(document.getElementById("data").textContent));

// What is to be seen of a part of the page, canvases included, as a number.
export function fingerprint(page, selector) {
  return page.evaluate((chosen) => {
    let hash = 0;
    const add = (text) => {
      for (let i = 0; i < text.length; ++i) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
    };
    for (const part of document.querySelectorAll(chosen)) {
      add(part.innerText);
      for (const canvas of part.querySelectorAll("canvas")) if (canvas.width > 0) add(canvas.toDataURL());
      for (const node of part.querySelectorAll("[style], [open], [aria-pressed]")) {
        add(`${node.getAttribute("style")} ${node.hasAttribute("open")} ${node.getAttribute("aria-pressed")}`);
      }
    }
    return hash;
  }, selector);
}

// Runs `act` and waits until the part looks otherwise.
export async function assert_changes(page, selector, what, act, patience = 30) {
  await drawn(page);
  const before = await fingerprint(page, selector);
  await act();
  for (let i = 0; i < patience; ++i) {
    await drawn(page);
    if ((await fingerprint(page, selector)) !== before) return;
    await page.waitForTimeout(25);
  }
  assert.fail(`${what} changes nothing in ${selector}`);
}
