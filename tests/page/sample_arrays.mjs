// Arrays of made-up data as the program packs them: curves, attention as weights and as factors.
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

export const normal = (random) => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
export const range = (count) => Array.from({ length: count }, (_, i) => i);

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
    axes.push(
      pack(
        "i32",
        [kept.length],
        kept.map((i) => (i + 1) * every),
      ),
    );
    result.push({
      name,
      axis: axes.length - 1,
      values: pack(
        "f32",
        [kept.length],
        kept.map((i) => values[i]),
      ),
      recorded: count,
      minimum: Math.min(...kept.map((i) => values[i])),
      maximum: Math.max(...kept.map((i) => values[i])),
      last: values.at(-1),
    });
  }
  return { axes, metrics: result };
}

const sigmoid = (x) => 1 / (1 + Math.exp(-x));
export const loss_shape = (floor, drop) => (t, random) =>
  floor + 2.3 * (1 - sigmoid((t - drop) * 40)) + 0.3 * Math.exp(-8 * t) + 0.05 * random();
export const accuracy_shape = (drop) => (t, random) =>
  Math.min(1, Math.max(0, 0.1 + 0.89 * sigmoid((t - drop) * 40) + 0.01 * random()));
export const wander = (start, slope) => (t, random) => start * (1 + slope * t) + 0.1 * start * normal(random);

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
      for (let key = 0; key < keys; ++key)
        if (visible(query, key)) bits[query * bytes_a_row + (key >> 3)] |= 1 << (key & 7);
    }
  }
  return {
    kind: "dense",
    visible: bits && pack("u8", [queries, bytes_a_row], bits),
    values: pack("u16", [heads, queries, keys], values),
  };
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
  return {
    kind: "factors",
    query: pack("u16", [heads, length, width], query),
    key: pack("u16", [heads, length, width], key),
    scale: sharpness,
    causal: true,
    window: 0,
    lengths: length,
    bias_slopes: null,
    normalizer: pack("f32", [heads, length], normalizer),
  };
}
