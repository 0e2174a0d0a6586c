// Axes: which numbers to write on them, and where a value stands.

// About `count` round numbers from `low` to `high`.
function linear_ticks(low, high, count = 6) {
  if (!(high > low)) return [low];
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; ++i)
    ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}

// Powers of ten; within less than two of them 1, 2 and 5 times those.
function logarithmic_ticks(low, high) {
  const first = Math.floor(Math.log10(low));
  const last = Math.ceil(Math.log10(high));
  const every = Math.max(1, Math.ceil((last - first) / 8));
  const factors = Math.log10(high / low) < 2 ? [1, 2, 5] : [1];
  const ticks = [];
  for (let exponent = first; exponent <= last; exponent += every) {
    for (const factor of factors) {
      const tick = Number((factor * 10 ** exponent).toPrecision(3));
      if (tick >= low * 0.999 && tick <= high * 1.001) ticks.push(tick);
    }
  }
  return ticks.length > 1 ? ticks : linear_ticks(low, high, 4);
}

// place(value) is 0 ... 1 from the low end to the high one.
function make_scale([low, high], logarithmic) {
  if (low === high)
    [low, high] = logarithmic
      ? [low / 2, high * 2]
      : [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2];
  const warp = logarithmic ? Math.log10 : (value) => value;
  const start = warp(low);
  const size = warp(high) - start;
  return {
    low,
    high,
    place: (value) => (warp(value) - start) / size,
    ticks: logarithmic ? logarithmic_ticks(low, high) : linear_ticks(low, high),
  };
}

// The least and greatest finite value of lists; those that are positive where an axis is logarithmic.
function extent(lists, logarithmic) {
  let low = Infinity;
  let high = -Infinity;
  for (const list of lists) {
    for (const value of list) {
      if (value === null || !Number.isFinite(value) || (logarithmic && value <= 0)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return low <= high ? [low, high] : logarithmic ? [1, 10] : [0, 1];
}
