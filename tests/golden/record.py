#!/usr/bin/env python3
"""Records golden values from PyTorch into tests/golden/*.json, and files of weights into tests/golden/weights/.
README.md, beside this file, says how they are laid out.

    python3 tests/golden/record.py            records all files anew
    python3 tests/golden/record.py --check    records into memory and compares with the files; writes nothing

Every case is computed in float64 on one thread from inputs drawn from its own name, so that a case may be added or
removed without changing another. Every gradient is checked here against finite differences before it is written, and
every case is computed once more in float32, to know that the tolerance for float32 can be met.
"""

import json
import math
import pathlib
import sys
import zlib

import torch
import torch.nn.functional as F
from torch.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck
from torch.nn.utils.stateless import functional_call

import peers

FOLDER = pathlib.Path(__file__).resolve().parent
FLOAT32_TOLERANCE = 1e-5  # of the largest absolute value of an array


# ---------------------------------------------------------------------------------------------------------------------
# Random inputs, cases and files


class Random:
    """Random inputs, a function of the name. They are multiples of 1/128: short to write, and exact in float32."""

    def __init__(self, name):
        self.generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))

    def normal(self, *shape, scale=1.0):
        drawn = torch.randn(shape, generator=self.generator, dtype=torch.float64) * scale
        return torch.round(drawn * 128) / 128 + 0.0  # + 0.0: no negative zeros

    def below(self, bound, *shape):
        return torch.randint(bound, shape, generator=self.generator)

    def mask(self, *shape):
        """True with probability 0.6; the first key of every row is true, so no row is fully masked."""
        drawn = torch.rand(shape, generator=self.generator, dtype=torch.float64) < 0.6
        drawn[..., 0] = True
        return drawn


def relative_error(actual, expected):
    """The largest difference, as a fraction of the largest absolute value expected."""
    scale = expected.abs().max().item() if expected.numel() else 0.0
    return (actual.double() - expected).abs().max().item() / (scale or 1.0)


def evaluate(function, inputs, cotangents):
    """Outputs, and gradients of sum(output * cotangent), at the inputs' own dtype."""
    leaves = {name: value.clone().requires_grad_() for name, value in inputs.items()}
    outputs = function(leaves)
    if not cotangents:
        return {name: value.detach() for name, value in outputs.items()}, {}
    loss = sum((outputs[name] * cotangent).sum() for name, cotangent in cotangents.items())
    gradients = torch.autograd.grad(loss, list(leaves.values()))
    return {name: value.detach() for name, value in outputs.items()}, dict(zip(leaves, gradients))


def check_by_differences(name, function, inputs, cotangents, gradients, random):
    """Compares the gradients with central differences along three random directions through all inputs at once."""
    step = 1e-5

    def loss(moved):
        outputs = function(moved)
        return sum((outputs[key] * cotangent).sum() for key, cotangent in cotangents.items()).item()

    for _ in range(3):
        direction = {key: random.normal(*value.shape) for key, value in inputs.items()}
        ahead = loss({key: value + step * direction[key] for key, value in inputs.items()})
        behind = loss({key: value - step * direction[key] for key, value in inputs.items()})
        numeric = (ahead - behind) / (2 * step)
        terms = [(gradients[key] * direction[key]).flatten() for key in inputs]
        exact = sum(term.sum() for term in terms).item()
        size = max(1.0, sum(term.abs().sum() for term in terms).item())
        if not abs(numeric - exact) < 1e-7 * size:
            raise SystemExit(f"{name}: finite differences give {numeric}, autograd {exact}")


def check_in_float32(name, function, inputs, cotangents, outputs, gradients):
    """Computes the case in float32 and compares."""
    single = {key: value.float() for key, value in inputs.items()}
    single_cotangents = {key: value.float() for key, value in cotangents.items()}
    single_outputs, single_gradients = evaluate(function, single, single_cotangents)
    for expected, actual in ((outputs, single_outputs), (gradients, single_gradients)):
        for key in expected:
            error = relative_error(actual[key], expected[key])
            if not error < FLOAT32_TOLERANCE:
                raise SystemExit(f"{name}: {key} in float32 is off by {error:.1e}")


def case(name, function, inputs, constants=None, settings=None, through=None, float32=True):
    """One case: function takes the differentiable inputs by name and returns the outputs by name.

    constants: inputs without a gradient (masks, ids, lengths), recorded only: the function knows them already.
    through: the outputs that the loss goes through; all of them unless given.
    float32: whether float32 can meet its tolerance; otherwise the case gets the setting float64_only.
    """
    random = Random("cotangent of " + name)
    with torch.no_grad():
        shapes = {key: value.shape for key, value in function(inputs).items()}
    cotangents = {key: random.normal(*shapes[key]) for key in (shapes if through is None else through)}
    outputs, gradients = evaluate(function, inputs, cotangents)
    if cotangents:
        check_by_differences(name, function, inputs, cotangents, gradients, random)
    settings = dict(settings or {})
    if float32:
        check_in_float32(name, function, inputs, cotangents, outputs, gradients)
    else:
        settings["float64_only"] = True
    recorded = {**inputs, **(constants or {}), **{f"cotangent.{key}": value for key, value in cotangents.items()}}
    return {"name": name, "settings": settings, "inputs": recorded, "outputs": outputs, "gradients": gradients}


def to_json(cases):
    """The file's text: one line for each array. Floats are written by repr, so they read back to the same bits."""

    def array(value):
        if value.dtype == torch.bool:
            value = value.int()
        data = json.dumps(value.flatten().tolist(), separators=(",", ":"), allow_nan=False)  # NaN or infinity raises
        return f'{{"shape": {list(value.shape)}, "data": {data}}}'

    def arrays(values):
        return "{" + ",".join(f'\n  "{name}": {array(value)}' for name, value in values.items()) + "}"

    texts = []
    for entry in cases:
        lines = [f'"name": {json.dumps(entry["name"])}', f'"settings": {json.dumps(entry["settings"])}']
        lines += [f'"{group}": {arrays(entry[group])}' for group in ("inputs", "outputs", "gradients")]
        texts.append("{" + ",\n ".join(lines) + "}")
    versions = f'"torch": {json.dumps(torch.__version__)},\n"python": {json.dumps(sys.version.split()[0])}'
    return "{" + versions + ',\n"cases": [\n' + ",\n".join(texts) + "\n]}\n"


# ---------------------------------------------------------------------------------------------------------------------
# attention.json


def attention(q, k, v, may_attend=None, scale=None):
    """softmax(q k^T * scale) v and the weights; a row that may attend to nothing gives zeros. True = may attend."""
    scores = q @ k.transpose(-1, -2) * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    if may_attend is None:
        weights = scores.softmax(-1)
    else:
        # softmax of a row of -inf is NaN, and stays NaN in the gradient even if it is masked afterwards. So such a row
        # is given finite scores first, and its weights are replaced by zeros after.
        attends = may_attend.any(-1, keepdim=True)
        scores = scores.masked_fill(~may_attend, -math.inf).masked_fill(~attends, 0.0)
        weights = scores.softmax(-1).masked_fill(~may_attend, 0.0)
    return weights @ v, weights


def causal_mask(queries, keys, offset=0, window=None):
    """(Tq, Tk): query i, at position p = i + offset, sees the keys 0 ... p, or the last `window` of them."""
    position = torch.arange(queries)[:, None] + offset
    key = torch.arange(keys)[None, :]
    mask = key <= position
    return mask if window is None else mask & (key > position - window)


def padding_mask(lengths, keys):
    """(B, 1, 1, Tk): sample b sees its first lengths[b] keys."""
    return (torch.arange(keys)[None, :] < lengths[:, None])[:, None, None, :]


