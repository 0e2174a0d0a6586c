// assemble.mjs DATA.json PAGE.html: the page of these data, put together as the program does it. For work on the page.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = join(dirname(fileURLToPath(import.meta.url)), "../../study/report");

const files = (place, ending) =>
  readdirSync(join(folder, place))
    .filter((name) => name.endsWith(ending))
    .sort()
    .map((name) => join(folder, place, name));
const text_of = (names) => names.map((name) => `${readFileSync(name, "utf8")}\n`).join("");

export function assemble(data_text) {
  const style = text_of([...files("vendor", ".css"), ...files(".", ".css")]);
  const scripts = text_of([...files("vendor", ".js"), ...files(".", ".js")]);
  const parts = {
    "<!--STYLE-->": `<style>\n${style}</style>`,
    "<!--SCRIPTS-->": `<script>\n(() => {\n"use strict";\n${scripts}})();\n</script>`,
    "<!--DATA-->": `<script type="application/json" id="data">${data_text.replaceAll("<", "\\u003c")}</script>`,
  };
  const lines = readFileSync(join(folder, "page.html"), "utf8").split("\n");
  return lines.map((line) => parts[line] ?? line).join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [data, page] = process.argv.slice(2);
  writeFileSync(page, assemble(readFileSync(data, "utf8")));
}
