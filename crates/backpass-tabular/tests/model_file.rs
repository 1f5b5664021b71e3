//! Model files: what is written, and what is made of files that are something else.

mod common;

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use backpass_tabular::{FitError, FitErrorKind, FitOptions, Model, Table, fit, write_file};
use common::csv;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

fn table() -> Table {
    let mut text = String::from("x,c,y\n");
    for i in 0..40 {
        text += &format!("{}.25,{},{}\n", (i * 13) % 40, ["a", "b", "c"][i % 3], ["no", "yes"][usize::from(i > 20)]);
    }
    csv(&text).unwrap()
}

fn options() -> FitOptions {
    FitOptions { hidden: Some("5".into()), epochs: Some(2), ..FitOptions::new("y") }
}

fn model() -> Model {
    fit(&table(), &options()).unwrap().model
}

fn read(bytes: &[u8]) -> Result<Model, FitError> {
    Model::from_bytes(Path::new("m.bp"), bytes)
}

/// The file with its description changed, everything else as it was.
fn changed(bytes: &[u8], change: impl Fn(&mut serde_json::Value)) -> Vec<u8> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).unwrap();
    let mut description = serde_json::from_str(&metadata.metadata().as_ref().unwrap()["backpass"]).unwrap();
    change(&mut description);
    let tensors = SafeTensors::deserialize(bytes).unwrap();
    let metadata = HashMap::from([("backpass".to_string(), description.to_string())]);
    safetensors::serialize(tensors.tensors(), Some(metadata)).unwrap()
}

#[test]
fn what_is_saved_is_what_is_loaded() {
    let (model, table) = (model(), table());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.bp");
    model.save(&path, false).unwrap();
    let loaded = Model::load(&path).unwrap();
    assert_eq!(loaded.hash(), model.hash());
    assert_eq!(loaded.predict(&table, 1).unwrap().values, model.predict(&table, 1).unwrap().values);
    assert_eq!((&loaded.manifest, &loaded.history), (&model.manifest, &model.history));
    assert_eq!(fs::read(&path).unwrap(), model.to_bytes().unwrap());
    assert_eq!(loaded.to_bytes().unwrap(), model.to_bytes().unwrap());
    let again = self::model();
    assert_eq!(again.to_bytes().unwrap(), model.to_bytes().unwrap(), "equal trainings give equal files");
}

#[test]
fn files_of_before_layers_were_looked_at_can_be_read() {
    let model = model();
    assert!(model.history[0].layers.iter().any(|layer| layer.name == "hidden1" && layer.gradients > 0.0));
    let old = changed(&model.to_bytes().unwrap(), |description| {
        let epochs = description["history"].as_array_mut().unwrap();
        epochs.iter_mut().for_each(|epoch| _ = epoch.as_object_mut().unwrap().remove("layers").unwrap());
    });
    let read = read(&old).unwrap();
    assert!(read.hash() == model.hash() && read.history.iter().all(|epoch| epoch.layers.is_empty()));
}

#[test]
fn weights_keep_their_precision() {
    let precise = FitOptions { precision: Some("f64".into()), ..options() };
    let model = fit(&table(), &precise).unwrap().model;
    let loaded = read(&model.to_bytes().unwrap()).unwrap();
    assert_eq!(loaded.network.weights, model.network.weights);
    assert!(model.network.weights.values().flat_map(|w| w.data()).any(|w| f64::from(*w as f32) != *w));
}

#[test]
fn files_are_replaced_only_by_force_and_never_in_part() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.bp");
    fs::write(&path, "precious").unwrap();
    let refused = model().save(&path, false).unwrap_err();
    let message = format!("{} exists already\nhelp: choose another name, or say --force to replace it", path.display());
    assert_eq!((refused.to_string(), refused.kind()), (message, FitErrorKind::Usage));
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    // A reader that has the old file open keeps it whole: the new one is another file, put in its place.
    #[cfg(unix)]
    let before = std::os::unix::fs::MetadataExt::ino(&fs::metadata(&path).unwrap());
    model().save(&path, true).unwrap();
    assert!(Model::load(&path).is_ok());
    #[cfg(unix)]
    assert_ne!(before, std::os::unix::fs::MetadataExt::ino(&fs::metadata(&path).unwrap()));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");

    for bad in [folder.path().to_path_buf(), folder.path().join("none/m.bp"), path.join("m.bp")] {
        let refused = write_file(&bad, b"x", true).unwrap_err();
        assert_eq!(refused.kind(), FitErrorKind::Io, "{refused}");
    }
    for bad in [folder.path().to_path_buf(), folder.path().join("none")] {
        assert_eq!(Model::load(&bad).unwrap_err().kind(), FitErrorKind::Io);
    }
    #[cfg(unix)]
    assert_eq!(Model::load(Path::new("/dev/zero")).unwrap_err().kind(), FitErrorKind::Io);
}