def attention_pair(name, batch=2, heads=2, queries=4, keys=None, size=3, value_size=None, kv_heads=None, causal=False,
                   query_offset=None, window=None, lengths=None, dense_mask=None, scale=None, value_only=False):
    """A case whose gradient goes through values and weights, and the same through the values alone."""
    keys = queries if keys is None else keys
    random = Random("attention " + name)
    kv_heads = kv_heads or heads
    inputs = {
        "q": random.normal(batch, heads, queries, size),
        "k": random.normal(batch, kv_heads, keys, size),
        "v": random.normal(batch, kv_heads, keys, value_size or size),
    }
    settings, constants = {"causal": causal}, {}
    may_attend = None  # the conjunction of all masks, (Tq, Tk) or broadcastable to (B, H, Tq, Tk)
    if causal:
        may_attend = causal_mask(queries, keys, query_offset or 0, window)
    if query_offset is not None:
        settings["query_offset"] = query_offset
    if window is not None:
        settings["window"] = window
    if scale is not None:
        settings["scale"] = scale
    if kv_heads != heads:
        settings["num_heads"], settings["num_kv_heads"] = heads, kv_heads
    if lengths is not None:
        constants["lengths"] = torch.tensor(lengths)
        padding = padding_mask(constants["lengths"], keys)
        may_attend = padding if may_attend is None else may_attend & padding
    if dense_mask is not None:
        constants["dense_mask"] = dense_mask
        broadcast = dense_mask[:, None] if dense_mask.dim() == 3 else dense_mask  # (B, Tq, Tk): over the heads
        may_attend = broadcast if may_attend is None else may_attend & broadcast
    if may_attend is not None:
        may_attend = may_attend.expand(*may_attend.shape[:-2], queries, keys)
        constants["may_attend"] = may_attend

    def both(x):
        # Grouped heads: query head h reads key and value head h // (heads / kv_heads).
        k, v = (x[key].repeat_interleave(heads // kv_heads, dim=1) for key in "kv")
        values, weights = attention(x["q"], k, v, may_attend, scale)
        return {"values": values, "weights": weights}

    def values_only(x):
        return {"values": both(x)["values"]}

    cases = [] if value_only else [case(name, both, inputs, constants, settings)]
    return cases + [case(name + "_values_only", values_only, inputs, constants, settings)]


def published_attention():
    """The worked example of the UvA deep learning tutorial 6 (Lippe), as printed there with four decimals."""
    inputs = {
        "q": [[0.3367, 0.1288], [0.2345, 0.2303], [-1.1229, -0.1863]],
        "k": [[2.2082, -0.6380], [0.4617, 0.2674], [0.5349, 0.8094]],
        "v": [[1.1103, -1.6898], [-0.9890, 0.9580], [1.3221, 0.8172]],
    }
    outputs = {
        "values": [[0.5698, -0.1520], [0.5379, -0.0265], [0.2246, 0.5556]],
        "weights": [[0.4028, 0.2886, 0.3086], [0.3538, 0.3069, 0.3393], [0.1303, 0.4630, 0.4067]],
    }
    inputs = {name: torch.tensor(rows, dtype=torch.float64) for name, rows in inputs.items()}
    outputs = {name: torch.tensor(rows, dtype=torch.float64) for name, rows in outputs.items()}
    values, weights = attention(**inputs)
    assert (values - outputs["values"]).abs().max() < 1e-4
    assert (weights - outputs["weights"]).abs().max() < 1e-4
    settings = {"source": "published", "absolute_tolerance": 1e-4, "causal": False}
    return [{"name": "published", "settings": settings, "inputs": inputs, "outputs": outputs, "gradients": {}}]


def attention_file():
    random = Random("attention masks")
    one_dark_row = random.mask(4, 4)
    one_dark_row[2] = False
    dark_with_causal = torch.ones(4, 4, dtype=torch.bool)
    dark_with_causal[1, :2] = False  # query 1 may see the keys 2 and 3 only, which causality hides
    return [
        *published_attention(),
        *attention_pair("plain"),
        *attention_pair("causal", queries=5, causal=True),
        *attention_pair("causal_longer", batch=1, heads=1, queries=19, size=5, causal=True, value_only=True),
        *attention_pair("causal_more_keys", queries=3, keys=5, causal=True),
        *attention_pair("causal_more_queries", queries=5, keys=3, causal=True),
        *attention_pair("causal_query_offset", queries=2, keys=5, causal=True, query_offset=3),
        *attention_pair("cross", queries=3, keys=5),
        *attention_pair("value_size", queries=3, keys=4, value_size=5),
        *attention_pair("dense_mask_2d", queries=3, keys=4, dense_mask=random.mask(3, 4)),
        *attention_pair("dense_mask_3d", queries=3, keys=4, dense_mask=random.mask(2, 3, 4)),
        *attention_pair("dense_mask_4d", queries=3, keys=4, dense_mask=random.mask(2, 1, 3, 4)),
        *attention_pair("dense_mask_per_head", queries=3, keys=4, dense_mask=random.mask(2, 2, 3, 4)),
        *attention_pair("padding", lengths=[2, 4]),
        *attention_pair("padding_causal", lengths=[2, 4], causal=True),
        *attention_pair("padding_cross", queries=3, keys=5, lengths=[5, 1]),
        *attention_pair("sliding_window", queries=6, causal=True, window=2),
        *attention_pair("sliding_window_query_offset", queries=2, keys=6, causal=True, window=3, query_offset=4),
        *attention_pair("scale", scale=0.3),
        *attention_pair("scale_causal", scale=1.5, causal=True),
        *attention_pair("fully_masked_row", dense_mask=one_dark_row),
        *attention_pair("fully_masked_row_by_two_masks", dense_mask=dark_with_causal, causal=True),
        *attention_pair("padding_zero_length", lengths=[0, 3]),
        *attention_pair("grouped_heads", heads=4, kv_heads=2, causal=True),
    ]


# ---------------------------------------------------------------------------------------------------------------------
# multihead_attention.json

# Our names of the parameters of one attention layer, and PyTorch's.
ATTENTION_NAMES = {"qkv.weight": "in_proj_weight", "qkv.bias": "in_proj_bias",
                   "out.weight": "out_proj.weight", "out.bias": "out_proj.bias"}  # fmt: skip


def attention_parameters(random, d_model, bias=True, prefix=""):
    shapes = {"qkv.weight": (3 * d_model, d_model), "qkv.bias": (3 * d_model,),
              "out.weight": (d_model, d_model), "out.bias": (d_model,)}  # fmt: skip
    kept = {name: shape for name, shape in shapes.items() if bias or name.endswith("weight")}
    return {prefix + name: random.normal(*shape, scale=0.5) for name, shape in kept.items()}


def split_heads(x, num_heads):
    """(B, T, H * D) -> (B, H, T, D): head h owns the columns h * D ... (h + 1) * D - 1."""
    return x.unflatten(-1, (num_heads, -1)).transpose(1, 2)


def composed_multihead_attention(x, num_heads, may_attend):
    """What nn.MultiheadAttention computes, composed from attention() above: the two check each other."""
    memory = x.get("memory", x["x"])
    queries, keys, values = x["qkv.weight"].chunk(3)
    query_bias, key_bias, value_bias = x["qkv.bias"].chunk(3) if "qkv.bias" in x else (None, None, None)
    q = split_heads(F.linear(x["x"], queries, query_bias), num_heads)
    k = split_heads(F.linear(memory, keys, key_bias), num_heads)
    v = split_heads(F.linear(memory, values, value_bias), num_heads)
    values, weights = attention(q, k, v, may_attend)
    output = F.linear(values.transpose(1, 2).flatten(2), x["out.weight"], x.get("out.bias"))
    return {"output": output, "weights": weights}


def multihead_attention(name, d_model=8, num_heads=2, batch=2, queries=4, keys=None, causal=False, lengths=None,
                        bias=True, output_only=False):
    """nn.MultiheadAttention: a case whose gradient goes through output and weights, and if asked one through the output
    alone."""
    random = Random("multihead attention " + name)
    inputs = {"x": random.normal(batch, queries, d_model)}
    if keys is not None:
        inputs["memory"] = random.normal(batch, keys, d_model)
    inputs.update(attention_parameters(random, d_model, bias))
    keys = keys or queries
    constants, may_attend = {}, None
    # PyTorch's boolean masks here mean the opposite of ours: true = may NOT attend.
    attn_mask = key_padding_mask = None
    if causal:
        may_attend = causal_mask(queries, keys)
        attn_mask = ~may_attend
    if lengths is not None:
        constants["lengths"] = torch.tensor(lengths)
        padding = padding_mask(constants["lengths"], keys)
        key_padding_mask = ~padding[:, 0, 0]
        may_attend = padding if may_attend is None else may_attend & padding
    if may_attend is not None:
        may_attend = may_attend.expand(*may_attend.shape[:-2], queries, keys)
        constants["may_attend"] = may_attend
    layer = torch.nn.MultiheadAttention(d_model, num_heads, bias=bias, batch_first=True).train()

    def function(x):
        memory = x.get("memory", x["x"])
        parameters = {theirs: x[ours] for ours, theirs in ATTENTION_NAMES.items() if ours in x}
        output, weights = functional_call(
            layer, parameters, (x["x"], memory, memory),
            {"attn_mask": attn_mask, "key_padding_mask": key_padding_mask, "average_attn_weights": False})  # fmt: skip
        return {"output": output, "weights": weights}

    settings = {"d_model": d_model, "num_heads": num_heads, "causal": causal, "bias": bias}
    cases = [case(name, function, inputs, constants, settings)]
    if output_only:
        cases.append(case(name + "_output_only", function, inputs, constants, settings, through=["output"]))
    cotangents = {"output": cases[0]["inputs"]["cotangent.output"], "weights": cases[0]["inputs"]["cotangent.weights"]}
    outputs, gradients = evaluate(lambda x: composed_multihead_attention(x, num_heads, may_attend), inputs, cotangents)
    for expected, actual in ((cases[0]["outputs"], outputs), (cases[0]["gradients"], gradients)):
        for key in expected:
            assert relative_error(actual[key], expected[key]) < 1e-13, (name, key)
    return cases


def multihead_attention_file():
    return [
        *multihead_attention("self", output_only=True),
        *multihead_attention("self_three_heads", d_model=9, num_heads=3),
        *multihead_attention("self_no_bias", bias=False),
        *multihead_attention("causal", queries=5, causal=True, output_only=True),
        *multihead_attention("padding", queries=5, lengths=[3, 5], output_only=True),
        *multihead_attention("padding_causal", queries=5, lengths=[5, 2], causal=True),
        *multihead_attention("cross", queries=4, keys=6, output_only=True),
        *multihead_attention("cross_padding", queries=4, keys=6, lengths=[6, 2]),
    ]


# ---------------------------------------------------------------------------------------------------------------------
# encoder_layer.json

# Our names of the parameters of one block, and PyTorch's.
BLOCK_NAMES = {
    **{"attention." + ours: "self_attn." + theirs for ours, theirs in ATTENTION_NAMES.items()},
    "attention_norm.gain": "norm1.weight", "attention_norm.bias": "norm1.bias",
    "feed_forward.up.weight": "linear1.weight", "feed_forward.up.bias": "linear1.bias",
    "feed_forward.down.weight": "linear2.weight", "feed_forward.down.bias": "linear2.bias",
    "feed_forward_norm.gain": "norm2.weight", "feed_forward_norm.bias": "norm2.bias",
}  # fmt: skip


def block_parameters(random, d_model, d_ff, prefix=""):
    return {
        **attention_parameters(random, d_model, prefix=prefix + "attention."),
        prefix + "attention_norm.gain": 1 + random.normal(d_model, scale=0.3),
        prefix + "attention_norm.bias": random.normal(d_model, scale=0.3),
        prefix + "feed_forward.up.weight": random.normal(d_ff, d_model, scale=0.5),
        prefix + "feed_forward.up.bias": random.normal(d_ff, scale=0.5),
        prefix + "feed_forward.down.weight": random.normal(d_model, d_ff, scale=0.5),
        prefix + "feed_forward.down.bias": random.normal(d_model, scale=0.5),
        prefix + "feed_forward_norm.gain": 1 + random.normal(d_model, scale=0.3),
        prefix + "feed_forward_norm.bias": random.normal(d_model, scale=0.3),
    }


def encoder(name, norm_position, activation, causal=False, lengths=None, num_layers=None, final_norm=False):
    """nn.TransformerEncoderLayer, or with num_layers a nn.TransformerEncoder of such layers.

    The layers are in training mode with dropout 0: in evaluation mode PyTorch takes a fused path without a gradient.
    """
    batch, length, d_model, num_heads, d_ff = 2, 4, 6, 2, 10
    random = Random("encoder " + name)
    inputs = {"x": random.normal(batch, length, d_model)}
    layer = torch.nn.TransformerEncoderLayer(d_model, num_heads, d_ff, dropout=0.0, activation=activation,
                                             batch_first=True, norm_first=norm_position == "pre")  # fmt: skip
    if num_layers is None:
        module, names = layer.train(), BLOCK_NAMES
        inputs.update(block_parameters(random, d_model, d_ff))
    else:
        norm = torch.nn.LayerNorm(d_model) if final_norm else None
        module = torch.nn.TransformerEncoder(layer, num_layers, norm, enable_nested_tensor=False).train()
        names = {"final_norm.gain": "norm.weight", "final_norm.bias": "norm.bias"} if final_norm else {}
        for i in range(num_layers):
            names.update({f"blocks.{i}.{ours}": f"layers.{i}.{theirs}" for ours, theirs in BLOCK_NAMES.items()})
            inputs.update(block_parameters(random, d_model, d_ff, prefix=f"blocks.{i}."))
        if final_norm:
            inputs["final_norm.gain"] = 1 + random.normal(d_model, scale=0.3)
            inputs["final_norm.bias"] = random.normal(d_model, scale=0.3)
    assert {theirs for theirs, _ in module.named_parameters()} == set(names.values())

    constants, may_attend, masks = {}, None, [None, None]
    if causal:
        may_attend = causal_mask(length, length)
        masks[0] = ~may_attend  # PyTorch: true = may NOT attend
    if lengths is not None:
        constants["lengths"] = torch.tensor(lengths)
        padding = padding_mask(constants["lengths"], length)
        masks[1] = ~padding[:, 0, 0]
        may_attend = padding if may_attend is None else may_attend & padding
    if may_attend is not None:
        constants["may_attend"] = may_attend.expand(*may_attend.shape[:-2], length, length)

    def function(x):
        parameters = {theirs: x[ours] for ours, theirs in names.items()}
        return {"output": functional_call(module, parameters, (x["x"], *masks))}

    settings = {"d_model": d_model, "num_heads": num_heads, "d_ff": d_ff, "num_layers": num_layers or 1,
                "stack": num_layers is not None, "final_norm": final_norm, "norm_position": norm_position,
                "activation": activation, "causal": causal, "epsilon": layer.norm1.eps}  # fmt: skip
    return case(name, function, inputs, constants, settings)


def encoder_layer_file():
    cases = []
    for norm_position in ("post", "pre"):
        for activation in ("relu", "gelu"):
            name = f"{norm_position}_{activation}"
            cases.append(encoder(name, norm_position, activation))
            cases.append(encoder(name + "_causal", norm_position, activation, causal=True))
            cases.append(encoder(name + "_padding", norm_position, activation, lengths=[2, 4]))
    cases.append(encoder("pre_gelu_padding_causal", "pre", "gelu", causal=True, lengths=[4, 3]))
    cases.append(encoder("stack_post_relu", "post", "relu", num_layers=2))
    cases.append(encoder("stack_pre_gelu", "pre", "gelu", num_layers=2))
    cases.append(encoder("stack_pre_relu_causal_final_norm", "pre", "relu", causal=True, num_layers=2, final_norm=True))
    return cases


# ---------------------------------------------------------------------------------------------------------------------
# mlp.json


def mlp(name, widths, activation, bias, counted=None):
    """A multilayer perceptron and its squared error: the mean over the targets that count."""
    random = Random("mlp " + name)
    x, targets = random.normal(4, 3, widths[0]), random.normal(4, 3, widths[-1])
    counted = torch.ones(4, 3, widths[-1]).double() if counted is None else counted
    inputs = {}
    for i, (width, following) in enumerate(zip(widths, widths[1:])):
        inputs[f"layers.{i}.weight"] = random.normal(following, width, scale=width**-0.5)
        if bias:
            inputs[f"layers.{i}.bias"] = random.normal(following, scale=0.3)

    def function(parameters):
        y = x.to(next(iter(parameters.values())).dtype)
        for i in range(len(widths) - 1):
            y = F.linear(y, parameters[f"layers.{i}.weight"], parameters.get(f"layers.{i}.bias"))
            y = y if i + 2 == len(widths) else activation(y)
        kept = counted.bool()
        return {"output": y, "loss": F.mse_loss(y[kept], targets.to(y.dtype)[kept])}

    settings = {"bias": bias}
    return case(name, function, inputs, {"x": x, "targets": targets, "counted": counted}, settings, through=["loss"])


def mlp_file():
    every_second = (torch.arange(4 * 3 * 2).view(4, 3, 2) % 2).double()
    return [
        mlp("tanh", (2, 5, 4, 3), torch.tanh, bias=True),
        mlp("relu", (3, 6, 2), F.relu, bias=True, counted=every_second),
        mlp("gelu", (3, 4, 1), F.gelu, bias=False),
        mlp("identity", (4, 2, 3, 3), lambda y: y, bias=False),
    ]


# ---------------------------------------------------------------------------------------------------------------------
# decoder.json


class Norm(torch.nn.Module):
    """Layer norm with a bias or without one, which PyTorch 1.13's own module cannot."""

    def __init__(self, width, bias):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(width))
        self.bias = torch.nn.Parameter(torch.zeros(width)) if bias else None

    def forward(self, x):
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, 1e-5)


