//! What became of one node's part of a release.

use super::{Digest, NodeName, Platform, Target};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a job is, or died.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    Connect,
    Send,
    Build,
    Prove,
    Collect,
}

const STAGES: [(Stage, &str); 5] = [
    (Stage::Connect, "connect"),
    (Stage::Send, "send"),
    (Stage::Build, "build"),
    (Stage::Prove, "prove"),
    (Stage::Collect, "collect"),
];

impl Stage {
    pub fn parse(text: &str) -> Option<Stage> {
        STAGES
            .iter()
            .find(|(_, name)| *name == text)
            .map(|(stage, _)| *stage)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(STAGES[*self as usize].1)
    }
}

/// What a node said of itself before its build: the raw material of the manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    pub os: String,
    pub os_release: String,
    pub arch: String,
    pub triple: String,
    pub rustc: String,
    pub cargo: String,
}

/// A built, proven, hashed binary, and who built it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Artifact {
    pub platform: Platform,
    /// One, or two in a universal file.
    pub targets: Vec<Target>,
    pub node: NodeName,
    pub host: String,
    pub file: String,
    pub sha256: Digest,
    pub size: u64,
    /// The oldest system that it runs on, as `catalog.txt` says it: `glibc-2.34`, `openbsd-7.7`, or `-`.
    pub floor: String,
    /// Shared libraries that it asks its system for.
    pub needed: Vec<String>,
    /// Newest version of each versioned symbol set that it asks for: `GLIBC_2.34`, `FBSD_1.7`.
    pub symbol_versions: Vec<String>,
    pub proven: bool,
    pub source: SourceKind,
    pub facts: Facts,
    pub seconds: f64,
}

/// What a node built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// The release's one source archive.
    Archive,
    /// Whatever its `build_command` got; nothing here knows what that was.
    Own,
}

/// What it means for a release that a node is missing from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Absence {
    /// The node is required.
    HoldsBack,
    /// It is optional: the exit code says it.
    IsSaid,
    /// Only this machine was asked, and cannot build it.
    IsNothing,
}

/// Why a node failed, in the field's terms; decides what is retried and what the screen says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureClass {
    /// No connection: refused, no route, no such name, no answer.
    Unreachable,
    /// The host's key is unknown or has changed.
    HostKey,
    /// Our key was refused.
    Auth,
    /// sshd closed the connection before the login.
    Dropped,
    /// The connection broke after the node had answered.
    Lost,
    /// A `start` command failed.
    Start,
    /// The node cannot do this job: toolchain, triple, disk.
    Probe,
    Build,
    /// The binary is missing, does not run, or is not what it should be.
    Proof,
    Timeout,
    Silent,
    Transfer,
    Interrupted,
}

impl FailureClass {
    /// Only these are tried again: a refused key or a failing build would fail the same way.
    pub fn is_transport(self) -> bool {
        matches!(
            self,
            FailureClass::Unreachable
                | FailureClass::Dropped
                | FailureClass::Lost
                | FailureClass::Transfer
        )
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            FailureClass::Unreachable => "unreachable",
            FailureClass::HostKey => "host-key",
            FailureClass::Auth => "auth",
            FailureClass::Dropped => "dropped",
            FailureClass::Lost => "lost",
            FailureClass::Start => "start",
            FailureClass::Probe => "probe",
            FailureClass::Build => "build",
            FailureClass::Proof => "proof",
            FailureClass::Timeout => "timeout",
            FailureClass::Silent => "silent",
            FailureClass::Transfer => "transfer",
            FailureClass::Interrupted => "interrupted",
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    pub stage: Stage,
    pub class: FailureClass,
    /// Names the thing and the way out.
    pub message: String,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Built(Artifact),
    Reused(Artifact),
    Failed(Failure),
    Skipped(String),
}

impl Outcome {
    pub fn artifact(&self) -> Option<&Artifact> {
        match self {
            Outcome::Built(artifact) | Outcome::Reused(artifact) => Some(artifact),
            Outcome::Failed(_) | Outcome::Skipped(_) => None,
        }
    }

    pub fn word(&self) -> &'static str {
        match self {
            Outcome::Built(_) => "built",
            Outcome::Reused(_) => "reused",
            Outcome::Failed(_) => "failed",
            Outcome::Skipped(_) => "skipped",
        }
    }
}
