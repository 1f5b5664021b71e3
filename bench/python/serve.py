"""What contestants in Python have in common: each reads cases from standard input, one JSON document a line, and answers
each with the seconds that one run of it took. `serve.rs` is the same in Rust."""

import json
import math
import sys
import time

import numpy as np

# Batches that take turns, as in `backpass::measure`.
BATCHES = 16


def serve(prepare):
    """Answers requests until standard input ends; `prepare(case)` gives a function that runs the case so many times.
    A case stays prepared until another one is asked for."""
    kept = work = None
    for line in sys.stdin:
        case = json.loads(line)
        seconds = case.pop("seconds")
        try:
            if case != kept:
                kept = work = None
                work = prepare(case)
                work(2)  # compiles, and meets cold memory
                kept = case
            answer = {"seconds": sample(work, seconds)}
        except Exception as error:
            kept = work = None
            answer = {"error": repr(error)}
        print(json.dumps(answer), flush=True)


def sample(work, seconds):
    """The mean time of one run, over as many runs as fill `seconds`."""

    def timed(count):
        start = time.perf_counter()
        work(count)
        return time.perf_counter() - start

    count = 1
    while (taken := timed(count)) < seconds / 4:
        count *= 2
    count = max(1, math.ceil(seconds / taken * count))
    return timed(count) / count


def repeated(run):
    """Work made of one run."""

    def work(count):
        for _ in range(count):
            run()

    return work


def weights(layers):
    """Initial weights and biases, inputs first."""
    random = np.random.default_rng(1)
    pairs = zip(layers, layers[1:])
    return [(random.normal(0, (2 / n) ** 0.5, (n, m)).astype(np.float32), np.zeros(m, np.float32)) for n, m in pairs]


def inputs(case, batches=1):
    """Random rows."""
    shape = (batches, case["rows"], case["layers"][0])
    return np.random.default_rng(2).standard_normal(shape, np.float32)


def targets(case, batches=1):
    """Random targets that suit the loss: class numbers, or one number a row."""
    random = np.random.default_rng(3)
    outputs = case["layers"][-1]
    if case["loss"] == "softmax_cross_entropy":
        return random.integers(0, outputs, (batches, case["rows"]), np.int32)
    shape = (batches, case["rows"], outputs)
    if case["loss"] == "binary_cross_entropy":
        return random.integers(0, 2, shape).astype(np.float32)
    return random.standard_normal(shape, np.float32)
