//! Typical mistakes of a backward pass, each computed on the graph itself: a student who makes it gets exactly this number.

use backpass::explain::Explanation;
use backpass::ops::{Category, Cotangent, Op, Vjp};
use backpass::{Array, Builder, Expr, NodeId};

/// One mistake at one place of a graph.
#[derive(Clone, Debug, PartialEq)]
pub enum Mistake {
    /// Of several ways back to `node` only the one through operand `operand` of `user` is followed.
    OnePath {
        /// Where the ways meet.
        node: NodeId,
        /// The user through which the way goes.
        user: NodeId,
        /// Which operand of it.
        operand: usize,
    },
    /// What comes back on several ways is multiplied, not added.
    PathsMultiplied(NodeId),
    /// The derivative of a product with respect to a factor is taken for that factor.
    OwnFactor(NodeId, usize),
    /// The sign of what is subtracted is lost.
    LostSign(NodeId),
    /// The derivative of a square is taken without the factor 2.
    LostFactor(NodeId),
    /// The derivative of a function of one number is left out.
    NoSlope(NodeId),
    /// The value of a function of one number stands for its derivative.
    ValueForSlope(NodeId),
    /// The input stands in a formula for the derivative that wants the output.
    InputInSlope(NodeId),
    /// A maximum passes everything back to both operands.
    BothOfMaximum(NodeId),
    /// A maximum passes the gradient to its smaller operand.
    SmallerOfMaximum(NodeId),
    /// The gradient that arrives from above is left out.
    NothingAbove(NodeId),
    /// The local derivative is added to the gradient, not multiplied by it.
    Added(NodeId),
    /// The gradient at another node.
    OtherNode(NodeId),
    /// A wrong matrix product.
    Product(NodeId, Product),
    /// A product element by element in place of a matrix product.
    Elementwise(NodeId, usize),
    /// A matrix product in place of one element by element.
    FullProduct(NodeId),
    /// The result transposed.
    Transposed,
    /// Other sizes than those of the array of all derivatives.
    Sizes(Sizes),
}

/// A product of the gradient of a matrix product with one of its operands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Product {
    /// The operand whose gradient is wanted.
    pub operand: usize,
    /// The operand that is taken as the factor.
    pub factor: usize,
    /// Whether that factor is transposed.
    pub transposed: bool,
    /// Whether it stands on the left.
    pub first: bool,
}

/// What is mistaken for the sizes of ∂T/∂X, T = XY.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sizes {
    /// Those of X.
    OfOperand,
    /// Those of T.
    OfResult,
    /// Those of Yᵗ, by which the chain rule multiplies.
    OfFactor,
}

/// Every mistake that can be made on the way from the result back to `asked`, the likelier ones first. `end` is the last
/// node of the graph at which one can be made.
pub fn possible(explanation: &Explanation, asked: NodeId, end: NodeId) -> Vec<Mistake> {
    let graph = explanation.graph();
    let mut ways = vec![Vec::new(); graph.nodes().len()];
    let mut depends = vec![false; graph.nodes().len()];
    depends[asked.index()] = true;
    for id in graph.ids() {
        for (operand, &arg) in graph.node(id).args.iter().enumerate() {
            if depends[arg.index()] {
                depends[id.index()] = true;
                ways[arg.index()].push((id, operand));
            }
        }
    }
    let path: Vec<NodeId> = graph.ids().filter(|id| depends[id.index()] && *id <= end).collect();
    let mut local = Vec::new();
    let mut general = Vec::new();
    for &node in &path {
        if let ways @ [_, _, ..] = &ways[node.index()][..] {
            local.extend(ways.iter().map(|&(user, operand)| Mistake::OnePath { node, user, operand }));
            general.push(Mistake::PathsMultiplied(node));
        }
        let of = graph.node(node);
        let operands: Vec<usize> = (0..of.args.len()).filter(|&i| depends[of.args[i].index()]).collect();
        let is_function = matches!(of.op.info().category, Category::Activation | Category::Function);
        match &of.op {
            Op::Mul(_) => local.extend(operands.iter().map(|&i| Mistake::OwnFactor(node, i))),
            Op::Sub(_) if operands.contains(&1) => local.push(Mistake::LostSign(node)),
            Op::Pow(_) => {
                local.extend([Mistake::LostFactor(node), Mistake::ValueForSlope(node), Mistake::NoSlope(node)])
            }
            Op::Maximum(_) => local.extend([Mistake::BothOfMaximum(node), Mistake::SmallerOfMaximum(node)]),
            Op::Matmul(_) => {
                for &operand in &operands {
                    local.extend(Product::all(operand).map(|product| Mistake::Product(node, product)));
                    local.push(Mistake::Elementwise(node, operand));
                    local.extend((of.args[0] != of.args[1]).then_some(Mistake::OwnFactor(node, operand)));
                }
            }
            op if is_function => {
                local.extend([Mistake::NoSlope(node), Mistake::ValueForSlope(node)]);
                if matches!(op, Op::Sigmoid(_) | Op::Tanh(_)) {
                    local.push(Mistake::InputInSlope(node));
                }
                general.push(Mistake::FullProduct(node));
            }
            _ => {}
        }
        if node != asked {
            general.extend([Mistake::NothingAbove(node), Mistake::Added(node)]);
            let beside = of.args.iter().filter(|&&arg| arg != asked && !matches!(graph.node(arg).op, Op::Constant(_)));
            general.extend(beside.map(|&arg| Mistake::OtherNode(arg)));
        }
    }
    local.push(Mistake::Transposed);
    local.extend(general);
    local
}

