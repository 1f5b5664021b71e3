//! What every verb that judges models is told in the same way.

use crate::reading::Reading;
use crate::threads::Threads;

/// The form of the results, and how they are computed.
#[derive(Clone, Debug, clap::Args)]
pub struct Judging {
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub threads: Threads,

    #[command(flatten)]
    pub reading: Reading,
}
