//! The objects of a version that never change, and the order in which they travel.

use super::Publishing;
use crate::index::Entry;
use crate::store::changed_meanwhile;
use crate::words::{Digest, Fingerprint, ObjectName};
use anyhow::{ensure, Context, Result};
use camino::Utf8PathBuf;
use std::collections::BTreeMap;

/// One object that never changes, on its way into the store.
pub struct Piece {
    pub name: ObjectName,
    pub path: Utf8PathBuf,
    /// What was checked, so that nothing else travels.
    pub here: Fingerprint,
    pub kind: Kind,
    pub wave: Wave,
}

/// Each goes when all of those before are there: a version gets its source before its binaries, and a name is claimed for
/// exactly its bytes before they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wave {
    SourceClaims,
    Source,
    Claims,
    Binaries,
}

impl Wave {
    pub const ALL: [Wave; 4] = [
        Wave::SourceClaims,
        Wave::Source,
        Wave::Claims,
        Wave::Binaries,
    ];
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Sidecar,
    /// Over the file of this name and digest; another of the release keys may have made the one in the store.
    Signature(String, Digest),
    Content,
}

/// The files of `dist/` and their signatures as they were when they were checked.
pub type Checked = BTreeMap<String, Fingerprint>;

impl Publishing<'_> {
    /// In the order of their waves.
    pub(super) fn pieces(&self, entry: &Entry, checked: &Checked) -> Result<Vec<Piece>> {
        let source = (self.source.file.clone(), &self.source.sha256);
        let mut pieces = self.family(source, checked, [Wave::SourceClaims, Wave::Source])?;
        for (platform, listed) in &entry.platforms {
            let artifact = (self.dist.artifact_file(*platform), &listed.sha256);
            pieces.extend(self.family(artifact, checked, [Wave::Claims, Wave::Binaries])?);
        }
        pieces.sort_by_key(|piece| piece.wave);
        Ok(pieces)
    }

    /// A file, its sidecar and its signature.
    fn family(
        &self,
        (file, sha256): (String, &Digest),
        checked: &Checked,
        [claims, content]: [Wave; 2],
    ) -> Result<Vec<Piece>> {
        let as_checked = |suffix: &str| {
            let file = format!("{file}{suffix}");
            let here = checked.get(&file).cloned();
            here.with_context(|| changed_meanwhile(&self.dist.path(&file)))
        };
        let content_here = as_checked("")?;
        ensure!(
            content_here.sha256 == *sha256,
            changed_meanwhile(&self.dist.path(&file))
        );
        let sidecar = Fingerprint::of(format!("{sha256}\n").as_bytes());
        let piece = |suffix: &str, here: Fingerprint, kind: Kind, wave: Wave| Piece {
            name: self.object(&format!("{file}{suffix}")),
            path: self.dist.path(&format!("{file}{suffix}")),
            here,
            kind,
            wave,
        };
        let mut family = vec![
            piece(".sha256", sidecar, Kind::Sidecar, claims),
            piece("", content_here, Kind::Content, content),
        ];
        if self.signer.is_some() {
            let kind = Kind::Signature(file.clone(), sha256.clone());
            let here = as_checked(".sha256.sig")?;
            family.push(piece(".sha256.sig", here, kind, claims));
        }
        Ok(family)
    }
}
