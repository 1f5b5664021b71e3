//! From a graph to a view: each node stands for itself, or for the scope that is folded around it.

mod neuron;

use std::collections::{BTreeSet, HashMap};

use super::arrays::with_arrays;
use super::notes::notes;
use super::rules::Rule;
use super::steps::steps;
use super::weighted::{is_weight, weight_of};
use super::{Explanation, Names};
use crate::array::Array;
use crate::autodiff::Flowing;
use crate::graph::{Graph, NodeId, ScopeId, ScopeKind};
use crate::ops::Op;
use crate::text::expression;
use crate::view::{Group, Level, Role, View, ViewEdge, ViewNode};

/// Which scopes stand as one node.
#[derive(Clone, Copy, Debug)]
pub struct Folding<'a> {
    /// The level of detail.
    pub level: Level,
    /// Names or paths of scopes to fold all the same.
    pub fold: &'a [String],
    /// Names or paths of scopes to leave open all the same.
    pub open: &'a [String],
}

impl Folding<'_> {
    /// What a level folds.
    pub fn at(level: Level) -> Self {
        Folding { level, fold: &[], open: &[] }
    }

    fn folds(&self, graph: &Graph, scope: ScopeId) -> bool {
        let (path, kind) = (graph.scope_path(scope), graph.scopes()[scope.index()].kind);
        let named = |list: &[String]| list.iter().any(|n| *n == path || *n == graph.scopes()[scope.index()].name);
        if named(self.open) || named(self.fold) {
            return named(self.fold);
        }
        match self.level {
            Level::Operator => false,
            Level::Neuron => matches!(kind, ScopeKind::Neuron | ScopeKind::Function),
            Level::Layer => kind != ScopeKind::Network,
            Level::Network => true,
        }
    }
}

/// What a node of the view stands for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Part {
    Node(NodeId),
    Scope(ScopeId),
    /// At the coarsest level, everything in no scope.
    Rest,
}

/// How many operators deep the formula of a folded scope goes.
const DEPTH: usize = 12;
/// A longer formula of a folded scope says only what it takes.
const LONGEST_FORMULA: usize = 100;

/// A view of a graph without numbers.
pub fn structure(graph: &Graph, folding: &Folding<'_>) -> View {
    let result = graph.outputs().first().map(|(_, id)| *id);
    Maker { graph, names: Names::new(graph, result), result, numbers: None, digits: 0, parts: Vec::new() }.view(folding)
}

impl Explanation {
    /// A view with every number; steps are written with so many significant digits.
    pub fn view(&self, folding: &Folding<'_>, digits: usize) -> View {
        let (names, result) = (self.names.clone(), Some(self.result));
        Maker { graph: &self.graph, names, result, numbers: Some(self), digits, parts: Vec::new() }.view(folding)
    }
}

struct Maker<'g> {
    graph: &'g Graph,
    names: Names,
    result: Option<NodeId>,
    numbers: Option<&'g Explanation>,
    digits: usize,
    parts: Vec<Part>,
}

