// Data that no run has made, for the page's tests: all sections, and sizes that a page must bear. See
// study/report/README.md for what they mean.
import {
  accuracy_shape,
  dense,
  factors,
  loss_shape,
  random_numbers,
  range,
  sample_curves,
  wander,
} from "./sample_arrays.mjs";
import { predictions_of, studies } from "./sample_sections.mjs";

function frame(name, kind, steps, checkpoints, extra) {
  return {
    name,
    folder: `runs/${name}`,
    state: "finished",
    missing: [],
    task: name.split("/")[0],
    kind,
    seconds: 83.2,
    step: steps,
    figures: [
      { name: "test/loss", value: 0.0132, best: 0 },
      { name: "test/accuracy", value: 0.9981, best: 1 },
      { name: "val/loss", value: 0.0141, best: null },
    ],
    parameters: [
      { name: "embedding.weight", shape: [13, 32], count: 416 },
      { name: "encoder.blocks.0.attention.qkv.weight", shape: [32, 96], count: 3072 },
      { name: "encoder.blocks.0.feed_forward.up.weight", shape: [32, 64], count: 2048 },
    ],
    config: [
      { key: "seed", value: "1", default: "42", differs: true },
      { key: "task.name", value: name.split("/")[0], default: null, differs: true },
      { key: "train.batch_size", value: "128", default: "64", differs: true },
      { key: "optimizer.learning_rate", value: "0.0005", default: "0.0005", differs: false },
    ],
    environment: [
      ["cpu", "a processor"],
      ["threads", "1"],
      ["blas", "OpenBLAS 0.3.21"],
    ],
    events: [
      { step: null, event: "started", time: "2026-11-25T12:00:00Z", text: "threads 1" },
      ...checkpoints.map((step) => ({ step, event: "saved", time: "2026-11-25T12:00:10Z", text: "" })),
      { step: Math.round(steps / 2), event: "resumed", time: "2026-11-25T12:10:00Z", text: "threads 1" },
      { step: steps, event: "finished", time: "2026-11-25T12:20:00Z", text: "" },
    ],
    checkpoints,
    ...extra,
  };
}

const small_metrics = (drop) => [
  ["train/loss", loss_shape(0.02, drop)],
  ["train/learning_rate", (t) => 5e-4 * Math.cos((Math.PI * t) / 2)],
  ["val/loss", loss_shape(0.03, drop + 0.03), 20],
  ["val/accuracy", accuracy_shape(drop + 0.05), 20],
  ["curvature/sharpness", wander(20, 2), 20],
  ["norms/embedding.weight/weight", wander(3, 0.5), 10],
  ["norms/embedding.weight/gradient", wander(0.1, -0.5), 10],
];

export function encoder_run(name = "reverse/1", drop = 0.4) {
  const steps = 600;
  const checkpoints = range(6).map((i) => 100 * (i + 1));
  const tokens = ["3", "1", "4", "1", "5", "9", "2", "6"];
  const examples = [0, 1, 2].map((i) => ({
    name: `test ${i}`,
    sequences: { tokens: [...tokens.slice(i), ...tokens.slice(0, i)] },
  }));
  const maps = range(2).map((layer) => ({
    name: `encoder.blocks.${layer}.attention`,
    queries: "tokens",
    keys: "tokens",
    heads: 4,
    heads_labels: checkpoints.map((_, c) =>
      range(4).map((h) => ({
        label: h === 0 ? "anti-diagonal" : "uniform",
        score: (c + 1) / 7,
        scores: { "anti-diagonal": (c + 1) / 7, previous: 0.1, uniform: 0.3 },
      })),
    ),
    weights: checkpoints.map((_, c) =>
      examples.map(() =>
        dense(
          4,
          8,
          8,
          (h, q, k) => Math.exp(-((c + 1) / 2) * Math.abs(h === 0 ? q + k - 7 : h === 1 ? q - k : h - 2)),
          layer === 1 ? (q, k) => k < 7 : null,
        ),
      ),
    ),
  }));
  return frame(name, "encoder", steps, checkpoints, {
    curves: sample_curves({ metrics: small_metrics(drop), steps, seed: 1 }),
    changes: [
      {
        step: 240,
        metric: "train/loss",
        kind: "drop",
        until: 300,
        size: 2.1,
        followers: [
          { metric: "val/loss", delay: 20 },
          ...range(9).map((i) => ({ metric: `norms/part_${i}`, delay: 40 + i })),
        ],
      },
      { step: 420, metric: "train/loss", kind: "plateau", until: null, size: null, followers: [] },
    ],
    examples,
    attention: { checkpoints, examples: [0, 1, 2], maps },
    predictions: predictions_of(examples, 5, 3),
    curvature: { curves: ["curvature/sharpness"] },
    ...studies(checkpoints, [..."0123456789"], 3),
  });
}

