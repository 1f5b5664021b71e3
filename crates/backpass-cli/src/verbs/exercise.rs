//! `backpass exercise`.

use std::time::{SystemTime, UNIX_EPOCH};

use backpass::view::View;
use backpass::{Array, view};
use backpass_draw::text;
use backpass_learn::exercise::{Exercise as Sheet, Kind, LEVELS, Mark};
use serde_json::{Value, json};

use crate::choice::choice;
use crate::exit::{Exit, Failure};
use crate::output::{self, Talk, nested};
use crate::picture::{GRAPH, Picture, text_width};

/// An exercise on the backward pass: a graph with gaps, and four answers of which one is right
#[derive(clap::Args)]
#[command(after_help = format!("{LEVELS_HELP}\n\n{EXAMPLES}"))]
pub struct Exercise {
    /// Which exercise; by default one that the clock chooses, and the seed is printed
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// What it is about
    #[arg(long, value_name = "KIND", default_value = "scalar", value_parser = choice(&Kind::NAMES))]
    kind: Kind,

    /// How hard it is, see below
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=i64::from(LEVELS)))]
    level: u8,

    /// So many exercises with seeds that follow each other
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    count: u16,

    /// An empty sheet: only the inputs are given, and no answers to choose from
    #[arg(long)]
    blank: bool,

    /// Mark this answer: a letter, a number, an array such as '[[1, 2], [3, 4]]'; exit code 1 if it is wrong
    #[arg(long, value_name = "ANSWER", allow_hyphen_values = true, conflicts_with_all = ["count", "blank", "json"])]
    answer: Option<String>,

    /// Show the worked solution
    #[arg(long)]
    solution: bool,

    /// Print one JSON document, with the solution
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    picture: Picture,
}

const LEVELS_HELP: &str = "\
Levels:
     scalar                     neuron               matrix                layer
  1  a chain of + - *           one input            T = XY                t = Wx + b
  2  maximum, relu, squares     two inputs, relu     other sizes           relu
  3  x is used twice            three inputs         relu(XY)              relu, more is asked
  4  sigmoid, tanh, exp         sigmoid or tanh      sigmoid or tanh       sigmoid or tanh
  5  more is used twice         two in a row         X is used twice       two layers
From level 2 on, values are gaps as well; numbers are whole eighths unless sigmoid, tanh or exp occur.";

const EXAMPLES: &str = "\
Examples:
  backpass exercise
  backpass exercise --seed 4711 --level 3
  backpass exercise --seed 4711 --level 3 --answer B
  backpass exercise --kind matrix --level 2 --seed 7 --answer '[[1, 2], [3, 4]]'
  backpass exercise --kind layer --seed 7 --blank -o blackboard.svg
  backpass exercise --kind neuron --level 2 --seed 1 --count 10 --solution > sheet.txt";

impl Exercise {
    pub fn run(self, _: &Talk) -> Result<(), Failure> {
        self.picture.check(GRAPH)?;
        if self.picture.output.is_some() && self.count > 1 {
            return Err(Failure::usage("a picture shows one exercise\nhelp: leave out --count or --output"));
        }
        let first = self.seed.unwrap_or_else(seed_of_the_clock);
        let exercises: Result<Vec<Sheet>, _> =
            (0..u64::from(self.count)).map(|i| Sheet::new(self.kind, self.level, first.wrapping_add(i))).collect();
        let exercises = exercises.map_err(Failure::usage)?;
        for exercise in &exercises {
            let mut view = if self.solution { exercise.solved() } else { exercise.sheet(self.blank) };
            if self.blank {
                view.task.iter_mut().for_each(|task| task.options.clear());
            }
            self.picture.draw(&view, exercise.digits())?;
        }
        if let (Some(answer), [exercise]) = (&self.answer, &exercises[..]) {
            return self.mark(exercise, answer);
        }
        if self.json {
            let documents: Vec<Value> = exercises.iter().map(|exercise| self.document(exercise)).collect();
            return match &documents[..] {
                [document] => output::json(document),
                _ => output::json(&documents),
            };
        }
        let sheets: Vec<String> = exercises.iter().map(|exercise| self.task(exercise)).collect();
        output::print(sheets.join(&format!("\n{}\n\n", "─".repeat(40))))
    }

    /// The words by which the exercise is found again.
    fn call(&self, exercise: &Sheet) -> String {
        format!("backpass exercise --seed {} --kind {} --level {}", exercise.seed(), self.kind.name(), self.level)
    }

