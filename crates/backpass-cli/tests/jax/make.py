"""Writes expressions.jsonl: random expressions with their values and gradients according to JAX.

    python -m venv /tmp/jaxvenv && /tmp/jaxvenv/bin/pip install jax
    /tmp/jaxvenv/bin/python crates/backpass-cli/tests/jax/make.py

Every operator and composite function has its meaning written here from its formula in REFERENCE.md; JAX does the rest
in f64. An expression grows from the leaves up, and each node is checked as it is made: its operands keep a MARGIN from
kinks, ties, jumps and the borders of the domain, and from regions where 1 - y cancels in a saturated function. At the
end every node is disturbed by NOISE; an expression whose value or gradients amplify that is thrown away, so that what
is left is determined to far more digits than the tests compare.

Where JAX could have a derivative of its own taste, `flat` cuts it off: steps, signs, comparisons and sizes have zero
derivative by backpass's definition, and so have conditions. Indices of `gather` and `one_hot` have none, so they are
always constants here.
"""

import json
import pathlib
import random

import jax

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp
import numpy as np

SEED = 20240229
EXPRESSIONS = 500
AT_LEAST = 8
MARGIN = 1e-3
DEPTH = 6
# The sizes of one expression's arrays; a few sets, because JAX compiles every operator for every shape.
SIZES = [(2, 3, 2), (2, 1, 4), (1, 2, 3), (3, 4, 1)]
LARGEST = 1e3
NOISE = 1e-12
AMPLIFIED = 1e-10

flat = jax.lax.stop_gradient


def indicator(condition):
    return flat(jnp.where(condition, 1.0, 0.0))


def sigmoid(x):
    return 1 / (1 + jnp.exp(-x))


def clamp(x, low=-jnp.inf, high=jnp.inf):
    return jnp.where(x < low, low, jnp.where(x > high, high, x))


def select(c, a, b):
    c, a, b = jnp.broadcast_arrays(c, a, b)
    return jnp.where(flat(c) != 0, a, b)


def power(a, b):
    """Repeated multiplication where the exponent is a small whole constant, so that the base may be negative."""
    if not isinstance(b, jax.core.Tracer) and np.ndim(b) == 0 and float(b) in (0, 1, 2, 3):
        return jnp.prod(jnp.stack([a] * int(b)), axis=0) if b else jnp.ones_like(a)
    return jnp.exp(b * jnp.log(a))


def product(a, b, transpose_left=False, transpose_right=False):
    a, b = (a.T if transpose_left else a), (b.T if transpose_right else b)
    left, right = "ik"[2 - a.ndim :], "kj"[: b.ndim]
    return jnp.einsum(f"{left},{right}->{(left + right).replace('k', '')}", a, b)


def every(x, axis):
    """The axes that a reduction removes: one, or all when none is said."""
    return tuple(range(x.ndim)) if axis is None else (axis,)


def softmax(x, axis=None):
    powers = jnp.exp(x)
    return powers / jnp.sum(powers, axis=-1 if axis is None else axis, keepdims=True)


ALPHA, SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946

# Functions of one number: the meaning, and how far a number is from where the function is unfit for comparison.
everywhere = lambda x: np.inf + x * 0
near = lambda limit: lambda x: limit - abs(x)
kinks = lambda *points: lambda x: np.min([abs(x - p) for p in points], axis=0)
both = lambda f, g: lambda x: np.minimum(f(x), g(x))
positive = lambda x: x

