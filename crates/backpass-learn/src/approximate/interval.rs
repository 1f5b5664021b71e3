//! Interval arithmetic over a graph of single numbers: what each node can be while the inputs stay in a box.
//!
//! Every result is widened by more than its rounding error, so the enclosure is proven and not sampled (Moore 1966).
//! An interval is about where the function is defined: the root of `[-1, 4]` is `[0, 2]`.

use backpass::graph::{Graph, Node};
use backpass::ops::{Op, Relation};
use backpass::{Array, NodeId};

/// All numbers from `low` to `high`, which may be infinite.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Interval {
    pub low: f64,
    pub high: f64,
    /// Whether the value may jump here: a comparison may turn out either way.
    pub jumps: bool,
}

/// The functions of one number that have no simpler enclosure rise and fall no faster than this (GELU: 1.129).
const STEEPEST: f64 = 1.2;

impl Interval {
    const EVERYTHING: Interval = Interval { low: f64::NEG_INFINITY, high: f64::INFINITY, jumps: false };

    pub fn new(low: f64, high: f64) -> Self {
        Interval { low, high, jumps: false }
    }

    /// Wide enough to hold what rounding has moved; zero is taken to be exact.
    fn rounded(low: f64, high: f64) -> Self {
        if low.is_nan() || high.is_nan() {
            return Interval::EVERYTHING;
        }
        let slack = |v: f64| if v.is_finite() { v.abs() * 1e-15 } else { 0.0 };
        Interval::new(low - slack(low), high + slack(high))
    }

    pub fn width(self) -> f64 {
        self.high - self.low
    }

    /// The largest absolute value.
    pub fn size(self) -> f64 {
        self.low.abs().max(self.high.abs())
    }

