"""CasADi's virtual machine on scalar expressions: `peer_casadi.py VARIANT THREADS MODELS`."""

import casadi
import numpy as np

import scalar
from serve import repeated, serve


def scalars(case):
    f, start = scalar.function(case["function"], casadi.exp, casadi.tanh), scalar.point(case["function"])
    x = casadi.SX.sym("x", len(start))
    value = f([x[i] for i in range(len(start))])
    gradient = casadi.Function("gradient", [x], [value, casadi.gradient(value, x)])
    points = case["points"]
    if points > 1:
        gradient = gradient.map(points)
    # Buffers hand memory over without conversion.
    buffer, run = gradient.buffer()
    arrays = [np.tile(start, (points, 1)), np.zeros(points), np.zeros((points, len(start)))]
    buffer.set_arg(0, memoryview(arrays[0]))
    buffer.set_res(0, memoryview(arrays[1]))
    buffer.set_res(1, memoryview(arrays[2]))

    # The buffer knows addresses only: it and the arrays must live as long as the work.
    def work(count, _kept=(buffer, arrays)):
        for _ in range(count):
            run()

    return work


serve(scalars)