UNARY = {
    "exp": (jnp.exp, near(5)),
    "log": (jnp.log, positive),
    "ln": (jnp.log, positive),
    "sqrt": (jnp.sqrt, positive),
    "abs": (lambda x: jnp.where(x > 0, x, -x), kinks(0)),
    "sin": (jnp.sin, near(100)),
    "cos": (jnp.cos, near(100)),
    "erf": (jax.scipy.special.erf, near(4)),
    "step": (lambda x: indicator(x > 0), kinks(0)),
    "sigmoid": (sigmoid, near(8)),
    "tanh": (lambda x: (jnp.exp(x) - jnp.exp(-x)) / (jnp.exp(x) + jnp.exp(-x)), near(5)),
    "relu": (lambda x: jnp.where(x > 0, x, 0.0), kinks(0)),
    "selu": (lambda x: SCALE * jnp.where(x > 0, x, ALPHA * jnp.expm1(x)), both(kinks(0), near(8))),
    "gelu": (lambda x: x / 2 * (1 + jax.scipy.special.erf(x / jnp.sqrt(2))), near(3)),
    "gelu_tanh": (lambda x: x / 2 * (1 + jnp.tanh(jnp.sqrt(2 / jnp.pi) * (x + 0.044715 * x * x * x))), near(3)),
    "silu": (lambda x: x / (1 + jnp.exp(-x)), near(8)),
    "mish": (lambda x: x * jnp.tanh(jnp.log1p(jnp.exp(x))), near(5)),
    "softplus": (lambda x: jnp.log1p(jnp.exp(x)), near(8)),
    "neg": (lambda x: -x, everywhere),
    "hard_sigmoid": (lambda x: clamp(x / 6 + 0.5, 0, 1), kinks(-3, 3)),
    "hard_tanh": (lambda x: clamp(x, -1, 1), kinks(-1, 1)),
    "hard_swish": (lambda x: x * clamp(x / 6 + 0.5, 0, 1), kinks(-3, 3)),
    "is_nan": (lambda x: indicator(jnp.isnan(x)), everywhere),
    "square": (lambda x: x * x, everywhere),
    "sign": (lambda x: indicator(x > 0) - indicator(x < 0), kinks(0)),
}

distance = lambda a, b: abs(a - b)

BINARY = {
    "add": (lambda a, b: a + b, lambda a, b: everywhere(a)),
    "sub": (lambda a, b: a - b, lambda a, b: everywhere(a)),
    "mul": (lambda a, b: a * b, lambda a, b: everywhere(a)),
    "div": (lambda a, b: a / b, lambda a, b: abs(b) - 0.05),
    "pow": (power, lambda a, b: np.where(np.isin(b, (0, 1, 2, 3)) & (np.ndim(b) == 0), np.inf, a) + b * 0),
    "atan2": (jnp.arctan2, lambda a, b: np.where(b < 0, abs(a), np.hypot(a, b))),
    "minimum": (lambda a, b: jnp.where(a < b, a, b), distance),
    "maximum": (lambda a, b: jnp.where(a < b, b, a), distance),
    "<": (lambda a, b: indicator(a < b), distance),
    "<=": (lambda a, b: indicator(a <= b), distance),
    ">": (lambda a, b: indicator(a > b), distance),
    ">=": (lambda a, b: indicator(a >= b), distance),
    "==": (lambda a, b: indicator(a == b), distance),
    "!=": (lambda a, b: indicator(a != b), distance),
}

OTHER = {
    "leaky_relu": lambda x, slope=0.01: jnp.where(x > 0, x, slope * x),
    "elu": lambda x, alpha=1.0: jnp.where(x > 0, x, alpha * jnp.expm1(x)),
    "clamp": clamp,
    "select": select,
    "matmul": product,
    "sum": lambda x, axis=None: jnp.sum(x, every(x, axis)),
    "mean": lambda x, axis=None: jnp.sum(x, every(x, axis)) / np.prod([x.shape[a] for a in every(x, axis)]),
    "max": lambda x, axis=None: jnp.max(x, every(x, axis)),
    "log_sum_exp": lambda x, axis=None: jnp.log(jnp.sum(jnp.exp(x), every(x, axis))),
    "size": lambda x, axis: jnp.asarray(float(x.shape[axis])),
    "broadcast": lambda x, shape: jnp.broadcast_to(x, shape),
    "reshape": lambda x, shape: jnp.reshape(x, shape),
    "transpose": lambda x, axes: jnp.transpose(x, axes),
    "concat": lambda *parts, axis: jnp.concatenate(parts, axis),
    "slice": lambda x, axis, start, end: jax.lax.slice_in_dim(x, start, end, axis=axis),
    "gather": lambda table, rows: table[rows.astype(int)],
    "one_hot": lambda i, classes: indicator(i[..., None] == jnp.arange(classes)),
    "softmax": softmax,
    "log_softmax": lambda x, axis=None: jnp.log(softmax(x, axis)),
}