impl Maker<'_> {
    fn view(mut self, folding: &Folding<'_>) -> View {
        let (parts, order) = self.parts(folding);
        self.parts = parts.clone();
        let place: HashMap<Part, usize> = order.iter().enumerate().map(|(index, part)| (*part, index)).collect();
        let ends = self.ends(&parts);
        for (&part, ends) in &ends {
            if let (Some(name), [end]) = (self.part_name(part), &ends[..])
                && Some(*end) != self.result
            {
                self.names.set(*end, &name);
            }
        }
        // Where scopes are folded, numbers would count what is not seen.
        if order.iter().any(|part| !matches!(part, Part::Node(_))) {
            for part in &order {
                if let Part::Node(id) = part {
                    self.names.set_operator(self.graph, *id);
                }
            }
        }
        let mut view = View {
            output: self.result.map(|r| place[&parts[r.index()]]),
            of: self.numbers.map_or(String::new(), |e| e.of().to_string()),
            ..View::default()
        };
        let groups = self.groups(folding, &order, &mut view);
        let labelled = self.labelled(&order, &ends);
        for &part in &order {
            let end = match part {
                Part::Node(id) => Some(id),
                _ => ends.get(&part).filter(|ends| ends.len() == 1).map(|ends| ends[0]),
            };
            view.nodes.push(self.node(part, end, &labelled, groups.get(&part).copied()));
        }
        self.edges(&parts, &place, &mut view);
        for (index, &part) in order.iter().enumerate() {
            if let (true, Some([end])) = (self.is_neuron(part), ends.get(&part).map(Vec::as_slice)) {
                self.look_into_neuron(part, *end, index, &place, &mut view);
            }
        }
        if folding.level == Level::Neuron {
            neuron::stand_in_columns(&mut view);
            view.notes.extend(neuron::what_is_missing(self.graph, &view));
        }
        if let Some(explanation) = self.numbers {
            for (index, &part) in order.iter().enumerate() {
                let id = match (part, ends.get(&part).map(Vec::as_slice)) {
                    (Part::Node(id), _) => id,
                    (_, Some([end])) if self.is_neuron(part) => *end,
                    _ => continue,
                };
                view.nodes[index].notes = notes(explanation, &self.names, id, self.digits);
            }
            view.steps = steps(
                &view,
                self.digits,
                |index| match order[index] {
                    Part::Node(id) => Some(id),
                    _ => None,
                },
                explanation,
            );
        }
        if folding.level == Level::Layer { with_arrays(view) } else { view }
    }

    /// What each node of the graph belongs to, and the parts in topological order.
    fn parts(&self, folding: &Folding<'_>) -> (Vec<Part>, Vec<Part>) {
        let mut folded: Vec<bool> =
            (0..self.graph.scopes().len()).map(|s| folding.folds(self.graph, ScopeId(s as u32))).collect();
        folded[0] = false;
        let mut rest = folding.level == Level::Network;
        loop {
            let parts = self.assign(&folded, rest, folding.level);
            match self.sorted(&parts) {
                Ok(order) => return (parts, order),
                // A scope through which a path leads out and in again cannot be one node.
                Err(stuck) => {
                    rest &= !stuck.contains(&Part::Rest);
                    let scopes =
                        stuck.iter().filter_map(|part| if let Part::Scope(s) = part { Some(s.index()) } else { None });
                    scopes.for_each(|scope| folded[scope] = false);
                }
            }
        }
    }

    fn assign(&self, folded: &[bool], rest: bool, level: Level) -> Vec<Part> {
        let mut parts: Vec<Part> = self
            .graph
            .ids()
            .map(|id| {
                let node = self.graph.node(id);
                let (mut scope, mut outermost) = (node.scope, None);
                while scope != ScopeId::ROOT {
                    if folded[scope.index()] {
                        outermost = Some(scope);
                    }
                    scope = self.graph.scopes()[scope.index()].parent;
                }
                match outermost {
                    _ if matches!(node.op, Op::Input(_)) => Part::Node(id),
                    Some(scope) if rest && self.is_of_neurons(scope) => Part::Rest,
                    Some(scope) => Part::Scope(scope),
                    None if rest => Part::Rest,
                    None => Part::Node(id),
                }
            })
            .collect();
        // A constant or parameter that only one part uses belongs to it, and to a neuron what is called as weights and
        // biases are and what weights a computed value; a change of shape belongs to what it shows.
        let mut users: Vec<BTreeSet<Part>> = vec![BTreeSet::new(); parts.len()];
        for id in self.graph.ids() {
            let root = self.names.root(id);
            if root != id {
                parts[id.index()] = parts[root.index()];
            }
        }
        for id in self.graph.ids().filter(|&id| self.names.root(id) == id) {
            for arg in &self.graph.node(id).args {
                users[self.names.root(*arg).index()].insert(parts[id.index()]);
            }
        }
        let mut weights = vec![false; parts.len()];
        for id in self.graph.ids().filter(|&id| matches!(self.graph.node(id).op, Op::Mul(_))) {
            let (args, position) = (&self.graph.node(id).args, weight_of(self.graph, id));
            if let Some(position) = position.filter(|position| !self.graph.node(args[1 - position]).args.is_empty()) {
                weights[args[position].index()] = true;
            }
        }
        for id in self.graph.ids() {
            let node = self.graph.node(id);
            let is_weight = node.name.as_deref().is_some_and(is_weight) || weights[id.index()];
            let is_leaf = match node.op {
                Op::Constant(_) | Op::Parameter(_) => true,
                Op::Input(_) => level == Level::Neuron && is_weight,
                _ => false,
            };
            match users[id.index()].iter().collect::<Vec<_>>()[..] {
                [&part @ (Part::Scope(_) | Part::Rest)] if is_leaf => parts[id.index()] = part,
                _ => {}
            }
        }
        parts
    }

    /// Whether a scope is a layer or a neuron: at the coarsest level these are the network together.
    fn is_of_neurons(&self, scope: ScopeId) -> bool {
        matches!(self.graph.scopes()[scope.index()].kind, ScopeKind::Layer | ScopeKind::Neuron)
    }

    /// The parts that are seen, each after those it uses; or those that depend on each other in a circle.
    fn sorted(&self, parts: &[Part]) -> Result<Vec<Part>, BTreeSet<Part>> {
        let seen = |id: NodeId| self.names.root(id) == id;
        let mut first: HashMap<Part, usize> = HashMap::new();
        let mut waits: HashMap<Part, BTreeSet<Part>> = HashMap::new();
        for id in self.graph.ids().filter(|&id| seen(id)) {
            let part = parts[id.index()];
            first.entry(part).or_insert(id.index());
            let uses = self.graph.node(id).args.iter().map(|a| parts[a.index()]).filter(|p| *p != part);
            waits.entry(part).or_default().extend(uses);
        }
        let mut users: HashMap<Part, Vec<Part>> = HashMap::new();
        for (part, uses) in &waits {
            uses.iter().for_each(|used| users.entry(*used).or_default().push(*part));
        }
        let mut ready: BTreeSet<(usize, Part)> =
            waits.iter().filter(|(_, uses)| uses.is_empty()).map(|(part, _)| (first[part], *part)).collect();
        let mut order = Vec::new();
        while let Some((_, part)) = ready.pop_first() {
            order.push(part);
            waits.remove(&part);
            for user in users.remove(&part).unwrap_or_default() {
                let Some(uses) = waits.get_mut(&user) else { continue };
                uses.remove(&part);
                if uses.is_empty() {
                    ready.insert((first[&user], user));
                }
            }
        }
        if waits.is_empty() {
            return Ok(order);
        }
        // What merely follows a circle is not in it.
        let mut stuck: BTreeSet<Part> = waits.keys().copied().collect();
        loop {
            let used: BTreeSet<Part> =
                stuck.iter().flat_map(|part| &waits[part]).copied().filter(|part| stuck.contains(part)).collect();
            if used.len() == stuck.len() {
                return Err(stuck);
            }
            stuck = used;
        }
    }

    /// For each folded part, the nodes whose values leave it.
    fn ends(&self, parts: &[Part]) -> HashMap<Part, Vec<NodeId>> {
        let mut ends: HashMap<Part, BTreeSet<NodeId>> = HashMap::new();
        let leaving = self.graph.ids().flat_map(|id| self.graph.node(id).args.iter().map(move |a| (*a, Some(id))));
        for (used, user) in leaving.chain(self.graph.outputs().iter().map(|(_, id)| (*id, None))) {
            let part = parts[used.index()];
            let leaves = user.is_none_or(|user| parts[user.index()] != part);
            if leaves && !matches!(part, Part::Node(_)) {
                ends.entry(part).or_default().insert(self.names.root(used));
            }
        }
        ends.into_iter().map(|(part, ends)| (part, ends.into_iter().collect())).collect()
    }

    fn part_name(&self, part: Part) -> Option<String> {
        match part {
            Part::Node(_) => None,
            Part::Scope(scope) => Some(self.graph.scopes()[scope.index()].name.clone()),
            Part::Rest => Some("network".to_string()),
        }
    }

    /// The graph with names on everything that is seen, so that formulas stop there.
    fn labelled(&self, order: &[Part], ends: &HashMap<Part, Vec<NodeId>>) -> Graph {
        let mut graph = self.graph.clone();
        let single = order.iter().filter_map(|part| if let Part::Node(id) = part { Some(id) } else { None });
        for &id in ends.values().flatten().chain(single) {
            if !matches!(graph.node(id).op, Op::Constant(_)) {
                graph.set_name(id, self.names.get(id));
            }
        }
        for id in self.graph.ids() {
            if matches!(&graph.node(id).op, Op::Constant(c) if !c.value.shape().is_empty()) {
                graph.set_name(id, self.names.get(id));
            }
        }
        graph
    }

    fn node(&self, part: Part, end: Option<NodeId>, labelled: &Graph, group: Option<usize>) -> ViewNode {
        let mut node = ViewNode {
            id: match part {
                Part::Node(id) => format!("n{}", id.index()),
                Part::Scope(scope) => format!("s{}", scope.index()),
                Part::Rest => "network".to_string(),
            },
            label: self.part_name(part).unwrap_or_default(),
            name: self.part_name(part).unwrap_or_default(),
            role: Role::Folded(ScopeKind::Network),
            formula: String::new(),
            shape: Vec::new(),
            value: None,
            gradient: None,
            notes: Vec::new(),
            column: None,
            group,
            unit: None,
        };
        match part {
            Part::Node(id) => {
                let op = &self.graph.node(id).op;
                node.name = self.names.get(id).to_string();
                node.formula = self.names.formula(self.graph, id);
                node.label = if self.graph.node(id).args.is_empty() { node.name.clone() } else { symbol(op) };
                node.role = match op {
                    Op::Input(_) => Role::Input,
                    Op::Parameter(_) => Role::Parameter,
                    Op::Constant(_) => Role::Constant,
                    op => Role::Operator(op.info().category),
                };
            }
            Part::Scope(_) if self.is_neuron(part) => node.role = Role::Neuron,
            Part::Scope(scope) => node.role = Role::Folded(self.graph.scopes()[scope.index()].kind),
            Part::Rest => {}
        }
        let Some(end) = end else { return node };
        if !matches!(part, Part::Node(_)) {
            node.formula = self.folded_formula(labelled, part, end);
        }
        node.name = self.names.get(end).to_string();
        let face = self.names.face(end);
        node.shape = self.graph.shape(face).resolve(1);
        if let Some(explanation) = self.numbers {
            node.shape = explanation.value(face).shape().to_vec();
            node.value = Some(explanation.value(face).clone());
            node.gradient = explanation.gradient(end).and_then(|g| g.reshaped(&node.shape));
        }
        node
    }

    /// What a folded part computes, or only from what where that would be long.
    fn folded_formula(&self, labelled: &Graph, part: Part, end: NodeId) -> String {
        let formula = expression(labelled, end, DEPTH);
        if formula.chars().count() <= LONGEST_FORMULA {
            return formula;
        }
        let name = self.part_name(part).unwrap_or_default();
        let mut names: Vec<&str> = Vec::new();
        for id in self.graph.ids().filter(|&id| self.names.root(id) == id && self.parts[id.index()] == part) {
            for &arg in &self.graph.node(id).args {
                let root = self.names.root(arg);
                if self.parts[root.index()] != part && !names.contains(&self.names.get(root)) {
                    names.push(self.names.get(root));
                }
            }
        }
        format!("{name}({})", names.join(", "))
    }

    fn edges(&self, parts: &[Part], place: &HashMap<Part, usize>, view: &mut View) {
        // Where a folded part takes one value several times, that is one edge.
        let mut known: HashMap<(NodeId, Part), usize> = HashMap::new();
        let mut entering: HashMap<Part, usize> = HashMap::new();
        for id in self.graph.ids().filter(|&id| self.names.root(id) == id) {
            let to = parts[id.index()];
            for (position, &arg) in self.graph.node(id).args.iter().enumerate() {
                let (source, from) = (self.names.root(arg), parts[arg.index()]);
                if from == to {
                    continue;
                }
                let gradient = self.flow(id, position, source);
                if let (Some(&edge), Part::Scope(_) | Part::Rest) = (known.get(&(source, to)), to) {
                    let edge: &mut ViewEdge = &mut view.edges[edge];
                    edge.gradient = sum(edge.gradient.take(), gradient);
                    continue;
                }
                let is_constant = matches!(self.graph.node(arg).op, Op::Constant(_));
                let rule = match (to, self.numbers) {
                    (Part::Node(_), Some(explanation)) if !is_constant => explanation.rule(&self.names, id, position),
                    _ => Rule::default(),
                };
                known.insert((source, to), view.edges.len());
                let count = entering.entry(to).or_insert(0);
                let operand = if matches!(to, Part::Node(_)) { position } else { *count };
                *count += 1;
                view.edges.push(ViewEdge {
                    from: place[&from],
                    to: place[&to],
                    operand,
                    ordered: matches!(to, Part::Node(_)) && is_ordered(self.graph, id),
                    weight: None,
                    weight_name: String::new(),
                    value: self.numbers.map(|e| e.value(self.names.face(source)).clone()),
                    rule: rule.formula,
                    local: rule.local,
                    gradient,
                });
            }
        }
    }

    fn is_neuron(&self, part: Part) -> bool {
        matches!(part, Part::Scope(scope) if self.graph.scopes()[scope.index()].kind == ScopeKind::Neuron)
    }

    /// What flows back from a node to an operand, in the sizes of `source`.
    fn flow(&self, id: NodeId, operand: usize, source: NodeId) -> Option<Array> {
        let flow = self.numbers?.flows(id).iter().find(|flow| flow.operand == operand)?;
        let Flowing::Of(value) = &flow.value else { return None };
        value.reshaped(self.numbers?.value(self.names.face(source)).shape())
    }

    /// Adds the open scopes in which seen nodes stand, and gives for each part its innermost one.
    fn groups(&self, folding: &Folding<'_>, order: &[Part], view: &mut View) -> HashMap<Part, usize> {
        let mut known: HashMap<ScopeId, usize> = HashMap::new();
        let mut groups = HashMap::new();
        for &part in order {
            let scope = match part {
                Part::Node(id) => self.graph.node(id).scope,
                Part::Scope(scope) => self.graph.scopes()[scope.index()].parent,
                Part::Rest => ScopeId::ROOT,
            };
            let mut path = Vec::new();
            let mut outer = scope;
            while outer != ScopeId::ROOT {
                // An input that belongs to a folded scope stands outside it.
                if folding.folds(self.graph, outer) && matches!(part, Part::Node(_)) {
                    path.clear();
                } else {
                    path.push(outer);
                }
                outer = self.graph.scopes()[outer.index()].parent;
            }
            let mut parent = None;
            for &scope in path.iter().rev() {
                parent = Some(*known.entry(scope).or_insert_with(|| {
                    let of = &self.graph.scopes()[scope.index()];
                    let group =
                        Group { id: format!("g{}", scope.index()), label: of.name.clone(), kind: of.kind, parent };
                    view.groups.push(group);
                    view.groups.len() - 1
                }));
            }
            groups.extend(parent.map(|group| (part, group)));
        }
        groups
    }
}

/// Whether an operator has several operands whose order matters.
fn is_ordered(graph: &Graph, id: NodeId) -> bool {
    let node = graph.node(id);
    node.args.len() > 1 && !node.op.is_commutative()
}

/// What stands inside the circle of an operator.
pub(super) fn symbol(op: &Op) -> String {
    match op.written() {
        "*" => "×",
        "-" => "−",
        "/" => "÷",
        written => written,
    }
    .to_string()
}

pub(super) fn sum(a: Option<Array>, b: Option<Array>) -> Option<Array> {
    match (a, b) {
        (Some(a), Some(b)) => Some(Array::from_fn(a.shape(), |i| a.data()[i] + b.data()[i])),
        (a, b) => a.or(b),
    }
}
