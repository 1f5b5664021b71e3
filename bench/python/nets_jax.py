"""A feed-forward network, its losses and Adam in JAX."""

import jax
import jax.numpy as jnp


def forward(parameters, x):
    for w, b in parameters[:-1]:
        x = jnp.maximum(x @ w + b, 0)
    w, b = parameters[-1]
    return x @ w + b


def softmax_cross_entropy(z, y):
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], 1))


def binary_cross_entropy(z, y):
    return jnp.mean(jnp.maximum(z, 0) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z))))


def squared(z, y):
    return jnp.mean((z - y) ** 2)


LOSSES = {f.__name__: f for f in (softmax_cross_entropy, binary_cross_entropy, squared)}


def start(weights):
    """Parameters and both moments of Adam, with the number of steps done."""
    parameters = [(jnp.asarray(w), jnp.asarray(b)) for w, b in weights]
    zeros = lambda: jax.tree.map(jnp.zeros_like, parameters)
    return parameters, zeros(), zeros(), jnp.float32(0)


def step(loss, rate, state, x, y):
    """One step of Adam (Kingma and Ba 2015)."""
    parameters, m, v, t = state
    value, gradient = jax.value_and_grad(lambda p: LOSSES[loss](forward(p, x), y))(parameters)
    t = t + 1
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, gradient)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, gradient)
    m_scale, v_scale = 1 / (1 - 0.9**t), 1 / (1 - 0.999**t)
    move = lambda p, m, v: p - rate * (m * m_scale) / (jnp.sqrt(v * v_scale) + 1e-8)
    return (jax.tree.map(move, parameters, m, v), m, v, t), value
