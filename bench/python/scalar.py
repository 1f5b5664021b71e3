"""Functions of scalars, written with plain operators, and the points at which they are differentiated."""

import random

SIZES = [8, 9, 9, 9, 4]


def numbers(seed, count, scale=1.0):
    draw = random.Random(seed)
    return [draw.uniform(-scale, scale) for _ in range(count)]


def point(name):
    """Where the function is differentiated."""
    parameters = sum((n + 1) * m for n, m in zip(SIZES, SIZES[1:]))
    return {
        "sigmoid": [0.5, -0.3, 0.1, 0.8, 1.2],
        "rosenbrock": numbers(1, 100),
        "network": numbers(2, parameters, 0.5),
    }[name]


def function(name, exp, tanh):
    """The function of an indexable point, with these functions for its operators."""

    def sigmoid(p):
        w1, w2, b, x, y = (p[i] for i in range(5))
        return 1.0 / (1.0 + exp(-(w1 * x + w2 * y + b)))

    def rosenbrock(x):
        total = 0.0
        for i in range(99):
            a, b = x[i + 1] - x[i] * x[i], 1.0 - x[i]
            total = total + 100.0 * (a * a) + b * b
        return total

    def network(p):
        parameters = iter(range(10**6))
        h = numbers(3, SIZES[0])
        for layer, width in enumerate(SIZES[1:]):
            outputs = []
            for _ in range(width):
                z = p[next(parameters)]
                for value in h:
                    z = z + p[next(parameters)] * value
                outputs.append(z if layer == len(SIZES) - 2 else tanh(z))
            h = outputs
        total = 0.0
        for value, target in zip(h, numbers(4, SIZES[-1])):
            total = total + (value - target) * (value - target)
        return total

    return {"sigmoid": sigmoid, "rosenbrock": rosenbrock, "network": network}[name]
