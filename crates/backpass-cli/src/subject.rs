//! What is explained, drawn or checked: a formula, definitions in a file, or a model.

use std::io::Read;
use std::path::Path;

use backpass::array::Array;
use backpass::graph::{Graph, NodeId};
use backpass::ops::Op;
use backpass::passes::part;
use backpass::shape::Shape;
use backpass::text::parse_expression;
use backpass_tabular::Model;

use crate::exit::{Exit, Failure};
use crate::values::{Given, named};

/// What is looked at.
pub enum Subject {
    /// A formula, or several definitions.
    Text(String),
    /// A trained model.
    Model(Box<Model>),
}

impl Subject {
    /// A formula, `-` for standard input, or the name of a file with definitions or a model.
    pub fn new(text: &str) -> Result<Subject, Failure> {
        let path = Path::new(text);
        let is_model = path.extension().is_some_and(|e| e == "backpass");
        if text == "-" {
            let mut source = String::new();
            let read = std::io::stdin().read_to_string(&mut source);
            read.map_err(|error| Failure::new(Exit::Io, format!("standard input: {error}")))?;
            return Ok(Subject::Text(source));
        }
        if is_model {
            return Ok(Subject::Model(Box::new(Model::load(path)?)));
        }
        if path.is_file() {
            let source = std::fs::read(path).map_err(|error| Failure::new(Exit::Io, format!("{text}: {error}")))?;
            return match String::from_utf8(source) {
                Ok(source) => Ok(Subject::Text(source)),
                Err(_) => Ok(Subject::Model(Box::new(Model::load(path)?))),
            };
        }
        Ok(Subject::Text(text.to_string()))
    }
}

/// Nodes of a formula beyond which nobody could read what is said of it, and all would have to wait.
const MOST_NODES: usize = 20_000;

/// A formula with its values: the part of the text that the result needs.
pub struct Formula {
    pub graph: Graph,
    pub result: NodeId,
    given: Vec<(String, Given)>,
}

impl Formula {
    /// Reads a formula; names of which nothing is given are single numbers. `of` names the definition that is the result,
    /// by default the last.
    pub fn new(source: &str, values: &[String], of: Option<&str>) -> Result<Formula, Failure> {
        let given: Vec<(String, Given)> = values.iter().map(|v| named(v)).collect::<Result<_, _>>()?;
        if let Some(name) = given.iter().enumerate().find(|(i, (n, _))| given[..*i].iter().any(|(m, _)| m == n)) {
            return Err(Failure::usage(format!("`{}` is given twice", name.1.0)));
        }
        let shapes: Vec<(&str, Shape)> = given.iter().map(|(n, g)| (n.as_str(), Shape::fixed(g.sizes()))).collect();
        let graph = parse_expression(source, &shapes).map_err(Failure::usage)?;
        let result = match of {
            Some(name) => graph.output(name).or_else(|| graph.named(name)).ok_or_else(|| {
                let known = graph.nodes().iter().filter_map(|n| n.name.as_deref());
                let help = backpass::suggest::closest(name, known)
                    .map_or(String::new(), |n| format!("\nhelp: did you mean `{n}`?"));
                Failure::usage(format!("there is no definition `{name}`{help}"))
            })?,
            None => {
                let outputs = graph.outputs().last().map(|(_, id)| *id);
                outputs
                    .or_else(|| graph.ids().next_back())
                    .ok_or_else(|| Failure::usage("there is no formula in it"))?
            }
        };
        let (graph, result) = part(&graph, result);
        let nodes = graph.nodes().len();
        if nodes > MOST_NODES {
            let help = "help: --of NAME takes one definition and what it needs";
            return Err(Failure::usage(format!(
                "the formula is too large: {nodes} nodes, at most {MOST_NODES}\n{help}"
            )));
        }
        Ok(Formula { graph, result, given })
    }

    /// The sizes of a node's value; a batch has as many rows as are given.
    pub fn sizes(&self, id: NodeId) -> Vec<usize> {
        let is_batched = |name: &str| self.graph.named(name).is_some_and(|id| self.graph.shape(id).is_batched());
        let batched = self.given.iter().find(|(name, _)| is_batched(name));
        let rows = batched.and_then(|(_, given)| given.sizes().first().copied()).unwrap_or(1);
        self.graph.shape(id).resolve(rows)
    }

    /// The names of which values may be given.
    pub fn names(&self) -> Vec<&str> {
        self.variables().map(|id| self.graph.name(id)).collect()
    }

    /// The inputs and parameters.
    pub fn variables(&self) -> impl Iterator<Item = NodeId> {
        self.graph.ids().filter(|&id| matches!(self.graph.node(id).op, Op::Input(_) | Op::Parameter(_)))
    }

    /// The values of all names, or what to give where there are none.
    pub fn point(&self) -> Result<Vec<(&str, &Array)>, Failure> {
        let (mut point, mut missing, mut help) = (Vec::new(), Vec::new(), Vec::new());
        for id in self.variables() {
            let name = self.graph.name(id);
            match self.given.iter().find(|(n, _)| n == name).and_then(|(_, given)| given.value()) {
                Some(value) => point.push((name, value)),
                None => {
                    missing.push(format!("`{name}`"));
                    help.push(match self.graph.shape(id) {
                        shape if shape.rank() == 0 => format!("{name}=1"),
                        shape => format!("{name}=@FILE.npy or {name}=[…] of shape {shape}"),
                    });
                }
            }
        }
        if missing.is_empty() {
            return Ok(point);
        }
        let (missing, has) = (missing.join(", "), if missing.len() == 1 { "has" } else { "have" });
        Err(Failure::usage(format!(
            "{missing} {has} no value\nhelp: give {}; explain --formulas needs no values",
            help.join(", ")
        )))
    }
}
