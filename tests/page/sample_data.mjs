// Data that no run has made, for the page's tests: all sections, and sizes that a page must bear. See
// study/report/README.md for what they mean.
import { deflateSync } from "node:zlib";

const types = { f32: Float32Array, u8: Uint8Array, u16: Uint16Array, i32: Int32Array };

export function pack(dtype, shape, values) {
  const array = types[dtype].from(values);
  return { dtype, shape, data: deflateSync(Buffer.from(array.buffer)).toString("base64") };
}

// Numbers in [0, 1) that are the same every time (mulberry32).
export function random_numbers(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const normal = (random) => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
const range = (count) => Array.from({ length: count }, (_, i) => i);

function half(value) {
  const float = new Float32Array([value]);
  const bits = new Uint32Array(float.buffer)[0];
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 255) - 112;
  if (exponent <= 0) return sign;
  return sign | (exponent << 10) | ((bits >>> 13) & 1023);
}

// As the program thins: each piece keeps its first, last, least and greatest value.
export function thin(values, pieces) {
  const kept = new Set();
  for (let piece = 0; piece < pieces; ++piece) {
    const first = Math.floor((piece * values.length) / pieces);
    const last = Math.floor(((piece + 1) * values.length) / pieces);
    if (first === last) continue;
    let least = first;
    let greatest = first;
    for (let i = first; i < last; ++i) {
      if (values[i] < values[least]) least = i;
      if (values[i] > values[greatest]) greatest = i;
    }
    for (const i of [first, least, greatest, last - 1]) kept.add(i);
  }
  return [...kept].sort((a, b) => a - b);
}

export function sample_curves({ metrics, steps, pieces = 400, seed }) {
  const random = random_numbers(seed);
  const axes = [];
  const result = [];
  for (const [name, shape, every = 1] of metrics) {
    const count = Math.floor(steps / every);
    const values = range(count).map((i) => shape((i * every) / steps, random));
    const kept = count > 4 * pieces ? thin(values, pieces) : range(count);
    axes.push(pack("i32", [kept.length], kept.map((i) => (i + 1) * every)));
    result.push({ name, axis: axes.length - 1, values: pack("f32", [kept.length], kept.map((i) => values[i])), recorded: count,
      minimum: Math.min(...kept.map((i) => values[i])), maximum: Math.max(...kept.map((i) => values[i])), last: values.at(-1) });
  }
  return { axes, metrics: result };
}

const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const loss_shape = (floor, drop) => (t, random) => floor + 2.3 * (1 - sigmoid((t - drop) * 40)) + 0.3 * Math.exp(-8 * t) + 0.05 * random();
const accuracy_shape = (drop) => (t, random) => Math.min(1, Math.max(0, 0.1 + 0.89 * sigmoid((t - drop) * 40) + 0.01 * random()));
const wander = (start, slope) => (t, random) => start * (1 + slope * t) + 0.1 * start * normal(random);

export function dense(heads, queries, keys, weight, visible) {
  const values = [];
  for (let head = 0; head < heads; ++head) {
    for (let query = 0; query < queries; ++query) {
      const row = range(keys).map((key) => (visible && !visible(query, key) ? 0 : weight(head, query, key)));
      const sum = row.reduce((a, b) => a + b, 0) || 1;
      values.push(...row.map((value) => Math.round((65535 * value) / sum)));
    }
  }
  const bytes_a_row = Math.ceil(keys / 8);
  let bits = null;
  if (visible) {
    bits = new Uint8Array(queries * bytes_a_row);
    for (let query = 0; query < queries; ++query) {
      for (let key = 0; key < keys; ++key) if (visible(query, key)) bits[query * bytes_a_row + (key >> 3)] |= 1 << (key & 7);
    }
  }
  return { kind: "dense", visible: bits && pack("u8", [queries, bytes_a_row], bits), values: pack("u16", [heads, queries, keys], values) };
}

