//! Which options are searched, and where.

use std::collections::BTreeMap;

use backpass::suggest::closest;
use backpass_kernels::philox::Stream;
use toml::{Table, Value};

use super::TuneError;
use crate::options::FitOptions;

/// Key of the streams that draw options, apart from those of splits, weights, shuffling and dropout.
const TUNE: u64 = 0x5455_4e45;

/// How often to draw again what has been drawn before, until the space counts as exhausted.
const DRAWS: usize = 1000;

/// The options that may be searched. The others say what is predicted, which rows judge it, or how much is spent.
const SEARCHED: [&str; 31] = [
    "activation",
    "batch_size",
    "calibrate",
    "clamp",
    "class_weight",
    "clip_norm",
    "clip_value",
    "decay_schedule",
    "dropout",
    "dropout_schedule",
    "embed_categories",
    "embedding",
    "ensemble",
    "front_scale",
    "hidden",
    "init",
    "l1",
    "l2",
    "label_smoothing",
    "learning_rate",
    "loss",
    "max_levels",
    "min_improvement",
    "optimizer",
    "parametric",
    "parametrisation",
    "patience",
    "scaling",
    "schedule",
    "warm_up",
    "weight_decay",
];

/// What an option may be.
#[derive(Clone, Debug, PartialEq)]
enum Choices {
    List(Vec<Value>),
    /// A number between two, each alike.
    Linear(f64, f64),
    /// A number between two, its logarithm anywhere alike.
    Log(f64, f64),
    /// An integer from one to another, both included.
    Integer(i64, i64),
}

/// Names of [`FitOptions`] and what each may be.
#[derive(Clone, Debug, PartialEq)]
pub struct Space {
    choices: BTreeMap<String, Choices>,
    /// As it was written.
    table: Table,
}

impl Space {
    /// The space where none is named, as [`Space::parse`] reads it.
    pub const DEFAULT: &str = include_str!("space.toml");

    /// Reads TOML: `name = [value, …]`, `{ linear = [from, to] }`, `{ log = [from, to] }` or `{ integer = [from, to] }`.
    ///
    /// # Errors
    /// What is not TOML, is no option that can be searched, or is nothing that it can be.
    pub fn parse(text: &str) -> Result<Space, TuneError> {
        let table: Table = toml::from_str(text)?;
        let choices = table.iter().map(|(name, value)| Ok((name.clone(), choices(name, value)?)));
        let space = Space { choices: choices.collect::<Result<_, TuneError>>()?, table };
        space.edges().try_for_each(|(name, value)| options([(name, value)]).map(|_| ()))?;
        Ok(space)
    }

    /// What it says, with the options left out that are `given`.
    pub(super) fn without(&self, given: &FitOptions) -> Result<Space, TuneError> {
        let given = Table::try_from(given).unwrap_or_default();
        let mut space = self.clone();
        space.choices.retain(|name, _| !given.contains_key(name));
        space.table.retain(|name, _| !given.contains_key(name));
        if space.choices.is_empty() { Err(TuneError::Empty) } else { Ok(space) }
    }

    /// As it was written.
    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    /// Every value of every list and both ends of every range, one at a time.
    pub(super) fn each(&self) -> Result<Vec<FitOptions>, TuneError> {
        self.edges().map(|edge| options([edge])).collect()
    }

    fn edges(&self) -> impl Iterator<Item = (&str, Value)> {
        self.choices.iter().flat_map(|(name, choices)| {
            let values = match choices {
                Choices::List(values) => values.clone(),
                Choices::Linear(from, to) | Choices::Log(from, to) => vec![Value::Float(*from), Value::Float(*to)],
                Choices::Integer(from, to) => vec![Value::Integer(*from), Value::Integer(*to)],
            };
            values.into_iter().map(move |value| (name.as_str(), value))
        })
    }