impl Product {
    /// The product that is right.
    pub fn right(self) -> Product {
        Product { factor: 1 - self.operand, transposed: true, first: self.operand == 1, ..self }
    }

    /// Every product, right or wrong, the likelier ones first.
    fn all(operand: usize) -> impl Iterator<Item = Product> {
        let factors = [(1 - operand, false), (1 - operand, true), (operand, false), (operand, true)];
        let product = move |(factor, transposed)| {
            [operand == 1, operand == 0].map(|first| Product { operand, factor, transposed, first })
        };
        factors.into_iter().flat_map(product)
    }
}

impl Mistake {
    /// The derivative of the result with respect to `asked` as it comes out with this mistake; none where sizes do not fit
    /// or the mistake cannot be made.
    pub fn answer(&self, explanation: &Explanation, asked: NodeId) -> Option<Array> {
        let right = explanation.gradient(asked)?;
        match *self {
            Mistake::OtherNode(node) => explanation.gradient(node).filter(|g| g.shape() == right.shape()).cloned(),
            Mistake::Transposed if right.shape().len() == 2 => {
                compute(|builder| Some(builder.constant(right.clone()).transpose(&[1, 0])))
            }
            Mistake::Transposed | Mistake::Sizes(_) => None,
            _ => self.backward(explanation, asked),
        }
    }

    /// The backward pass, node by node, with the mistake in it.
    fn backward(&self, explanation: &Explanation, asked: NodeId) -> Option<Array> {
        let graph = explanation.graph();
        let mut parts: Vec<Vec<(NodeId, usize, Array)>> = vec![Vec::new(); graph.nodes().len()];
        for id in graph.ids().rev() {
            let gradient = match id == explanation.result() {
                true => Some(Array::filled(explanation.value(id).shape(), 1.0)),
                false => self.combined(id, &parts[id.index()]),
            };
            if id == asked {
                return gradient;
            }
            let Some(gradient) = gradient else { continue };
            for (operand, &arg) in graph.node(id).args.iter().enumerate() {
                if !matches!(graph.node(arg).op, Op::Constant(_)) {
                    let flow = self.flow(explanation, id, operand, &gradient)?;
                    if flow.shape() != explanation.value(arg).shape() {
                        return None;
                    }
                    parts[arg.index()].push((id, operand, flow));
                }
            }
        }
        None
    }

    /// What the parts that come back to a node are together.
    fn combined(&self, id: NodeId, parts: &[(NodeId, usize, Array)]) -> Option<Array> {
        let chosen = |user: &NodeId, operand: usize| match self {
            Mistake::OnePath { node, user: only, operand: place } if *node == id => user == only && operand == *place,
            _ => true,
        };
        let parts = parts.iter().filter(|(user, operand, _)| chosen(user, *operand)).map(|(_, _, part)| part.clone());
        parts.reduce(|a, b| zip(&a, &b, |a, b| if *self == Mistake::PathsMultiplied(id) { a * b } else { a + b }))
    }

