//! Named choices with parameters, written `name` or `name(parameter=value, …)`: activations, losses, optimisers,
//! schedules and initialisations are all chosen this way, from one list each.

use crate::ops::{Attribute, AttributeError, Attributes};
use crate::suggest::closest;

/// What the reference says of one choice.
#[derive(Debug)]
pub struct Choice {
    /// Its name.
    pub name: &'static str,
    /// One line for people.
    pub summary: &'static str,
    /// The formula.
    pub formula: &'static str,
    /// Where it comes from; empty for common knowledge.
    pub source: &'static str,
}

/// Why a choice could not be read.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// A name that is not in the list.
    #[error("there is no {what} `{name}`\nhelp: {}", suggestion.as_ref().map_or_else(|| format!("choose one of {known}"), |s| format!("did you mean `{s}`?")))]
    Unknown {
        /// What was to be chosen.
        what: &'static str,
        /// The name given.
        name: String,
        /// A name that looks alike.
        suggestion: Option<String>,
        /// All names.
        known: String,
    },
    /// Text that is not of the form `name(parameter=value)`.
    #[error("cannot read the {what} `{text}`\nhelp: write a name, or name(parameter=number)")]
    Syntax {
        /// What was to be chosen.
        what: &'static str,
        /// The text given.
        text: String,
    },
    /// A parameter that is wrong.
    #[error("{what} `{name}`: {source}")]
    Parameter {
        /// What was to be chosen.
        what: &'static str,
        /// The name.
        name: String,
        /// What is wrong.
        source: AttributeError,
    },
    /// A parameter outside its range.
    #[error("{what} `{name}`: {parameter}={value} must be {range}")]
    Range {
        /// What was to be chosen.
        what: &'static str,
        /// The name.
        name: &'static str,
        /// Which parameter.
        parameter: &'static str,
        /// Its value.
        value: f64,
        /// The allowed range in words.
        range: &'static str,
    },
}

/// Splits `name(a=1, b=2)` into the name and its attributes.
fn split(what: &'static str, text: &str) -> Result<(String, Attributes), SpecError> {
    let syntax = || SpecError::Syntax { what, text: text.to_string() };
    let (name, rest) = match text.trim().split_once('(') {
        None => (text.trim(), ""),
        Some((name, rest)) => (name.trim(), rest.strip_suffix(')').ok_or_else(syntax)?),
    };
    let mut attributes = Vec::new();
    for part in rest.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        let (key, value) = part.split_once('=').ok_or_else(syntax)?;
        let value: f64 = value.trim().parse().ok().filter(|v: &f64| v.is_finite()).ok_or_else(syntax)?;
        if attributes.iter().any(|(earlier, _)| earlier == key.trim()) {
            let source = AttributeError::Twice { name: key.trim().to_string() };
            return Err(SpecError::Parameter { what, name: name.to_string(), source });
        }
        attributes.push((key.trim().to_string(), Attribute::Number(value)));
    }
    Ok((name.replace('-', "_"), Attributes::new(attributes)))
}

/// Reads `name` or `name(parameter=value, …)`; `build` makes the choice of that name, or `None` if there is none.
pub(crate) fn read<T>(
    what: &'static str,
    text: &str,
    names: &[&str],
    build: impl FnOnce(&str, &mut Attributes) -> Result<Option<T>, AttributeError>,
) -> Result<T, SpecError> {
    let (name, mut attributes) = split(what, text)?;
    let wrong = |source| SpecError::Parameter { what, name: name.clone(), source };
    let choice = build(&name, &mut attributes).map_err(wrong)?.ok_or_else(|| unknown(what, &name, names))?;
    attributes.finish().map_err(wrong)?;
    Ok(choice)
}

/// The error for a name that is not in the list.
fn unknown(what: &'static str, name: &str, names: &[&str]) -> SpecError {
    let suggestion = closest(name, names.iter().copied()).map(str::to_string);
    SpecError::Unknown { what, name: name.to_string(), suggestion, known: names.join(", ") }
}

/// The numbers a parameter may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// Greater than 0.
    Positive,
    /// From 0 up to, but not including, 1.
    Share,
    /// Between 0 and 1, neither included.
    Inside,
    /// From 0 to 1.
    Unit,
    /// Greater than 0, at most 1.
    Shrinking,
    /// A whole number of at least 1.
    Count,
    /// A whole number of at least 0.
    Whole,
}

impl Range {
    fn holds(self, value: f64) -> bool {
        value.is_finite()
            && match self {
                Range::Positive => value > 0.0,
                Range::Share => (0.0..1.0).contains(&value),
                Range::Inside => value > 0.0 && value < 1.0,
                Range::Unit => (0.0..=1.0).contains(&value),
                Range::Shrinking => value > 0.0 && value <= 1.0,
                Range::Count => value >= 1.0 && value.fract() == 0.0 && value <= 1e9,
                Range::Whole => value >= 0.0 && value.fract() == 0.0 && value <= 1e9,
            }
    }

