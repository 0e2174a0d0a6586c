"""Times the training steps that `transformlet bench --export` wrote, in PyTorch, and prints what it measured as JSON.

Each step: forward, loss, backward, clipping, optimiser. The data is ready before the clock starts.
"""
import argparse
import ctypes
import json
import sys
import time
from pathlib import Path

import numpy
import torch
import yaml
from torch.nn import functional as F

import pytorch_model
import safetensors_file


def build_model(keys, shapes, length, mask):
    if keys["kind"] == "encoder" and keys["input"] == "one_hot" and keys["position"] == "sinusoidal" and mask == "none":
        return pytorch_model.Encoder(keys, shapes["input.projection.weight"][1], length)
    # Causal under either mask.
    if keys["kind"] == "decoder" and keys["norm_position"] == "pre" and keys["position"] == "learned" and \
            keys["tie_embeddings"]:
        return pytorch_model.Decoder(keys, *(shapes[f"{table}.weight"][0] for table in ("embedding", "positions")))
    sys.exit(f"pytorch_step.py: no peer for this model under the mask {mask}: {keys}")


def load_weights(model, path):
    """Every parameter must be in the file, and every tensor of the file must be a parameter. Gives them by our names."""
    parameters = dict(model.named_parameters())
    loaded = {}
    for name, array in safetensors_file.read(path):
        own_name = name.removesuffix(".gain") + ".weight" if name.endswith(".gain") else name
        parameter = parameters.pop(own_name)
        if parameter.shape != array.shape:
            sys.exit(f"pytorch_step.py: {name} is {array.shape}, here {tuple(parameter.shape)}")
        with torch.no_grad():
            parameter.copy_(torch.from_numpy(array))
        loaded[name] = parameter
    if parameters:
        sys.exit(f"pytorch_step.py: not in {path}: {', '.join(parameters)}")
    return loaded


def build_optimizer(keys, weights, decayed):
    groups = [
        {"params": [x for name, x in weights.items() if name in decayed], "weight_decay": float(keys["weight_decay"])},
        {"params": [x for name, x in weights.items() if name not in decayed], "weight_decay": 0.0},
    ]
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[keys["name"]]
    betas = tuple(float(beta) for beta in keys["betas"])
    return kind([group for group in groups if group["params"]], lr=0.0, betas=betas, eps=float(keys["epsilon"]))


def refuse_what_is_not_repeated(config):
    if config["optimizer"].get("clip_value") is not None or config["train"]["dtype"] != "float32":
        sys.exit("pytorch_step.py: only float32 and clipping by norm are repeated here")
    for key, value in config["model"].items():
        if key.endswith("dropout") and float(value) != 0:
            sys.exit(f"pytorch_step.py: {key} is {value}; dropout is not repeated here")


def distance_from_ours(folder, weights):
    """How far the weights are from ours after the last step, over how far ours have moved since the first."""
    apart = moved = 0.0
    files = (safetensors_file.read(folder / file) for file in ("weights.safetensors", "final_weights.safetensors"))
    for (name, initial), (_, final) in zip(*files):
        final = final.astype(numpy.float64)
        apart += numpy.square(weights[name].detach().numpy() - final).sum()
        moved += numpy.square(initial - final).sum()
    return float(numpy.sqrt(apart / moved))


def environment():
    """The BLAS that this process has loaded, and what the kernel says of its memory."""
    paths = sorted({line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "blas" in line})
    description = "unknown"
    for path in paths:
        library = ctypes.CDLL(path)
        if hasattr(library, "openblas_get_config"):
            library.openblas_get_config.restype = ctypes.c_char_p
            description = library.openblas_get_config().decode()
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {
        "blas": description,
        "blas_files": paths,
        "peak_resident_mb": int(status["VmHWM"].split()[0]) * 1024e-6,
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "python": sys.version.split()[0],
        "torch_vectors": next(line for line in torch.__config__.show().splitlines() if "capability" in line).split()[-1],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--warm-up", type=int, default=10)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--check", action="store_true", help="all steps are taken: compare the weights with ours, too")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    config = yaml.safe_load((options.folder / "config.yaml").read_text())
    refuse_what_is_not_repeated(config)
    steps_path = options.folder / "steps.safetensors"
    steps = dict(safetensors_file.read(steps_path))
    inputs = torch.from_numpy(steps["inputs"]).long()
    targets = torch.from_numpy(steps["targets"]).long()
    if len(inputs) < options.warm_up + options.steps:
        sys.exit(f"pytorch_step.py: {options.folder} holds {len(inputs)} steps only")
    weights_path = options.folder / "weights.safetensors"
    mask = safetensors_file.metadata(steps_path)["mask"]
    model = build_model(config["model"], safetensors_file.shapes(weights_path), inputs.shape[-1], mask)
    weights = load_weights(model, weights_path)
    parameters = list(weights.values())
    optimizer = build_optimizer(config["optimizer"], weights, safetensors_file.metadata(weights_path)["decayed"].split())
    clip_norm = config["optimizer"]["clip_norm"]

    losses, seconds = [], []
    for step in range(options.warm_up + options.steps):
        start = time.perf_counter()
        for group in optimizer.param_groups:
            group["lr"] = steps["learning_rates"][step]
        logits = model(inputs[step])
        loss = F.cross_entropy(logits.view(-1, logits.size(-1)), targets[step].view(-1))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(parameters, float(clip_norm))
        optimizer.step()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - start)
    timed = numpy.array(seconds[options.warm_up:]) * 1e3
    numbers = {"losses": losses, "step_ms/median": numpy.median(timed), **environment()}
    if options.check:
        numbers["weights_apart"] = distance_from_ours(options.folder, weights)
    print(json.dumps(numbers))


if __name__ == "__main__":
    main()
