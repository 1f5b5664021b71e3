//! Model files: a safetensors container whose metadata holds the graphs as text, the schema, the manifest and the
//! history. Nothing in it is executed.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use backpass::array::Array;
use backpass::graph::Graph;
use backpass::nn::{Network, Weights};
use backpass::shape::Shape;
use backpass::text::parse;
use backpass::train::{Epoch, LayerState};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use crate::encode::{CategoryInput, Inputs};
use crate::fit_error::{FitError, ModelProblem};
use crate::model::{Manifest, Model};
use crate::schema::{Kind, Schema};
use crate::task::Target;

/// The format this program writes.
const FORMAT: u32 = 1;
/// The one key of the container's metadata.
const KEY: &str = "backpass";
/// A larger file is not read.
const LARGEST: u64 = 4 << 30;

/// What the metadata holds beside the weights.
#[derive(Serialize, Deserialize)]
struct Document {
    format: u32,
    encoder: String,
    network: String,
    head: String,
    #[serde(rename = "target_scale", with = "crate::one_or_many")]
    target_scales: Vec<(f64, f64)>,
    schema: Schema,
    target: Target,
    inputs: Inputs,
    manifest: Manifest,
    history: Vec<EpochRecord>,
}

/// [`Epoch`] as it is stored, without its time.
#[derive(Serialize, Deserialize)]
struct EpochRecord {
    epoch: usize,
    train_loss: Option<f64>,
    penalty: Option<f64>,
    validation_loss: Option<f64>,
    metrics: BTreeMap<String, Option<f64>>,
    learning_rate: f64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    layers: Vec<LayerRecord>,
}

/// [`LayerState`] as it is stored and told to programs; a number that is not finite is nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerRecord {
    name: String,
    weights: Option<f64>,
    activations: Option<f64>,
    gradients: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    idle: Option<f64>,
}

impl From<&LayerState> for LayerRecord {
    fn from(layer: &LayerState) -> Self {
        let finite = |v: f64| v.is_finite().then_some(v);
        LayerRecord {
            name: layer.name.clone(),
            weights: finite(layer.weights),
            activations: finite(layer.activations),
            gradients: finite(layer.gradients),
            idle: layer.idle,
        }
    }
}

impl From<LayerRecord> for LayerState {
    fn from(layer: LayerRecord) -> Self {
        let number = |v: Option<f64>| v.unwrap_or(f64::NAN);
        LayerState {
            name: layer.name,
            weights: number(layer.weights),
            activations: number(layer.activations),
            gradients: number(layer.gradients),
            idle: layer.idle,
        }
    }
}

impl From<&Epoch> for EpochRecord {
    fn from(e: &Epoch) -> Self {
        let finite = |v: f64| v.is_finite().then_some(v);
        EpochRecord {
            epoch: e.epoch,
            train_loss: finite(e.train_loss),
            penalty: finite(e.penalty),
            validation_loss: e.validation_loss.and_then(finite),
            metrics: e.metrics.iter().map(|(n, v)| (n.clone(), finite(*v))).collect(),
            learning_rate: e.learning_rate,
            layers: e.layers.iter().map(LayerRecord::from).collect(),
        }
    }
}

impl From<EpochRecord> for Epoch {
    fn from(e: EpochRecord) -> Self {
        Epoch {
            epoch: e.epoch,
            train_loss: e.train_loss.unwrap_or(f64::NAN),
            penalty: e.penalty.unwrap_or(f64::NAN),
            validation_loss: e.validation_loss,
            metrics: e.metrics.into_iter().map(|(n, v)| (n, v.unwrap_or(f64::NAN))).collect(),
            learning_rate: e.learning_rate,
            seconds: 0.0,
            layers: e.layers.into_iter().map(LayerState::from).collect(),
        }
    }
}

