// Which pages are tested: those named in PAGES (written by the program), and those of sample_data.mjs.
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assemble } from "./assemble.mjs";
import * as sample from "./sample_data.mjs";

const folder = process.env.PAGES_FOLDER ?? mkdtempSync(join(tmpdir(), "report-pages-"));
mkdirSync(folder, { recursive: true });

export function sample_page(name, ...runs) {
  const file = join(folder, `${name}.html`);
  writeFileSync(file, assemble(sample.page_of(...runs)));
  return file;
}

export const written_pages = () => (process.env.PAGES ?? "").split(":").filter(Boolean);

export const hostile_page = () => sample_page("sample-encoder-decoder", sample.encoder_decoder_run());

export const big_page = () => sample_page("sample-big", sample.big_run());

export const page_files = () => [
  ...written_pages(),
  hostile_page(),
  sample_page(
    "sample-several",
    sample.encoder_run(),
    sample.encoder_run("reverse/2", 0.6),
    sample.encoder_decoder_run(),
  ),
];
