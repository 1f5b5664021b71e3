//! The computational graph: an append-only list of operator nodes with scopes, origins, outputs and updates.
//!
//! Every argument's id is smaller than its user's, so the list is in topological order and a cycle cannot be built.

use std::collections::HashMap;
use std::fmt;
use std::panic::Location;

use crate::ops::{Category, Op};
use crate::shape::{Shape, ShapeError};

/// The position of a node in its graph.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct NodeId(pub(crate) u32);

/// The position of a scope in its graph; [`ScopeId::ROOT`] holds everything.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ScopeId(pub(crate) u32);

impl NodeId {
    /// The position as an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl ScopeId {
    /// The outermost scope.
    pub const ROOT: ScopeId = ScopeId(0);

    /// The position as an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a scope stands for when a drawing is folded.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ScopeKind {
    /// A whole network, or the graph itself.
    Network,
    /// A layer.
    Layer,
    /// One neuron.
    Neuron,
    /// A composite function such as softmax or a loss.
    Function,
}

impl ScopeKind {
    /// All kinds with their names in the text form.
    pub const NAMES: [(&'static str, ScopeKind); 4] = [
        ("network", ScopeKind::Network),
        ("layer", ScopeKind::Layer),
        ("neuron", ScopeKind::Neuron),
        ("function", ScopeKind::Function),
    ];

    /// The name in the text form.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

/// A named group of nodes.
#[derive(Clone, PartialEq, Debug)]
pub struct Scope {
    /// The name, unique within its parent.
    pub name: String,
    /// What it stands for.
    pub kind: ScopeKind,
    /// The scope that contains it; the root contains itself.
    pub parent: ScopeId,
}

/// Where a node comes from.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Origin {
    /// A line of Rust code that called the builder.
    Code(&'static Location<'static>),
    /// A place in a text, both counted from 1.
    Text {
        /// Line.
        line: u32,
        /// Column.
        column: u32,
    },
    /// The derivative rule of a node.
    Derivative(NodeId),
    /// A rewrite of a node (of the graph before the pass) by a named rule.
    Rewrite {
        /// The rule.
        rule: &'static str,
        /// The node it replaced.
        of: NodeId,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Code(place) => write!(f, "{}:{}", place.file(), place.line()),
            Origin::Text { line, column } => write!(f, "line {line}, column {column}"),
            Origin::Derivative(node) => write!(f, "derivative of node {}", node.0),
            Origin::Rewrite { rule, of } => write!(f, "{rule} of node {}", of.0),
        }
    }
}

/// One operator applied to earlier nodes.
#[derive(Clone, Debug)]
pub struct Node {
    /// The operator.
    pub op: Op,
    /// The operands.
    pub args: Vec<NodeId>,
    /// The shape of the value.
    pub shape: Shape,
    /// The scope it belongs to.
    pub scope: ScopeId,
    /// Where it comes from.
    pub origin: Origin,
    /// A name given by the user; inputs and parameters always have one.
    pub name: Option<String>,
}

/// A computational graph.
#[derive(Clone, Debug)]
pub struct Graph {
    nodes: Vec<Node>,
    scopes: Vec<Scope>,
    /// The scopes of each name in each parent: one, unless kinds differ.
    scopes_by_name: HashMap<(ScopeId, String), Vec<ScopeId>>,
    outputs: Vec<(String, NodeId)>,
    updates: Vec<(NodeId, NodeId)>,
}

/// A broken rule found by [`Graph::verify`], or a name that is not there.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// An operator was given shapes it cannot take.
    #[error("node {node} (`{op}`): {source}")]
    Shape {
        /// The node.
        node: usize,
        /// Its operator.
        op: &'static str,
        /// What does not fit.
        source: ShapeError,
    },
    /// A node whose recorded shape is not what its operator computes.
    #[error("node {node} (`{op}`) says shape {found}, its operands give {expected}")]
    WrongShape {
        /// The node.
        node: usize,
        /// Its operator.
        op: &'static str,
        /// What the operator computes.
        expected: Shape,
        /// What the node says.
        found: Shape,
    },
    /// An argument that does not come before its user.
    #[error("node {node} uses node {arg}, which does not come before it")]
    Order {
        /// The node.
        node: usize,
        /// The argument.
        arg: usize,
    },
    /// An id that points outside the graph.
    #[error("{what} {index} does not exist in this graph")]
    Missing {
        /// What kind of thing.
        what: &'static str,
        /// Its index.
        index: usize,
    },
    /// Two inputs, parameters or outputs of one name.
    #[error("the name `{name}` is used twice")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// An input or parameter without a name.
    #[error("node {node} is an {op} without a name")]
    Unnamed {
        /// The node.
        node: usize,
        /// `input` or `parameter`.
        op: &'static str,
    },
    /// An update of something that is not a parameter of the same shape.
    #[error("the update of node {node} is not a value of its shape for a parameter")]
    Update {
        /// The node to be updated.
        node: usize,
    },
}

