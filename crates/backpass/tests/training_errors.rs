//! What training, networks and choices refuse, with the exact words.

use backpass::init::Init;
use backpass::loss::{Huber, Loss};
use backpass::nn::{Activation, Mlp, Network, Weights};
use backpass::optim::schedule::Schedule;
use backpass::optim::{Momentum, Optimizer};
use backpass::train::{
    BatchSize, DataError, Dataset, Metric, Penalty, Predictor, TrainError, TrainOptions, Validation, evaluate, train,
};
use backpass::{Array, Builder, Expr, Graph, Shape};

fn network() -> Network {
    Mlp::new(2, &[3], &Activation::parse("tanh").unwrap(), 2).build(1).unwrap()
}

fn data() -> Dataset {
    Dataset::new(2, vec![0.5; 8], 2, vec![1.0; 8])
}

fn attempt(network: &Network, data: &Dataset, validation: &Validation<'_>, options: &TrainOptions) -> TrainError {
    train(&mut network.clone(), data, validation, options, &mut |_| {}).unwrap_err()
}

/// Why training with these options is refused.
fn option(change: impl FnOnce(&mut TrainOptions)) -> String {
    let mut options = TrainOptions::default();
    change(&mut options);
    attempt(&network(), &data(), &Validation::default(), &options).to_string()
}

#[test]
fn options_out_of_range() {
    let positive = "it must be a number greater than 0";
    assert_eq!(option(|o| o.epochs = 0), format!("the number of epochs is 0, {positive}"));
    assert_eq!(option(|o| o.batch_size = BatchSize::Rows(0)), format!("the batch size is 0, {positive}"));
    assert_eq!(option(|o| o.learning_rate = Some(0.0)), format!("the learning rate is 0, {positive}"));
    assert_eq!(option(|o| o.learning_rate = Some(f64::NAN)), format!("the learning rate is NaN, {positive}"));
    assert_eq!(option(|o| o.learning_rate = Some(f64::INFINITY)), format!("the learning rate is inf, {positive}"));
    assert_eq!(option(|o| o.clip_norm = Some(-1.0)), format!("the clipping norm is -1, {positive}"));
    assert_eq!(option(|o| o.clip_value = Some(0.0)), format!("the clipping value is 0, {positive}"));
    assert_eq!(option(|o| o.patience = Some(0)), format!("the patience is 0, {positive}"));
    let not_negative = "it must be a number of at least 0";
    assert_eq!(option(|o| o.warm_up = -0.5), format!("the warm-up is -0.5, {not_negative}"));
    assert_eq!(option(|o| o.min_improvement = f64::NAN), format!("the minimum improvement is NaN, {not_negative}"));
    let penalty = |l1, l2, decay| option(|o| o.penalty = Penalty { l1, l2, decay });
    assert_eq!(penalty(-1.0, 0.0, None), format!("the L1 penalty is -1, {not_negative}"));
    assert_eq!(penalty(0.0, -1.0, None), format!("the L2 penalty is -1, {not_negative}"));
    assert_eq!(penalty(0.0, 0.0, Some(-1.0)), format!("the weight decay is -1, {not_negative}"));
    for threads in [0, 1025, usize::MAX] {
        let expected = format!("the number of threads is {}, it must be from 1 to 1024", threads as f64);
        assert_eq!(option(|o| o.threads = threads), expected);
        assert_eq!(Predictor::<f32>::new(&network(), threads).err().unwrap().to_string(), expected);
        assert_eq!(
            evaluate(&network(), &data(), &TrainOptions::default().loss, threads).unwrap_err().to_string(),
            expected
        );
    }
}

#[test]
fn choices_out_of_range() {
    let loss = Loss::Huber(Huber { delta: -2.0 });
    assert_eq!(option(|o| o.loss = loss.clone()), "loss `huber`: delta=-2 must be greater than 0");
    let found = evaluate(&network(), &data(), &loss, 1).unwrap_err().to_string();
    assert_eq!(found, "loss `huber`: delta=-2 must be greater than 0");
    let optimizer = Optimizer::Momentum(Momentum { momentum: f64::NAN });
    let expected = "optimiser `momentum`: momentum=NaN must be at least 0 and less than 1";
    assert_eq!(option(|o| o.optimizer = optimizer), expected);
    let schedule = Schedule::Cosine { floor: 2.0 };
    assert_eq!(option(|o| o.schedule = schedule), "schedule `cosine`: floor=2 must be from 0 to 1");
}