class SelfAttention(torch.nn.Module):
    def __init__(self, d_model, num_heads, bias):
        super().__init__()
        self.c_attn = torch.nn.Linear(d_model, 3 * d_model, bias=bias)
        self.c_proj = torch.nn.Linear(d_model, d_model, bias=bias)
        self.num_heads = num_heads

    def forward(self, x):
        q, k, v = (split_heads(part, self.num_heads) for part in self.c_attn(x).chunk(3, dim=-1))
        values, _ = attention(q, k, v, causal_mask(x.shape[1], x.shape[1]))
        return self.c_proj(values.transpose(1, 2).flatten(2))


class GPTBlock(torch.nn.Module):
    def __init__(self, d_model, num_heads, d_ff, bias, activation):
        super().__init__()
        self.ln_1 = Norm(d_model, bias)
        self.attn = SelfAttention(d_model, num_heads, bias)
        self.ln_2 = Norm(d_model, bias)
        self.c_fc = torch.nn.Linear(d_model, d_ff, bias=bias)
        self.c_proj = torch.nn.Linear(d_ff, d_model, bias=bias)
        self.activation = activation

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.c_proj(self.activation(self.c_fc(self.ln_2(x))))


class GPT(torch.nn.Module):
    """A model built as Karpathy's nanoGPT builds GPT-2 (his names of the parts), without dropout."""

    def __init__(self, vocab_size, length, num_layers, num_heads, d_model, d_ff, bias, activation, tied):
        super().__init__()
        self.wte = torch.nn.Embedding(vocab_size, d_model)
        self.wpe = torch.nn.Embedding(length, d_model)
        blocks = [GPTBlock(d_model, num_heads, d_ff, bias, activation) for _ in range(num_layers)]
        self.h = torch.nn.ModuleList(blocks)
        self.ln_f = Norm(d_model, bias)
        self.lm_head = None if tied else torch.nn.Linear(d_model, vocab_size, bias=False)

    def forward(self, ids):
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1]))
        for block in self.h:
            x = block(x)
        x = self.ln_f(x)
        return F.linear(x, self.wte.weight) if self.lm_head is None else self.lm_head(x)


# nanoGPT's names of the parts of a model, and ours.
GPT_NAMES = {"wte": "embedding", "wpe": "positions", "h": "decoder.blocks", "ln_1": "attention_norm",
             "attn.c_attn": "attention.qkv", "attn.c_proj": "attention.out", "ln_2": "feed_forward_norm",
             "c_fc": "feed_forward.up", "c_proj": "feed_forward.down", "ln_f": "decoder.final_norm",
             "lm_head": "head"}  # fmt: skip


def our_name(theirs):
    """h.0.attn.c_attn.weight -> decoder.blocks.0.attention.qkv.weight"""
    part, kind = theirs.rsplit(".", 1)
    prefix = ""
    if part.startswith("h."):
        _, index, part = part.split(".", 2)
        prefix = f"{GPT_NAMES['h']}.{index}."
    return f"{prefix}{GPT_NAMES[part]}.{'gain' if part.startswith('ln_') and kind == 'weight' else kind}"


