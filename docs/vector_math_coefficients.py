"""Prints the coefficients of autograd/kernels/vector_math.h: minimax polynomials by Remez' exchange.

    python3 docs/vector_math_coefficients.py          (needs mpmath; under a minute)
"""
from mpmath import mp, mpf, cos, erf, erfc, exp, lu_solve, matrix, pi, sqrt, tanh, log

mp.dps = 60


def polynomial(coefficients, x):
    result = mpf(0)
    for c in reversed(coefficients):
        result = result * x + c
    return result


def remez(function, weight, low, high, degree, turns=12):
    """The polynomial p that makes the largest |weight (p - function)| on [low, high] smallest, and that error."""
    count = degree + 2
    middle, half = (low + high) / 2, (high - low) / 2
    points = [middle - half * cos(pi * i / (count - 1)) for i in range(count)]
    grid = [middle - half * cos(pi * i / (40 * count)) for i in range(40 * count + 1)]
    values = [(function(x), weight(x)) for x in grid]
    for _ in range(turns):
        equations, right = matrix(count, count), matrix(count, 1)
        for row, x in enumerate(points):
            for column in range(degree + 1):
                equations[row, column] = ((x - middle) / half) ** column
            equations[row, degree + 1] = (-1) ** row / weight(x)
            right[row] = function(x)
        solution = lu_solve(equations, right)
        inner = list(solution)[: degree + 1]
        errors = [w * (polynomial(inner, (x - middle) / half) - f) for x, (f, w) in zip(grid, values)]
        # The largest error of each run of one sign is a new point; of too many runs, the largest neighbours stay.
        runs = []
        for i, e in enumerate(errors):
            if runs and (errors[runs[-1]] > 0) == (e > 0):
                if abs(e) > abs(errors[runs[-1]]):
                    runs[-1] = i
            else:
                runs.append(i)
        while len(runs) > count:
            runs.pop(0 if abs(errors[runs[0]]) < abs(errors[runs[-1]]) else -1)
        if len(runs) < count:
            break
        points = [grid[i] for i in runs]
    # From ((x - middle) / half)^k to x^k.
    result = [mpf(0)] * (degree + 1)
    for c in reversed(inner):
        shifted = [mpf(0)] + result[:-1]
        result = [(s - middle * r) / half for s, r in zip(shifted, result)]
        result[0] += c
    return result, max(abs(e) for e in errors)


def scaled_erfc(t):
    if t < 1000:
        return exp(t * t) * erfc(t)
    return (1 - 1 / (2 * t**2) + 3 / (4 * t**4) - 15 / (8 * t**6)) / (t * sqrt(pi))


def of_u(u):  # (t + 3) scaled_erfc(t), with u = (t - 3) / (t + 3)
    if u > 1 - mpf("1e-9"):
        return 1 / sqrt(pi)
    t = 3 * (1 + u) / (1 - u)
    return (t + 3) * scaled_erfc(t)


tiny = mpf("1e-12")


def without_zero(f, at_zero):
    return lambda x: at_zero if abs(x) < tiny else f(x)


ln2_half = log(2) / 2 * mpf("1.0001")
bound = mpf("0.55") ** 2
tasks = {
    "exp: (e^r - 1 - r) / r^2, |r| <= ln(2) / 2":
        (without_zero(lambda r: (exp(r) - 1 - r) / r**2, mpf(1) / 2), lambda r: max(r * r, tiny) / exp(r),
         -ln2_half, ln2_half, 4, 9),
    "tanh: (tanh(x) / x - 1) / z, z = x^2 <= 0.55^2":
        (without_zero(lambda z: (tanh(sqrt(z)) / sqrt(z) - 1) / z, -mpf(1) / 3),
         lambda z: max(z, tiny) * sqrt(max(z, tiny)) / tanh(sqrt(max(z, tiny))), mpf(0), bound, 4, 10),
    "erf: erf(x) / x - 1, z = x^2 <= 1":
        (without_zero(lambda z: erf(sqrt(z)) / sqrt(z) - 1, 2 / sqrt(pi) - 1),
         lambda z: sqrt(max(z, tiny)) / erf(sqrt(max(z, tiny))), mpf(0), mpf(1), 6, 11),
    "scaled erfc: (t + 3) e^(t^2) erfc(t), u = (t - 3) / (t + 3), t >= 0":
        (of_u, lambda u: 1 / of_u(u), mpf(-1), mpf(1), 10, 23),
}
for name, (function, weight, low, high, narrow, wide) in tasks.items():
    for kind, degree, digits in (("float", narrow, 9), ("double", wide, 17)):
        coefficients, error = remez(function, weight, low, high, degree)
        print(f"// {name}; {kind}: largest relative error 2^{float(log(error, 2)):.1f}")
        print(", ".join(mp.nstr(c, digits, min_fixed=1, max_fixed=0) for c in coefficients))