#[test]
fn data_that_do_not_fit() {
    let refused = |data: Dataset| match attempt(&network(), &data, &Validation::default(), &TrainOptions::default()) {
        TrainError::Data(error) => error.to_string(),
        other => panic!("{other}"),
    };
    assert_eq!(refused(Dataset::default()), "there are no rows to learn from");
    assert_eq!(refused(Dataset::new(2, vec![], 2, vec![])), "there are no rows to learn from");
    assert_eq!(refused(Dataset { inputs: 4, ..data() }), "the rows have 4 input(s), the network has 2");
    assert_eq!(refused(Dataset { targets: 1, ..data() }), "the rows have 1 target(s), the network has 2");
    assert_eq!(refused(Dataset { x: vec![0.5; 7], ..data() }), "7 inputs do not make 4 rows of 2");
    assert_eq!(refused(Dataset { y: vec![0.5; 9], ..data() }), "9 targets do not make 4 rows of 2");
    let changed = |at: usize, value: f32| {
        let mut data = data();
        data.x[at] = value;
        data
    };
    let help = "help: fill in missing values before training";
    assert_eq!(refused(changed(5, f32::NAN)), format!("row 2, input 1 is NaN\n{help}"));
    assert_eq!(refused(changed(6, f32::INFINITY)), format!("row 3, input 0 is inf\n{help}"));
    let mut infinite = data();
    infinite.y[3] = f32::INFINITY;
    assert_eq!(refused(infinite), "row 1: the target is inf, the loss `squared` needs a finite number");
    let weighted = |weights: &[f32]| refused(Dataset { weights: Some(weights.to_vec()), ..data() });
    assert_eq!(weighted(&[1.0; 3]), "3 weights do not make 4 rows of 1");
    let rule = "weights must be at least 0, and not all 0";
    assert_eq!(weighted(&[1.0, -1.0, 1.0, 1.0]), format!("row 1: the weight is -1; {rule}"));
    assert_eq!(weighted(&[1.0, 1.0, f32::NAN, 1.0]), format!("row 2: the weight is NaN; {rule}"));
    assert_eq!(weighted(&[0.0; 4]), format!("row 0: the weight is 0; {rule}"));
}

#[test]
fn targets_that_a_loss_cannot_take() {
    let network = Mlp::new(1, &[], &Activation::IDENTITY, 3).build(1).unwrap();
    let refused = |loss: &str, targets: usize, y: &[f32]| {
        let loss = Loss::parse(loss).unwrap();
        Dataset::new(1, vec![0.0; y.len() / targets], targets, y.to_vec()).check(&network, &loss).unwrap_err()
    };
    let class = refused("softmax_cross_entropy", 1, &[0.0, 3.0]);
    let expected = "a class number below the number of outputs";
    let loss = "softmax_cross_entropy";
    assert_eq!(class, DataError::Target { row: 1, value: 3.0, loss, expected });
    assert_eq!(class.to_string(), format!("row 1: the target is 3, the loss `{loss}` needs {expected}"));
    let class = refused("softmax_cross_entropy", 3, &[0.0; 6]).to_string();
    assert_eq!(class, "the rows have 3 target(s), the network has 1");
    assert_eq!(
        refused("binary_cross_entropy", 3, &[0.0, 1.0, 0.5, 0.0, 0.0, 2.0]).to_string(),
        "row 1: the target is 2, the loss `binary_cross_entropy` needs a probability from 0 to 1"
    );
    assert_eq!(
        refused("poisson", 3, &[0.0, -1.0, 2.0]).to_string(),
        "row 0: the target is -1, the loss `poisson` needs a count of at least 0"
    );
}