    fn task(&self, exercise: &Sheet) -> String {
        let mut text = format!("exercise {}: {}\n\n", exercise.seed(), self.call(exercise));
        text += &format!("{}\n\n", indented(exercise.program()));
        text += &table(exercise.sheet(self.blank), exercise.digits());
        if self.solution { text + "\n" + &self.solution(exercise) } else { text }
    }

    fn mark(&self, exercise: &Sheet, answer: &str) -> Result<(), Failure> {
        let value = exercise.read(answer).map_err(Failure::usage)?;
        let mut text = match exercise.mark(&value) {
            Mark::Right => format!("Right: {}.\n", exercise.answer()),
            Mark::Known(known) => {
                let words = known.mistake.as_ref().map(|mistake| exercise.words(mistake));
                let said = words.map_or(String::new(), |w| format!("{}: {}\nhint: {}\n", w.name, w.reason, w.hint));
                format!("Wrong: {said}")
            }
            Mark::Unknown => format!("Wrong.\nhint: {}\n", exercise.remark(&value)),
        };
        let is_right = exercise.mark(&value) == Mark::Right;
        if is_right || self.solution {
            text += &format!("\n{}", self.solution(exercise));
        }
        output::print(text)?;
        if is_right { Ok(()) } else { Err(Failure::silent(Exit::Demand)) }
    }

    fn solution(&self, exercise: &Sheet) -> String {
        let options = text::Options { digits: exercise.digits(), formulas: true, width: text_width() };
        let mut text = "Solution\n\n".to_string();
        text += &text::steps(&View { title: String::new(), ..exercise.solved() }, &options);
        let locals = exercise.local_derivatives();
        if !locals.is_empty() {
            text += &format!("\nLocal derivatives\n{}\n", indented(&locals.join("\n")));
        }
        text += &format!("\n{}\n", exercise.answer());
        if self.blank {
            return text;
        }
        text += "\n";
        for (letter, option) in ('A'..).zip(exercise.options()) {
            text += &match &option.mistake {
                None => format!("  {letter}/  right\n"),
                Some(mistake) => {
                    let words = exercise.words(mistake);
                    format!("  {letter}/  {}: {}\n", words.name, words.reason)
                }
            };
        }
        text
    }

    fn document(&self, exercise: &Sheet) -> Value {
        let number = |value: &Array| match exercise.is_about_sizes() {
            true => json!(exercise.write(value)),
            false => nested(value),
        };
        let options = ('A'..).zip(exercise.options()).map(|(letter, option)| {
            let words = option.mistake.as_ref().map(|mistake| exercise.words(mistake));
            json!({
                "letter": letter.to_string(),
                "value": number(&option.value),
                "text": exercise.write(&option.value),
                "right": option.mistake.is_none(),
                "mistake": words.as_ref().map(|w| w.name),
                "reason": words.as_ref().map(|w| &w.reason),
                "hint": words.as_ref().map(|w| &w.hint),
            })
        });
        let options: Vec<Value> = if self.blank { Vec::new() } else { options.collect() };
        let given: serde_json::Map<String, Value> =
            exercise.point().iter().map(|(name, value)| (name.clone(), nested(value))).collect();
        let steps: Vec<String> = exercise.solved().steps.into_iter().map(|step| step.text).collect();
        json!({
            "seed": exercise.seed(),
            "kind": self.kind.name(),
            "level": self.level,
            "command": self.call(exercise),
            "program": exercise.program(),
            "given": given,
            "upstream": exercise.upstream().map(|(name, value)| json!({"node": name, "value": nested(value)})),
            "nodes": nodes(&exercise.sheet(self.blank)),
            "question": exercise.question(),
            "options": options,
            "answer": {"value": number(exercise.right()), "text": exercise.write(exercise.right())},
            "solution": {"steps": steps, "local_derivatives": exercise.local_derivatives()},
        })
    }
}

/// The nodes with their gaps, `"?"`.
fn nodes(view: &View) -> Vec<Value> {
    let written = |value: &Option<Array>| match value {
        Some(value) if value.item().is_some_and(|v| v.to_bits() == view::GAP.to_bits()) => json!("?"),
        Some(value) => nested(value),
        None => Value::Null,
    };
    let node = |node: &backpass::view::ViewNode| {
        json!({
            "name": node.name,
            "computes": node.formula,
            "shape": node.shape,
            "value": written(&node.value),
            "gradient": written(&node.gradient),
        })
    };
    view.nodes.iter().map(node).collect()
}

/// The graph as a table.
fn table(view: View, digits: usize) -> String {
    text::table(&View { title: String::new(), ..view }, &text::Options { digits, formulas: true, width: text_width() })
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// A seed that is short enough to be read out.
fn seed_of_the_clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| u64::from(time.subsec_nanos()) / 1000 % 100_000)
}
