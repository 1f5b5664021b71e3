//! Building graphs in plain Rust arithmetic: `(x.matmul(w) + b).tanh()`.
//!
//! Handles are `Copy`. A wrong shape does not panic: it is recorded with its place in the source, everything computed
//! from it is skipped silently, and [`Builder::finish`] returns all errors at once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::ops;
use std::panic::Location;

use crate::array::Array;
use crate::graph::{Graph, NodeId, Origin, ScopeId, ScopeKind};
use crate::ops::{self as op, Op};
use crate::shape::{Dim, Shape, ShapeError};

/// Collects nodes into a [`Graph`].
#[derive(Default)]
pub struct Builder {
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    graph: Graph,
    scope: Option<ScopeId>,
    origin: Option<Origin>,
    errors: Vec<BuildError>,
    poisoned: Vec<bool>,
    /// The last number given to a scope by [`Builder::fresh_scope`].
    numbers: HashMap<(ScopeId, String), usize>,
}

/// One mistake made while building, with the place of the call.
#[derive(Clone, Debug, PartialEq)]
pub struct BuildError {
    /// The operator that was to be added.
    pub op: &'static str,
    /// Where it was called.
    pub origin: Origin,
    /// What does not fit.
    pub source: ShapeError,
}

/// All mistakes made while building a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct BuildErrors(pub Vec<BuildError>);

impl fmt::Display for BuildErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            write!(f, "{}{}: `{}`: {}", if i == 0 { "" } else { "\n" }, error.origin, error.op, error.source)?;
        }
        Ok(())
    }
}

impl std::error::Error for BuildErrors {}

/// A node under construction; copy it freely.
#[derive(Clone, Copy)]
pub struct Expr<'b> {
    builder: &'b Builder,
    id: NodeId,
}

impl Builder {
    /// An empty builder.
    pub fn new() -> Self {
        Builder::default()
    }

    /// Goes on with an existing graph; its ids stay valid, see [`Builder::expr`].
    pub fn from_graph(graph: Graph) -> Self {
        let poisoned = vec![false; graph.nodes().len()];
        Builder { state: RefCell::new(State { graph, poisoned, ..State::default() }) }
    }