# What every operator is called in the fixtures; the six comparisons are one operator, `ln` is another name of `log`.
NAMES = {name: "compare" if name[0] in "<>=!" else "log" if name == "ln" else name for name in (*UNARY, *BINARY, *OTHER)}


class Node:
    def __init__(self, op, args=(), attributes=None, value=None, text=None):
        self.op, self.args, self.attributes, self.text = op, list(args), attributes or {}, text
        self.depth = 1 + max((a.depth for a in args), default=-1)
        self.value = np.asarray(self.meaning(*[jnp.asarray(a.value) for a in args]) if value is None else value)
        self.uses = 0

    shape = property(lambda self: self.value.shape)

    def meaning(self, *args):
        table = {**{n: f for n, (f, _) in (UNARY | BINARY).items()}, **OTHER}
        return table[self.op](*args, **self.attributes)


class Unfit(Exception):
    """The operands at hand do not suit the operator."""


def need(condition):
    if not condition:
        raise Unfit


def joint(*shapes):
    """What the shapes broadcast to."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise Unfit from None


class Grower:
    """Grows one expression from random leaves."""

    def __init__(self, rng):
        self.rng = rng
        self.sizes = rng.choice(SIZES)
        names = rng.sample(["x", "y", "w", "b", "W", "X", "w1", "x_2", "theta", "bias", "input1", "M"], rng.randint(1, 4))
        self.nodes = [Node("input", value=self.numbers(self.any_shape()), text=name) for name in names]

    def any_shape(self):
        k, m, n = self.sizes
        return self.rng.choice([(), (), (n,), (m, n), (m, n), (n, m), (m, 1), (1, n), (k, m, n)])

    def numbers(self, shape):
        low, high = self.rng.choice([(-2, 2), (-2, 2), (0.2, 2.5), (-4, 4)])
        return np.array([round(self.rng.uniform(low, high), 3) for _ in range(int(np.prod(shape)))]).reshape(shape)

    def constant(self, value=None):
        if value is None and self.rng.random() < 0.15:
            text, value = self.rng.choice([("pi", np.pi), ("tau", 2 * np.pi)])
            return Node("constant", value=value, text=text)
        if value is None:
            shape = () if self.rng.random() < 0.7 else self.any_shape()
            value = np.round(self.numbers(shape), 2)
        return Node("constant", value=np.asarray(value, float), text=literal(np.asarray(value, float)))

    def pick(self, fits=lambda node: True):
        """A node for an operand; those that nothing uses yet come first."""
        known = [n for n in self.nodes if n.depth < DEPTH and fits(n)]
        need(known)
        return self.rng.choices(known, [1 if n.uses else 4 + 2 * n.depth for n in known])[0]

    def fitting(self, *others):
        """A node, or sometimes a constant, that broadcasts with the others."""
        shape = joint(*(o.shape for o in others))
        node = self.constant() if self.rng.random() < 0.2 else self.pick()
        joint(shape, node.shape)
        return node

    def axis(self, x, all_axes=False):
        """An axis of `x` as an attribute; without attribute where the operator then takes all or the last."""
        if all_axes and self.rng.random() < 0.3:
            return {}
        need(x.shape)
        return {"axis": self.rng.randrange(len(x.shape))}

    def grow(self, op):
        make = getattr(self, NAMES[op], None)
        if make:
            node = make()
        elif op in UNARY:
            x = self.pick()
            need(np.all(UNARY[op][1](x.value) > MARGIN))
            node = Node(op, [x])
        else:
            a = self.pick() if self.rng.random() < 0.9 else self.constant()
            b = self.fitting(a)
            if op == "pow" and self.rng.random() < 0.5:
                b = self.constant(self.rng.choice([0, 1, 2, 2, 3, -1, 0.5, -2, 1.5]))
            need({a.op, b.op} != {"constant"})
            need(np.all(BINARY[op][1](a.value, b.value) > MARGIN))
            node = Node(op, [a, b] if self.rng.random() < 0.5 or op in ("pow", "div", "atan2") else [b, a])
        need(node.value.size <= 64 and len(node.shape) <= 3)
        need(np.all(np.isfinite(node.value)) and np.all(abs(node.value) < LARGEST))
        for arg in node.args:
            arg.uses += 1
            if arg not in self.nodes:
                self.nodes.append(arg)
        self.nodes.append(node)

    def leaky_relu(self):
        x = self.pick()
        need(np.all(abs(x.value) > MARGIN))
        return Node("leaky_relu", [x], self.rng.choice([{}, {"slope": 0.2}, {"slope": -0.5}]))

    def elu(self):
        x = self.pick()
        need(np.all(abs(x.value) > MARGIN) and np.all(abs(x.value) < 8))
        return Node("elu", [x], self.rng.choice([{}, {"alpha": 0.3}, {"alpha": 2.5}]))

    def clamp(self):
        x, limits = self.pick(), self.rng.choice([{"low": -0.5}, {"high": 1.25}, {"low": -1, "high": 0.75}])
        need(np.all(kinks(*limits.values())(x.value) > MARGIN))
        return Node("clamp", [x], limits)

    def select(self):
        condition = self.pick()
        need(np.all((condition.value == 0) | (abs(condition.value) > MARGIN)))
        a = self.fitting(condition)
        return Node("select", [condition, a, self.fitting(condition, a)])

    def matmul(self):
        a = self.pick(lambda n: len(n.shape) in (1, 2))
        flags = self.rng.choice([{}, {}, {"transpose_left": True}, {"transpose_right": True}])
        flags = flags if len(a.shape) == 2 else {}
        inner = a.shape[0 if "transpose_left" in flags else -1]
        ranks = (2,) if flags else (1, 2)
        b = self.pick(lambda n: len(n.shape) in ranks and n.shape["transpose_right" in flags and 1] == inner)
        return Node("matmul", [a, b], flags)

    def reduction(self, op):
        x = self.pick(lambda n: n.shape)
        attributes = self.axis(x, all_axes=True)
        if op == "max":
            axes = every(x.value, attributes.get("axis"))
            lines = np.moveaxis(x.value, axes, range(len(axes))).reshape(np.prod([x.shape[a] for a in axes]), -1)
            need(np.all(np.diff(np.sort(lines, axis=0)[-2:], axis=0) > MARGIN))
        if op == "log_sum_exp":
            need(np.all(abs(x.value) < 8))
        return Node(op, [x], attributes)

    sum = lambda self: self.reduction("sum")
    mean = lambda self: self.reduction("mean")
    max = lambda self: self.reduction("max")
    log_sum_exp = lambda self: self.reduction("log_sum_exp")

    def size(self):
        x = self.pick(lambda n: n.shape)
        return Node("size", [x], self.axis(x))

    def broadcast(self):
        x, shape = self.pick(), self.any_shape()
        need(joint(x.shape, shape) == shape)
        return Node("broadcast", [x], {"shape": list(shape)})

    def reshape(self):
        x = self.pick()
        ways = [s for r in range(4) for s in np.ndindex(*[5] * r) if np.prod(s) == x.value.size and s != x.shape]
        need(ways)
        return Node("reshape", [x], {"shape": list(self.rng.choice(ways))})

    def transpose(self):
        x = self.pick(lambda n: len(n.shape) > 1)
        return Node("transpose", [x], {"axes": self.rng.sample(range(len(x.shape)), len(x.shape))})

    def concat(self):
        first = self.pick(lambda n: n.shape)
        axis = self.axis(first)["axis"]
        without = lambda n: (len(n.shape), np.delete(n.shape, axis).tolist()) if len(n.shape) > axis else None
        others = [self.pick(lambda n: without(n) == without(first)) for _ in range(self.rng.randint(0, 2))]
        return Node("concat", [first, *others], {"axis": axis})

    def slice(self):
        x = self.pick(lambda n: n.shape)
        axis = self.axis(x)["axis"]
        start = self.rng.randrange(x.shape[axis])
        return Node("slice", [x], {"axis": axis, "start": start, "end": self.rng.randint(start + 1, x.shape[axis])})

    def gather(self):
        table = self.pick(lambda n: len(n.shape) == 2)
        rows = [self.rng.randrange(table.shape[0]) for _ in range(self.rng.randint(1, 4))]
        return Node("gather", [table, self.constant(rows)])

    def one_hot(self):
        classes, shape = self.rng.randint(1, 4), self.rng.choice([(), (2,), (3,), (2, 2)])
        indices = [self.rng.randint(-1, classes) for _ in range(int(np.prod(shape)))]
        return Node("one_hot", [self.constant(np.reshape(indices, shape))], {"classes": classes})

    def normalisation(self, op):
        x = self.pick(lambda n: n.shape)
        need(np.all(abs(x.value) < 8))
        return Node(op, [x], self.axis(x, all_axes=True))

    softmax = lambda self: self.normalisation("softmax")
    log_softmax = lambda self: self.normalisation("log_softmax")


def literal(value):
    if value.ndim:
        return "[" + ", ".join(literal(v) for v in value) + "]"
    return f"{float(value):g}"


# How strongly the text forms bind, from weak to strong.
COMPARISON, SUM, PRODUCT, MINUS, POWER, OPERAND = range(6)
INFIX = {"add": (" + ", SUM), "sub": (" - ", SUM), "mul": ("*", PRODUCT), "div": ("/", PRODUCT), "matmul": (" @ ", PRODUCT)}


class Writer:
    """Writes an expression: shared nodes as definitions or twice, operators as symbols or calls."""

    def __init__(self, rng, result):
        self.rng, self.names, self.definitions = rng, {}, []
        self.free = ["h", "z", "a", "p", "q", "u", "v", "s", "t", "r", "g", "hidden", "y_1", "k", "d"]
        self.order, self.uses = reachable(result)
        rng.shuffle(self.free)
        for node in self.order:
            several = self.uses[id(node)] > 1 and (node.depth > 2 or rng.random() < 0.7)
            if node.op != "input" and node is not result and self.free and (several or rng.random() < 0.1):
                self.definitions.append((self.free.pop(), node))
        texts = []
        for name, node in self.definitions:
            texts.append(f"{name} = {self.form(node)[0]}")
            self.names[id(node)] = name
        if rng.random() < 0.2:
            rng.shuffle(texts)
        self.text = rng.choice(["\n", "; ", ";"]).join([*texts, self.form(result)[0]])

    def within(self, node, weakest):
        text, strength = (self.names[id(node)], OPERAND) if id(node) in self.names else self.form(node)
        return f"({text})" if strength < weakest or self.rng.random() < 0.03 else text

    def form(self, node):
        op, args, attributes = node.op, node.args, node.attributes
        if op in ("input", "constant"):
            return node.text, MINUS if node.text.startswith("-") else OPERAND
        two = lambda symbol, left, right: self.within(args[0], left) + symbol + self.within(args[1], right)
        if op[0] in "<>=!":
            return two(f" {op} ", SUM, SUM), COMPARISON
        symbols = not attributes and self.rng.random() < 0.9
        if op in INFIX and symbols:
            symbol, strength = INFIX[op]
            return two(symbol, strength, strength + 1), strength
        if op == "neg" and symbols:
            return "-" + self.within(args[0], MINUS), MINUS
        if op == "pow" and symbols:
            return two("^", OPERAND, MINUS), POWER
        if op == "transpose" and attributes["axes"] == [1, 0] and self.rng.random() < 0.7:
            return self.within(args[0], OPERAND) + "'", OPERAND
        if op in ("minimum", "maximum") and self.rng.random() < 0.5:
            op = op[:3]
        word = lambda v: "true" if v is True else str(v)
        parts = [self.within(a, COMPARISON) for a in args] + [f"{k}={word(v)}" for k, v in attributes.items()]
        return f"{op}({', '.join(parts)})", OPERAND


def reachable(result):
    """The nodes of an expression, operands first, and how often each is used."""
    order, uses = [], {}

    def visit(node):
        uses[id(node)] = uses.get(id(node), 0) + 1
        if uses[id(node)] == 1:
            for arg in node.args:
                visit(arg)
            order.append(node)

    visit(result)
    return order, uses


def differentiate(order, inputs, noise):
    """The value of the last node and the gradients of its sum, each node disturbed by `noise`."""

    def run(values):
        values = iter(values)
        done = {}
        for node in order:
            if node.op == "constant":
                done[id(node)] = jnp.asarray(node.value)
                continue
            value = next(values) if node.op == "input" else node.meaning(*[done[id(a)] for a in node.args])
            done[id(node)] = value * (1 + noise())
        return jnp.sum(done[id(order[-1])]), done[id(order[-1])]

    (_, value), gradients = jax.value_and_grad(run, has_aux=True)([jnp.asarray(i.value) for i in inputs])
    return [np.asarray(value), *map(np.asarray, gradients)]


def expression(rng, counts):
    """One fixture, or `Unfit`."""
    grower = Grower(rng)
    ops, wanted = list(NAMES), rng.randint(1, 14)
    for _ in range(40 * wanted):
        if sum(n.op in NAMES for n in grower.nodes) >= wanted:
            break
        try:
            grower.grow(rng.choices(ops, [1 / (1 + counts[NAMES[op]]) for op in ops])[0])
        except Unfit:
            pass
    result = max(grower.nodes, key=lambda node: len(reachable(node)[0])) if rng.random() < 0.8 else grower.nodes[-1]
    order, _ = reachable(result)
    inputs = [n for n in order if n.op == "input"]
    need(inputs and result.op in NAMES)
    exact = differentiate(order, inputs, lambda: 0.0)
    need(any(g.any() for g in exact[1:]) or rng.random() < 0.1)
    for _ in range(2):
        disturbed = differentiate(order, inputs, lambda: NOISE * rng.uniform(-1, 1))
        for a, b in zip(exact, disturbed):
            need(np.all(np.isfinite(a)) and np.all(abs(a - b) <= AMPLIFIED * abs(a)))
    text = Writer(rng, result).text
    need(len(text) < 600)
    return {
        "expression": text,
        "values": {n.text: n.value.tolist() for n in inputs},
        "value": exact[0].tolist(),
        "gradients": {n.text: g.tolist() for n, g in zip(inputs, exact[1:])},
        "operators": sorted({NAMES[n.op] for n in order if n.op in NAMES}),
    }


def main():
    rng = random.Random(SEED)
    counts = dict.fromkeys(NAMES.values(), 0)
    fixtures = []
    while len(fixtures) < EXPRESSIONS:
        try:
            fixture = expression(rng, counts)
        except Unfit:
            continue
        fixtures.append(fixture)
        for name in fixture["operators"]:
            counts[name] += 1
    rare = {name: count for name, count in counts.items() if count < AT_LEAST}
    assert not rare, f"fewer than {AT_LEAST} expressions have {rare}"
    path = pathlib.Path(__file__).with_name("expressions.jsonl")
    path.write_text("".join(json.dumps(fixture) + "\n" for fixture in fixtures))
    print(f"{path}: {len(fixtures)} expressions; the rarest operator is in {min(counts.values())}")


if __name__ == "__main__":
    main()