// Heads that look at the token before, with some noise: rotating queries and keys.
export function factors({ heads, length, width, sharpness, seed }) {
  const random = random_numbers(seed);
  const query = new Uint16Array(heads * length * width);
  const key = new Uint16Array(heads * length * width);
  const normalizer = new Float32Array(heads * length);
  for (let head = 0; head < heads; ++head) {
    const q = new Float64Array(length * width);
    const k = new Float64Array(length * width);
    const rates = range(width / 2).map((i) => 1 / 3000 ** (i / (width / 2)));
    const shift = head;
    for (let t = 0; t < length; ++t) {
      for (let i = 0; i < width / 2; ++i) {
        q[t * width + 2 * i] = Math.cos((t - shift) * rates[i]) + 0.2 * normal(random);
        q[t * width + 2 * i + 1] = Math.sin((t - shift) * rates[i]) + 0.2 * normal(random);
        k[t * width + 2 * i] = Math.cos(t * rates[i]) + 0.2 * normal(random);
        k[t * width + 2 * i + 1] = Math.sin(t * rates[i]) + 0.2 * normal(random);
      }
    }
    for (let t = 0; t < length; ++t) {
      let sum = 0;
      for (let other = 0; other <= t; ++other) {
        let product = 0;
        for (let i = 0; i < width; ++i) product += q[t * width + i] * k[other * width + i];
        sum += Math.exp(sharpness * product);
      }
      normalizer[head * length + t] = Math.log(sum);
    }
    const at = head * length * width;
    for (let i = 0; i < length * width; ++i) {
      query[at + i] = half(q[i]);
      key[at + i] = half(k[i]);
    }
  }
  return { kind: "factors", query: pack("u16", [heads, length, width], query), key: pack("u16", [heads, length, width], key), scale: sharpness,
    causal: true, window: 0, lengths: length, bias_slopes: null, normalizer: pack("f32", [heads, length], normalizer) };
}

function top(random, target, target_probability, tokens) {
  const others = tokens.filter((token) => token !== target).slice(0, 7);
  let rest = 1 - target_probability;
  const list = others.map((token) => {
    const probability = rest * (0.4 + 0.4 * random());
    rest -= probability;
    return { token, probability };
  });
  return [{ token: target, probability: target_probability }, ...list].sort((a, b) => b.probability - a.probability);
}

function predictions_of(examples, seed, layers) {
  const random = random_numbers(seed);
  return examples.map(({ sequences }, example) => {
    const { tokens } = sequences;
    const places = tokens.map((_, place) => {
      const target = tokens[(place + 1) % tokens.length];
      const probability = example % 3 === 2 && place === 2 ? 0.08 : 0.5 + 0.49 * random();
      return { place, target, target_probability: probability, top: top(random, target, probability, [...new Set(tokens)]),
        layers: range(layers).map((layer) => {
          const then = probability * ((layer + 1) / layers) ** 1.5;
          return { name: layer === 0 ? "embedding" : `blocks.${layer - 1}`, target_probability: then, top: top(random, target, then, [...new Set(tokens)]).slice(0, 3) };
        }) };
    });
    return { example, right: places.every((place) => place.top[0].token === place.target), places };
  });
}

function studies(checkpoints, tokens, seed) {
  const random = random_numbers(seed);
  return {
    calibration: { expected_calibration_error: 0.031, bins: range(10).map((i) => ({ confidence: (i + 0.5) / 10,
      accuracy: Math.max(0, (i + 0.5) / 10 - 0.06 * random()), count: Math.round(20 + 30 * i * i * random()) })) },
    spectra: ["encoder.blocks.0.attention.qkv.weight", "encoder.blocks.0.feed_forward.up.weight"].map((name, w) => ({ name,
      checkpoints: checkpoints.map((step, c) => ({ step, effective_rank: 30 - (12 * c) / checkpoints.length,
        singular_values: pack("f32", [32], range(32).map((i) => (3 + w) * (1 + c / checkpoints.length) * Math.exp(-i * (0.05 + (0.1 * c) / checkpoints.length)))) })) })),
    landscape: { line: { positions: range(21).map((i) => i / 20), losses: range(21).map((i) => 0.1 + 1.5 * Math.sin((Math.PI * i) / 20) ** 2) },
      plane: { x: range(25).map((i) => (i - 12) / 12), y: range(25).map((i) => (i - 12) / 12),
        losses: range(25).map((j) => range(25).map((i) => (i === 0 && j === 0 ? null : 0.02 + ((i - 12) / 12) ** 2 * 3 + ((j - 12) / 12) ** 2 + 0.5 * Math.sin(i / 3) ** 2))) } },
    embeddings: [{ name: "embedding.weight", tokens, checkpoints: checkpoints.map((step, c) => ({ step, explained: [0.42, 0.21],
      coordinates: pack("f32", [tokens.length, 2], tokens.flatMap((_, i) => {
        const growth = (c + 1) / checkpoints.length;
        return [growth * Math.cos((2 * Math.PI * i) / tokens.length) + 0.1 * normal(random), growth * Math.sin((2 * Math.PI * i) / tokens.length) + 0.1 * normal(random)];
      })) })) }],
    gradcheck: { verdict: "passed", settings: [["dtype", "float64"], ["step", "1e-6"]], rows: [
      { name: "encoder.blocks.0.attention.qkv.weight", checked: 64, worst_error: 2.1e-9, bar: 1e-7, verdict: "passed" },
      { name: "embedding.weight", checked: 64, worst_error: 8.4e-10, bar: 1e-7, verdict: "passed" }] },
  };
}

