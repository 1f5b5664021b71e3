//! What is explained, drawn or checked: a formula, definitions in a file, or a model.

use std::io::Read;
use std::path::Path;

use backpass::array::Array;
use backpass::graph::{Graph, NodeId};
use backpass::shape::Shape;
use backpass::text::parse_expression;
use backpass_tabular::Model;

use crate::exit::{Exit, Failure};
use crate::values::named_value;

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

/// A formula with its values.
pub struct Formula {
    pub graph: Graph,
    pub result: NodeId,
    pub values: Vec<(String, Array)>,
}

impl Formula {
    /// Reads a formula; names without a value are single numbers. `of` names the definition that is the result, by
    /// default the last.
    pub fn new(source: &str, values: &[String], of: Option<&str>) -> Result<Formula, Failure> {
        let values: Vec<(String, Array)> = values.iter().map(|v| named_value(v)).collect::<Result<_, _>>()?;
        if let Some(name) = values.iter().enumerate().find(|(i, (n, _))| values[..*i].iter().any(|(m, _)| m == n)) {
            return Err(Failure::usage(format!("`{}` is given twice", name.1.0)));
        }
        let shapes: Vec<(&str, Shape)> = values.iter().map(|(n, v)| (n.as_str(), Shape::fixed(v.shape()))).collect();
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
        Ok(Formula { graph, result, values })
    }

    /// The values by name.
    pub fn point(&self) -> Vec<(&str, &Array)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value)).collect()
    }
}