    fn words(self) -> &'static str {
        match self {
            Range::Positive => "greater than 0",
            Range::Share => "at least 0 and less than 1",
            Range::Inside => "between 0 and 1",
            Range::Unit => "from 0 to 1",
            Range::Shrinking => "greater than 0 and at most 1",
            Range::Count => "a whole number of at least 1",
            Range::Whole => "a whole number of at least 0",
        }
    }
}

/// The numbers that a choice is made with.
pub trait Parameters {
    /// Name, value and allowed range of each.
    fn parameters(&self) -> Vec<(&'static str, f64, Range)>;

    /// The choice from the attributes of its text form.
    fn read(attributes: &mut Attributes) -> Result<Self, AttributeError>
    where
        Self: Sized;
}

/// Makes the struct of a choice from its parameters: `name = default, Range;`.
macro_rules! parameters {
    ($(#[$doc:meta])* $Type:ident {}) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $Type;

        impl crate::spec::Parameters for $Type {
            fn parameters(&self) -> Vec<(&'static str, f64, crate::spec::Range)> {
                Vec::new()
            }

            fn read(_: &mut crate::ops::Attributes) -> Result<Self, crate::ops::AttributeError> {
                Ok($Type)
            }
        }
    };
    ($(#[$doc:meta])* $Type:ident { $($(#[$field_doc:meta])* $field:ident = $default:expr, $range:ident;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $Type { $($(#[$field_doc])* pub $field: f64,)+ }

        impl Default for $Type {
            fn default() -> Self {
                $Type { $($field: $default,)+ }
            }
        }

        impl crate::spec::Parameters for $Type {
            fn parameters(&self) -> Vec<(&'static str, f64, crate::spec::Range)> {
                vec![$((stringify!($field), self.$field, crate::spec::Range::$range),)+]
            }

            fn read(attributes: &mut crate::ops::Attributes) -> Result<Self, crate::ops::AttributeError> {
                Ok($Type { $($field: attributes.number(stringify!($field), $default)?,)+ })
            }
        }
    };
}
pub(crate) use parameters;

/// Makes an enum of choices from a list of files.
macro_rules! choices {
    ($(#[$doc:meta])* $Enum:ident, $what:literal, $Trait:ident, { $($file:ident: $Type:ident,)* }) => {
        $(mod $file; pub use $file::$Type;)*

        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs)]
        pub enum $Enum { $($Type($Type),)* }

        $(impl From<$Type> for $Enum { fn from(choice: $Type) -> $Enum { $Enum::$Type(choice) } })*

        impl $Enum {
            /// Everything in the list.
            pub fn all() -> Vec<&'static crate::spec::Choice> {
                vec![$(<$Type as Default>::default().choice(),)*]
            }

            /// Name, summary, formula and source.
            pub fn choice(&self) -> &'static crate::spec::Choice {
                self.chosen().choice()
            }

            /// Reads `name` or `name(parameter=value, …)`.
            pub fn parse(text: &str) -> Result<Self, crate::spec::SpecError> {
                let names: Vec<&str> = Self::all().iter().map(|c| c.name).collect();
                crate::spec::read($what, text, &names, |name, attributes| {
                    $(if name == <$Type as Default>::default().choice().name {
                        return <$Type as crate::spec::Parameters>::read(attributes).map(|c| Some($Enum::$Type(c)));
                    })*
                    Ok(None)
                })
            }

            /// Checks that every parameter lies in its range.
            pub fn check(&self) -> Result<(), crate::spec::SpecError> {
                crate::spec::check($what, self.choice().name, &self.chosen().parameters())
            }

            fn chosen(&self) -> &dyn $Trait {
                match self { $($Enum::$Type(choice) => choice,)* }
            }

            #[allow(dead_code, reason = "only some lists change a choice after it is made")]
            fn chosen_mut(&mut self) -> &mut dyn $Trait {
                match self { $($Enum::$Type(choice) => choice,)* }
            }
        }

        impl std::fmt::Display for $Enum {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                crate::spec::display(f, self.choice().name, &self.chosen().parameters())
            }
        }
    };
}
pub(crate) use choices;

/// The first parameter outside its range.
pub(crate) fn check(
    what: &'static str,
    name: &'static str,
    parameters: &[(&'static str, f64, Range)],
) -> Result<(), SpecError> {
    match parameters.iter().find(|(_, value, range)| !range.holds(*value)) {
        Some(&(parameter, value, range)) => {
            Err(SpecError::Range { what, name, parameter, value, range: range.words() })
        }
        None => Ok(()),
    }
}

/// Writes `name(parameter=value, …)`, as `parse` reads it.
pub(crate) fn display(
    f: &mut std::fmt::Formatter<'_>,
    name: &str,
    parameters: &[(&'static str, f64, Range)],
) -> std::fmt::Result {
    f.write_str(name)?;
    for (i, (key, value, _)) in parameters.iter().enumerate() {
        write!(f, "{}{key}={value}", if i == 0 { "(" } else { ", " })?;
    }
    f.write_str(if parameters.is_empty() { "" } else { ")" })
}