    /// The options of trial after trial: first none, then what chance draws, never the same twice. It ends when nothing
    /// new is found any more.
    pub(super) fn proposals(&self, seed: u64) -> impl Iterator<Item = Result<FitOptions, TuneError>> {
        let mut drawn: Vec<Vec<(&str, Value)>> = Vec::new();
        (0..).map_while(move |trial| {
            if trial == 0 {
                return Some(Ok(FitOptions::default()));
            }
            let mut random = Stream::new(seed ^ TUNE, trial);
            let fresh = |values: &Vec<(&str, Value)>| !drawn.contains(values);
            let values = std::iter::repeat_with(|| self.draw(&mut random)).take(DRAWS).find(fresh)?;
            drawn.push(values.clone());
            Some(options(values))
        })
    }

    fn draw(&self, random: &mut Stream) -> Vec<(&str, Value)> {
        self.choices.iter().map(|(name, choices)| (name.as_str(), choices.draw(random))).collect()
    }
}

impl Default for Space {
    fn default() -> Self {
        Space::parse(Space::DEFAULT).unwrap_or(Space { choices: BTreeMap::new(), table: Table::new() })
    }
}

impl Choices {
    fn draw(&self, random: &mut Stream) -> Value {
        match self {
            Choices::List(values) => values[random.below(values.len() as u64) as usize].clone(),
            Choices::Linear(from, to) => short(from + (to - from) * random.uniform(), *from, *to),
            Choices::Log(from, to) => short(from * (to / from).powf(random.uniform()), *from, *to),
            Choices::Integer(from, to) => {
                Value::Integer(from + random.below(from.abs_diff(*to).saturating_add(1)) as i64)
            }
        }
    }
}

/// A number with three digits, as people write options.
fn short(value: f64, from: f64, to: f64) -> Value {
    let rounded = format!("{value:.2e}").parse().unwrap_or(value);
    Value::Float(f64::clamp(rounded, from, to))
}

fn choices(name: &str, value: &Value) -> Result<Choices, TuneError> {
    if !SEARCHED.contains(&name) {
        let help = match closest(name, SEARCHED) {
            Some(near) => format!("help: did you mean `{near}`?"),
            None => format!("help: what can be is {}", SEARCHED.join(", ")),
        };
        return Err(TuneError::Option { option: name.to_string(), help });
    }
    let wrong = |problem: String, help| TuneError::Choices { option: name.to_string(), problem, help };
    const FORMS: &str = "write [value, …], { linear = [from, to] }, { log = [from, to] } or { integer = [from, to] }";
    let form = || wrong(format!("{value} is neither a list nor a range"), FORMS);
    let table = match value {
        Value::Array(values) if values.is_empty() => return Err(wrong("the list is empty".to_string(), FORMS)),
        Value::Array(values) => return Ok(Choices::List(values.clone())),
        Value::Table(table) if table.len() == 1 => table,
        _ => return Err(form()),
    };
    let (kind, ends) = table.iter().next().ok_or_else(form)?;
    let [from, to] = ends.as_array().map(Vec::as_slice).ok_or_else(form)? else { return Err(form()) };
    let number = |value: &Value| value.as_float().or(value.as_integer().map(|v| v as f64)).ok_or_else(form);
    let range = match kind.as_str() {
        "linear" => Choices::Linear(number(from)?, number(to)?),
        "log" => Choices::Log(number(from)?, number(to)?),
        "integer" => Choices::Integer(from.as_integer().ok_or_else(form)?, to.as_integer().ok_or_else(form)?),
        _ => return Err(form()),
    };
    let rises = match range {
        Choices::Linear(from, to) => from < to && from.is_finite() && to.is_finite(),
        Choices::Log(from, to) => 0.0 < from && from < to && to.is_finite(),
        Choices::Integer(from, to) => from < to,
        Choices::List(_) => true,
    };
    if rises {
        Ok(range)
    } else {
        Err(wrong(format!("{ends} is no range"), "begin with the smaller number; logarithms need numbers above 0"))
    }
}