#[test]
fn validation_that_does_not_fit() {
    let refused =
        |validation: &Validation<'_>| attempt(&network(), &data(), validation, &TrainOptions::default()).to_string();
    let empty = Dataset::new(2, vec![], 2, vec![]);
    let error = refused(&Validation { data: Some(&empty), ..Validation::default() });
    assert_eq!(error, "in the validation data: there are no rows to learn from");
    let mut missing = data();
    missing.x[0] = f32::NAN;
    let error = refused(&Validation { data: Some(&missing), ..Validation::default() });
    let help = "help: fill in missing values before training";
    assert_eq!(error, format!("in the validation data: row 0, input 0 is NaN\n{help}"));
    let metric = Metric { name: "m".to_string(), higher_is_better: true, compute: Box::new(|_| 0.0) };
    let error = refused(&Validation { data: None, metrics: vec![metric], watch: Some(1) });
    assert_eq!(error, "the number of the watched metric is 1, it must be below the number of metrics");
}

#[test]
fn dropout_with_lbfgs() {
    let mut mlp = Mlp::new(2, &[3], &Activation::parse("tanh").unwrap(), 2);
    mlp.layers[0].dropout = 0.1;
    let options = TrainOptions { optimizer: Optimizer::parse("lbfgs").unwrap(), ..TrainOptions::default() };
    let error = attempt(&mlp.build(1).unwrap(), &data(), &Validation::default(), &options).to_string();
    let help = "help: leave out dropout, or choose `adam`";
    assert_eq!(error, format!("`lbfgs` needs the same loss at every step, dropout changes it\n{help}"));
}

#[test]
fn layers_that_cannot_be() {
    let refused = |change: &dyn Fn(&mut Mlp)| {
        let mut mlp = Mlp::new(2, &[3, 4], &Activation::parse("tanh").unwrap(), 2);
        change(&mut mlp);
        mlp.build(1).unwrap_err().to_string()
    };
    assert_eq!(refused(&|m| m.inputs = 0), "the number of inputs of the network is 0, it must be at least 1");
    assert_eq!(refused(&|m| m.layers.clear()), "the number of layers of the network is 0, it must be at least 1");
    assert_eq!(refused(&|m| m.layers[1].units = 0), "the number of units of hidden2 is 0, it must be at least 1");
    assert_eq!(refused(&|m| m.layers[2].units = 0), "the number of units of output is 0, it must be at least 1");
    let range = "it must be at least 0 and less than 1";
    for rate in [1.0, -0.1, f64::NAN] {
        let expected = format!("the dropout of hidden1 is {rate}, {range}");
        assert_eq!(refused(&|m| m.layers[0].dropout = rate), expected);
    }
}

/// A graph whose output `y` is made from an input `x` of shape [batch, 2].
fn graph(y: impl for<'b> FnOnce(&'b Builder, Expr<'b>) -> Expr<'b>) -> Graph {
    let builder = Builder::new();
    let x = builder.input("x", Shape::batch(&[2]));
    builder.output("y", y(&builder, x));
    builder.finish().unwrap()
}

fn untrainable(graph: Graph) -> String {
    let network = Network::from_graph(graph, Weights::new());
    let data = Dataset::new(network.inputs(), vec![0.5; 4 * network.inputs()], 2, vec![1.0; 8]);
    attempt(&network, &data, &Validation::default(), &TrainOptions::default()).to_string()
}

#[test]
fn graphs_that_rows_cannot_go_through() {
    let needs = "a network needs an input `x` and an output `y`";
    assert_eq!(untrainable(Graph::new()), format!("the graph has no input `x`; {needs}"));
    let mut no_output = graph(|_, x| x);
    no_output.set_outputs(Vec::new());
    assert_eq!(untrainable(no_output), format!("the graph has no output `y`; {needs}"));
    // A node called `x` that is no input.
    let builder = Builder::new();
    builder.output("y", builder.constant(1.0).named("x"));
    assert_eq!(untrainable(builder.finish().unwrap()), format!("the graph has no input `x`; {needs}"));
    let flat = graph(|_, x| x.sum(1));
    assert_eq!(untrainable(flat), "the output `y` has shape [batch], a network needs [batch, n]");
    let single = graph(|_, x| x.mean_all());
    assert_eq!(untrainable(single), "the output `y` has shape [], a network needs [batch, n]");
    let builder = Builder::new();
    let x = builder.input("x", Shape::fixed(&[4, 2]));
    builder.output("y", x);
    let fixed = builder.finish().unwrap();
    assert_eq!(untrainable(fixed), "the input `x` has shape [4, 2], a network needs [batch, n]");
    let two = graph(|b, x| x + b.input("z", Shape::scalar()));
    assert_eq!(untrainable(two), "the graph has an input `z`; a network takes everything from `x`");
    let step = graph(|b, x| x + b.input("step", Shape::scalar()));
    assert_eq!(untrainable(step), "the graph has an input `step`; a network takes everything from `x`");
    let reserved = graph(|b, x| x * b.parameter("weight", Shape::scalar()));
    let expected = "training needs the name `weight` for an input of its own\nhelp: rename the parameter";
    assert_eq!(untrainable(reserved), expected);
    let updated = graph(|b, x| {
        let p = b.parameter("p", Shape::scalar());
        b.update(p, p * 2.0);
        x * p
    });
    assert_eq!(untrainable(updated), "the graph updates its parameter `p`; that is what training does");
    assert!(Predictor::<f32>::new(&Network::from_graph(Graph::new(), Weights::new()), 1).is_err());
}