// What would be trouble if a page ran it, or fell over it.
const hostile = [
  "<script>window.pwned = true</script>",
  "</script><img src=x onerror='window.pwned = true'>",
  "\n",
  " ",
  "\t",
  "é漢字😀",
  "\u0000",
  "&amp;",
  "\u202eabc",
];

export function encoder_decoder_run(name = "pronounce/1") {
  const steps = 400;
  const checkpoints = [100, 200, 300, 400];
  const examples = [
    {
      name: "test 0 <b>bold</b>",
      sequences: { source: ["t", "h", "o", "u", "g", "h"], tokens: ["[START]", "DH", "OW", ...hostile] },
    },
  ];
  const [source, target] = [6, 3 + hostile.length];
  const causal = (q, k) => k <= q;
  const map = (name, queries, keys, size, weight, visible) => ({
    name,
    queries,
    keys,
    heads: 2,
    heads_labels: checkpoints.map(() =>
      range(2).map(() => ({ label: "diagonal", score: 0.7, scores: { diagonal: 0.7, previous: 0.2 } })),
    ),
    weights: checkpoints.map((_, c) => [dense(2, ...size, (h, q, k) => weight(h, q, k, c), visible)]),
  });
  return frame(name, "encoder_decoder", steps, checkpoints, {
    state: "stopped",
    missing: ["metrics.jsonl: its last line is half-written, and left out"],
    curves: sample_curves({ metrics: small_metrics(0.5), steps, seed: 2 }),
    changes: [],
    examples,
    attention: {
      checkpoints,
      examples: [0],
      maps: [
        map("encoder.blocks.0.attention", "source", "source", [source, source], (h, q, k) =>
          Math.exp(-Math.abs(q - k)),
        ),
        map("decoder.blocks.0.attention", "tokens", "tokens", [target, target], (h, q, k) => Math.exp(k - q), causal),
        map("decoder.blocks.0.cross_attention", "tokens", "source", [target, source], (h, q, k, c) =>
          Math.exp(-c * Math.abs(q / 2 - k)),
        ),
      ],
    },
    predictions: predictions_of(examples, 6, 0),
  });
}

// 50,000 steps, 200 metrics, 30 checkpoints, attention on 2,048 tokens.
export function big_run(name = "text/1") {
  const steps = 50000;
  const checkpoints = range(30).map((i) => Math.round((steps * (i + 1)) / 30));
  const length = 2048;
  const letters = [..."abcdefghijklmnopqrstuvwxyz \n"];
  const random = random_numbers(9);
  const tokens = range(length).map(() => letters[Math.floor(random() * letters.length)]);
  const seen = range(3).map((i) => checkpoints[9 + 10 * i]);
  const metrics = [
    ...small_metrics(0.4),
    ...range(193).map((i) => [
      `${["norms", "attention", "activations", "spectra"][i % 4]}/decoder.blocks.${i >> 4}.part_${i % 16}.weight`,
      wander(1 + i, 0.7),
    ]),
  ];
  return frame(name, "decoder", steps, checkpoints, {
    curves: sample_curves({ metrics, steps, pieces: 250, seed: 7 }),
    changes: [],
    examples: [{ name: "test 0", sequences: { tokens } }],
    attention: {
      checkpoints: seen,
      examples: [0],
      maps: range(2).map((layer) => ({
        name: `decoder.blocks.${layer}.attention`,
        queries: "tokens",
        keys: "tokens",
        heads: 4,
        heads_labels: seen.map((_, c) =>
          range(4).map((h) => ({
            label: h === 0 ? "itself" : "previous",
            score: 0.3 + 0.3 * c,
            scores: { previous: 0.3 + 0.3 * c },
          })),
        ),
        weights: seen.map((_, c) => [
          factors({ heads: 4, length, width: 16, sharpness: 0.5 + c, seed: 10 * layer + c }),
        ]),
      })),
    },
    ...studies(checkpoints, letters, 4),
    curvature: undefined,
  });
}

export const page_of = (...runs) =>
  JSON.stringify({ format: 1, program: "transformlet 0.1.0", written: "2026-11-25T12:00:00Z", runs });
