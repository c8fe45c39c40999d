//! Layer 0: the words of a release, as types that admit no bad state. No I/O.

mod count;
mod digest;
mod duration;
mod fingerprint;
mod names;
mod outcome;
mod platform;
mod suggest;
mod version;

pub use count::counted;
pub use digest::Digest;
pub use duration::{parse_duration, show_duration, show_time};
pub use fingerprint::Fingerprint;
pub use names::{artifact_file, MachineName, NodeName, ObjectName, ProgramName};
pub use outcome::{Absence, Artifact, Facts, Failure, FailureClass, Outcome, SourceKind, Stage};
pub use platform::{Arch, Os, Platform, Target};
pub use suggest::{distance, nearest};
pub use version::Version;

/// A wrong command line or configuration: nothing was started. Exit code 2.
#[derive(Debug)]
pub struct Refusal(pub String);

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

/// An `anyhow` error that ends the program with exit code 2.
pub fn refuse(message: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(Refusal(message.into()))
}
