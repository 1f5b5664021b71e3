"""Trains with JAX from a table to saved parameters: `job_jax.py TABLE FILE`. An epoch is one compiled call; rows that do
not fill the last batch wait for the next epoch."""

import os
import sys
from functools import partial

os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import numpy as np

import nets_jax
from serve import weights
from tables import read

x, y = read(sys.argv[1])
small = len(x) < 1000
layers = [4, 16, 16, 3] if small else [784, 512, 512, 10]
epochs, batch, rate = (50, 32, 1e-2) if small else (10, 128, 1e-3)


@partial(jax.jit, donate_argnums=0)
def epoch(state, x, y, order):
    one = lambda state, rows: nets_jax.step("softmax_cross_entropy", rate, state, x[rows], y[rows])
    return jax.lax.scan(one, state, order)


x, y = jax.device_put((x, y))
state = nets_jax.start(weights(layers))
random = np.random.default_rng(0)
for _ in range(epochs):
    order = random.permutation(len(x))[: len(x) // batch * batch].reshape(-1, batch)
    state, losses = epoch(state, x, y, order)
np.savez(sys.argv[2], *jax.tree.leaves(state[0]))