impl Model {
    /// The file as bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, FitError> {
        let failed = |e: String| FitError::Model { path: "model".into(), problem: ModelProblem::Container(e) };
        let document = Document {
            format: FORMAT,
            encoder: self.encoder.to_string(),
            network: self.network.graph.to_string(),
            head: self.head.to_string(),
            target_scales: self.target_scales.clone(),
            schema: self.schema.clone(),
            target: self.target.clone(),
            inputs: self.inputs.clone(),
            manifest: self.manifest.clone(),
            history: self.history.iter().map(EpochRecord::from).collect(),
        };
        let document = serde_json::to_string(&document).map_err(|e| failed(e.to_string()))?;
        // Training in f32 gives numbers that f32 holds exactly; others are stored as f64.
        let exact = self.network.weights.values().flat_map(|v| v.data()).all(|v| f64::from(*v as f32) == *v);
        let encode = |value: &Array| -> Vec<u8> {
            if exact {
                value.data().iter().flat_map(|v| (*v as f32).to_le_bytes()).collect()
            } else {
                value.data().iter().flat_map(|v| v.to_le_bytes()).collect()
            }
        };
        let bytes: Vec<(&String, &Array, Vec<u8>)> =
            self.network.weights.iter().map(|(name, value)| (name, value, encode(value))).collect();
        let dtype = if exact { Dtype::F32 } else { Dtype::F64 };
        let mut views = Vec::new();
        for (name, value, data) in &bytes {
            let view = TensorView::new(dtype, value.shape().to_vec(), data).map_err(|e| failed(e.to_string()))?;
            views.push((name.as_str(), view));
        }
        let metadata = HashMap::from([(KEY.to_string(), document)]);
        safetensors::serialize(views, Some(metadata)).map_err(|e| failed(e.to_string()))
    }

    /// A model from the bytes of its file; `path` is for messages.
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Model, FitError> {
        let fail = |problem| FitError::Model { path: path.to_path_buf(), problem };
        let container = |e: safetensors::SafeTensorError| fail(ModelProblem::Container(e.to_string()));
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(container)?;
        let document =
            metadata.metadata().as_ref().and_then(|m| m.get(KEY)).ok_or_else(|| fail(ModelProblem::Foreign))?;
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let part = |part: &'static str, reason: String| fail(ModelProblem::Part { part, reason });
        let Format { format } = serde_json::from_str(document).map_err(|e| part("description", e.to_string()))?;
        if format > FORMAT {
            return Err(fail(ModelProblem::Version { found: format, known: FORMAT }));
        }
        let document: Document = serde_json::from_str(document).map_err(|e| part("description", e.to_string()))?;
        let graph = |name: &'static str, text: &str| parse(text).map_err(|e| part(name, e.to_string()));
        let tensors = SafeTensors::deserialize(bytes).map_err(container)?;
        let network = graph("network", &document.network)?;
        let mut weights = Weights::new();
        for id in network.parameters() {
            let name = network.name(id);
            let view = tensors.tensor(name).map_err(|e| part("weights", format!("{name}: {e}")))?;
            let data: Vec<f64> = match view.dtype() {
                Dtype::F32 => numbers(view.data(), |b: [u8; 4]| f64::from(f32::from_le_bytes(b))),
                Dtype::F64 => numbers(view.data(), f64::from_le_bytes),
                other => return Err(part("weights", format!("{name} holds {other:?}"))),
            };
            let shape = network.shape(id).resolve(0);
            let wrong = || part("weights", format!("{name} has shape {:?} instead of {shape:?}", view.shape()));
            let value = Array::new(&shape, data).filter(|_| view.shape() == shape).ok_or_else(wrong)?;
            weights.insert(name.to_string(), value);
        }
        let model = Model {
            encoder: graph("encoder", &document.encoder)?,
            head: graph("head", &document.head)?,
            network: Network::from_graph(network, weights),
            target_scales: document.target_scales,
            schema: document.schema,
            target: document.target,
            inputs: document.inputs,
            manifest: document.manifest,
            history: document.history.into_iter().map(Epoch::from).collect(),
        };
        model.check().map_err(|reason| part("parts", reason))?;
        Ok(model)
    }

    /// Whether the parts fit together.
    fn check(&self) -> Result<(), String> {
        self.network.check().map_err(|e| e.to_string())?;
        let (numbers, categories) = (self.inputs.numbers.len(), self.inputs.categories.len());
        let (y, width) = (self.network.outputs(), self.target.width());
        if self.target.interval.is_some_and(|share| !(share > 0.0 && share < 1.0)) {
            return Err("the share of the interval is not between 0 and 1".to_string());
        }
        if width == 0 || self.target_scales.len() != self.target.columns.len() {
            return Err("the targets and their scales do not match".to_string());
        }
        if self.target.outputs() == 0 || y % self.target.outputs() != 0 {
            return Err(format!("the network has {y} outputs, the target needs {}", self.target.outputs()));
        }
        let single = self.target.is_number() && width == 1;
        let result = (self.target.result(), Shape::batch(if single { &[] } else { std::slice::from_ref(&width) }));
        let features = ("features", Shape::batch(&[self.inputs.features.len()]));
        let expected = [("numbers", numbers), ("categories", categories)];
        check_graph("encoder", &self.encoder, &expected, features)?;
        check_graph("network", &self.network.graph, &[("x", self.inputs.features.len())], ("y", Shape::batch(&[y])))?;
        check_graph("head", &self.head, &[("y", y)], result)?;
        let kind = |name: &String| self.schema.column(name).map(|column| &column.kind).map_err(|e| e.to_string());
        for name in &self.inputs.numbers {
            if !matches!(kind(name)?, Kind::Number { .. } | Kind::Date { .. }) {
                return Err(format!("the column `{name}` is not a number"));
            }
        }
        for CategoryInput { name, .. } in &self.inputs.categories {
            if !matches!(kind(name)?, Kind::Category { .. }) {
                return Err(format!("the column `{name}` is not a category"));
            }
        }
        self.target.columns.iter().try_for_each(|name| kind(name).map(|_| ()))
    }

    /// Writes the model beside `path`, syncs it and renames it, so that no half-written file ever stands there.
    pub fn save(&self, path: &Path, force: bool) -> Result<(), FitError> {
        write_file(path, &self.to_bytes()?, force)
    }

    /// Reads a model.
    pub fn load(path: &Path) -> Result<Model, FitError> {
        let io = |source| FitError::Table(crate::TableError::Io { file: path.display().to_string(), source });
        let found = fs::metadata(path).map_err(io)?;
        // A device may never end.
        if !found.is_file() {
            return Err(io(io::Error::other("this is not a regular file")));
        }
        let bytes = found.len();
        if bytes > LARGEST {
            return Err(FitError::Model { path: path.to_path_buf(), problem: ModelProblem::TooLarge { bytes } });
        }
        Model::from_bytes(path, &fs::read(path).map_err(io)?)
    }
}

