//! Networks side by side.

use super::{Network, NetworkError, Pace, Weights};
use crate::array::Array;
use crate::builder::{Builder, Expr};
use crate::graph::{Graph, ScopeId, ScopeKind};
use crate::ops::{Concat, Op};
use crate::passes::part;
use crate::shape::Shape;

impl Network {
    /// Member `index` of a committee, from 0, under the names that it had before; none where there is no such member.
    pub fn member(&self, index: usize) -> Option<Network> {
        let y = self.graph.node(self.graph.output("y")?);
        let (Op::Concat(_), Some(&own)) = (&y.op, y.args.get(index)) else { return None };
        let (from, own) = part(&self.graph, own);
        let name = format!("member{}", index + 1);
        let prefix = format!("{name}.");
        let mut graph = Graph::new();
        for node in from.nodes() {
            let (mut path, mut scope) = (Vec::new(), node.scope);
            while scope != ScopeId::ROOT {
                let of = &from.scopes()[scope.index()];
                path.push(of);
                scope = of.parent;
            }
            if path.last().is_some_and(|outermost| outermost.name == name) {
                path.pop();
            }
            let scope = path.iter().rev().fold(ScopeId::ROOT, |parent, of| graph.scope(parent, &of.name, of.kind));
            let name = node.name.as_ref().map(|name| name.strip_prefix(&prefix).unwrap_or(name).to_string());
            graph.append(node.op.clone(), node.args.clone(), node.shape.clone(), scope, node.origin, name);
        }
        graph.add_output("y", own);
        let own = |(name, value): (&String, &Array)| Some((name.strip_prefix(&prefix)?.to_string(), value.clone()));
        let weights: Weights = self.weights.iter().filter_map(own).collect();
        let members = (self.members / y.args.len()).max(1);
        (!weights.is_empty()).then(|| Network { members, ..Network::from_graph(graph, weights) })
    }

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
            // A node of its own even for a single member: by it members are found again.
            builder.output("y", builder.push(Concat { axis: 1 }, &outputs));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{Activation, Embedding, Mlp};

    #[test]
    fn a_member_is_what_it_was_before() {
        let mut mlp = Mlp::new(3, &[4], &Activation::parse("tanh").unwrap(), 2);
        (mlp.embedded, mlp.front_scale) = (2, true);
        mlp.embeddings = Embedding::parse("periodic").unwrap();
        let networks: Vec<Network> = (1..=11).map(|seed| mlp.build(seed).unwrap()).collect();
        let committee = Network::committee(&networks).unwrap();
        for (index, network) in networks.iter().enumerate() {
            let member = committee.member(index).unwrap();
            assert_eq!(member.graph.to_string(), network.graph.to_string());
            assert_eq!((&member.weights, member.members), (&network.weights, 1));
            assert_eq!(member.check(), Ok(()));
        }
        assert!(committee.member(11).is_none() && networks[0].member(0).is_none());
    }
}
