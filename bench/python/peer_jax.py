"""JAX: `peer_jax.py VARIANT THREADS MODELS`, where the variant is `jit`, a call for each step, or `scan`, all steps in one
call. The number of threads is that of the cores the process may use."""

import os
import sys
from functools import partial

os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
import numpy as np

import nets_jax
import scalar
from serve import BATCHES, inputs, repeated, serve, targets, weights

variant = sys.argv[1]


def training(case):
    step = partial(nets_jax.step, case["loss"], 1e-6)
    state = nets_jax.start(weights(case["layers"]))
    xs, ys = jnp.asarray(inputs(case, BATCHES)), jnp.asarray(targets(case, BATCHES))

    if variant == "scan":

        @partial(jax.jit, donate_argnums=0)
        def steps(state, xs, ys, count):
            def one(i, state):
                x, y = (jax.lax.dynamic_index_in_dim(a, i % BATCHES, keepdims=False) for a in (xs, ys))
                return step(state, x, y)[0]

            return jax.lax.fori_loop(0, count, one, state)

        def work(count):
            nonlocal state
            state = jax.block_until_ready(steps(state, xs, ys, count))

        return work

    one = jax.jit(step, donate_argnums=0)
    batches = [(jnp.asarray(x), jnp.asarray(y)) for x, y in zip(xs, ys)]

    def work(count):
        nonlocal state
        for i in range(count):
            state, _ = one(state, *batches[i % BATCHES])
        jax.block_until_ready(state)

    return work


def inference(case):
    parameters = nets_jax.start(weights(case["layers"]))[0]
    forward, x = jax.jit(nets_jax.forward), jnp.asarray(inputs(case)[0])
    return repeated(lambda: forward(parameters, x).block_until_ready())


def scalars(case):
    jax.config.update("jax_enable_x64", True)
    f = scalar.function(case["function"], jnp.exp, jnp.tanh)
    x = np.array(scalar.point(case["function"]))
    gradient = jax.value_and_grad(f)
    if case["points"] > 1:
        gradient = jax.vmap(gradient)
        x = x + 1e-4 * np.arange(case["points"])[:, None]
    gradient, x = jax.jit(gradient), jnp.asarray(x)
    return repeated(lambda: jax.block_until_ready(gradient(x)))


serve(lambda case: {"training": training, "inference": inference, "scalar": scalars}[case["work"]](case))
