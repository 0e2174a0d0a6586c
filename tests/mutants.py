#!/usr/bin/env python3
"""Plants bugs in derivatives, one at a time, and requires that the tests of the autograd notice each of them.

    python3 tests/mutants.py [-j JOBS] [NAME ...]     all mutants, or those whose names contain one of the words

Works on a copy of the tree in one temporary build folder, so the tree itself is never touched. Prints a table, mutant by
mutant: the test that failed first. Exit status 1 if one survives, or if its text is no longer in the source.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
OPS, KERNELS = "autograd/ops/", "autograd/kernels/"

# name, file, text (which must stand there once), what takes its place
MUTANTS = [
    # Primitives.
    ("add_factor_2", OPS + "arithmetic.cpp", "return {backward.dy(), backward.dy()};",
     "return {backward.dy(), 2.0 * backward.dy()};"),
    ("subtract_sign", OPS + "arithmetic.cpp", "backward.needs(1) ? -backward.dy() : Tensor()",
     "backward.needs(1) ? backward.dy() : Tensor()"),
    ("multiply_swapped", OPS + "arithmetic.cpp", "backward.needs(0) ? dy * b : Tensor()",
     "backward.needs(0) ? dy * a : Tensor()"),
    ("divide_not_squared", OPS + "arithmetic.cpp", "-(dy * a / (b * b))", "-(dy * a / b)"),
    ("maximum_to_the_wrong_side", OPS + "arithmetic.cpp", "return {where(second, zero, dy), where(second, dy, zero)};",
     "return {where(second, dy, zero), where(second, zero, dy)};"),
    ("where_unselected_gradient", OPS + "arithmetic.cpp", "backward.needs(1) ? where(condition, dy, zero) : Tensor()",
     "backward.needs(1) ? dy : Tensor()"),
    ("tanh_of_input", OPS + "functions.cpp", "return 1.0 - square(y);", "return 1.0 - square(tanh(y));"),
    ("exp_detached", OPS + "functions.cpp", "[](const Tensor& y) { return y; }",
     "[](const Tensor& y) { return detach(y); }"),
    ("rsqrt_1_percent", OPS + "functions.cpp", "-0.5 * (y * y * y)", "-0.505 * (y * y * y)"),
    ("sum_missing", "autograd/engine.cpp", "part = sum_to(part, node->inputs[i].shape);",
     "part = reshape(slice(reshape(part, {part.size()}), 0, 0, node->inputs[i].shape.size()), node->inputs[i].shape);"),
    ("gradients_not_added", "autograd/engine.cpp", "kernels::add_into(sum.size(), part.data<T>(), sum.data<T>());",
     "std::copy_n(part.data<T>(), sum.size(), sum.data<T>());"),
    ("matmul_not_transposed", OPS + "matmul.cpp", "matmul(dy, b, false, !transpose_b)",
     "(b.dim(-1) == b.dim(-2) ? matmul(dy, b, false, transpose_b) : matmul(dy, b, false, !transpose_b))"),
    ("permute_not_inverted", OPS + "shapes.cpp", "return {permute(backward.dy(), inverse)};",
     "return {permute(permute(permute(backward.dy(), inverse), inverse), inverse)};"),  # the same for a swap alone
    ("slice_off_by_one", OPS + "shapes.cpp", "pad(backward.dy(), axis, begin, size - end)",
     "(size > end ? pad(backward.dy(), axis, begin + 1, size - end - 1) : pad(backward.dy(), axis, begin, size - end))"),
    ("scatter_overwrites", KERNELS + "rows.h", "to[j] += from[j];", "to[j] = from[j];"),
    # Fused ops.
    ("linear_bias_first_row", OPS + "linear.cpp", "kernels::sum_middle<T>(1, rows, out,",
     "kernels::sum_middle<T>(1, std::min<int64_t>(1, rows), out,"),
    ("linear_forgets_tied_sum", OPS + "linear.cpp", ".beta = T(sum == nullptr ? 0 : 1)", ".beta = T(0)"),
    ("gelu_without_density", OPS + "activations.cpp",
     "+ v * T(inverse_root_2_pi) * std::exp(T(-0.5) * v * v)", ""),
    ("gelu_tanh_1_percent", OPS + "activations.cpp", "T(3 * cubic)", "T(3.03 * cubic)"),
    ("silu_sign", OPS + "activations.cpp", "s * (T(1) + v * (T(1) - s))", "s * (T(1) - v * (T(1) - s))"),
    ("layer_norm_constant_mean", KERNELS + "norm.cpp", "g[i] * gain[i] - scale * total - (from[i]",
     "g[i] * gain[i] - (from[i]"),
    ("layer_norm_constant_variance", KERNELS + "norm.cpp", "- (from[i] - m) * r * (scale * product)", ""),
    ("layer_norm_bias_last_piece_lost", KERNELS + "norm.cpp", "sum_middle<T>(1, pieces, columns, biases, dbias)",
     "sum_middle<T>(1, std::max<int64_t>(1, pieces - 1), columns, biases, dbias)"),
    ("rms_norm_without_gain", KERNELS + "norm.cpp", "product += g[i] * gain[i] * from[i] * r;",
     "product += g[i] * from[i] * r;"),
    ("softmax_diagonal_only", KERNELS + "softmax.cpp", "to[i] = p[i] * (d[i] - product);",
     "to[i] = p[i] * (d[i] - d[i] * p[i]);"),
    ("log_softmax_total_missing", KERNELS + "softmax.cpp", "d[i] - std::exp(from[i]) * total",
     "d[i] - std::exp(from[i])"),
    ("cross_entropy_smoothing_ignored", KERNELS + "softmax.cpp", "to[targets[row]] -= dloss * (T(1) - smoothing);",
     "to[targets[row]] -= dloss;"),
    ("cross_entropy_ignored_counts", KERNELS + "softmax.cpp",
     "    if (targets[row] == ignored) {\n      std::fill_n(to, columns, T(0));",
     "    if (targets[row] == ignored) {\n      std::fill_n(to, columns, dloss / T(100));"),
    ("dropout_not_scaled_back", OPS + "dropout.cpp", "return {dropout(backward.dy(), probability, key)};",
     "return {dropout(backward.dy(), probability, key) * (1.0 - probability)};"),
    ("dropout_other_mask", OPS + "dropout.cpp", "return {dropout(backward.dy(), probability, key)};",
     "return {dropout(backward.dy(), probability, {key.key, key.first_sample + 1})};"),
    # Attention's backward kernel.
    ("attention_scale_missing_in_dq", KERNELS + "attention.cpp",
     ".k = tile.columns,\n                       .alpha = static_cast<T>(p.scale),", ".k = tile.columns,"),
    ("attention_mask_ignored_in_backward", KERNELS + "attention.cpp", "tile.fill_outside(weights, T(0));", ""),
    ("attention_mask_cut_ignored", KERNELS + "attention_tile.h", "keys_of(first).end < tile.end", "false"),
    ("attention_correction_missing", KERNELS + "attention.cpp", "ds[i] = w[i] * (ds[i] - shift);",
     "ds[i] = w[i] * ds[i];"),
    ("attention_dropout_missing_in_dv", KERNELS + "attention.cpp", ".a = kept,", ".a = weights,"),
    ("attention_dropout_missing_in_scores", KERNELS + "attention.cpp",
     "if (p.dropout > 0) dropout.apply(sample, head * p.queries + query + row, key, tile.columns, ds, ds);", ""),
    ("attention_nan_guard_missing", KERNELS + "attention.cpp", "tile.fill_outside(dscores, T(0));", ""),
    ("attention_last_tile_overwrites_dk", KERNELS + "attention.cpp",
     ".beta = 1,\n                       .c = at(dk,", ".beta = 0,\n                       .c = at(dk,"),
    ("attention_dv_of_other_head", KERNELS + "attention.cpp", ".c = at(dv, p.v, sample, head, key)",
     ".c = at(dv, p.v, sample, p.heads - 1 - head, key)"),
    # The engine.
    ("detached_reference", "autograd/engine.cpp", "{.seeds = visit.gradients, .differentiable = true}",
     "{.seeds = visit.gradients, .keep_graph = true}"),
    ("versions_not_checked", "autograd/engine.cpp", "tensors[i].body().buffer->version == versions[i]", "i >= 0"),
    ("shared_buffer_added_to", "autograd/engine.cpp", "!options_.differentiable && sum.unshared()",
     "!options_.differentiable"),
]


def copy_tree(to):
    files = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True,
                           capture_output=True, text=True).stdout.split("\0")  # fmt: skip
    for file in filter(None, files):
        if (ROOT / file).is_file():
            (to / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / file, to / file)


def build(folder, jobs):
    command = ["cmake", "--build", folder / "build", "--target", "autograd_test", "-j", str(jobs)]
    return subprocess.run(command, capture_output=True, text=True)


def first_failure(folder):
    """The name of the first test that fails, or None."""
    program = folder / "build/tests/autograd_test"
    try:
        # Without the tests that judge time, which catch nothing that concerns a value.
        result = subprocess.run([program, "--gtest_fail_fast", "--gtest_brief=1", "--gtest_filter=-*AMillionNodes*"],
                                capture_output=True, text=True, timeout=600,
                                env=os.environ | {"OMP_WAIT_POLICY": "passive"})  # fmt: skip
    except subprocess.TimeoutExpired:
        return "a test that does not end"
    if result.returncode == 0:
        return None
    found = re.search(r"\[  FAILED  \] ([\w/]+\.[\w/]+)", result.stdout)
    return found[1] if found else f"a crash ({result.returncode})"


def configure(folder):
    # -O1: what is compiled most is compiled fast, and finite differences are still quick enough.
    command = ["cmake", "-S", folder, "-B", folder / "build", "-DCMAKE_BUILD_TYPE=Release",
               "-DCMAKE_CXX_FLAGS_RELEASE=-O1 -DNDEBUG", "-DTRANSFORMLET_BENCH=OFF"]  # fmt: skip
    if shutil.which("ninja"):
        command += ["-G", "Ninja"]
    if shutil.which("ccache"):
        command += ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def try_mutant(folder, jobs, file, text, replacement):
    path = folder / file
    original = path.read_text()
    if original.count(text) != 1:
        return "STALE", f"the text stands {original.count(text)} times in {file}"
    path.write_text(original.replace(text, replacement))
    try:
        built = build(folder, jobs)
        if built.returncode != 0:
            error = re.search(r"error: .*", built.stdout)
            return "STALE", f"does not compile: {error[0] if error else built.stdout[-200:]}"
        caught = first_failure(folder)
        return ("caught", caught) if caught else ("SURVIVED", "no test fails")
    finally:
        path.write_text(original)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-j", "--jobs", type=int, default=2)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    chosen = [m for m in MUTANTS if not arguments.names or any(name in m[0] for name in arguments.names)]
    with tempfile.TemporaryDirectory(prefix="mutants-") as temporary:
        folder = pathlib.Path(temporary)
        os.environ |= {"CCACHE_BASEDIR": temporary, "CCACHE_NOHASHDIR": "1"}  # hits though the folder's name changes
        copy_tree(folder)
        configure(folder)
        built = build(folder, arguments.jobs)
        if built.returncode != 0:
            sys.exit(built.stdout[-3000:])
        if broken := first_failure(folder):
            sys.exit(f"{broken} fails without any mutant")
        bad = 0
        for name, file, text, replacement in chosen:
            verdict, by = try_mutant(folder, arguments.jobs, file, text, replacement)
            bad += verdict != "caught"
            print(f"{verdict:9} {name:36} {by}", flush=True)
    print(f"{len(chosen) - bad} of {len(chosen)} caught")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
