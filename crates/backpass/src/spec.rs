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
pub(crate) fn split(what: &'static str, text: &str) -> Result<(String, Attributes), SpecError> {
    let syntax = || SpecError::Syntax { what, text: text.to_string() };
    let (name, rest) = match text.trim().split_once('(') {
        None => (text.trim(), ""),
        Some((name, rest)) => (name.trim(), rest.strip_suffix(')').ok_or_else(syntax)?),
    };
    let mut attributes = Vec::new();
    for part in rest.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        let (key, value) = part.split_once('=').ok_or_else(syntax)?;
        let value: f64 = value.trim().parse().ok().filter(|v: &f64| v.is_finite()).ok_or_else(syntax)?;
        attributes.push((key.trim().to_string(), Attribute::Number(value)));
    }
    Ok((name.replace('-', "_"), Attributes::new(attributes)))
}

/// Fails unless a parameter is in its range.
pub(crate) fn range(
    what: &'static str,
    name: &'static str,
    parameter: &'static str,
    value: f64,
    ok: bool,
    range: &'static str,
) -> Result<(), SpecError> {
    if ok { Ok(()) } else { Err(SpecError::Range { what, name, parameter, value, range }) }
}

/// The error for a name that is not in the list.
pub(crate) fn unknown(what: &'static str, name: &str, names: &[&str]) -> SpecError {
    let suggestion = closest(name, names.iter().copied()).map(str::to_string);
    SpecError::Unknown { what, name: name.to_string(), suggestion, known: names.join(", ") }
}

/// Makes an enum of choices from a list of files, with `parse`, `choice`, `all` and `Display`.
macro_rules! choices {
    ($(#[$doc:meta])* $Enum:ident, $what:literal, $Trait:ident, { $($file:ident: $Type:ident,)* }) => {
        $(mod $file; pub use $file::$Type;)*

        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs)]
        pub enum $Enum { $($Type($Type),)* }

        impl $Enum {
            /// Everything in the list.
            pub fn all() -> &'static [&'static crate::spec::Choice] {
                const ALL: &[&crate::spec::Choice] = &[$(&<$Type as $Trait>::CHOICE,)*];
                ALL
            }

            /// Name, summary, formula and source.
            pub fn choice(&self) -> &'static crate::spec::Choice {
                match self { $($Enum::$Type(_) => &<$Type as $Trait>::CHOICE,)* }
            }

            /// Reads `name` or `name(parameter=value, …)`.
            pub fn parse(text: &str) -> Result<Self, crate::spec::SpecError> {
                let (name, mut attributes) = crate::spec::split($what, text)?;
                let wrong = |source| crate::spec::SpecError::Parameter { what: $what, name: name.clone(), source };
                $(if name == <$Type as $Trait>::CHOICE.name {
                    let parsed = <$Type as $Trait>::parse(&mut attributes).map_err(wrong)?;
                    attributes.finish().map_err(wrong)?;
                    return Ok($Enum::$Type(parsed));
                })*
                let names: Vec<&str> = Self::all().iter().map(|c| c.name).collect();
                Err(crate::spec::unknown($what, &name, &names))
            }

            fn as_dyn(&self) -> &dyn crate::spec::Parameters {
                match self { $($Enum::$Type(o) => o,)* }
            }
        }

        $(impl crate::spec::Parameters for $Type {
            fn parameters(&self) -> Vec<(&'static str, f64)> {
                <Self as $Trait>::parameters(self)
            }
        })*

        impl std::fmt::Display for $Enum {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                crate::spec::display(f, self.choice().name, &self.as_dyn().parameters())
            }
        }
    };
}
pub(crate) use choices;

/// The parameters of a choice, for printing it back.
pub(crate) trait Parameters {
    fn parameters(&self) -> Vec<(&'static str, f64)>;
}

/// Writes `name(parameter=value, …)`, as `parse` reads it.
pub(crate) fn display(
    f: &mut std::fmt::Formatter<'_>,
    name: &str,
    parameters: &[(&'static str, f64)],
) -> std::fmt::Result {
    f.write_str(name)?;
    for (i, (key, value)) in parameters.iter().enumerate() {
        write!(f, "{}{key}={value}", if i == 0 { "(" } else { ", " })?;
    }
    f.write_str(if parameters.is_empty() { "" } else { ")" })
}