impl Default for Graph {
    fn default() -> Self {
        Graph::new()
    }
}

impl Graph {
    /// An empty graph.
    pub fn new() -> Self {
        let root = Scope { name: String::new(), kind: ScopeKind::Network, parent: ScopeId::ROOT };
        Graph {
            nodes: Vec::new(),
            scopes: vec![root],
            scopes_by_name: HashMap::new(),
            outputs: Vec::new(),
            updates: Vec::new(),
        }
    }

    /// Appends a node, computing its shape.
    pub fn push(
        &mut self,
        op: Op,
        args: &[NodeId],
        scope: ScopeId,
        origin: Origin,
        name: Option<String>,
    ) -> Result<NodeId, ShapeError> {
        let shapes: Vec<&Shape> = args.iter().map(|&a| self.shape(a)).collect();
        let shape = op.shape(&shapes)?;
        Ok(self.append(op, args.to_vec(), shape, scope, origin, name))
    }

    pub(crate) fn append(
        &mut self,
        op: Op,
        args: Vec<NodeId>,
        shape: Shape,
        scope: ScopeId,
        origin: Origin,
        name: Option<String>,
    ) -> NodeId {
        self.nodes.push(Node { op, args, shape, scope, origin, name });
        NodeId(self.nodes.len() as u32 - 1)
    }

    /// The scope `name` in `parent`, created when it is not there yet.
    pub fn scope(&mut self, parent: ScopeId, name: &str, kind: ScopeKind) -> ScopeId {
        let same_name = self.scopes_by_name.entry((parent, name.to_string())).or_default();
        if let Some(&found) = same_name.iter().find(|id| self.scopes[id.index()].kind == kind) {
            return found;
        }
        let id = ScopeId(self.scopes.len() as u32);
        same_name.push(id);
        self.scopes.push(Scope { name: name.to_string(), kind, parent });
        id
    }

    /// Whether `parent` holds a scope `name` of any kind.
    pub(crate) fn has_scope(&self, parent: ScopeId, name: &str) -> bool {
        self.scopes_by_name.contains_key(&(parent, name.to_string()))
    }

    /// All nodes in topological order.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// All ids in topological order.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    /// One node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// The shape of one node.
    pub fn shape(&self, id: NodeId) -> &Shape {
        &self.nodes[id.index()].shape
    }

    /// All scopes; the first is the root.
    pub fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    /// The names of a scope from the outermost to itself, joined by `/`; empty for the root.
    pub fn scope_path(&self, mut id: ScopeId) -> String {
        let mut names = Vec::new();
        while id != ScopeId::ROOT {
            let scope = &self.scopes[id.index()];
            names.push(scope.name.as_str());
            id = scope.parent;
        }
        names.reverse();
        names.join("/")
    }

    /// Named results.
    pub fn outputs(&self) -> &[(String, NodeId)] {
        &self.outputs
    }

    /// Parameters with their values after the step.
    pub fn updates(&self) -> &[(NodeId, NodeId)] {
        &self.updates
    }

    /// Declares a named result.
    pub fn add_output(&mut self, name: impl Into<String>, node: NodeId) {
        self.outputs.push((name.into(), node));
    }

    /// Declares the value that `parameter` takes after the step.
    pub fn add_update(&mut self, parameter: NodeId, value: NodeId) {
        self.updates.push((parameter, value));
    }

    /// Replaces all named results.
    pub fn set_outputs(&mut self, outputs: Vec<(String, NodeId)>) {
        self.outputs = outputs;
    }

    /// Replaces all updates.
    pub fn set_updates(&mut self, updates: Vec<(NodeId, NodeId)>) {
        self.updates = updates;
    }

    /// Names a node.
    pub fn set_name(&mut self, node: NodeId, name: impl Into<String>) {
        self.nodes[node.index()].name = Some(name.into());
    }

    /// Moves a node to another scope.
    pub(crate) fn set_scope(&mut self, node: NodeId, scope: ScopeId) {
        self.nodes[node.index()].scope = scope;
    }

