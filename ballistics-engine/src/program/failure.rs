//! Why a command did not answer, and the exit code that says so.

use std::fmt;
use std::process::ExitCode;

use ballistics_engine::Error;

/// A command that ended without an answer.
#[derive(Debug, PartialEq)]
pub enum Failure {
    /// The command line cannot be understood or computed with: exit code 2.
    Usage(String),
    /// There is no answer, a file cannot be used, or a check failed: exit code 1.
    Failed(String),
}

impl Failure {
    /// 1 or 2.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Failed(_) => ExitCode::from(1),
            Failure::Usage(_) => ExitCode::from(2),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(message) | Failure::Failed(message) => f.write_str(message),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::OutOfRange { .. } | Error::Malformed { .. } => Failure::Usage(error.to_string()),
            _ => Failure::Failed(error.to_string()),
        }
    }
}