def decoder(name, bias=True, activation="gelu", tied=True, steps=5):
    """Logits, the mean loss and its gradients, and the losses before and after each of five steps of AdamW."""
    batch, length, vocab_size = 2, 6, 7
    sizes = {"num_layers": 2, "num_heads": 2, "d_model": 6, "d_ff": 24}
    functions = {"gelu": F.gelu, "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"), "relu": F.relu}
    model = GPT(vocab_size, length, **sizes, bias=bias, activation=functions[activation], tied=tied).double()
    random = Random("decoder " + name)
    names = {our_name(theirs): theirs for theirs, _ in model.named_parameters()}
    shapes = {theirs: value.shape for theirs, value in model.named_parameters()}
    inputs = {ours: random.normal(*shapes[theirs], scale=0.4) + (1 if ours.endswith("gain") else 0)
              for ours, theirs in names.items()}  # fmt: skip
    ids, targets = random.below(vocab_size, batch, length), random.below(vocab_size, batch, length)

    def loss_of(logits):
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())

    def function(x):
        logits = functional_call(model, {theirs: x[ours] for ours, theirs in names.items()}, (ids,))
        return {"logits": logits, "loss": loss_of(logits)}

    settings = {**sizes, "bias": bias, "tie_embeddings": tied, "activation": activation, "vocab_size": vocab_size,
                "learning_rate": 0.01, "weight_decay": 0.1, "beta1": 0.9, "beta2": 0.99, "clip_norm": 1.0}  # fmt: skip
    entry = case(name, function, inputs, {"ids": ids, "targets": targets}, settings, through=["loss"])

    # Embeddings, gains and biases don't decay.
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for ours, theirs in names.items():
            parameters[theirs].copy_(inputs[ours])
    free = ("wte.", "wpe.", "ln_")
    decays = {theirs: theirs.endswith("weight") and not any(part in theirs for part in free) for theirs in parameters}
    groups = [{"params": [value for theirs, value in parameters.items() if decays[theirs] == decay],
               "weight_decay": settings["weight_decay"] * decay} for decay in (True, False)]  # fmt: skip
    optimizer = torch.optim.AdamW(groups, lr=settings["learning_rate"], betas=(0.9, 0.99))
    losses = []
    for step in range(steps + 1):
        loss = loss_of(model(ids))
        losses.append(loss.detach())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings["clip_norm"])
        optimizer.step()
    assert losses[0] == entry["outputs"]["loss"] and losses[-1] < losses[0]
    entry["outputs"]["losses"] = torch.stack(losses)
    return entry


def decoder_file():
    return [
        decoder("bias_gelu"),
        decoder("no_bias_gelu", bias=False),
        decoder("bias_gelu_tanh_untied", activation="gelu_tanh", tied=False),
        decoder("no_bias_relu_untied", bias=False, activation="relu", tied=False),
    ]


# ---------------------------------------------------------------------------------------------------------------------
# parity.json, and the files in weights/

GPT2_CONFIG = {"model_type": "gpt2", "vocab_size": 11, "n_positions": 6, "n_embd": 8, "n_layer": 2, "n_head": 2,
               "n_inner": 16, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5, "resid_pdrop": 0.0,
               "embd_pdrop": 0.0, "attn_pdrop": 0.0}  # fmt: skip
LLAMA_CONFIG = {"model_type": "llama", "vocab_size": 13, "max_position_embeddings": 8, "hidden_size": 16,
                "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 24,
                "hidden_act": "silu", "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "attention_bias": False,
                "mlp_bias": False, "tie_word_embeddings": False}  # fmt: skip
SMALL_LLAMA_CONFIG = {**LLAMA_CONFIG, "hidden_size": 8, "num_attention_heads": 2, "num_key_value_heads": 1,
                      "intermediate_size": 12, "hidden_act": "gelu", "rms_norm_eps": 1e-5, "rope_theta": 100.0,
                      "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}  # fmt: skip
ENCODER_CONFIG = {"d_model": 8, "nhead": 2, "num_layers": 2, "dim_feedforward": 16, "dropout": 0.0,
                  "activation": "gelu", "layer_norm_eps": 1e-5, "norm_first": True, "final_norm": True}  # fmt: skip
TRANSFORMER_CONFIG = {"d_model": 8, "nhead": 2, "num_encoder_layers": 1, "num_decoder_layers": 2,
                      "dim_feedforward": 12, "activation": "gelu", "layer_norm_eps": 1e-5,
                      "norm_first": True}  # fmt: skip


def ours_of_gpt2(theirs):
    """GPT-2's parameters by their names -> ours. Written apart from the program's own table: the two check each other."""
    stored = dict(theirs)
    ours = {"embedding.weight": stored.pop("transformer.wte.weight"),
            "positions.weight": stored.pop("transformer.wpe.weight"),
            "decoder.final_norm.gain": stored.pop("transformer.ln_f.weight"),
            "decoder.final_norm.bias": stored.pop("transformer.ln_f.bias")}  # fmt: skip
    for name, value in stored.items():
        index, part, *rest = name.removeprefix("transformer.h.").split(".")
        kind = rest[-1]
        if part.startswith("ln_"):
            layer = {"ln_1": "attention_norm", "ln_2": "feed_forward_norm"}[part]
            kind = "gain" if kind == "weight" else kind
        else:
            layer = {"attn.c_attn": "attention.qkv", "attn.c_proj": "attention.out", "mlp.c_fc": "feed_forward.up",
                     "mlp.c_proj": "feed_forward.down"}[f"{part}.{rest[0]}"]  # fmt: skip
            value = value.T if kind == "weight" else value  # (in, out) -> (out, in)
        ours[f"decoder.blocks.{index}.{layer}.{kind}"] = value
    return ours


def ours_of_llama(theirs):
    stored = dict(theirs)
    ours = {"embedding.weight": stored.pop("model.embed_tokens.weight"),
            "decoder.final_norm.gain": stored.pop("model.norm.weight")}  # fmt: skip
    if "lm_head.weight" in stored:
        ours["head.weight"] = stored.pop("lm_head.weight")
    for name, value in stored.items():
        index, *part, kind = name.removeprefix("model.layers.").split(".")
        layer = {"input_layernorm": "attention_norm", "post_attention_layernorm": "feed_forward_norm",
                 "self_attn.q_proj": "attention.qkv", "self_attn.o_proj": "attention.out",
                 "mlp.gate_proj": "feed_forward.gate", "mlp.up_proj": "feed_forward.up",
                 "mlp.down_proj": "feed_forward.down"}.get(".".join(part))  # fmt: skip
        if layer is None:  # k and v come with q
            continue
        kind = "gain" if layer.endswith("norm") else kind
        if layer == "attention.qkv":
            value = torch.cat([theirs[name.replace("q_proj", other)] for other in ("q_proj", "k_proj", "v_proj")])
        ours[f"decoder.blocks.{index}.{layer}.{kind}"] = value
    return ours


def ours_of_encoder(theirs):
    parts = {theirs: ours for ours, theirs in BLOCK_NAMES.items()}
    ours = {}
    for name, value in theirs.items():
        if name.startswith("norm."):
            ours["final_norm." + {"weight": "gain", "bias": "bias"}[name.removeprefix("norm.")]] = value
        else:
            _, index, part = name.split(".", 2)
            ours[f"blocks.{index}.{parts[part]}"] = value
    return ours


# Our names of the parts of nn.TransformerDecoderLayer that are those of no nn.TransformerEncoderLayer.
CROSS_BLOCK_NAMES = {
    **BLOCK_NAMES,
    **{"cross_attention." + ours: "multihead_attn." + theirs for ours, theirs in ATTENTION_NAMES.items()},
    "cross_attention_norm.gain": "norm2.weight", "cross_attention_norm.bias": "norm2.bias",
    "feed_forward_norm.gain": "norm3.weight", "feed_forward_norm.bias": "norm3.bias",
}  # fmt: skip


def ours_of_transformer(theirs):
    stored = dict(theirs)
    ours = {"source.embedding.weight": stored.pop("source_embedding.weight"),
            "target.embedding.weight": stored.pop("target_embedding.weight")}  # fmt: skip
    if "head.weight" in stored:
        ours["head.weight"] = stored.pop("head.weight")
    for name, value in stored.items():
        stack, part, *rest = name.removeprefix("transformer.").split(".")
        if part == "norm":
            ours[f"{stack}.final_norm." + {"weight": "gain", "bias": "bias"}[rest[0]]] = value
        else:
            index, *kind = rest
            names = BLOCK_NAMES if stack == "encoder" else CROSS_BLOCK_NAMES
            parts = {theirs: ours for ours, theirs in names.items()}
            ours[f"{stack}.blocks.{index}.{parts['.'.join(kind)]}"] = value
    return ours


def drawn_parameters(random, model):
    """A value for each parameter by its name; gains are around 1."""
    gains = {f"{name}.weight" for name, part in model.named_modules()
             if isinstance(part, (torch.nn.LayerNorm, peers.RMSNorm))}  # fmt: skip
    return {name: random.normal(*value.shape, scale=0.4) + (1 if name in gains else 0)
            for name, value in model.named_parameters()}  # fmt: skip


def losses_of_training(loss_of, initial, settings, steps=20):
    """The losses before and after each step of AdamW. Embeddings, gains and biases don't decay."""
    parameters = {name: value.clone().requires_grad_() for name, value in initial.items()}
    tables = ("transformer.wte.weight", "transformer.wpe.weight", "model.embed_tokens.weight",
              "source_embedding.weight", "target_embedding.weight")  # fmt: skip
    decays = {name: value.dim() == 2 and name not in tables for name, value in parameters.items()}
    groups = [{"params": [value for name, value in parameters.items() if decays[name] == decay],
               "weight_decay": settings["weight_decay"] * decay} for decay in (True, False)]  # fmt: skip
    optimizer = torch.optim.AdamW(groups, lr=settings["learning_rate"], betas=(settings["beta1"], settings["beta2"]))
    losses = []
    for _ in range(steps + 1):
        loss = loss_of(parameters)
        losses.append(loss.detach())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(parameters.values()), settings["clip_norm"])
        optimizer.step()
    assert losses[-1] < losses[0]
    return torch.stack(losses)


