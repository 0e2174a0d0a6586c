"""What bench/compare and bench/neighbour share: starting our program, and what to make of its numbers."""
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "build" / "transformlet"


class Workload:
    """`gate` and `goal`: how many times as fast as PyTorch. `memory`: the most that the process may take, in MB."""

    def __init__(self, name, config, steps, gate, goal, memory):
        self.name, self.config, self.steps = name, config, steps
        self.gate, self.goal, self.memory = gate, goal, memory


WORKLOADS = [
    Workload("a", "configs/reverse.yaml", steps=300, gate=3.0, goal=5.0, memory=40),
    Workload("b", "configs/bench/char.yaml", steps=60, gate=1.5, goal=1.9, memory=80),
    Workload("c", "configs/bench/baby.yaml", steps=5, gate=1.3, goal=1.5, memory=550),
    Workload("d", "configs/bench/gpt2.yaml", steps=3, gate=1.5, goal=1.8, memory=2300),
    Workload("e", "configs/bench/long.yaml", steps=10, gate=3.0, goal=4.0, memory=120),
]


def chosen_workloads(only):
    """Those whose letters are in `only` (all without it) and whose configs there are."""
    unknown = set(only or "") - {workload.name for workload in WORKLOADS}
    if unknown:
        sys.exit(f"there is no workload {', '.join(sorted(unknown))}; there are a to e")
    chosen = [workload for workload in WORKLOADS if not only or workload.name in only]
    for workload in chosen:
        if not (ROOT / workload.config).exists():
            sys.exit(f"{workload.config} does not exist; --only chooses among the others")
    return chosen


def require_program():
    if not PROGRAM.exists():
        sys.exit(f"{PROGRAM} is not built; ./run bench --help builds it")


def environment_without(*prefixes):
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}


def bench(config, steps, warm_up, environment, threads=None, export=None):
    """The numbers of `transformlet bench`."""
    with tempfile.TemporaryDirectory() as folder:
        numbers = Path(folder) / "bench.json"
        command = [PROGRAM, "bench", config, "--steps", str(steps), "--warm-up", str(warm_up), "--json", numbers]
        if threads is not None:
            command.append(f"train.threads={threads}")
        if export is not None:
            command += ["--export", export]
        subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
        return json.loads(numbers.read_text())


def median_of(runs, key):
    return statistics.median(run[key] for run in runs)


def median_ratio(numerators, denominators, key):
    """The median of the turns' ratios: what else the machine does falls on both sides of a turn."""
    return statistics.median(a[key] / b[key] for a, b in zip(numerators, denominators))