    /// An input of the graph, given anew at each run.
    #[track_caller]
    pub fn input(&self, name: &str, shape: Shape) -> Expr<'_> {
        self.push_named(Op::Input(op::Input { shape }), &[], Some(name.to_string()))
    }

    /// A parameter: a value that stays between runs and that training changes.
    #[track_caller]
    pub fn parameter(&self, name: &str, shape: Shape) -> Expr<'_> {
        self.push_named(Op::Parameter(op::Parameter { shape }), &[], Some(name.to_string()))
    }

    /// A constant array or number.
    #[track_caller]
    pub fn constant(&self, value: impl Into<Array>) -> Expr<'_> {
        self.push(Op::Constant(op::Constant { value: value.into() }), &[])
    }

    /// The node `id` of the graph this builder was started from.
    pub fn expr(&self, id: NodeId) -> Expr<'_> {
        Expr { builder: self, id }
    }

    /// Adds an operator node.
    #[track_caller]
    pub fn push(&self, op: impl Into<Op>, args: &[Expr<'_>]) -> Expr<'_> {
        self.push_named(op.into(), args, None)
    }

    #[track_caller]
    fn push_named(&self, op: Op, args: &[Expr<'_>], name: Option<String>) -> Expr<'_> {
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        let origin = state.origin.unwrap_or(Origin::Code(Location::caller()));
        let scope = state.scope.unwrap_or(ScopeId::ROOT);
        let ids: Vec<NodeId> = args.iter().map(|a| a.id).collect();
        let mut pushed = None;
        if !ids.iter().any(|id| state.poisoned[id.index()]) {
            let op_name = op.info().name;
            match state.graph.push(op, &ids, scope, origin, name) {
                Ok(id) => pushed = Some(id),
                Err(source) => state.errors.push(BuildError { op: op_name, origin, source }),
            }
        }
        state.poisoned.push(pushed.is_none());
        let placeholder = || Op::Constant(op::Constant { value: Array::scalar(0.0) });
        let id = pushed
            .unwrap_or_else(|| state.graph.append(placeholder(), Vec::new(), Shape::scalar(), scope, origin, None));
        Expr { builder: self, id }
    }

    /// Runs `body` with new nodes going into the scope `name` inside the current one.
    pub fn scope<R>(&self, name: &str, kind: ScopeKind, body: impl FnOnce() -> R) -> R {
        let outer = {
            let mut state = self.state.borrow_mut();
            let outer = state.scope;
            let inner = state.graph.scope(outer.unwrap_or(ScopeId::ROOT), name, kind);
            state.scope.replace(inner);
            outer
        };
        let result = body();
        self.state.borrow_mut().scope = outer;
        result
    }

    /// Like [`Builder::scope`] for a composite function: each call gets a scope of its own (`softmax`, `softmax_2`, …), and
    /// its nodes come from where the caller was called.
    #[track_caller]
    pub fn fresh_scope<R>(&self, name: &str, kind: ScopeKind, body: impl FnOnce() -> R) -> R {
        let (scope, origin) = {
            let state = &mut *self.state.borrow_mut();
            let parent = state.scope.unwrap_or(ScopeId::ROOT);
            let number = state.numbers.entry((parent, name.to_string())).or_insert(0);
            let fresh = loop {
                *number += 1;
                let fresh = if *number == 1 { name.to_string() } else { format!("{name}_{number}") };
                if !state.graph.has_scope(parent, &fresh) {
                    break fresh;
                }
            };
            let origin = state.origin.unwrap_or(Origin::Code(Location::caller()));
            (state.graph.scope(parent, &fresh, kind), origin)
        };
        self.stamped(scope, origin, body)
    }

    /// Adds a copy of `graph` to the current scope and gives its outputs by name. Its inputs become the values given for
    /// their names; inputs without one, and parameters, keep their names, and a value for no input is passed over.
    pub fn embed<'b>(&'b self, graph: &Graph, inputs: &[(&str, Expr<'b>)]) -> Vec<(String, Expr<'b>)> {
        let mut scopes = vec![self.current_scope()];
        for scope in graph.scopes().iter().skip(1) {
            scopes.push(self.scope_in(scopes[scope.parent.index()], &scope.name, scope.kind));
        }
        let mut copies: Vec<Expr<'b>> = Vec::with_capacity(graph.nodes().len());
        for node in graph.nodes() {
            let given =
                inputs.iter().find(|(name, _)| matches!(node.op, Op::Input(_)) && node.name.as_deref() == Some(*name));
            let args: Vec<Expr<'b>> = node.args.iter().map(|arg| copies[arg.index()]).collect();
            copies.push(match given {
                Some((_, value)) => *value,
                None => self.stamped(scopes[node.scope.index()], translated(node.origin, &copies), || {
                    self.push_named(node.op.clone(), &args, node.name.clone())
                }),
            });
        }
        graph.outputs().iter().map(|(name, id)| (name.clone(), copies[id.index()])).collect()
    }

    /// The scope into which nodes go.
    pub(crate) fn current_scope(&self) -> ScopeId {
        self.state.borrow().scope.unwrap_or(ScopeId::ROOT)
    }

    /// The scope `name` in `parent`.
    pub(crate) fn scope_in(&self, parent: ScopeId, name: &str, kind: ScopeKind) -> ScopeId {
        self.state.borrow_mut().graph.scope(parent, name, kind)
    }

    /// Runs `body` and takes out the mistakes that it made.
    pub(crate) fn catch<R>(&self, body: impl FnOnce() -> R) -> Result<R, Vec<BuildError>> {
        let before = self.state.borrow().errors.len();
        let result = body();
        let errors = self.state.borrow_mut().errors.split_off(before);
        if errors.is_empty() { Ok(result) } else { Err(errors) }
    }

    /// Runs `body` with new nodes going into `scope` and stamped with `origin`.
    pub(crate) fn stamped<R>(&self, scope: ScopeId, origin: Origin, body: impl FnOnce() -> R) -> R {
        let before = {
            let mut state = self.state.borrow_mut();
            (state.scope.replace(scope), state.origin.replace(origin))
        };
        let result = body();
        let mut state = self.state.borrow_mut();
        (state.scope, state.origin) = before;
        result
    }

    /// Declares a named result.
    pub fn output(&self, name: &str, value: Expr<'_>) {
        self.state.borrow_mut().graph.add_output(name, value.id);
    }

    /// Declares the value that `parameter` takes after the step.
    pub fn update(&self, parameter: Expr<'_>, value: Expr<'_>) {
        self.state.borrow_mut().graph.add_update(parameter.id, value.id);
    }

    /// Reads the graph built so far.
    pub fn with_graph<R>(&self, read: impl FnOnce(&Graph) -> R) -> R {
        read(&self.state.borrow().graph)
    }

    /// Whether a shape error has been recorded.
    pub fn has_errors(&self) -> bool {
        !self.state.borrow().errors.is_empty()
    }

    /// The graph, or every mistake made while building it.
    pub fn finish(self) -> Result<Graph, BuildErrors> {
        let state = self.state.into_inner();
        if state.errors.is_empty() { Ok(state.graph) } else { Err(BuildErrors(state.errors)) }
    }
}

impl<'b> Expr<'b> {
    /// The node's id in the graph being built.
    pub fn id(self) -> NodeId {
        self.id
    }

    /// The builder it belongs to.
    pub fn builder(self) -> &'b Builder {
        self.builder
    }

    /// The shape of its value.
    pub fn shape(self) -> Shape {
        self.builder.with_graph(|g| g.shape(self.id).clone())
    }

    /// The number it always has, when it is a constant scalar.
    pub fn constant_value(self) -> Option<f64> {
        self.builder.with_graph(|g| match &g.node(self.id).op {
            Op::Constant(c) => c.value.item(),
            _ => None,
        })
    }

    /// Gives the node a name.
    pub fn named(self, name: &str) -> Self {
        self.builder.state.borrow_mut().graph.set_name(self.id, name);
        self
    }

    /// Applies a one-operand operator.
    #[track_caller]
    pub fn apply(self, op: impl Into<Op>) -> Self {
        self.builder.push(op, &[self])
    }

    #[track_caller]
    fn with(self, op: impl Into<Op>, other: impl Operand<'b>) -> Self {
        let other = other.expr(self.builder);
        self.builder.push(op, &[self, other])
    }

    /// `selfʸ`.
    #[track_caller]
    pub fn pow(self, exponent: impl Operand<'b>) -> Self {
        self.with(op::Pow, exponent)
    }

    /// The smaller of two values.
    #[track_caller]
    pub fn minimum(self, other: impl Operand<'b>) -> Self {
        self.with(op::Minimum, other)
    }

    /// The larger of two values.
    #[track_caller]
    pub fn maximum(self, other: impl Operand<'b>) -> Self {
        self.with(op::Maximum, other)
    }

    /// The angle of the point (`x`, `self`) in radians.
    #[track_caller]
    pub fn atan2(self, x: impl Operand<'b>) -> Self {
        self.with(op::Atan2, x)
    }

    /// 1 where the comparison holds, else 0.
    #[track_caller]
    pub fn compare(self, relation: op::Relation, other: impl Operand<'b>) -> Self {
        self.with(op::Compare { relation }, other)
    }

    /// `then` where `self` is not zero, else `otherwise`.
    #[track_caller]
    pub fn select(self, then: impl Operand<'b>, otherwise: impl Operand<'b>) -> Self {
        let (then, otherwise) = (then.expr(self.builder), otherwise.expr(self.builder));
        self.builder.push(op::Select, &[self, then, otherwise])
    }

    /// The matrix product; a vector counts as a row on the left and as a column on the right.
    #[track_caller]
    pub fn matmul(self, other: Expr<'b>) -> Self {
        let (left, right) = (self.shape(), other.shape());
        let mut a = self;
        let mut b = other;
        if let [Dim::Fixed(n)] = left.dims() {
            a = a.reshape(Shape::fixed(&[1, *n]));
        }
        if let [Dim::Fixed(n)] = right.dims() {
            b = b.reshape(Shape::fixed(&[*n, 1]));
        }
        let product = a.matmul_with(b, false, false);
        let mut dims = product.shape().dims().to_vec();
        if dims.len() != 2 {
            return product;
        }
        if right.rank() == 1 {
            dims.pop();
        }
        if left.rank() == 1 {
            dims.remove(0);
        }
        if dims.len() == 2 { product } else { product.reshape(Shape::new(dims).unwrap_or_default()) }
    }

    /// The matrix product with either operand transposed.
    #[track_caller]
    pub fn matmul_with(self, other: Expr<'b>, transpose_left: bool, transpose_right: bool) -> Self {
        self.builder.push(op::Matmul { transpose_left, transpose_right }, &[self, other])
    }

    /// The sum along `axis`, which disappears.
    #[track_caller]
    pub fn sum(self, axis: usize) -> Self {
        self.apply(op::Sum { axis })
    }

    /// The mean along `axis`, which disappears.
    #[track_caller]
    pub fn mean(self, axis: usize) -> Self {
        self.apply(op::Mean { axis })
    }

    /// The largest value along `axis`, which disappears.
    #[track_caller]
    pub fn max(self, axis: usize) -> Self {
        self.apply(op::Max { axis })
    }

    /// `ln Σ exp` along `axis`, which disappears; never overflows.
    #[track_caller]
    pub fn log_sum_exp(self, axis: usize) -> Self {
        self.apply(op::LogSumExp { axis })
    }

    /// The sum of all elements.
    #[track_caller]
    pub fn sum_all(self) -> Self {
        (0..self.shape().rank()).rev().fold(self, |e, axis| e.sum(axis))
    }

    /// The mean of all elements.
    #[track_caller]
    pub fn mean_all(self) -> Self {
        (0..self.shape().rank()).rev().fold(self, |e, axis| e.mean(axis))
    }

    /// The value repeated to `shape`.
    #[track_caller]
    pub fn broadcast(self, shape: Shape) -> Self {
        if self.shape() == shape { self } else { self.apply(op::Broadcast { shape }) }
    }

    /// The same elements under another shape.
    #[track_caller]
    pub fn reshape(self, shape: Shape) -> Self {
        if self.shape() == shape { self } else { self.apply(op::Reshape { shape }) }
    }

    /// Size 1 inserted at `axis`.
    #[track_caller]
    pub fn expand(self, axis: usize) -> Self {
        match self.shape().with_one(axis) {
            Some(shape) => self.reshape(shape),
            None => self.apply(op::Transpose { axes: vec![axis] }),
        }
    }

    /// Axis `i` of the result is axis `axes[i]` of the operand.
    #[track_caller]
    pub fn transpose(self, axes: &[usize]) -> Self {
        self.apply(op::Transpose { axes: axes.to_vec() })
    }

    /// Indices `start..end` along `axis`; the operand itself where those are all, so that naming the result names the operand.
    #[track_caller]
    pub fn slice(self, axis: usize, start: usize, end: usize) -> Self {
        let is_whole = start == 0 && self.shape().dims().get(axis) == Some(&Dim::Fixed(end));
        if is_whole { self } else { self.apply(op::Slice { axis, start, end }) }
    }

    /// Operands side by side along `axis`; at least one. A single one is the result itself.
    #[track_caller]
    pub fn concat(axis: usize, parts: &[Expr<'b>]) -> Self {
        match parts {
            [only] if matches!(only.shape().dims().get(axis), Some(Dim::Fixed(_))) => *only,
            _ => parts[0].builder.push(op::Concat { axis }, parts),
        }
    }

    /// The rows of this table numbered by `indices`.
    #[track_caller]
    pub fn gather(self, indices: Expr<'b>) -> Self {
        self.builder.push(op::Gather, &[self, indices])
    }

    /// A row of zeros with a 1 at the index.
    #[track_caller]
    pub fn one_hot(self, classes: usize) -> Self {
        self.apply(op::OneHot { classes })
    }

    /// The number of elements along `axis`, as a scalar.
    #[track_caller]
    pub fn size(self, axis: usize) -> Self {
        self.apply(op::Size { axis })
    }
}

impl fmt::Debug for Expr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expr({}: {})", self.id.0, self.shape())
    }
}

/// The origin of a copy, where that is another node that was copied.
fn translated(origin: Origin, copies: &[Expr<'_>]) -> Origin {
    match origin {
        Origin::Derivative(of) => copies.get(of.index()).map_or(origin, |copy| Origin::Derivative(copy.id)),
        other => other,
    }
}

/// What may stand beside an [`Expr`]: another one, or a number.
pub trait Operand<'b> {
    /// The operand as a node of `builder`.
    fn expr(self, builder: &'b Builder) -> Expr<'b>;
}

impl<'b> Operand<'b> for Expr<'b> {
    fn expr(self, _: &'b Builder) -> Expr<'b> {
        self
    }
}

impl<'b> Operand<'b> for f64 {
    #[track_caller]
    fn expr(self, builder: &'b Builder) -> Expr<'b> {
        builder.constant(self)
    }
}

macro_rules! arithmetic {
    ($($trait:ident $method:ident),*) => {$(
        impl<'b, R: Operand<'b>> ops::$trait<R> for Expr<'b> {
            type Output = Expr<'b>;

            #[track_caller]
            fn $method(self, right: R) -> Expr<'b> {
                self.with(op::$trait, right)
            }
        }

        impl<'b> ops::$trait<Expr<'b>> for f64 {
            type Output = Expr<'b>;

            #[track_caller]
            fn $method(self, right: Expr<'b>) -> Expr<'b> {
                right.builder.constant(self).with(op::$trait, right)
            }
        }
    )*};
}

arithmetic!(Add add, Sub sub, Mul mul, Div div);

impl<'b> ops::Neg for Expr<'b> {
    type Output = Expr<'b>;

    #[track_caller]
    fn neg(self) -> Expr<'b> {
        self.apply(op::Neg)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_nothing_is_not_built() {
        let b = Builder::new();
        let x = b.input("x", Shape::batch(&[3]));
        let same = [x.slice(1, 0, 3), Expr::concat(1, &[x]), x.reshape(x.shape()), x.broadcast(x.shape())];
        assert!(same.iter().all(|expr| expr.id() == x.id()));
        assert_ne!(x.slice(1, 0, 2).id(), x.id());
        assert!(!b.has_errors());
        Expr::concat(0, &[x]);
        assert!(b.has_errors(), "the batch is not joined, not even with nothing");
    }
}