def parity(name, model, ours_of, constants, function, settings, inputs=None):
    """A whole model: its outputs, the gradients of its loss, and the losses of 20 steps of training, under our names.

    function: the parameters by their names in the model, and the inputs -> the outputs, with the loss among them.
    """
    inputs = inputs or {}
    parameters = drawn_parameters(Random("parity " + name), model)
    settings = {**settings, "learning_rate": 0.01, "weight_decay": 0.1, "beta1": 0.9, "beta2": 0.99, "clip_norm": 1.0}
    entry = case(name, function, {**inputs, **parameters}, constants, settings, through=["loss"])
    training = losses_of_training(lambda x: function({**inputs, **x})["loss"], parameters, settings)
    assert training[0] == entry["outputs"]["loss"]
    entry["outputs"]["losses"] = training
    for group in ("inputs", "gradients"):
        theirs = {key: value for key, value in entry[group].items() if key in parameters}
        rest = {key: value for key, value in entry[group].items() if key not in parameters}
        entry[group] = {**rest, **ours_of(theirs)}
    return entry


def parity_of_decoder(name, model, ours_of, settings, length=6):
    batch, vocab_size = 2, settings["vocab_size"]
    random = Random("parity tokens " + name)
    ids, targets = random.below(vocab_size, batch, length), random.below(vocab_size, batch, length)

    def function(x):
        logits = functional_call(model, x, (ids,))
        return {"logits": logits, "loss": F.cross_entropy(logits.flatten(0, 1), targets.flatten())}

    return parity(name, model, ours_of, {"ids": ids, "targets": targets}, function, settings)


def parity_of_gpt2(name, config):
    activation = {"gelu_new": "gelu_tanh"}.get(config["activation_function"], config["activation_function"])
    settings = {"layout": "hf-gpt2", "num_layers": config["n_layer"], "num_heads": config["n_head"], "num_kv_heads": 0,
                "d_model": config["n_embd"], "d_ff": config["n_inner"], "vocab_size": config["vocab_size"],
                "norm_epsilon": config["layer_norm_epsilon"], "activation": activation, "bias": True,
                "tie_embeddings": True}  # fmt: skip
    return parity_of_decoder(name, peers.GPT2(config).double(), ours_of_gpt2, settings)


def parity_of_llama(name, config):
    settings = {"layout": "hf-llama", "num_layers": config["num_hidden_layers"],
                "num_heads": config["num_attention_heads"], "num_kv_heads": config["num_key_value_heads"],
                "d_model": config["hidden_size"], "d_ff": config["intermediate_size"],
                "vocab_size": config["vocab_size"], "norm_epsilon": config["rms_norm_eps"],
                "activation": {"silu": "swiglu", "gelu": "geglu"}[config["hidden_act"]],
                "bias": config["attention_bias"], "tie_embeddings": config["tie_word_embeddings"],
                "rotary_base": config["rope_theta"]}  # fmt: skip
    return parity_of_decoder(name, peers.Llama(config).double(), ours_of_llama, settings)


def torch_encoder(config):
    """In training mode with dropout 0: in evaluation mode PyTorch takes a fused path without a gradient."""
    layer = torch.nn.TransformerEncoderLayer(config["d_model"], config["nhead"], config["dim_feedforward"], dropout=0.0,
                                             activation=config["activation"], layer_norm_eps=config["layer_norm_eps"],
                                             batch_first=True, norm_first=config["norm_first"])  # fmt: skip
    norm = torch.nn.LayerNorm(config["d_model"], config["layer_norm_eps"]) if config["final_norm"] else None
    return torch.nn.TransformerEncoder(layer, config["num_layers"], norm, enable_nested_tensor=False).double().train()


def parity_of_encoder(name, config):
    """The loss is the mean square of what the outputs are from a target."""
    model = torch_encoder(config)
    random = Random("parity data " + name)
    x, target = random.normal(2, 5, config["d_model"]), random.normal(2, 5, config["d_model"])

    def function(values):
        output = functional_call(model, {key: values[key] for key in values if key != "x"}, (values["x"],))
        return {"output": output, "loss": (output - target.to(output.dtype)).square().mean()}

    settings = {"layout": "torch-encoder", "num_layers": config["num_layers"], "num_heads": config["nhead"],
                "num_kv_heads": 0, "d_model": config["d_model"], "d_ff": config["dim_feedforward"],
                "norm_epsilon": config["layer_norm_eps"], "activation": config["activation"],
                "norm_position": "pre" if config["norm_first"] else "post",
                "final_norm": config["final_norm"]}  # fmt: skip
    return parity(name, model, ours_of_encoder, {"target": target}, function, settings, {"x": x})


def parity_of_transformer(name, tied, source_lengths=None, lengths=None, **config):
    """Targets behind a sequence's length count for nothing, but their logits are recorded too."""
    batch, source_length, length = 3, 6, 5
    vocab_sizes = {"source_vocab_size": 9, "vocab_size": 7}
    random = Random("parity tokens " + name)
    source = random.below(vocab_sizes["source_vocab_size"], batch, source_length)
    ids, targets = (random.below(vocab_sizes["vocab_size"], batch, length) for _ in range(2))
    constants = {"source": source, "ids": ids, "targets": targets}
    source_hidden = target_hidden = None
    if source_lengths is not None:
        constants["source_lengths"] = torch.tensor(source_lengths)
        source_hidden = torch.arange(source_length) >= constants["source_lengths"][:, None]
    if lengths is not None:
        constants["lengths"] = torch.tensor(lengths)
        target_hidden = torch.arange(length) >= constants["lengths"][:, None]
        targets[target_hidden] = -100
    model = peers.Translator(**vocab_sizes, tied=tied, **config).double()

    def function(x):
        logits = functional_call(model, x, (source, ids, source_hidden, target_hidden))
        return {"logits": logits, "loss": F.cross_entropy(logits.flatten(0, 1), targets.flatten())}

    settings = {"layout": "torch-transformer", "num_layers": config["num_encoder_layers"],
                "num_decoder_layers": config["num_decoder_layers"], "num_heads": config["nhead"], "num_kv_heads": 0,
                "d_model": config["d_model"], "d_ff": config["dim_feedforward"], **vocab_sizes,
                "norm_epsilon": config["layer_norm_eps"], "activation": config["activation"],
                "norm_position": "pre" if config["norm_first"] else "post", "final_norm": True,
                "tie_embeddings": tied}  # fmt: skip
    return parity(name, model, ours_of_transformer, constants, function, settings)


def parity_file():
    return [
        parity_of_gpt2("gpt2", GPT2_CONFIG),
        parity_of_gpt2("gpt2_exact_gelu", {**GPT2_CONFIG, "activation_function": "gelu"}),
        parity_of_llama("llama", LLAMA_CONFIG),
        parity_of_llama("llama_small", SMALL_LLAMA_CONFIG),
        parity_of_encoder("encoder", ENCODER_CONFIG),
        parity_of_encoder("encoder_post", {**ENCODER_CONFIG, "activation": "relu", "norm_first": False,
                                           "final_norm": False, "layer_norm_eps": 1e-3}),  # fmt: skip
        parity_of_transformer("transformer_pre", True, [6, 2, 4], [3, 5, 1], **TRANSFORMER_CONFIG),
        parity_of_transformer("transformer_post", False, [3, 6, 1], [5, 2, 4],
                              **{**TRANSFORMER_CONFIG, "num_encoder_layers": 2, "num_decoder_layers": 1,
                                 "activation": "relu", "norm_first": False, "layer_norm_eps": 1e-3}),
        parity_of_transformer("transformer_unpadded", True, **{**TRANSFORMER_CONFIG, "norm_first": False}),
    ]  # fmt: skip


def weights_files():
    """Models of parity.json as their owners save them, in float32, with the buffers that old files have."""
    gpt2, llama, encoder = peers.GPT2(GPT2_CONFIG), peers.Llama(LLAMA_CONFIG), torch_encoder(ENCODER_CONFIG)
    length = GPT2_CONFIG["n_positions"]
    buffers = {}
    for i in range(GPT2_CONFIG["n_layer"]):
        buffers[f"transformer.h.{i}.attn.bias"] = torch.ones(1, 1, length, length, dtype=torch.uint8).tril()
        buffers[f"transformer.h.{i}.attn.masked_bias"] = torch.tensor(-1e4)
    models = [("hf-gpt2", "gpt2", gpt2, GPT2_CONFIG, buffers), ("hf-llama", "llama", llama, LLAMA_CONFIG, {}),
              ("torch-encoder", "encoder", encoder, ENCODER_CONFIG, {})]  # fmt: skip
    files = {}
    for layout, name, model, config, more in models:
        parameters = drawn_parameters(Random("parity " + name), model)
        tensors = {**{key: value.float() for key, value in parameters.items()}, **more}
        files[f"weights/{layout}/model.safetensors"] = peers.safetensors_bytes(tensors, {"format": "pt"})
        files[f"weights/{layout}/config.json"] = (json.dumps(config, indent=2) + "\n").encode()
    return files


# ---------------------------------------------------------------------------------------------------------------------
# ops.json


