//! `release.json`: what was built, where, from what, by what. Made from records; read by people and by later tools.

use crate::words::{Artifact, Digest, Platform, Version};
use anyhow::Result;
use serde::{Deserialize, Serialize};

/// The one source archive of a version, and the commit that it was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRecord {
    pub version: Version,
    pub commit: String,
    /// The commit carries the version's tag.
    pub tagged: bool,
    /// The package had uncommitted changes (`--allow-dirty`).
    pub dirty: bool,
    pub file: String,
    pub sha256: Digest,
    pub size: u64,
    pub cargo: String,
    pub rust_version: Option<String>,
    /// It carries the package's dependencies.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub vendored: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub schema: u32,
    pub project: String,
    pub repository: String,
    pub source: SourceRecord,
    /// Required platforms that are not in yet.
    pub missing: Vec<Platform>,
    pub artifacts: Vec<Artifact>,
}

impl Manifest {
    pub const FILE: &'static str = "release.json";

    pub fn parse(text: &[u8]) -> Result<Manifest> {
        Ok(serde_json::from_slice(text)?)
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = serde_json::to_string_pretty(self).expect("a manifest has only string keys");
        text.push('\n');
        text.into_bytes()
    }

    /// A platform that is added later joins those that are published; theirs stay as they are.
    pub fn join(&mut self, published: Manifest) {
        for artifact in published.artifacts {
            self.artifacts
                .retain(|own| own.platform != artifact.platform);
            self.artifacts.push(artifact);
        }
        self.artifacts.sort_by_key(|artifact| artifact.platform);
        self.missing.retain(|platform| {
            self.artifacts
                .iter()
                .all(|artifact| artifact.platform != *platform)
        });
    }
}