/// The options that have these values, and no others.
fn options<'a>(values: impl IntoIterator<Item = (&'a str, Value)>) -> Result<FitOptions, TuneError> {
    let mut all = FitOptions::default();
    for (name, value) in values {
        let one: FitOptions = Table::from_iter([(name.to_string(), value.clone())]).try_into().map_err(|e| {
            let problem = format!("{value} cannot be its value ({})", toml::de::Error::message(&e));
            let help =
                "write it as in a configuration file: texts in quotes, whole numbers from { integer = [from, to] }";
            TuneError::Choices { option: name.to_string(), problem, help }
        })?;
        all = all.or(one);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(text: &str, count: usize) -> Vec<FitOptions> {
        Space::parse(text).unwrap().proposals(7).take(count).map(Result::unwrap).collect()
    }

    #[test]
    fn the_space_that_comes_along_can_be_read_and_its_names_are_options() {
        assert!(Space::parse(Space::DEFAULT).is_ok());
        assert!(!Space::default().choices.is_empty());
        // A name that is no option would be an unknown field; a wrong type is not.
        for name in SEARCHED {
            let value = Value::Table(Table::new());
            let error = Table::from_iter([(name.to_string(), value)]).try_into::<FitOptions>().unwrap_err();
            assert!(!error.to_string().contains("unknown field"), "{name}: {error}");
        }
    }

    #[test]
    fn numbers_are_drawn_from_their_ranges() {
        let text =
            "learning_rate = { log = [1e-4, 1] }\ndropout = { linear = [0, 0.5] }\nensemble = { integer = [2, 4] }";
        let all = drawn(text, 401);
        assert_eq!(all[0], FitOptions::default());
        let all = &all[1..];
        assert!(
            all.iter().all(|o| (0.0..=0.5).contains(&o.dropout.unwrap()) && (2..=4).contains(&o.ensemble.unwrap()))
        );
        // Half of the rates lie below the geometric mean of the ends, half of the shares below the arithmetic mean.
        let below = |what: &dyn Fn(&FitOptions) -> bool| all.iter().filter(|o| what(o)).count();
        assert!((160..240).contains(&below(&|o| o.learning_rate.unwrap() < 1e-2)));
        assert!((160..240).contains(&below(&|o| o.dropout.unwrap() < 0.25)));
        assert!((2..=4).all(|n| (100..170).contains(&below(&|o| o.ensemble == Some(n)))));
        assert_eq!(all, &drawn(text, 401)[1..]);
    }

    #[test]
    fn a_small_space_is_exhausted_without_repetition() {
        let all = drawn("hidden = [\"8\", \"16\"]\ndropout = [0, 0.1, 0.2]", 100);
        assert_eq!(all.len(), 7);
        assert!((0..7).all(|i| !all[..i].contains(&all[i])));
    }

    #[test]
    fn what_is_wrong_is_said_with_a_suggestion() {
        for (text, parts) in [
            ("learning_rat = [1]", ["`learning_rat` cannot be searched", "did you mean `learning_rate`?"]),
            ("target = [\"a\"]", ["`target` cannot be searched", "activation, batch_size"]),
            ("hidden = [64]", ["hidden: 64 cannot be its value", "texts in quotes"]),
            ("ensemble = { linear = [1, 4] }", ["ensemble: 1.0 cannot be its value", "{ integer = [from, to] }"]),
            ("dropout = 0.1", ["dropout: 0.1 is neither", "{ linear = [from, to] }"]),
            ("dropout = []", ["the list is empty", "write [value, …]"]),
            ("dropout = { liner = [0, 1] }", ["neither a list nor a range", "{ linear = [from, to] }"]),
            ("dropout = { linear = [0.5, 0.1] }", ["is no range", "begin with the smaller"]),
            ("learning_rate = { log = [0, 1] }", ["is no range", "above 0"]),
            ("dropout = [", ["TOML parse error", "--print-space"]),
        ] {
            let error = Space::parse(text).unwrap_err().to_string();
            assert!(parts.iter().all(|part| error.contains(part)), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_given_is_not_searched() {
        let space = Space::parse("hidden = [\"8\"]\ndropout = [0.1]").unwrap();
        let given = FitOptions { dropout: Some(0.3), ..FitOptions::default() };
        assert_eq!(space.without(&given).unwrap(), Space::parse("hidden = [\"8\"]").unwrap());
        let given = FitOptions { hidden: Some("4".to_string()), ..given };
        assert!(matches!(space.without(&given), Err(TuneError::Empty)));
    }
}