    /// The node of a named result.
    pub fn output(&self, name: &str) -> Option<NodeId> {
        self.outputs.iter().find(|(n, _)| n == name).map(|(_, id)| *id)
    }

    /// The node called `name`.
    pub fn named(&self, name: &str) -> Option<NodeId> {
        self.ids().find(|&id| self.node(id).name.as_deref() == Some(name))
    }

    /// The inputs in order.
    pub fn inputs(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.ids().filter(|&id| matches!(self.node(id).op, Op::Input(_)))
    }

    /// The parameters in order.
    pub fn parameters(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.ids().filter(|&id| matches!(self.node(id).op, Op::Parameter(_)))
    }

    /// The name of an input or parameter; empty when it has none.
    pub fn name(&self, id: NodeId) -> &str {
        self.node(id).name.as_deref().unwrap_or("")
    }

    /// A short text for messages: the node's name, or its operator as it is written and its number, with its scope.
    pub fn describe(&self, id: NodeId) -> String {
        let node = self.node(id);
        let what = match &node.name {
            Some(name) => format!("`{name}`"),
            None => format!("`{}` (node {})", node.op.written(), id.0),
        };
        match self.scope_path(node.scope) {
            path if path.is_empty() => what,
            path => format!("{what} in {path}"),
        }
    }

    /// Whether the result for a row depends on the other rows or on their number: some node sums over rows, or draws
    /// random numbers.
    pub fn mixes_rows(&self) -> bool {
        let mut depends = vec![false; self.nodes.len()];
        self.inputs().for_each(|id| depends[id.index()] = true);
        self.nodes.iter().enumerate().any(|(index, node)| {
            depends[index] |= node.args.iter().any(|arg| depends[arg.index()]);
            let leaf = node.args.is_empty();
            node.op.info().category == Category::Random || depends[index] && !leaf && !node.shape.is_batched()
        })
    }

    /// For every node, how often later nodes, outputs and updates use it.
    pub fn uses(&self) -> Vec<usize> {
        let mut uses = vec![0; self.nodes.len()];
        let args = self.nodes.iter().flat_map(|n| &n.args);
        let results = self.outputs.iter().map(|(_, id)| id);
        let updates = self.updates.iter().flat_map(|(p, v)| [p, v]);
        for id in args.chain(results).chain(updates) {
            uses[id.index()] += 1;
        }
        uses
    }

    /// Checks every rule of a graph; a graph from the parser always passes, and one from
    /// [`crate::Builder`] whose names and updates are each given once.
    pub fn verify(&self) -> Result<(), GraphError> {
        let exists = |id: NodeId| {
            let inside = id.index() < self.nodes.len();
            inside.then_some(()).ok_or(GraphError::Missing { what: "node", index: id.index() })
        };
        let mut names: HashMap<&str, usize> = HashMap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let op = node.op.info().name;
            if let Some(arg) = node.args.iter().find(|a| a.index() >= index) {
                return Err(GraphError::Order { node: index, arg: arg.index() });
            }
            if node.scope.index() >= self.scopes.len() {
                return Err(GraphError::Missing { what: "scope", index: node.scope.index() });
            }
            let shapes: Vec<&Shape> = node.args.iter().map(|&a| self.shape(a)).collect();
            let expected = node.op.shape(&shapes).map_err(|source| GraphError::Shape { node: index, op, source })?;
            if expected != node.shape {
                return Err(GraphError::WrongShape { node: index, op, expected, found: node.shape.clone() });
            }
            if matches!(node.op, Op::Input(_) | Op::Parameter(_)) {
                let Some(name) = node.name.as_deref() else {
                    return Err(GraphError::Unnamed { node: index, op });
                };
                if names.insert(name, index).is_some() {
                    return Err(GraphError::Duplicate { name: name.to_string() });
                }
            }
        }
        let mut results: HashMap<&str, ()> = HashMap::new();
        for (name, id) in &self.outputs {
            exists(*id)?;
            if results.insert(name, ()).is_some() {
                return Err(GraphError::Duplicate { name: name.clone() });
            }
        }
        for (index, (parameter, value)) in self.updates.iter().enumerate() {
            if self.updates[..index].iter().any(|(earlier, _)| earlier == parameter) {
                return Err(GraphError::Duplicate { name: self.name(*parameter).to_string() });
            }
            exists(*parameter)?;
            exists(*value)?;
            let is_parameter = matches!(self.node(*parameter).op, Op::Parameter(_));
            if !is_parameter || self.shape(*parameter) != self.shape(*value) {
                return Err(GraphError::Update { node: parameter.index() });
            }
        }
        Ok(())
    }
}