def layer_norm(name, shape, offset=0.0, bias=True, float32=True):
    random = Random("layer_norm " + name)
    inputs = {"x": random.normal(*shape) + offset, "gain": random.normal(shape[-1])}
    if bias:
        inputs["bias"] = random.normal(shape[-1])

    def function(x):
        return {"y": F.layer_norm(x["x"], shape[-1:], x["gain"], x.get("bias"), 1e-5)}

    return case("layer_norm_" + name, function, inputs, settings={"op": "layer_norm", "epsilon": 1e-5}, float32=float32)


def rms_norm(name, shape):
    """PyTorch 1.13 has none: x / sqrt(mean(x^2) + epsilon) * gain."""
    random = Random("rms_norm " + name)
    inputs = {"x": random.normal(*shape), "gain": random.normal(shape[-1])}

    def function(x):
        return {"y": x["x"] * torch.rsqrt(x["x"].square().mean(-1, keepdim=True) + 1e-5) * x["gain"]}

    return case("rms_norm_" + name, function, inputs, settings={"op": "rms_norm", "epsilon": 1e-5})


def elementwise(name, function):
    """On random numbers, and on a row from the tails to zero."""
    wide = torch.tensor([[-30.0, -12.0, -6.0, -3.0, -1.0, -0.0078125, 0.0],
                         [0.0078125, 0.5, 1.5, 4.0, 6.0, 12.0, 30.0]])  # fmt: skip
    x = torch.cat([Random("elementwise " + name).normal(3, 7), wide.double()])
    return case(name, lambda x: {"y": function(x["x"])}, {"x": x}, settings={"op": name})


def softmax(op, function):
    random = Random(op)
    large = torch.tensor([[1000.0, 999.0, -1000.0, 998.5, 0.0],
                          [-1000.0, -1001.0, -1000.5, -2000.0, -999.75],
                          [88.0, 89.0, 90.0, -88.0, 89.5],
                          [5000.0, 5000.0, 5000.0, 5000.0, 5000.0]]).double()  # fmt: skip
    inputs = {"": random.normal(2, 3, 5, scale=2.0), "_large": large, "_one_column": random.normal(3, 1)}
    return [case(op + name, lambda x: {"y": function(x["x"], dim=-1)}, {"x": x}, settings={"op": op})
            for name, x in inputs.items()]  # fmt: skip


def cross_entropy(name, reduction, ignore=False, label_smoothing=0.0, shape=(6, 5), large=False):
    """logits (..., V), targets (...): the loss over all rows. An ignored target is -100 and counts for nothing."""
    random = Random("cross_entropy " + name)
    logits = random.normal(*shape, scale=2.0)
    if large:
        logits = logits * 256
    targets = random.below(shape[-1], *shape[:-1])
    if ignore:
        targets.view(-1)[1::3] = -100

    def function(x):
        rows = x["logits"].reshape(-1, shape[-1])
        return {"loss": F.cross_entropy(rows, targets.flatten(), reduction=reduction, ignore_index=-100,
                                        label_smoothing=label_smoothing)}  # fmt: skip

    settings = {"op": "cross_entropy", "reduction": reduction, "label_smoothing": label_smoothing, "ignore_index": -100,
                "count": int((targets != -100).sum())}  # fmt: skip
    return case("cross_entropy_" + name, function, {"logits": logits}, {"targets": targets}, settings)


def linear(name, bias, shape=(2, 3, 4)):
    random = Random("linear " + name)
    inputs = {"x": random.normal(*shape), "weight": random.normal(5, shape[-1])}
    if bias:
        inputs["bias"] = random.normal(5)
    return case("linear_" + name, lambda x: {"y": F.linear(x["x"], x["weight"], x.get("bias"))}, inputs,
                settings={"op": "linear", "bias": bias})  # fmt: skip


def embedding():
    weight = Random("embedding").normal(6, 4)
    ids = torch.tensor([[1, 3, 3, 0, 1], [3, 5, 3, 1, 0]])  # 2 and 4 never: their gradient is zero
    return case("embedding", lambda x: {"y": F.embedding(ids, x["weight"])}, {"weight": weight}, {"ids": ids},
                {"op": "embedding"})  # fmt: skip


def sinusoidal_positions(d_model, length=12):
    """Attention Is All You Need, section 3.5."""
    positions = peers.sinusoidal_positions(length, d_model)
    settings = {"op": "sinusoidal_positions", "length": length, "d_model": d_model}
    return case(f"sinusoidal_positions_{d_model}", lambda x: {"positions": positions}, {}, {}, settings, through=[])


def matmul(name, a, b, transpose_a=False, transpose_b=False):
    """a b, the last two axes of a or b swapped first if the settings say so."""
    random = Random("matmul " + name)

    def function(x):
        left = x["a"].transpose(-1, -2) if transpose_a else x["a"]
        right = x["b"].transpose(-1, -2) if transpose_b else x["b"]
        return {"y": left @ right}

    settings = {"op": "matmul", "transpose_a": transpose_a, "transpose_b": transpose_b}
    return case("matmul_" + name, function, {"a": random.normal(*a), "b": random.normal(*b)}, settings=settings)


def ops_file():
    return [
        layer_norm("matrix", (3, 8)),
        layer_norm("batched", (2, 3, 5)),
        layer_norm("one_row", (1, 7)),
        layer_norm("three_columns", (4, 3)),
        layer_norm("wide", (2, 37)),
        layer_norm("no_bias", (2, 3, 5), bias=False),
        layer_norm("offset", (3, 8), offset=1000.0, float32=False),  # 1000 +- 1: float32 loses three digits
        rms_norm("matrix", (3, 8)),
        rms_norm("batched", (2, 3, 5)),
        rms_norm("wide", (2, 37)),
        elementwise("gelu", F.gelu),
        elementwise("gelu_tanh", lambda x: F.gelu(x, approximate="tanh")),
        elementwise("silu", F.silu),
        elementwise("erf", torch.erf),
        elementwise("tanh", torch.tanh),
        *softmax("softmax", F.softmax),
        *softmax("log_softmax", F.log_softmax),
        cross_entropy("sum", "sum"),
        cross_entropy("mean", "mean"),
        cross_entropy("batched_sum", "sum", shape=(2, 3, 5)),
        cross_entropy("large_logits_mean", "mean", large=True),
        cross_entropy("ignore_sum", "sum", ignore=True),
        cross_entropy("ignore_mean", "mean", ignore=True),
        cross_entropy("smoothing_sum", "sum", label_smoothing=0.1),
        cross_entropy("smoothing_mean", "mean", label_smoothing=0.1),
        cross_entropy("ignore_smoothing_sum", "sum", ignore=True, label_smoothing=0.1),
        cross_entropy("ignore_smoothing_mean", "mean", ignore=True, label_smoothing=0.1),
        linear("bias", True),
        linear("no_bias", False),
        linear("matrix", True, (3, 4)),
        embedding(),
        sinusoidal_positions(6),
        sinusoidal_positions(8),
        matmul("matrices", (3, 4), (4, 5)),
        matmul("batched", (2, 3, 4), (2, 4, 5)),
        matmul("broadcast_right", (2, 3, 4), (4, 5)),
        matmul("broadcast_left", (3, 4), (2, 4, 5)),
        matmul("broadcast_both", (2, 1, 3, 4), (3, 4, 5)),
        matmul("transpose_a", (2, 4, 3), (2, 4, 5), transpose_a=True),
        matmul("transpose_b", (2, 3, 4), (2, 5, 4), transpose_b=True),
        matmul("transpose_both", (2, 4, 3), (2, 5, 4), transpose_a=True, transpose_b=True),
        matmul("transpose_b_broadcast", (2, 2, 3, 4), (2, 1, 5, 4), transpose_b=True),
    ]


# ---------------------------------------------------------------------------------------------------------------------
# optimizers.json

STEPS = 20


def cosine_warmup_factor(epoch, warmup, max_iters):
    """The UvA deep learning tutorial's CosineWarmupScheduler: cosine to zero, times a linear rise up to `warmup`."""
    factor = 0.5 * (1 + math.cos(math.pi * epoch / max_iters))
    return factor * epoch / warmup if epoch <= warmup else factor


class Lion(torch.optim.Optimizer):
    """Algorithm 2 of Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms", with the decay first."""

    def __init__(self, params, lr, betas, weight_decay):
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for x in group["params"]:
                m = self.state[x].setdefault("m", torch.zeros_like(x))
                direction = torch.sign(beta1 * m + (1 - beta1) * x.grad)
                x.copy_((1 - group["lr"] * group["weight_decay"]) * x - group["lr"] * direction)
                m.copy_(beta2 * m + (1 - beta2) * x.grad)


