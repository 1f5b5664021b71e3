//! How the program ends: exit codes, messages of failure, and panics.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use backpass_tabular::{ErrorKind, FitError, FitErrorKind, TableError, TuneError};

use crate::output;

/// What an exit code tells the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything that was asked for is done.
    Done = 0,
    /// A demanded condition does not hold.
    Demand = 1,
    /// The request makes no sense.
    Usage = 2,
    /// The data is bad.
    Data = 3,
    /// The model file is bad.
    Model = 4,
    /// Training diverged.
    Diverged = 5,
    /// The operating system refused to read or write.
    Io = 6,
    /// A bug of this program.
    Internal = 70,
    /// Ctrl-C.
    Interrupted = 130,
    /// SIGTERM.
    Terminated = 143,
}

/// The exit codes, for help.
pub const TABLE: &str = "\
Exit codes:
  0  done                          5  training diverged
  1  a demanded condition failed   6  I/O error or disk full
  2  usage                         130, 143  interrupted by Ctrl-C or SIGTERM;
  3  bad input data                          the best model so far is saved
  4  model or format error         70  internal error";

/// Why a verb ends early.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    message: String,
}

impl Failure {
    /// A failure with a message, which may have further lines that begin with `help: `.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Failure { exit, message: message.into() }
    }

    /// A request that makes no sense.
    pub fn usage(message: impl ToString) -> Self {
        Failure::new(Exit::Usage, message.to_string())
    }

    /// An end of which everything has been said.
    pub fn silent(exit: Exit) -> Self {
        Failure::new(exit, "")
    }

    /// The same with a last line that says what to do.
    pub fn with_help(self, help: &str) -> Self {
        Failure { message: format!("{}\n{help}", self.message), ..self }
    }

    /// The table was chosen for a model: a column that it lacks is a fault of the data, not of the request.
    pub fn of_table(error: FitError) -> Self {
        let failure = Failure::from(error);
        if failure.exit == Exit::Usage { Failure { exit: Exit::Data, ..failure } } else { failure }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // Whoever reads the results, such as `head`, has seen enough.
            io::ErrorKind::BrokenPipe => Failure::silent(Exit::Done),
            _ => Failure::new(Exit::Io, format!("standard output: {error}")),
        }
    }
}

impl From<TableError> for Failure {
    fn from(error: TableError) -> Self {
        let exit = match error.kind() {
            ErrorKind::Usage => Exit::Usage,
            ErrorKind::Data => Exit::Data,
            ErrorKind::Io => Exit::Io,
        };
        Failure::new(exit, error.to_string())
    }
}

impl From<FitErrorKind> for Exit {
    fn from(kind: FitErrorKind) -> Self {
        match kind {
            FitErrorKind::Usage => Exit::Usage,
            FitErrorKind::Data => Exit::Data,
            FitErrorKind::Model => Exit::Model,
            FitErrorKind::Io => Exit::Io,
        }
    }
}

impl From<FitError> for Failure {
    fn from(error: FitError) -> Self {
        Failure::new(error.kind().into(), error.to_string())
    }
}

impl From<TuneError> for Failure {
    fn from(error: TuneError) -> Self {
        Failure::new(error.kind().into(), error.to_string())
    }
}

/// What the last panic said. A panic is reported only if nobody catches it.
static PANIC: Mutex<String> = Mutex::new(String::new());

/// Runs the program and says what went wrong, be it a bug.
pub fn guarded(program: impl FnOnce() -> Result<(), Failure>) -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        *PANIC.lock().unwrap_or_else(PoisonError::into_inner) = panic.to_string().replace('\n', " ");
    }));
    let result = catch_unwind(AssertUnwindSafe(program)).unwrap_or_else(|_| {
        let panic = PANIC.lock().unwrap_or_else(PoisonError::into_inner);
        Err(Failure::new(Exit::Internal, format!("internal error: {panic}\nhelp: this is a bug, please report it")))
    });
    let exit = match result {
        Ok(()) => Exit::Done,
        Err(Failure { exit, message }) => {
            output::error(&message);
            exit
        }
    };
    ExitCode::from(exit as u8)
}