    /// What flows back from a node to an operand.
    fn flow(&self, explanation: &Explanation, id: NodeId, operand: usize, above: &Array) -> Option<Array> {
        let node = explanation.graph().node(id);
        let right = |above: &Array| flow(explanation, id, operand, above);
        let ones = || Array::filled(above.shape(), 1.0);
        let times = |factor: &Array| {
            compute(|builder| Some(builder.constant(above.clone()) * builder.constant(factor.clone())))
        };
        let value = |operand: usize| explanation.value(node.args[operand]);
        match *self {
            Mistake::OwnFactor(at, of) if (at, of) == (id, operand) => times(value(operand)),
            Mistake::Elementwise(at, of) if (at, of) == (id, operand) => times(value(1 - operand)),
            Mistake::LostSign(at) if at == id => Some(above.clone()),
            Mistake::LostFactor(at) if at == id => times(value(0)),
            Mistake::NoSlope(at) if at == id => Some(above.clone()),
            Mistake::ValueForSlope(at) if at == id => times(explanation.value(id)),
            Mistake::InputInSlope(at) if at == id => match node.op {
                Op::Sigmoid(_) => times(&value(0).map(|x| x * (1.0 - x))),
                _ => times(&value(0).map(|x| 1.0 - x * x)),
            },
            Mistake::BothOfMaximum(at) if at == id => Some(above.clone()),
            Mistake::SmallerOfMaximum(at) if at == id => Some(zip(above, &right(above)?, |all, right| all - right)),
            Mistake::NothingAbove(at) if at == id => right(&ones()),
            Mistake::Added(at) if at == id => {
                let local = right(&ones())?;
                (local.shape() == above.shape()).then(|| zip(above, &local, |a, b| a + b))
            }
            Mistake::Product(at, product) if at == id && product.operand == operand => compute(|builder| {
                let (above, factor) =
                    (builder.constant(above.clone()), builder.constant(value(product.factor).clone()));
                Some(match product.first {
                    true => factor.matmul_with(above, product.transposed, false),
                    false => above.matmul_with(factor, false, product.transposed),
                })
            }),
            Mistake::FullProduct(at) if at == id => {
                let slope = right(&ones())?;
                let is_matrix = above.shape().len() == 2;
                is_matrix.then(|| compute(|b| Some(b.constant(above.clone()).matmul(b.constant(slope.clone())))))?
            }
            _ => right(above),
        }
    }
}

/// What rightly flows back from a node to an operand, by the operator's own rule.
fn flow(explanation: &Explanation, id: NodeId, operand: usize, above: &Array) -> Option<Array> {
    let node = explanation.graph().node(id);
    compute(|builder| {
        let args: Vec<Expr<'_>> = node.args.iter().map(|&a| builder.constant(explanation.value(a).clone())).collect();
        let output = builder.constant(explanation.value(id).clone());
        let rules = node.op.vjp(&Vjp { args: &args, output, cotangent: builder.constant(above.clone()) });
        match rules.into_iter().nth(operand)? {
            Cotangent::Of(value) => Some(value),
            Cotangent::Zero(_) => {
                Some(builder.constant(Array::filled(explanation.value(node.args[operand]).shape(), 0.0)))
            }
            Cotangent::None(_) => None,
        }
    })
}

/// The value of an expression of constants; none where sizes do not fit.
fn compute(expression: impl for<'b> FnOnce(&'b Builder) -> Option<Expr<'b>>) -> Option<Array> {
    let builder = Builder::new();
    let value = expression(&builder)?.id();
    let graph = builder.finish().ok()?;
    Some(backpass::interpret::interpret(&graph, &[]).ok()?.value(value).clone())
}

/// Two arrays of equal sizes, element by element.
fn zip(a: &Array, b: &Array, f: impl Fn(f64, f64) -> f64) -> Array {
    Array::from_fn(a.shape(), |i| f(a.data()[i], b.data()[i]))
}
