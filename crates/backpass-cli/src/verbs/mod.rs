//! The verbs, one file each.

use crate::exit::Failure;
use crate::output::Talk;

/// Declares the verbs: their modules, the subcommands, and who runs each.
macro_rules! verbs {
    ($($module:ident::$Name:ident),* $(,)?) => {
        $(mod $module;)*

        /// What to do.
        #[derive(clap::Subcommand)]
        pub enum Verb {
            $($Name(Box<$module::$Name>),)*
        }

        impl Verb {
            /// Does it.
            pub fn run(self, talk: &Talk) -> Result<(), Failure> {
                match self {
                    $(Verb::$Name(verb) => verb.run(talk),)*
                }
            }
        }
    };
}

verbs! {
    train::Train,
    cv::Cv,
    doctor::Doctor,
    tune::Tune,
    evaluate::Evaluate,
    report::Report,
    compare::Compare,
    predict::Predict,
    inspect::Inspect,
    explain::Explain,
    draw::Draw,
    check::Check,
    exercise::Exercise,
    approximate::Approximate,
    bench::Bench,
    generate::Generate,
    completions::Completions,
    man::Man,
}
