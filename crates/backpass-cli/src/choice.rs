//! Arguments that are one of several names.

use clap::builder::{PossibleValuesParser, TypedValueParser};

/// Reads one of these names as what it stands for.
pub fn choice<T>(names: &'static [(&'static str, T)]) -> impl TypedValueParser<Value = T>
where
    T: Copy + Send + Sync + 'static,
{
    let find = |name: String| names.iter().find(|(n, _)| *n == name).map(|(_, value)| *value).ok_or("unknown");
    PossibleValuesParser::new(names.iter().map(|(name, _)| *name)).try_map(find)
}
