// The weights of one layer's heads on one example: stored, or, of long sequences, computed from queries and keys where
// they are looked at. row() writes NaN where the mask hides a key.

class DenseWeights {
  static async open(packed) {
    const [values, visible] = await Promise.all([
      unpack(packed.values),
      packed.visible ? unpack(packed.visible) : null,
    ]);
    return new DenseWeights(packed.values.shape, values, visible, packed.range ?? [0, 1]);
  }

  // Attention without a softmax has weights outside 0 ... 1: a range of its own.
  constructor([heads, queries, keys], values, visible, [low, high]) {
    Object.assign(this, { heads, queries, keys, values, visible, low, step: (high - low) / 65535 });
    this.bytes_a_row = Math.ceil(keys / 8);
  }

  row(head, query, first, last, result) {
    const start = (head * this.queries + query) * this.keys;
    for (let key = first; key < last; ++key) {
      result[key - first] = this.is_visible(query, key) ? this.low + this.values[start + key] * this.step : NaN;
    }
  }

  // The first of a byte's eight is its lowest bit.
  is_visible(query, key) {
    return !this.visible || ((this.visible[query * this.bytes_a_row + (key >> 3)] >> (key & 7)) & 1) === 1;
  }
}

// Four sums at once, none of which waits for another: half the time.
function inner_product(a, at, b, other, width) {
  let first = 0;
  let second = 0;
  let third = 0;
  let fourth = 0;
  let i = 0;
  for (; i + 3 < width; i += 4) {
    first += a[at + i] * b[other + i];
    second += a[at + i + 1] * b[other + i + 1];
    third += a[at + i + 2] * b[other + i + 2];
    fourth += a[at + i + 3] * b[other + i + 3];
  }
  for (; i < width; ++i) first += a[at + i] * b[other + i];
  return first + second + (third + fourth);
}

class FactorWeights {
  static async open(packed) {
    const [query, key, normalizer] = await Promise.all([packed.query, packed.key, packed.normalizer].map(unpack));
    return new FactorWeights(packed, halves_as_floats(query), halves_as_floats(key), normalizer);
  }

  constructor(packed, query_rows, key_rows, normalizer) {
    [this.heads, this.queries, this.width] = packed.query.shape;
    [this.key_heads, this.keys] = packed.key.shape;
    Object.assign(this, { packed, query_rows, key_rows, normalizer, lengths: packed.lengths ?? this.keys });
  }

  // The keys that a query sees: [begin, end)
  span(query) {
    const { causal, window } = this.packed;
    return [window > 0 ? Math.max(0, query - window + 1) : 0, Math.min(this.lengths, causal ? query + 1 : this.keys)];
  }

  row(head, query, first, last, result) {
    const { width, query_rows, key_rows } = this;
    const [seen_first, seen_last] = this.span(query);
    const at = (head * this.queries + query) * width;
    const normalizer = this.normalizer[head * this.queries + query];
    const slope = this.packed.bias_slopes ? this.packed.bias_slopes[head] : 0;
    const key_head = Math.floor((head * this.key_heads) / this.heads); // heads may share their keys
    const { scale } = this.packed;
    result.fill(NaN, 0, last - first);
    if (!Number.isFinite(normalizer)) return; // it sees nothing
    const end = Math.min(last, seen_last);
    for (let key = Math.max(first, seen_first); key < end; ++key) {
      const product = inner_product(query_rows, at, key_rows, (key_head * this.keys + key) * width, width);
      const logarithm = scale * product - slope * Math.abs(key - query) - normalizer;
      result[key - first] = logarithm > -25 ? Math.exp(logarithm) : 0; // below 1e-11
    }
  }
}

const opened_weights = new WeakMap();

// A promise; of weights that were opened before, the same.
function open_weights(packed) {
  if (!opened_weights.has(packed)) {
    opened_weights.set(packed, (packed.kind === "factors" ? FactorWeights : DenseWeights).open(packed));
  }
  return opened_weights.get(packed);
}

function weight_at(weights, head, query, key) {
  const result = new Float32Array(1);
  weights.row(head, query, key, key + 1, result);
  return result[0];
}

// What is seen of a map: cells [top, bottom) x [left, right), drawn on rows x columns pixels. A pixel that stands for
// several cells shows their greatest weight: sample() takes one query of those below a pixel, with all its keys, so
// that no diagonal slips through; refine() takes all, bit by bit.
class PooledView {
  constructor(weights, head, area, rows, columns) {
    Object.assign(this, { weights, head, area });
    this.rows = Math.min(rows, area.bottom - area.top);
    this.columns = Math.min(columns, area.right - area.left);
    this.values = new Float32Array(this.rows * this.columns).fill(NaN);
    this.greatest = 0;
    this.buffer = new Float32Array(area.right - area.left);
    this.pixels = Uint32Array.from(this.buffer, (_, i) => Math.floor((i * this.columns) / this.buffer.length + 1e-9));
    this.queries_a_row = (area.bottom - area.top) / this.rows;
    this.done = false;
    this.remaining = this.work();
  }

  get cells() {
    return (this.area.bottom - this.area.top) * (this.area.right - this.area.left);
  }

  add_query(query, row) {
    const { left, right } = this.area;
    const { values, buffer, pixels } = this;
    this.weights.row(this.head, query, left, right, buffer);
    const start = row * this.columns;
    let greatest = this.greatest;
    for (let i = 0; i < buffer.length; ++i) {
      const weight = buffer[i];
      if (weight !== weight) continue; // hidden by the mask
      const pixel = start + pixels[i];
      if (!(values[pixel] >= weight)) values[pixel] = weight;
      if (weight > greatest) greatest = weight;
    }
    this.greatest = greatest;
  }

  queries_of(row) {
    return [
      Math.ceil(this.area.top + row * this.queries_a_row - 1e-9),
      Math.ceil(this.area.top + (row + 1) * this.queries_a_row - 1e-9),
    ];
  }

  // One query a row: the last of them, whose causal row is the longest.
  sample() {
    for (let row = 0; row < this.rows; ++row) this.add_query(this.queries_of(row)[1] - 1, row);
    if (this.queries_a_row === 1) this.done = true;
    return this;
  }

  *work() {
    for (let row = 0; row < this.rows; ++row) {
      const [first, last] = this.queries_of(row);
      for (let query = first; query < last; ++query) {
        this.add_query(query, row);
        yield;
      }
    }
    this.done = true;
  }

  // Goes on for some milliseconds.
  refine(milliseconds) {
    const until = performance.now() + milliseconds;
    while (!this.done && performance.now() < until) this.remaining.next();
    return this.done;
  }
}