#[test]
fn values_that_do_not_fit_their_parameters() {
    let refused = |change: &dyn Fn(&mut Weights)| {
        let mut network = network();
        change(&mut network.weights);
        attempt(&network, &data(), &Validation::default(), &TrainOptions::default()).to_string()
    };
    let missing = "the parameter `output.b` has no value of its shape [2]";
    assert_eq!(refused(&|w| drop(w.remove("output.b"))), missing);
    assert_eq!(refused(&|w| drop(w.insert("output.b".to_string(), Array::vector([0.0])))), missing);
    let extra = refused(&|w| drop(w.insert("output.c".to_string(), Array::scalar(0.0))));
    assert_eq!(extra, "the plan has no Parameter `output.c`\nhelp: did you mean `output.W`?");
}

#[test]
fn paths_without_derivative() {
    let indices = graph(|b, x| x.sum(1).one_hot(2) * 0.0 + (b.parameter("p", Shape::fixed(&[1])) + 0.5).one_hot(2));
    let error = untrainable(indices);
    let expected = "`one_hot` (node 8) has no derivative with respect to operand 1: indices are whole numbers";
    assert_eq!(error, expected);
}

#[test]
fn choices_that_cannot_be_read() {
    let message = |text: &str| Optimizer::parse(text).unwrap_err().to_string();
    assert_eq!(message("adan"), "there is no optimiser `adan`\nhelp: did you mean `adam`?");
    let all = "sgd, momentum, nesterov, rmsprop, adam, adamw, lbfgs, levenberg_marquardt";
    assert_eq!(message("xyzzy"), format!("there is no optimiser `xyzzy`\nhelp: choose one of {all}"));
    let help = "help: write a name, or name(parameter=number)";
    for text in ["adam(beta1)", "adam(beta1=", "adam(beta1=0.9", "adam(beta1=many)", "adam(beta1=nan)", "adam(eps=inf)"]
    {
        assert_eq!(message(text), format!("cannot read the optimiser `{text}`\n{help}"));
    }
    assert_eq!(
        message("adam(beta3=1)"),
        "optimiser `adam`: there is no attribute `beta3` here, only beta1, beta2, eps"
    );
    assert_eq!(
        Activation::parse("relu(").unwrap_err().to_string(),
        format!("cannot read the activation `relu(`\n{help}")
    );
    assert_eq!(
        Init::parse("he(x=)").unwrap_err().to_string(),
        format!("cannot read the initialisation `he(x=)`\n{help}")
    );
    let missing = Loss::parse("quantile(levle=0.5)").unwrap_err().to_string();
    assert_eq!(missing, "loss `quantile`: there is no attribute `levle` here, only level");
    let schedule = Schedule::parse("cosin").unwrap_err().to_string();
    assert_eq!(schedule, "there is no schedule `cosin`\nhelp: did you mean `cosine`?");
    // Spaces, empty lists and dashes are fine.
    assert_eq!(
        Optimizer::parse(" adam ( beta1 = 0.5 , ) ").unwrap().to_string(),
        "adam(beta1=0.5, beta2=0.999, eps=0.00000001)"
    );
    assert_eq!(Optimizer::parse("sgd()"), Optimizer::parse("sgd"));
    assert_eq!(Init::parse("glorot-normal"), Ok(Init::GlorotNormal));
}