#[test]
fn cut_files_are_refused() {
    let bytes = model().to_bytes().unwrap();
    for end in (0..bytes.len()).step_by(97).chain([bytes.len() - 1]) {
        let refused = read(&bytes[..end]).unwrap_err();
        assert_eq!(refused.kind(), FitErrorKind::Model, "{end} bytes: {refused}");
    }
}

/// A flipped bit is noticed, or leaves a model that can be used without panic.
#[test]
fn flipped_bits_never_panic() {
    let (bytes, table) = (model().to_bytes().unwrap(), table());
    let mut random = backpass_kernels::philox::Stream::new(1, 0);
    for _ in 0..500 {
        let mut bytes = bytes.clone();
        let at = random.below(bytes.len() as u64) as usize;
        bytes[at] ^= 1 << random.below(8);
        match read(&bytes) {
            Err(refused) => assert_eq!(refused.kind(), FitErrorKind::Model, "byte {at}: {refused}"),
            Ok(model) => {
                let _ = model.predict(&table, 1);
                let _ = model.evaluate(&table, 1);
            }
        }
    }
}

#[test]
fn other_files_are_refused() {
    let zeros = [0u8; 8];
    let foreign = HashMap::from([("w", TensorView::new(Dtype::F32, vec![2], &zeros).unwrap())]);
    let foreign = safetensors::serialize(foreign, None).unwrap();
    let mut huge = u64::MAX.to_le_bytes().to_vec();
    huge.extend(b"{}");
    let files: [(&str, &[u8]); 5] =
        [("foreign", &foreign), ("JSON", b"{\"format\": 1}"), ("empty", b""), ("huge", &huge), ("text", b"a,b\n1,2\n")];
    for (what, bytes) in files {
        let refused = read(bytes).unwrap_err();
        assert_eq!(refused.kind(), FitErrorKind::Model, "{what}");
        assert!(refused.to_string().starts_with("m.bp: "), "{what}: {refused}");
        assert_eq!(
            refused.to_string().contains("safetensors file, but not a backpass"),
            what == "foreign",
            "{refused}"
        );
    }
}

#[test]
fn a_newer_format_is_refused() {
    let newer = changed(&model().to_bytes().unwrap(), |d| d["format"] = 2.into());
    let message = "m.bp: model format 2; this program reads format 1";
    assert!(read(&newer).unwrap_err().to_string().starts_with(message));
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let bytes = model().to_bytes().unwrap();
    assert!(read(&changed(&bytes, |_| {})).is_ok());
    let replace = |part: &'static str, from: &'static str, to: &'static str| {
        move |d: &mut serde_json::Value| {
            let text = d[part].as_str().unwrap();
            assert!(text.contains(from), "{part} has no {from}:\n{text}");
            d[part] = text.replace(from, to).into();
        }
    };
    let refuse = |what: &str, bytes: &[u8]| {
        let refused = read(bytes).map(|_| ()).expect_err(what);
        assert_eq!(refused.kind(), FitErrorKind::Model, "{what}");
        assert!(refused.to_string().contains("damaged: its "), "{what}: {refused}");
    };
    let tampered = [
        ("encoder", "numbers: [batch, 1]", "numbers: [batch, 2]"),
        ("encoder", "numbers: [batch, 1]", "numbers: [1]"),
        ("encoder", "input numbers", "input others"),
        ("encoder", "output features", "output others"),
        ("network", "x: [batch, 4]", "x: [batch, 5]"),
        ("network", "[4, 5]", "[4, 6]"),
        ("network", "[4, 5]", "[4000000000, 5000000000]"),
        ("network", "input x", "input z"),
        ("head", "y: [batch, 1]", "y: [batch, 2]"),
        ("head", "output probabilities", "output prediction"),
        ("head", "batch", "butch"),
    ];
    for (part, from, to) in tampered {
        refuse(&format!("{from} -> {to} in {part}"), &changed(&bytes, replace(part, from, to)));
    }
    refuse("no such column", &changed(&bytes, |d| d["inputs"]["numbers"][0] = "gone".into()));
    refuse("category as number", &changed(&bytes, |d| d["inputs"]["numbers"][0] = "c".into()));
    refuse("one more input", &changed(&bytes, |d| d["inputs"]["numbers"] = serde_json::json!(["x", "x"])));
    refuse("fewer features", &changed(&bytes, |d| d["inputs"]["features"] = serde_json::json!(["x"])));
    refuse("one more class", &changed(&bytes, |d| d["target"]["classes"] = serde_json::json!(["a", "b", "c"])));
    refuse("no target", &changed(&bytes, |d| d["target"]["name"] = "gone".into()));
    refuse("no schema", &changed(&bytes, |d| d["schema"] = serde_json::Value::Null));
}
