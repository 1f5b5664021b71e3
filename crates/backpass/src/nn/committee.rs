//! Networks side by side.

use super::{Network, NetworkError, Pace, Weights};
use crate::builder::{Builder, Expr};
use crate::graph::{Graph, ScopeKind};
use crate::shape::Shape;

impl Network {
    /// One network whose outputs are those of its members one after the other; they all see the same `x`. The scopes and
    /// parameters of member i are named after it, as in `member2.hidden1.W`.
    pub fn committee(members: &[Network]) -> Result<Network, NetworkError> {
        let inputs = members.first().map_or(0, Network::inputs);
        let name = |index: usize| format!("member{}", index + 1);
        let graph = |of: &dyn Fn(&Network) -> Graph| {
            let builder = Builder::new();
            let x = builder.input("x", Shape::batch(&[inputs]));
            let mut outputs: Vec<Expr<'_>> = Vec::new();
            for (index, member) in members.iter().enumerate() {
                let mut graph = of(member);
                for id in graph.parameters().collect::<Vec<_>>() {
                    let full = format!("{}.{}", name(index), graph.name(id));
                    graph.set_name(id, full);
                }
                let results = builder.scope(&name(index), ScopeKind::Network, || builder.embed(&graph, &[("x", x)]));
                outputs.extend(results.into_iter().filter(|(name, _)| name == "y").map(|(_, y)| y));
            }
            builder.output("y", Expr::concat(1, &outputs));
            builder.finish()
        };
        let mut weights = Weights::new();
        let mut paces = std::collections::BTreeMap::<String, Pace>::new();
        for (index, member) in members.iter().enumerate() {
            let full = |own: &String| format!("{}.{own}", name(index));
            weights.extend(member.weights.iter().map(|(own, value)| (full(own), value.clone())));
            paces.extend(member.paces.iter().map(|(own, pace)| (full(own), *pace)));
        }
        // Members are trained one by one; together they only predict.
        let graph = graph(&|member| member.graph.clone())?;
        let members = members.iter().map(|member| member.members).sum();
        Ok(Network { training: graph.clone(), graph, weights, paces, members })
    }
}
