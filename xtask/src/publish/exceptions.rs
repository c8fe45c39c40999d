//! What the command line lets a publish do beyond the usual, and what is refused without it.

use super::Publishing;
use crate::inventory::Node;
use crate::plan::Plan;
use crate::words::{refuse, Artifact, Platform, SourceKind};
use anyhow::Result;

/// What the command line lets a publish do beyond the usual.
#[derive(Clone, Copy, Debug, Default)]
pub struct Exceptions {
    /// Write the installer although latest does not move.
    pub refresh_installer: bool,
    /// Take names over that a publish which died left behind.
    pub reclaim: bool,
    /// A bucket takes binaries that nobody has run.
    pub unproven: bool,
    /// A bucket takes binaries of a source that only their node knows.
    pub own_source: bool,
}

/// The platforms whose binaries a bucket does not take without a word.
struct Provenance {
    unproven: Vec<Platform>,
    own_source: Vec<Platform>,
}

impl Exceptions {
    /// What nodes.toml says already, so that nothing is built for a bucket that will not take it.
    pub fn check_plan(&self, plan: &Plan) -> Result<()> {
        let named = |is_wrong: &dyn Fn(&Node) -> bool| {
            let wrong = plan.nodes().filter(|node| is_wrong(node));
            wrong.map(Node::platform).collect()
        };
        self.check(&Provenance {
            unproven: named(&|node| !node.prove),
            own_source: named(&|node| node.build_command.is_some()),
        })
    }

    fn check(&self, provenance: &Provenance) -> Result<()> {
        let named = |platforms: &[Platform]| {
            let names: Vec<String> = platforms.iter().map(Platform::to_string).collect();
            names.join(", ")
        };
        if !self.unproven && !provenance.unproven.is_empty() {
            return Err(refuse(format!(
                "a bucket takes only binaries that were run where they were built, and these were not: {}; prove them, or use --allow-unproven",
                named(&provenance.unproven)
            )));
        }
        if !self.own_source && !provenance.own_source.is_empty() {
            return Err(refuse(format!(
                "a bucket takes only what was built from the release's source archive, and a `build_command` of their node made these: {}; leave it out of nodes.toml, or use --allow-own-source",
                named(&provenance.own_source)
            )));
        }
        Ok(())
    }
}

impl Publishing<'_> {
    /// What users of a bucket get was made of the release's source, and run where it was built.
    pub(super) fn check_provenance(&self) -> Result<()> {
        if !self.store.is_bucket() {
            return Ok(());
        }
        let artifacts = self.dist.artifacts();
        let named = |is_wrong: &dyn Fn(&Artifact) -> bool| {
            let wrong = artifacts.iter().filter(|artifact| is_wrong(artifact));
            wrong.map(|artifact| artifact.platform).collect()
        };
        self.exceptions.check(&Provenance {
            unproven: named(&|artifact| !artifact.proven),
            own_source: named(&|artifact| artifact.source == SourceKind::Own),
        })
    }
}
