//! `collapse`: layers without activations are one linear map.

use super::rewrite;
use crate::graph::{Graph, NodeId, Origin};
use crate::ops::{self, Op};
use crate::shape::{Dim, Shape};

/// `x @ matrix + bias`, with a matrix and a bias that are the same for every row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Affine {
    /// What is mapped.
    pub x: NodeId,
    /// The matrix, `[inputs, outputs]`.
    pub matrix: NodeId,
    /// The bias, `[outputs]` or `[1, outputs]`.
    pub bias: Option<NodeId>,
}

/// Reads a node as one linear map of rows and a bias, if it has that form.
pub fn affine(graph: &Graph, id: NodeId) -> Option<Affine> {
    let node = graph.node(id);
    match (&node.op, &node.args[..]) {
        (Op::Matmul(op), &[x, matrix]) => {
            let plain = !op.transpose_left && !op.transpose_right && node.shape.rank() == 2;
            let fits = plain && graph.shape(x).is_batched() && !graph.shape(matrix).is_batched();
            fits.then_some(Affine { x, matrix, bias: None })
        }
        (Op::Add(_), &[a, b]) => [(a, b), (b, a)].into_iter().find_map(|(product, bias)| {
            let map = affine(graph, product).filter(|map| map.bias.is_none())?;
            is_bias(graph.shape(bias), &node.shape).then_some(Affine { bias: Some(bias), ..map })
        }),
        _ => None,
    }
}

/// Whether a value of this shape gives each column of a `[batch, n]` value a number of its own.
fn is_bias(shape: &Shape, of: &Shape) -> bool {
    let [_, width] = of.dims() else { return false };
    shape.dims() == [*width] || shape.dims() == [Dim::Fixed(1), *width]
}

/// Makes one linear map of linear maps in a row: `(x @ V + a) @ W + b` becomes `x @ (V @ W) + (a @ W + b)`.
///
/// Everything else stays as it is, so an activation between two layers keeps them apart. The value is the same up to
/// rounding, which is why compilation does not do this by itself.
pub fn collapse(graph: &Graph) -> Graph {
    rewrite(graph, |result, node, id| {
        let push = |result: &mut Graph, op: Op, args: &[NodeId]| {
            result.push(op, args, node.scope, Origin::Rewrite { rule: "collapse", of: id }, None).ok()
        };
        let reshape = |sizes: &[usize]| Op::from(ops::Reshape { shape: Shape::fixed(sizes) });
        let matmul = || Op::from(ops::Matmul::default());
        match (&node.op, &node.args[..]) {
            (Op::Matmul(op), &[inner, weight]) => {
                let Affine { x, matrix, bias } = affine(result, inner)?;
                if op.transpose_left || op.transpose_right || result.shape(weight).is_batched() {
                    return None;
                }
                let (inputs, outputs) = (width(result, inner), width(result, weight));
                let product = push(result, matmul(), &[matrix, weight])?;
                let map = push(result, matmul(), &[x, product])?;
                let Some(bias) = bias else { return Some(map) };
                let row = push(result, reshape(&[1, inputs]), &[bias])?;
                let row = push(result, matmul(), &[row, weight])?;
                let bias = push(result, reshape(&[outputs]), &[row])?;
                push(result, ops::Add.into(), &[map, bias])
            }
            (Op::Add(_), &[a, b]) => [(a, b), (b, a)].into_iter().find_map(|(inner, further)| {
                let bias = affine(result, inner)?.bias.filter(|_| is_bias(result.shape(further), &node.shape))?;
                let product = result.node(inner).args.iter().copied().find(|arg| *arg != bias)?;
                let bias = push(result, ops::Add.into(), &[bias, further])?;
                push(result, ops::Add.into(), &[product, bias])
            }),
            _ => None,
        }
    })
}

/// The number of columns.
fn width(graph: &Graph, id: NodeId) -> usize {
    graph.shape(id).resolve(1).last().copied().unwrap_or(1)
}
