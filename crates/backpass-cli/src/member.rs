//! Which of the networks of a bag is shown.

use backpass::explain::NotDense;
use backpass_tabular::Model;

use crate::exit::Failure;

/// The choice as an argument.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Chosen {
    /// Which network of a bag to show, counted from 1, or all of them; by default the first
    #[arg(long, value_name = "N|all", value_parser = which)]
    member: Option<Which>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Which {
    Number(usize),
    All,
}

fn which(text: &str) -> Result<Which, String> {
    let number = || text.parse().ok().filter(|number| *number > 0).map(Which::Number);
    let found = if text == "all" { Some(Which::All) } else { number() };
    found.ok_or("a number from 1 on, or all, is expected".to_string())
}

/// One network among several.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Member {
    /// Its number, from 1.
    pub number: usize,
    /// How many there are.
    pub count: usize,
}

impl Chosen {
    /// Whether a network was asked for.
    pub fn is_given(&self) -> bool {
        self.member.is_some()
    }

    /// The network of a model that is shown; none where there is but one, or all are wanted.
    pub fn of(&self, model: &Model) -> Result<Option<Member>, Failure> {
        let count = model.networks();
        match self.member.unwrap_or(Which::Number(1)) {
            Which::Number(number) if number > count => {
                let there = if count == 1 { "one network".to_string() } else { format!("{count} networks") };
                Err(Failure::usage(format!("--member: there is no network {number}\nhelp: the model has {there}")))
            }
            Which::Number(number) if count > 1 => Ok(Some(Member { number, count })),
            _ => Ok(None),
        }
    }
}

impl Member {
    /// The name of its scope.
    pub fn scope(self) -> String {
        scope(self.number)
    }

    /// The scopes of the others.
    pub fn others(self) -> impl Iterator<Item = String> {
        (1..=self.count).filter(move |number| *number != self.number).map(scope)
    }

    /// What it is to the whole, in words.
    pub fn words(self) -> String {
        let Member { number, count } = self;
        format!("network {number} of {count}; the prediction is the mean of all {count}")
    }
}

fn scope(number: usize) -> String {
    format!("member{number}")
}

/// Why a model cannot be drawn neuron by neuron, where its options say so; else what was found.
pub fn not_dense(model: &Model, error: NotDense) -> Failure {
    if matches!(error, NotDense::Neuron { .. } | NotDense::NoRow) {
        return Failure::usage(error);
    }
    let options = &model.manifest.options;
    let embedding = options.embedding.as_deref().filter(|name| *name != "none");
    let looked_up = model.inputs.categories.iter().any(|category| category.embedded);
    let reasons = [
        (embedding.is_some(), format!("its inputs are embedded ({})", embedding.unwrap_or_default())),
        (looked_up, "its categories are looked up in tables".to_string()),
        (options.front_scale == Some(true), "its inputs have learnt factors".to_string()),
        (options.parametric == Some(true), "its activations are learnt".to_string()),
        (options.ensemble.is_some_and(|count| count > 1), "several networks share its weights".to_string()),
    ];
    let reasons: Vec<String> = reasons.into_iter().filter(|(holds, _)| *holds).map(|(_, reason)| reason).collect();
    if reasons.is_empty() {
        return Failure::usage(error);
    }
    let help = "help: use --level layer, or train a plain network with --preset fast";
    let reasons = reasons.join(", ");
    Failure::usage(format!("the model is more than weighted sums, which circles cannot show: {reasons}\n{help}"))
}