def newton_schulz(matrix, steps=5):
    """Muon's quintic iteration, in the precision of the matrix (the authors' code goes through bfloat16)."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix / (torch.linalg.matrix_norm(matrix) + 1e-7)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    """Jordan et al. 2024 for matrices, torch's own AdamW for all else, whose rate keeps its ratio to the matrices'."""

    def __init__(self, params, lr, momentum, weight_decay, adamw_lr, betas, epsilon):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self.others = [x for group in self.param_groups for x in group["params"] if x.ndim != 2]
        self.adamw = torch.optim.AdamW(self.others, adamw_lr, betas, epsilon, weight_decay)
        self.ratio = adamw_lr / lr

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            rate, mu = group["lr"], group["momentum"]
            for x in (x for x in group["params"] if x.ndim == 2):
                m = self.state[x].setdefault("m", torch.zeros_like(x))
                m.copy_(mu * m + (1 - mu) * x.grad)
                direction = newton_schulz((1 - mu) * x.grad + mu * m)
                size = math.sqrt(max(1, x.shape[0] / x.shape[1]))
                x.copy_((1 - rate * group["weight_decay"]) * x - rate * size * direction)
            self.adamw.param_groups[0]["lr"] = rate * self.ratio
        self.adamw.step()


def trajectory(name, optimizer, make, settings, learning_rate=0.01, scheduled=False, group_weight_decay=None,
               shape=(2, 3)):  # fmt: skip
    """STEPS steps on the parameters w and b with gradients drawn at random; the parameters after every step.

    make: takes what torch.optim expects first (parameters or groups) and the learning rate.
    group_weight_decay: name -> weight decay, each parameter in a group of its own.
    """
    random = Random("optimizer " + name)
    shapes = {"w": shape, "b": (4,)}
    initial = {key: random.normal(*shape) for key, shape in shapes.items()}
    gradients = {key: random.normal(STEPS, *shape) for key, shape in shapes.items()}
    gradients["b"][:, 3] = 0.0  # b[3] never gets a gradient
    factors = [cosine_warmup_factor(step + 1, 5, 30) if scheduled else 1.0 for step in range(STEPS)]
    rates = torch.tensor([learning_rate * factor for factor in factors], dtype=torch.float64)

    def function(dtype):
        parameters = {key: torch.nn.Parameter(value.clone().to(dtype)) for key, value in initial.items()}
        if group_weight_decay is None:
            groups = list(parameters.values())
        else:
            groups = [{"params": [parameters[key]], "weight_decay": decay} for key, decay in group_weight_decay.items()]
        stepper = make(groups, learning_rate)
        path = {key: [] for key in parameters}
        for step in range(STEPS):
            for group in stepper.param_groups:
                group["lr"] = rates[step].item()
            for key, parameter in parameters.items():
                parameter.grad = gradients[key][step].clone().to(dtype)
            stepper.step()
            for key, parameter in parameters.items():
                path[key].append(parameter.detach().clone())
        return {key: torch.stack(values) for key, values in path.items()}

    outputs = function(torch.float64)
    for key, values in function(torch.float32).items():
        assert relative_error(values, outputs[key]) < FLOAT32_TOLERANCE, (name, key)
    inputs = {**initial, **{"gradient." + key: value for key, value in gradients.items()}, "learning_rate": rates}
    decays = {"weight_decay." + key: decay for key, decay in (group_weight_decay or {}).items()}
    settings = {"optimizer": optimizer, "steps": STEPS, "scheduled": scheduled, **settings, **decays}
    return {"name": name, "settings": settings, "inputs": inputs, "outputs": outputs, "gradients": {}}


def sgd(name, momentum=0.0, dampening=0.0, nesterov=False, weight_decay=0.0, **more):
    settings = {"momentum": momentum, "dampening": dampening, "nesterov": nesterov, "weight_decay": weight_decay}

    def make(groups, rate):
        return torch.optim.SGD(groups, rate, **settings)

    return trajectory(name, "sgd", make, settings, learning_rate=0.1, **more)


def adam(name, optimizer="adam", betas=(0.9, 0.999), epsilon=1e-8, weight_decay=0.0, **more):
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[optimizer]
    settings = {"beta1": betas[0], "beta2": betas[1], "epsilon": epsilon}
    if "group_weight_decay" not in more:
        settings["weight_decay"] = weight_decay

    def make(groups, rate):
        return kind(groups, rate, betas, epsilon, weight_decay)

    return trajectory(name, optimizer, make, settings, **more)


def lion(name, betas=(0.9, 0.99), weight_decay=0.0, **more):
    settings = {"beta1": betas[0], "beta2": betas[1], "weight_decay": weight_decay}

    def make(groups, rate):
        return Lion(groups, rate, betas, weight_decay)

    return trajectory(name, "lion", make, settings, **more)


def muon(name, momentum=0.95, weight_decay=0.0, adamw_learning_rate=0.01, **more):
    betas, epsilon = (0.9, 0.95), 1e-10
    settings = {"momentum": momentum, "weight_decay": weight_decay, "adamw_learning_rate": adamw_learning_rate,
                "beta1": betas[0], "beta2": betas[1], "epsilon": epsilon}  # fmt: skip

    def make(groups, rate):
        return Muon(groups, rate, momentum, weight_decay, adamw_learning_rate, betas, epsilon)

    return trajectory(name, "muon", make, {**settings, "learning_rate": 0.02}, learning_rate=0.02, **more)


def clip(name, scale, max_norm=None, max_value=None):
    """clip_grad_norm_ (with the total norm before clipping) or clip_grad_value_ on the gradients w and b."""
    random = Random(name)
    inputs = {"w": random.normal(2, 3) * scale, "b": random.normal(4) * scale}
    parameters = {key: torch.nn.Parameter(torch.zeros_like(value)) for key, value in inputs.items()}
    for key, parameter in parameters.items():
        parameter.grad = inputs[key].clone()
    outputs, settings = {}, {}
    if max_norm is not None:
        settings["max_norm"] = max_norm
        outputs["total_norm"] = torch.nn.utils.clip_grad_norm_(parameters.values(), max_norm)
        if "below" in name or "above" in name:
            assert (outputs["total_norm"] > max_norm) == ("above" in name)
    else:
        settings["max_value"] = max_value
        torch.nn.utils.clip_grad_value_(parameters.values(), max_value)
    outputs.update({key: parameter.grad for key, parameter in parameters.items()})
    return {"name": name, "settings": settings, "inputs": inputs, "outputs": outputs, "gradients": {}}


def cosine_warmup(warmup=5, max_iters=30, learning_rate=5e-4):
    """Factor and learning rate at the epochs 0 ... max_iters, as torch's LambdaLR steps through them."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], learning_rate)

    def factor(epoch):
        return cosine_warmup_factor(epoch, warmup, max_iters)

    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    rates = []
    for _ in range(max_iters + 1):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    factors = [factor(epoch) for epoch in range(max_iters + 1)]
    outputs = {"factor": torch.tensor(factors, dtype=torch.float64),
               "learning_rate": torch.tensor(rates, dtype=torch.float64)}  # fmt: skip
    settings = {"warmup": warmup, "max_iters": max_iters, "learning_rate": learning_rate}
    return {"name": "cosine_warmup", "settings": settings, "inputs": {}, "outputs": outputs, "gradients": {}}


def optimizers_file():
    return [
        sgd("sgd"),
        sgd("sgd_momentum", momentum=0.9),
        sgd("sgd_momentum_dampening", momentum=0.9, dampening=0.25),
        sgd("sgd_nesterov", momentum=0.9, nesterov=True),
        sgd("sgd_weight_decay", weight_decay=0.1),
        sgd("sgd_momentum_weight_decay_scheduled", momentum=0.9, weight_decay=0.1, scheduled=True),
        adam("adam"),
        adam("adam_weight_decay", weight_decay=0.1),
        adam("adam_betas", betas=(0.9, 0.99)),
        adam("adam_epsilon", epsilon=1e-6),
        adam("adam_scheduled", scheduled=True),
        adam("adamw", "adamw", weight_decay=0.01),
        adam("adamw_betas", "adamw", betas=(0.9, 0.95), weight_decay=0.1),
        adam("adamw_groups", "adamw", group_weight_decay={"w": 0.1, "b": 0.0}),
        adam("adamw_scheduled", "adamw", weight_decay=0.1, scheduled=True),
        lion("lion"),
        lion("lion_betas", betas=(0.95, 0.98)),
        lion("lion_weight_decay_scheduled", weight_decay=0.1, scheduled=True),
        muon("muon"),
        muon("muon_tall", shape=(7, 3)),
        muon("muon_square_weight_decay_scheduled", shape=(5, 5), weight_decay=0.1, scheduled=True),
        muon("muon_momentum", shape=(3, 19), momentum=0.8, adamw_learning_rate=0.003),
        clip("clip_norm_above", 4.0, max_norm=1.0),
        clip("clip_norm_below", 0.0625, max_norm=1.0),
        clip("clip_norm_zero", 0.0, max_norm=1.0),
        clip("clip_value", 1.0, max_value=0.5),
        cosine_warmup(),
    ]


# ---------------------------------------------------------------------------------------------------------------------
# gradcheck.json


def with_backward(forward, backward):
    """A function with a backward pass of its own: backward(cotangent, *inputs) returns one gradient for each input."""

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(context, *inputs):
            context.save_for_backward(*inputs)
            return forward(*inputs)

        @staticmethod
        def backward(context, cotangent):
            return backward(cotangent, *context.saved_tensors)

    return Function.apply


def verdict(name, function, inputs, about):
    """What torch.autograd.gradcheck and gradgradcheck say, with their defaults: eps 1e-6, atol 1e-5, rtol 1e-3."""

    def passes(check):
        torch.manual_seed(0)  # gradgradcheck draws cotangents
        try:
            return bool(check(function, [value.clone().requires_grad_() for value in inputs.values()]))
        except GradcheckError:
            return False

    settings = {"about": about, "gradcheck_passes": passes(gradcheck),
                "gradgradcheck_passes": passes(gradgradcheck)}  # fmt: skip
    return {"name": name, "settings": settings, "inputs": inputs, "outputs": {}, "gradients": {}}


def softmax_backward(g, y):
    return y * (g - (g * y).sum(-1, keepdim=True))