function frame(name, kind, steps, checkpoints, extra) {
  return {
    name, folder: `runs/${name}`, state: "finished", missing: [], task: name.split("/")[0], kind, seconds: 83.2, step: steps,
    figures: [{ name: "test/loss", value: 0.0132, best: 0 }, { name: "test/accuracy", value: 0.9981, best: 1 }, { name: "val/loss", value: 0.0141, best: null }],
    parameters: [{ name: "embedding.weight", shape: [13, 32], count: 416 }, { name: "encoder.blocks.0.attention.qkv.weight", shape: [32, 96], count: 3072 },
      { name: "encoder.blocks.0.feed_forward.up.weight", shape: [32, 64], count: 2048 }],
    config: [{ key: "seed", value: "1", default: "42", differs: true }, { key: "task.name", value: name.split("/")[0], default: null, differs: true },
      { key: "train.batch_size", value: "128", default: "64", differs: true }, { key: "optimizer.learning_rate", value: "0.0005", default: "0.0005", differs: false }],
    environment: [["cpu", "a processor"], ["threads", "1"], ["blas", "OpenBLAS 0.3.21"]],
    events: [{ step: null, event: "started", time: "2026-11-25T12:00:00Z", text: "threads 1" }, ...checkpoints.map((step) =>
      ({ step, event: "saved", time: "2026-11-25T12:00:10Z", text: "" })), { step: Math.round(steps / 2), event: "resumed", time: "2026-11-25T12:10:00Z", text: "threads 1" },
      { step: steps, event: "finished", time: "2026-11-25T12:20:00Z", text: "" }],
    checkpoints,
    ...extra,
  };
}

const small_metrics = (drop) => [["train/loss", loss_shape(0.02, drop)], ["train/learning_rate", (t) => 5e-4 * Math.cos((Math.PI * t) / 2)],
  ["val/loss", loss_shape(0.03, drop + 0.03), 20], ["val/accuracy", accuracy_shape(drop + 0.05), 20], ["curvature/sharpness", wander(20, 2), 20],
  ["norms/embedding.weight/weight", wander(3, 0.5), 10], ["norms/embedding.weight/gradient", wander(0.1, -0.5), 10]];

