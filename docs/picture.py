#!/usr/bin/env python3
"""Draws docs/reverse.svg, the picture in the README, from a run of configs/reverse.yaml.

    ./run train configs/reverse.yaml && python3 docs/picture.py runs/reverse/latest

Left: the loss while the model learned. Right: the attention weights of its one head for one string, computed here from
the checkpoint with nothing but the standard library, so the picture is also a check that checkpoints mean what they say.
"""
import json
import math
import struct
import sys
from pathlib import Path

STRING = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3]


def read_safetensors(path):
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header, tensors = json.loads(data[8 : 8 + size]), {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        values = struct.unpack(f"<{(end - begin) // 4}f", data[begin:end])
        rows = entry["shape"][0]
        width = len(values) // rows
        matrix = [values[i * width : (i + 1) * width] for i in range(rows)]
        tensors[name] = matrix if len(entry["shape"]) == 2 else values
    return tensors


def linear(x, weight, bias):
    return [[sum(a * w for a, w in zip(row, column)) + b for column, b in zip(weight, bias)] for row in x]


def attention_weights(tensors):
    projection, bias = tensors["input.projection.weight"], tensors["input.projection.bias"]
    width = len(bias)
    x = []
    for position, symbol in enumerate(STRING):
        angles = [position / 10000 ** (i // 2 * 2 / width) for i in range(width)]
        table = [math.sin(a) if i % 2 == 0 else math.cos(a) for i, a in enumerate(angles)]
        x.append([projection[i][symbol] + bias[i] + table[i] for i in range(width)])
    attention = "encoder.blocks.0.attention.qkv."
    qkv = linear(x, tensors[attention + "weight"], tensors[attention + "bias"])
    rows = []
    for query in qkv:
        scores = [sum(a * b for a, b in zip(query[:width], key[width : 2 * width])) / math.sqrt(width) for key in qkv]
        exponentials = [math.exp(s - max(scores)) for s in scores]
        rows.append([e / sum(exponentials) for e in exponentials])
    return rows


def losses(run):
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [(line["step"], line["train/loss"]) for line in lines if "train/loss" in line]


def colour(weight):
    light, dark = (240, 245, 250), (16, 78, 139)
    return "rgb(%d,%d,%d)" % tuple(round(a + (b - a) * weight) for a, b in zip(light, dark))


def draw(curve, weights):
    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 380" font-family="sans-serif" font-size="13">',
           '<rect width="860" height="380" fill="white"/>',
           '<text x="60" y="28" font-size="15">Loss over 3900 steps (logarithmic)</text>',
           '<text x="490" y="28" font-size="15">What the one head attends to: the anti-diagonal</text>']
    left, top, width, height = 60, 45, 360, 280
    last = curve[-1][0]
    high, low = 1, -3  # powers of ten
    for power in range(low, high + 1):
        y = top + height * (high - power) / (high - low)
        out.append(f'<line x1="{left}" y1="{y}" x2="{left + width}" y2="{y}" stroke="#ddd"/>')
        out.append(f'<text x="{left - 8}" y="{y + 4}" text-anchor="end" fill="#555">{10.0 ** power:g}</text>')
    points = []
    for step, loss in curve:
        y = top + height * (high - math.log10(max(loss, 10.0**low))) / (high - low)
        points.append(f"{left + width * step / last:.1f},{y:.1f}")
    out.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="rgb(16,78,139)" stroke-width="2"/>')
    for step in (0, 1000, 2000, 3000, last):
        out.append(f'<text x="{left + width * step / last:.0f}" y="{top + height + 20}" text-anchor="middle" '
                   f'fill="#555">{step}</text>')
    left, cell = 515, 18
    for i, row in enumerate(weights):
        out.append(f'<text x="{left - 8}" y="{top + i * cell + 14}" text-anchor="end">{STRING[i]}</text>')
        out.append(f'<text x="{left + i * cell + 9}" y="{top + 16 * cell + 16}" text-anchor="middle">{STRING[i]}</text>')
        for j, weight in enumerate(row):
            out.append(f'<rect x="{left + j * cell}" y="{top + i * cell}" width="{cell - 1}" height="{cell - 1}" '
                       f'fill="{colour(weight)}"><title>{weight:.3f}</title></rect>')
    out.append(f'<text x="{left + 8 * cell}" y="{top + 16 * cell + 36}" text-anchor="middle" fill="#555">keys: the string'
               '</text>')
    out.append(f'<text transform="translate({left - 32},{top + 8 * cell}) rotate(-90)" text-anchor="middle" fill="#555">'
               'queries</text>')
    return "\n".join(out + ["</svg>"]) + "\n"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    run = Path(sys.argv[1])
    newest = max((run / "checkpoints").glob("step-*"), key=lambda folder: int(folder.name.split("-")[1]))
    tensors = read_safetensors(newest / "weights.safetensors")
    Path(__file__).with_name("reverse.svg").write_text(draw(losses(run), attention_weights(tensors)))


main()