    fn holds(self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    fn hull(self, other: Interval) -> Self {
        Interval::new(self.low.min(other.low), self.high.max(other.high))
    }

    fn map(self, f: impl Fn(f64) -> f64) -> Self {
        Interval::rounded(f(self.low), f(self.high))
    }

    /// A function that is nowhere steeper than `steepest`.
    fn lipschitz(self, f: impl Fn(f64) -> f64, steepest: f64) -> Self {
        if !self.width().is_finite() {
            return Interval::EVERYTHING;
        }
        let (centre, reach) = (f(0.5 * (self.low + self.high)), 0.5 * steepest * self.width());
        Interval::rounded(centre - reach, centre + reach)
    }

    fn mul(self, other: Interval) -> Self {
        let products = [self.low * other.low, self.low * other.high, self.high * other.low, self.high * other.high];
        let zero = Interval::new(0.0, 0.0);
        match () {
            // Zero times an unbounded interval is zero: every number in it is finite.
            () if self.width() == 0.0 && self.low == 0.0 || other.width() == 0.0 && other.low == 0.0 => zero,
            () if products.iter().any(|p| p.is_nan()) => Interval::EVERYTHING,
            () => Interval::rounded(
                products.into_iter().fold(f64::INFINITY, f64::min),
                products.into_iter().fold(f64::NEG_INFINITY, f64::max),
            ),
        }
    }

    fn reciprocal(self) -> Self {
        match self {
            Interval { low, high, .. } if low < 0.0 && high > 0.0 || low == 0.0 && high == 0.0 => Interval::EVERYTHING,
            Interval { low: 0.0, high, .. } => Interval::rounded(1.0 / high, f64::INFINITY),
            Interval { low, high: 0.0, .. } => Interval::rounded(f64::NEG_INFINITY, 1.0 / low),
            Interval { low, high, .. } => Interval::rounded(1.0 / high, 1.0 / low),
        }
    }

    fn log(self) -> Self {
        Interval::new(self.low.max(0.0), self.high.max(0.0)).map(f64::ln)
    }

    fn pow(self, exponent: Interval) -> Self {
        let e = exponent.low;
        if exponent.width() > 0.0 || !e.is_finite() {
            return self.log().mul(exponent).map(f64::exp);
        }
        if e < 0.0 {
            return self.pow(Interval::new(-e, -e)).reciprocal();
        }
        match e.rem_euclid(2.0) {
            0.0 if self.low >= 0.0 => self.map(|v| v.powf(e)),
            0.0 if self.holds(0.0) => Interval::rounded(0.0, self.size().powf(e)),
            0.0 => Interval::new(-self.high, -self.low).map(|v| v.powf(e)),
            1.0 => self.map(|v| v.powf(e)),
            _ => self.map(|v| v.max(0.0).powf(e)),
        }
    }

    /// 1, 0, or undecided.
    fn compare(self, relation: Relation, other: Interval) -> Self {
        let (below, above) = (self.high < other.low, self.low > other.high);
        let (at_most, at_least) = (self.high <= other.low, self.low >= other.high);
        let (yes, no) = match relation {
            Relation::Less => (below, at_least),
            Relation::LessEqual => (at_most, above),
            Relation::Greater => (above, at_most),
            Relation::GreaterEqual => (at_least, below),
            Relation::Equal => (at_most && at_least, below || above),
            Relation::NotEqual => (below || above, at_most && at_least),
        };
        match (yes, no) {
            (true, _) => Interval::new(1.0, 1.0),
            (_, true) => Interval::new(0.0, 0.0),
            _ => Interval { low: 0.0, high: 1.0, jumps: true },
        }
    }
}

/// The value of each node while the inputs, by name, stay in these intervals; none where an operator has no rule.
pub(super) fn enclose(graph: &Graph, inputs: &[(&str, Interval)]) -> Vec<Option<Interval>> {
    let mut values: Vec<Option<Interval>> = Vec::with_capacity(graph.nodes().len());
    for (id, node) in graph.ids().zip(graph.nodes()) {
        let args: Option<Vec<Interval>> = node.args.iter().map(|a: &NodeId| values[a.index()]).collect();
        let given = || inputs.iter().find(|(name, _)| *name == graph.name(id)).map(|(_, interval)| *interval);
        let value = args.and_then(|args| if let Op::Input(_) = node.op { given() } else { apply(node, &args) });
        values.push(value);
    }
    values
}

fn apply(node: &Node, args: &[Interval]) -> Option<Interval> {
    let eval = |v: f64| node.op.eval(&[&Array::scalar(v)], &[]).item().unwrap_or(f64::NAN);
    let value = match (&node.op, args) {
        (Op::Constant(c), []) => c.value.item().map(|v| Interval::new(v, v))?,
        (Op::Neg(_), [x]) => Interval::new(-x.high, -x.low),
        (Op::Add(_), [a, b]) => Interval::rounded(a.low + b.low, a.high + b.high),
        (Op::Sub(_), [a, b]) => Interval::rounded(a.low - b.high, a.high - b.low),
        (Op::Mul(_), [a, b]) if node.args[0] == node.args[1] => {
            let square = a.mul(*b);
            Interval::new(square.low.max(0.0), square.high)
        }
        (Op::Mul(_), [a, b]) => a.mul(*b),
        (Op::Div(_), [a, b]) => a.mul(b.reciprocal()),
        (Op::Pow(_), [a, b]) => a.pow(*b),
        (Op::Minimum(_), [a, b]) => Interval::new(a.low.min(b.low), a.high.min(b.high)),
        (Op::Maximum(_), [a, b]) => Interval::new(a.low.max(b.low), a.high.max(b.high)),
        (Op::Compare(c), [a, b]) => a.compare(c.relation, *b),
        (Op::Step(_), [x]) => x.compare(Relation::Greater, Interval::new(0.0, 0.0)),
        (Op::Select(_), [c, a, b]) => match () {
            () if !c.holds(0.0) => *a,
            () if c.size() == 0.0 => *b,
            () => a.hull(*b),
        },
        (Op::Abs(_), [x]) if x.holds(0.0) => Interval::new(0.0, x.size()),
        (Op::Abs(_), [x]) => Interval::new(x.low.abs().min(x.high.abs()), x.size()),
        (Op::Sqrt(_), [x]) => x.map(|v| v.max(0.0).sqrt()),
        (Op::Log(_), [x]) => x.log(),
        (Op::Sin(_) | Op::Cos(_), [x]) => {
            let value = x.lipschitz(eval, 1.0);
            Interval::new(value.low.max(-1.0), value.high.min(1.0))
        }
        (Op::Gelu(_) | Op::GeluTanh(_) | Op::Silu(_) | Op::Mish(_), [x]) => x.lipschitz(eval, STEEPEST),
        // Its steepest slope is that at 3.
        (Op::HardSwish(_), [x]) => x.lipschitz(eval, 1.5),
        (Op::Exp(_) | Op::Erf(_) | Op::Sigmoid(_) | Op::Tanh(_) | Op::Relu(_) | Op::Softplus(_) | Op::Selu(_), [x])
        | (Op::HardSigmoid(_) | Op::HardTanh(_), [x]) => x.map(eval),
        _ => return None,
    };
    // What is computed from a jump jumps.
    Some(Interval { jumps: value.jumps || args.iter().any(|a| a.jumps), ..value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use backpass::interpret::interpret;
    use backpass::text::parse_expression;

    /// Every value on a fine grid lies in the enclosure, and the enclosure shrinks with the box.
    #[test]
    fn enclosures_hold_all_values_and_shrink() {
        for text in [
            "sin(3*x)*cos(x)",
            "exp(-x^2)/(2 + x)",
            "abs(x)^1.5",
            "x^3 - x",
            "sqrt(1 - x^2)",
            "tanh(4*x) + sigmoid(x)",
            "hard_swish(3*x) - hard_sigmoid(4*x)*hard_tanh(x - 0.5)",
            "gelu(3*x)",
            "max(x, -x, 0.2)",
            "select(x < 0.25, x, 0.5 - x)",
            "log(1.5 + x)",
            "x*x",
            "x^-2 + 1/(x - 2)",
            "(x + 2)^x",
            "min(relu(x), 0.3)",
            "softplus(x) - silu(x)",
            "1 - abs(x)",
            "-erf(x) + mish(x)",
            "x^4",
        ] {
            let graph = parse_expression(text, &[]).unwrap();
            let node = graph.outputs()[0].1;
            let at = |x: f64| interpret(&graph, &[("x", &Array::scalar(x))]).unwrap().value(node).item().unwrap();
            let range = |a, b| enclose(&graph, &[("x", Interval::new(a, b))])[node.index()].unwrap();
            for cell in 0..40 {
                let (a, b) = (-1.0 + f64::from(cell) / 20.0, -0.95 + f64::from(cell) / 20.0);
                let whole = range(a, b);
                for k in 0..=20 {
                    let x = a + (b - a) * f64::from(k) / 20.0;
                    let y = at(x);
                    assert!(y.is_infinite() || whole.holds(y), "{text} at {x}: {y} is not in {whole:?}");
                }
            }
            assert!(range(0.3, 0.3 + 1e-9).width() < 1e-7, "{text}: {:?}", range(0.3, 0.3 + 1e-9));
        }
    }

    #[test]
    fn jumps_and_poles_stay_wide() {
        for text in ["step(x)", "select(x <= 0, -1, 1)", "1/x", "x*(x > 0) + 1*(x > 0)", "log(abs(x))"] {
            let graph = parse_expression(text, &[]).unwrap();
            let values = enclose(&graph, &[("x", Interval::new(-1e-12, 1e-12))]);
            assert!(values[graph.outputs()[0].1.index()].unwrap().width() >= 1.0, "{text}");
        }
        let graph = parse_expression("sum([x, 1])", &[]);
        assert!(graph.is_err() || enclose(&graph.unwrap(), &[]).last().unwrap().is_none());
    }
}