export function encoder_run(name = "reverse/1", drop = 0.4) {
  const steps = 600;
  const checkpoints = range(6).map((i) => 100 * (i + 1));
  const tokens = ["3", "1", "4", "1", "5", "9", "2", "6"];
  const examples = [0, 1, 2].map((i) => ({ name: `test ${i}`, sequences: { tokens: [...tokens.slice(i), ...tokens.slice(0, i)] } }));
  const maps = range(2).map((layer) => ({ name: `encoder.blocks.${layer}.attention`, queries: "tokens", keys: "tokens", heads: 4,
    heads_labels: checkpoints.map((_, c) => range(4).map((h) => ({ label: h === 0 ? "anti-diagonal" : "uniform", score: (c + 1) / 7, scores: { "anti-diagonal": (c + 1) / 7, previous: 0.1, uniform: 0.3 } }))),
    weights: checkpoints.map((_, c) => examples.map(() => dense(4, 8, 8, (h, q, k) => Math.exp(-((c + 1) / 2) * Math.abs(h === 0 ? q + k - 7 : h === 1 ? q - k : h - 2)) ,
      layer === 1 ? (q, k) => k < 7 : null))) }));
  return frame(name, "encoder", steps, checkpoints, {
    curves: sample_curves({ metrics: small_metrics(drop), steps, seed: 1 }),
    changes: [{ step: 240, metric: "train/loss", kind: "drop", until: 300, size: 2.1, followers: [{ metric: "val/loss", delay: 20 }, ...range(9).map((i) => ({ metric: `norms/part_${i}`, delay: 40 + i }))] },
      { step: 420, metric: "train/loss", kind: "plateau", until: null, size: null, followers: [] }],
    examples, attention: { checkpoints, examples: [0, 1, 2], maps }, predictions: predictions_of(examples, 5, 3),
    curvature: { curves: ["curvature/sharpness"] }, ...studies(checkpoints, [..."0123456789"], 3),
  });
}

// What would be trouble if a page ran it, or fell over it.
export const hostile = ["<script>window.pwned = true</script>", "</script><img src=x onerror='window.pwned = true'>", "\n", " ", "\t", "é漢字😀", "\u0000", "&amp;", "\u202eabc"];

export function encoder_decoder_run(name = "pronounce/1") {
  const steps = 400;
  const checkpoints = [100, 200, 300, 400];
  const examples = [{ name: "test 0 <b>bold</b>", sequences: { source: ["t", "h", "o", "u", "g", "h"], tokens: ["[START]", "DH", "OW", ...hostile] } }];
  const [source, target] = [6, 3 + hostile.length];
  const causal = (q, k) => k <= q;
  const map = (name, queries, keys, size, weight, visible) => ({ name, queries, keys, heads: 2,
    heads_labels: checkpoints.map(() => range(2).map(() => ({ label: "diagonal", score: 0.7, scores: { diagonal: 0.7, previous: 0.2 } }))),
    weights: checkpoints.map((_, c) => [dense(2, ...size, (h, q, k) => weight(h, q, k, c), visible)]) });
  return frame(name, "encoder_decoder", steps, checkpoints, {
    state: "stopped", missing: ["metrics.jsonl: its last line is half-written, and left out"],
    curves: sample_curves({ metrics: small_metrics(0.5), steps, seed: 2 }), changes: [], examples,
    attention: { checkpoints, examples: [0], maps: [
      map("encoder.blocks.0.attention", "source", "source", [source, source], (h, q, k) => Math.exp(-Math.abs(q - k))),
      map("decoder.blocks.0.attention", "tokens", "tokens", [target, target], (h, q, k) => Math.exp(k - q), causal),
      map("decoder.blocks.0.cross_attention", "tokens", "source", [target, source], (h, q, k, c) => Math.exp(-c * Math.abs(q / 2 - k)))] },
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
  const metrics = [...small_metrics(0.4), ...range(193).map((i) => [`${["norms", "attention", "activations", "spectra"][i % 4]}/decoder.blocks.${i >> 4}.part_${i % 16}.weight`, wander(1 + i, 0.7)])];
  return frame(name, "decoder", steps, checkpoints, {
    curves: sample_curves({ metrics, steps, pieces: 250, seed: 7 }), changes: [],
    examples: [{ name: "test 0", sequences: { tokens } }],
    attention: { checkpoints: seen, examples: [0], maps: range(2).map((layer) => ({ name: `decoder.blocks.${layer}.attention`, queries: "tokens", keys: "tokens", heads: 4,
      heads_labels: seen.map((_, c) => range(4).map((h) => ({ label: h === 0 ? "itself" : "previous", score: 0.3 + 0.3 * c, scores: { previous: 0.3 + 0.3 * c } }))),
      weights: seen.map((_, c) => [factors({ heads: 4, length, width: 16, sharpness: 0.5 + c, seed: 10 * layer + c })]) })) },
    ...studies(checkpoints, letters, 4), curvature: undefined,
  });
}

export const page_of = (...runs) => JSON.stringify({ format: 1, program: "transformlet 0.1.0", written: "2026-11-25T12:00:00Z", runs });