/// Checks that a graph takes rows of just these inputs, needs no weights but the network's, and gives `output`.
fn check_graph(part: &str, graph: &Graph, inputs: &[(&str, usize)], output: (&str, Shape)) -> Result<(), String> {
    let size = |name: &str| inputs.iter().find(|(known, _)| *known == name).map_or(0, |(_, size)| *size);
    for id in graph.inputs() {
        let (name, shape) = (graph.name(id), graph.shape(id));
        if *shape != Shape::batch(&[size(name)]) {
            return Err(format!("the {part} has an input `{name}` of shape {shape}"));
        }
    }
    let there = |name: &str| graph.inputs().any(|id| graph.name(id) == name);
    if let Some((name, _)) = inputs.iter().find(|(name, size)| *size > 0 && !there(name)) {
        return Err(format!("the {part} has no input `{name}`"));
    }
    if part != "network" && graph.parameters().next().is_some() {
        return Err(format!("the {part} has a parameter"));
    }
    let found = graph.output(output.0).map(|id| graph.shape(id));
    if found == Some(&output.1) {
        Ok(())
    } else {
        Err(format!("the {part} has no output `{}` of shape {}", output.0, output.1))
    }
}

fn numbers<const N: usize>(bytes: &[u8], convert: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    bytes.chunks_exact(N).map(|chunk| convert(std::array::from_fn(|i| chunk[i]))).collect()
}

/// Whether [`write_file`] would fail, as far as can be known before there is something to write.
pub fn check_writable(path: &Path, force: bool) -> Result<(), FitError> {
    let failed = |source: io::Error| FitError::Write { path: path.to_path_buf(), source };
    match path.metadata() {
        // Renaming would put a file in the place of a device.
        Ok(old) if !old.is_file() => Err(failed(io::Error::other("this is not a regular file"))),
        Ok(_) if !force => Err(FitError::Exists { path: path.to_path_buf() }),
        _ => folder(path).metadata().map(|_| ()).map_err(failed),
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes a file beside its place, syncs it and renames it; an existing one is replaced only with `force`.
pub fn write_file(path: &Path, bytes: &[u8], force: bool) -> Result<(), FitError> {
    let failed = |source: io::Error| FitError::Write { path: path.to_path_buf(), source };
    let exists = || FitError::Exists { path: path.to_path_buf() };
    check_writable(path, force)?;
    let mut builder = tempfile::Builder::new();
    // Temporary files are private unless told otherwise; the umask still applies.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.prefix(".backpass-").tempfile_in(folder(path)).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    let renamed = if force { file.persist(path) } else { file.persist_noclobber(path) };
    renamed.map(|_| ()).map_err(|e| match e.error.kind() {
        io::ErrorKind::AlreadyExists => exists(),
        _ => failed(e.error),
    })
}
