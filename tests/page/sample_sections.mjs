// Made-up predictions, and what else a run may have been asked.
import { normal, pack, random_numbers, range } from "./sample_arrays.mjs";

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

export function predictions_of(examples, seed, layers) {
  const random = random_numbers(seed);
  return examples.map(({ sequences }, example) => {
    const { tokens } = sequences;
    const places = tokens.map((_, place) => {
      const target = tokens[(place + 1) % tokens.length];
      const probability = example % 3 === 2 && place === 2 ? 0.08 : 0.5 + 0.49 * random();
      return {
        place,
        target,
        target_probability: probability,
        top: top(random, target, probability, [...new Set(tokens)]),
        layers: range(layers).map((layer) => {
          const then = probability * ((layer + 1) / layers) ** 1.5;
          return {
            name: layer === 0 ? "embedding" : `blocks.${layer - 1}`,
            target_probability: then,
            top: top(random, target, then, [...new Set(tokens)]).slice(0, 3),
          };
        }),
      };
    });
    return { example, right: places.every((place) => place.top[0].token === place.target), places };
  });
}

export function studies(checkpoints, tokens, seed) {
  const random = random_numbers(seed);
  return {
    calibration: {
      expected_calibration_error: 0.031,
      bins: range(10).map((i) => ({
        confidence: (i + 0.5) / 10,
        accuracy: Math.max(0, (i + 0.5) / 10 - 0.06 * random()),
        count: Math.round(20 + 30 * i * i * random()),
      })),
    },
    spectra: ["encoder.blocks.0.attention.qkv.weight", "encoder.blocks.0.feed_forward.up.weight"].map((name, w) => ({
      name,
      checkpoints: checkpoints.map((step, c) => ({
        step,
        effective_rank: 30 - (12 * c) / checkpoints.length,
        singular_values: pack(
          "f32",
          [32],
          range(32).map(
            (i) => (3 + w) * (1 + c / checkpoints.length) * Math.exp(-i * (0.05 + (0.1 * c) / checkpoints.length)),
          ),
        ),
      })),
    })),
    landscape: {
      line: {
        positions: range(21).map((i) => i / 20),
        losses: range(21).map((i) => 0.1 + 1.5 * Math.sin((Math.PI * i) / 20) ** 2),
      },
      plane: {
        x: range(25).map((i) => (i - 12) / 12),
        y: range(25).map((i) => (i - 12) / 12),
        losses: range(25).map((j) =>
          range(25).map((i) =>
            i === 0 && j === 0
              ? null
              : 0.02 + ((i - 12) / 12) ** 2 * 3 + ((j - 12) / 12) ** 2 + 0.5 * Math.sin(i / 3) ** 2,
          ),
        ),
      },
    },
    embeddings: [
      {
        name: "embedding.weight",
        tokens,
        checkpoints: checkpoints.map((step, c) => ({
          step,
          explained: [0.42, 0.21],
          coordinates: pack(
            "f32",
            [tokens.length, 2],
            tokens.flatMap((_, i) => {
              const growth = (c + 1) / checkpoints.length;
              return [
                growth * Math.cos((2 * Math.PI * i) / tokens.length) + 0.1 * normal(random),
                growth * Math.sin((2 * Math.PI * i) / tokens.length) + 0.1 * normal(random),
              ];
            }),
          ),
        })),
      },
    ],
    gradcheck: {
      verdict: "passed",
      settings: [
        ["dtype", "float64"],
        ["step", "1e-6"],
      ],
      rows: [
        {
          name: "encoder.blocks.0.attention.qkv.weight",
          checked: 64,
          worst_error: 2.1e-9,
          bar: 1e-7,
          verdict: "passed",
        },
        { name: "embedding.weight", checked: 64, worst_error: 8.4e-10, bar: 1e-7, verdict: "passed" },
      ],
    },
  };
}
