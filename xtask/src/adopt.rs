//! A step of a publish: what a store lists of a version comes back into `dist/`, for a `dist/` that was lost or built anew.
//!
//! The index is believed, and nothing else: an object whose bytes it does not name is refused.

use crate::destination::{published_manifest, published_source};
use crate::dist::Dist;
use crate::files::{remove_if_there, write_whole};
use crate::index::Listed;
use crate::process::Interrupt;
use crate::sign;
use crate::store::Store;
use crate::ui::Ui;
use crate::words::{refuse, Artifact, ObjectName, Platform, Version};
use anyhow::{bail, Context, Result};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

pub struct Adoption<'a> {
    pub store: &'a Store,
    pub dist: &'a Dist,
    pub release_keys: &'a [String],
    pub ui: &'a Ui,
    pub interrupt: &'a Interrupt,
}

impl Adoption<'_> {
    /// Returns the platforms that came back; what is in `dist/` with the published bytes stays as it is.
    pub fn run(&self, version: &Version) -> Result<Vec<Platform>> {
        let place = self.store.location();
        let index = self.store.index()?;
        let entry = index.versions.get(version).ok_or_else(|| {
            refuse(format!(
                "{place} does not list {version}; there is nothing to adopt"
            ))
        })?;
        if entry.source_sha256.is_none() {
            return Err(refuse(format!(
                "{version} in {place} was imported, and its source is not known; nothing can be built or published for it"
            )));
        }
        let (source, archive) = published_source(self.store, version, entry)?;
        let recorded = published_manifest(self.store, version)?.artifacts;
        for platform in self.dist.take_source(&source, &archive)? {
            self.ui.say(&format!(
                "{platform} in dist/ was built from another source and goes"
            ));
        }
        let mut adopted = Vec::new();
        for (platform, listed) in &entry.platforms {
            self.interrupt.check()?;
            let here = self.dist.artifact(*platform)?;
            if here.is_some_and(|here| here.artifact.sha256 == listed.sha256) {
                continue;
            }
            let artifact = recorded
                .iter()
                .find(|artifact| artifact.sha256 == listed.sha256)
                .with_context(|| {
                    format!("{place}/{version}/release.json has no record of {platform}")
                })?;
            self.adopt(version, listed, artifact)?;
            adopted.push(*platform);
        }
        Ok(adopted)
    }

    fn adopt(&self, version: &Version, listed: &Listed, artifact: &Artifact) -> Result<()> {
        let (place, file) = (self.store.location(), &artifact.file);
        let name = ObjectName::of_version(version, file);
        let partial = self.dist.partial(file);
        let fetched = self.store.fetch(&name, &partial)?;
        if fetched.as_ref() != Some(&listed.sha256) {
            remove_if_there(&partial)?;
            match fetched {
                None => bail!("{place}/{name} is listed and missing"),
                Some(there) => bail!(
                    "{place}/{name} is {there}, and the index names {}",
                    listed.sha256
                ),
            }
        }
        let signature = self.signature(version, listed, file)?;
        fs::set_permissions(&partial, Permissions::from_mode(0o755))?;
        self.dist.adopt(&partial, artifact.clone())?;
        if let Some(signature) = signature {
            write_whole(&self.dist.path(&format!("{file}.sha256.sig")), &signature)?;
        }
        self.ui.say(&format!(
            "adopted {name} as it is published ({} bytes, {})",
            listed.size,
            listed.sha256.short()
        ));
        Ok(())
    }

    fn signature(&self, version: &Version, listed: &Listed, file: &str) -> Result<Option<Vec<u8>>> {
        if !listed.signed || self.release_keys.is_empty() {
            return Ok(None);
        }
        let name = ObjectName::of_version(version, &format!("{file}.sha256.sig"));
        let place = self.store.location();
        let signature = self.store.read(&name)?;
        let signature = signature.with_context(|| format!("{place}/{name} is missing"))?;
        if !sign::verifies(self.release_keys, &listed.sha256, file, &signature.bytes)? {
            bail!("{place}/{name} is by none of `release_keys`");
        }
        Ok(Some(signature.bytes))
    }
}