def gradcheck_file():
    random = Random("gradcheck")
    x, y = random.normal(3, 4), random.normal(3, 4)
    square, other, row = random.normal(3, 3), random.normal(3, 3), random.normal(4)
    away = torch.where(x.abs() < 0.1, torch.full_like(x, 0.5), x)  # at a distance from the kink at zero
    at_zero = away.clone()
    at_zero[1, 2] = 0.0
    q, k, v = (random.normal(1, 4, 3) for _ in range(3))
    mask = causal_mask(3, 4)
    ids = torch.tensor([2, 0, 2, 1])
    targets = torch.tensor([1, 3, 0])
    one = {"x": x}
    two = {"x": x, "y": y}
    pair = {"a": square, "b": other}
    qkv = {"q": q, "k": k, "v": v}

    def scaled_entry(factor):
        """A tensor of ones, with the factor at one place."""
        scale = torch.ones_like(x)
        scale[1, 2] = factor
        return scale

    def standardise(x):
        return (x - x.mean(-1, keepdim=True)) / torch.sqrt(x.var(-1, unbiased=False, keepdim=True) + 1e-5)

    def repeated_overwritten(g, weight):
        result = torch.zeros_like(weight)
        for position, token in enumerate(ids.tolist()):
            result[token] = g[position]
        return result

    def attention_values(q, k, v):
        return attention(q, k, v, causal_mask(4, 4))[0]

    def attention_backward(g, q, k, v, scale, mask):
        """With scale and mask as the backward pass believes them to be."""
        weights = attention(q, k, v, mask)[1]
        scores = softmax_backward(g @ v.transpose(-1, -2), weights) * scale
        return scores @ k, scores.transpose(-1, -2) @ q, weights.transpose(-1, -2) @ g

    root = 1 / math.sqrt(3)

    # A square whose backward pass is right, and whose backward pass's own derivative is given.
    def twice_times(backward):
        return with_backward(lambda g, x: 2 * x * g, backward)

    return [
        # Right.
        verdict("multiply", lambda x, y: x * y, two, "x * y"),
        verdict("matmul", torch.matmul, pair, "a b"),
        verdict("broadcast_add", lambda x, b: x + b, {"x": x, "b": row}, "x + b, b broadcast over rows"),
        verdict("softmax", lambda x: x.softmax(-1), one, "softmax on the last axis"),
        verdict("layer_norm", standardise, one, "layer norm without gain and bias, epsilon 1e-5"),
        verdict("gelu", F.gelu, one, "gelu, exact"),
        verdict("cross_entropy", lambda x: F.cross_entropy(x, targets), one, "mean cross-entropy, targets 1, 3, 0"),
        verdict("embedding", lambda w: w[ids], {"weight": x}, "rows 2, 0, 2, 1 of weight"),
        verdict("causal_attention", attention_values, qkv, "causal attention, scale 1 / sqrt(3)"),
        verdict("relu", F.relu, {"x": away}, "relu away from zero"),
        verdict("custom_square", with_backward(lambda x: x * x, lambda g, x: 2 * x * g), one,
                "x^2, backward 2 x g"),
        verdict("custom_causal_attention",
                with_backward(attention_values,
                              lambda g, q, k, v: attention_backward(g, q, k, v, root, causal_mask(4, 4))), qkv,
                "causal attention, backward written by hand"),
        # Wrong.
        verdict("factor_2", with_backward(lambda x: x * x, lambda g, x: 4 * x * g), one,
                "x^2, backward twice too large"),
        verdict("wrong_sign", with_backward(torch.sin, lambda g, x: -torch.cos(x) * g), one,
                "sin x, backward with the wrong sign"),
        verdict("missing_sum", with_backward(lambda x, b: x + b, lambda g, x, b: (g, g[0] * 1)), {"x": x, "b": row},
                "x + b, the gradient of b taken from the first row and not summed over rows"),
        verdict("transposed", with_backward(torch.matmul, lambda g, a, b: (g @ b.t(), (a.t() @ g).t())), pair,
                "a b, the gradient of b transposed"),
        verdict("not_transposed", with_backward(torch.matmul, lambda g, a, b: (g @ b, a.t() @ g)), pair,
                "a b, the gradient of a is g b where it should be g b^T"),
        verdict("one_entry_1_percent", with_backward(torch.exp, lambda g, x: g * x.exp() * scaled_entry(1.01)), one,
                "exp x, the gradient of x[1, 2] 1 percent too large"),
        verdict("one_entry_too_small_to_see",
                with_backward(torch.exp, lambda g, x: g * x.exp() * scaled_entry(1.0001)), one,
                "exp x, the gradient of x[1, 2] 0.01 percent too large: below gradcheck's rtol"),
        verdict("mask_ignored",
                with_backward(lambda x: (x * x).masked_fill(~mask, 0.0), lambda g, x: 2 * x * g), one,
                "x^2 where j <= i and else 0, backward 2 x g everywhere"),
        verdict("attention_mask_ignored",
                with_backward(attention_values, lambda g, q, k, v: attention_backward(g, q, k, v, root, None)), qkv,
                "causal attention, the backward pass without the mask"),
        verdict("attention_scale_missing",
                with_backward(attention_values,
                              lambda g, q, k, v: attention_backward(g, q, k, v, 1.0, causal_mask(4, 4))), qkv,
                "causal attention, the gradients of q and k not scaled by 1 / sqrt(3)"),
        verdict("softmax_diagonal_only",
                with_backward(lambda x: x.softmax(-1), lambda g, x: g * x.softmax(-1) * (1 - x.softmax(-1))), one,
                "softmax, backward with the diagonal of the Jacobian alone"),
        verdict("layer_norm_constant_statistics",
                with_backward(standardise,
                              lambda g, x: g / torch.sqrt(x.var(-1, unbiased=False, keepdim=True) + 1e-5)), one,
                "layer norm, backward with mean and variance as constants"),
        verdict("wrong_value_saved", with_backward(torch.tanh, lambda g, x: g * (1 - x * x)), one,
                "tanh x, backward 1 - x^2 where it should be 1 - tanh(x)^2"),
        verdict("mean_not_divided",
                with_backward(lambda x: F.cross_entropy(x, targets),
                              lambda g, x: g * (x.softmax(-1) - F.one_hot(targets, 4))), one,
                "mean cross-entropy, targets 1, 3, 0, backward not divided by 3"),
        verdict("repeated_ids_overwritten", with_backward(lambda w: w[ids], repeated_overwritten), {"weight": x},
                "rows 2, 0, 2, 1 of weight, a repeated row keeps its last gradient only"),
        verdict("gradients_swapped", with_backward(lambda x, y: x * y, lambda g, x, y: (g * x, g * y)), two,
                "x * y, the gradients of x and y swapped"),
        verdict("zero_gradient", with_backward(torch.sin, lambda g, x: torch.zeros_like(g) * x), one,
                "sin x, backward all zeros"),
        verdict("detached_factor", lambda x: x * x.detach(), one, "x^2, one factor detached"),
        verdict("relu_at_zero", F.relu, {"x": at_zero}, "relu with x[1, 2] = 0, where it has no derivative"),
        # Right once, wrong when differentiated twice.
        verdict("second_order_right",
                with_backward(lambda x: x * x,
                              lambda g, x: twice_times(lambda h, g, x: (2 * x * h, 2 * g * h))(g, x)), one,
                "x^2, both derivatives written by hand"),
        verdict("second_order_detached", with_backward(lambda x: x * x, lambda g, x: 2 * x.detach() * g), one,
                "x^2, backward 2 x g with x detached"),
        verdict("second_order_factor_2",
                with_backward(lambda x: x * x,
                              lambda g, x: twice_times(lambda h, g, x: (2 * x * h, 4 * g * h))(g, x)), one,
                "x^2, backward right, its derivative by x twice too large"),
    ]  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------------

FILES = {
    "attention.json": attention_file,
    "multihead_attention.json": multihead_attention_file,
    "encoder_layer.json": encoder_layer_file,
    "mlp.json": mlp_file,
    "decoder.json": decoder_file,
    "parity.json": parity_file,
    "ops.json": ops_file,
    "optimizers.json": optimizers_file,
    "gradcheck.json": gradcheck_file,
}


def differences(recorded, committed):
    """What differs between two files' contents by more than rounding on another kind of CPU."""
    if [entry["name"] for entry in recorded["cases"]] != [entry["name"] for entry in committed["cases"]]:
        return ["other cases"]
    found = []
    for new, old in zip(recorded["cases"], committed["cases"]):
        if new["settings"] != old["settings"]:
            found.append(f"{new['name']}: settings")
        for group in ("inputs", "outputs", "gradients"):
            if list(new[group]) != list(old[group]):
                found.append(f"{new['name']}: {group} have other names")
                continue
            for name in new[group]:
                ours, theirs = (torch.tensor(side[group][name]["data"], dtype=torch.float64) for side in (new, old))
                same_shape = new[group][name]["shape"] == old[group][name]["shape"]
                if not same_shape or relative_error(ours, theirs) > 1e-13:
                    found.append(f"{new['name']}: {group} {name}")
    return found


def main():
    if sys.argv[1:] not in ([], ["--check"]):
        raise SystemExit(__doc__)
    torch.set_num_threads(1)
    status = 0
    for name, make in FILES.items():
        cases = make()
        names = [entry["name"] for entry in cases]
        assert len(set(names)) == len(names), f"{name}: a name stands twice"
        text, path = to_json(cases), FOLDER / name
        if sys.argv[1:] == ["--check"]:
            found = differences(json.loads(text), json.loads(path.read_text()))
            same = "the same to the byte" if text == path.read_text() else "the same but for rounding"
            print(f"{name}: {len(cases)} cases, {'; '.join(found) or same}")
            status |= bool(found)
        else:
            path.write_text(text)
            print(f"{name}: {len(cases)} cases, {len(text) / 1024:.0f} KiB")
    for name, data in weights_files().items():
        path = FOLDER / name
        if sys.argv[1:] == ["--check"]:
            same = path.read_bytes() == data  # drawn, not computed: no rounding
            print(f"{name}: {'the same to the byte' if same else 'other bytes'}")
            status |= not same
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            print(f"{name}: {len(data) / 1024:.0f} KiB")
    return status


if __name__ == "__main__":
    sys.exit(main())
