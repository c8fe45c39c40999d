//! A step of a release: from `dist/` into a store, in an order in which a reader sees, at every moment, only versions whose every file is there.
//!
//! Every step is harmless when repeated, so a publisher that was killed anywhere is repaired by the next one.

use crate::dist::Dist;
use crate::formula;
use crate::index::{sums, Entry, Index, Views};
use crate::installer;
use crate::inventory::{Inventory, Publish};
use crate::manifest::{Manifest, SourceRecord};
use crate::process::Interrupt;
use crate::seal;
use crate::sign::Signer;
use crate::store::{Generation, Object, Store, Written};
use crate::ui::Ui;
use crate::words::{refuse, Digest, ObjectName, Platform, Version};
use anyhow::{bail, Context, Result};
use camino::Utf8Path;
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;

pub struct Publishing<'a> {
    pub store: &'a Store,
    pub dist: &'a Dist,
    pub inventory: &'a Inventory,
    pub source: &'a SourceRecord,
    pub required: &'a BTreeSet<Platform>,
    pub signer: Option<&'a Signer>,
    /// What readers of this store call it: `base_url` of the configured store, a directory's own path otherwise.
    pub base_url: &'a str,
    pub installer_template: &'a Utf8Path,
    pub manner: Manner,
    pub refresh_installer: bool,
    /// Take names over that a publish which died left behind.
    pub reclaim: bool,
    pub ui: &'a Ui,
    pub interrupt: &'a Interrupt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// What is published stays.
    Permanent,
    /// The embedded store of a work in progress: a development version gives way to a newer source.
    Development,
}

pub struct Published {
    pub index: Index,
    pub version: Version,
    pub moved_latest: bool,
}

impl Publishing<'_> {
    pub fn run(&self) -> Result<Published> {
        let entry = self.preflight()?;
        if self.manner == Manner::Development {
            self.make_way(&entry)?;
        }
        self.upload_source()?;
        for platform in entry.platforms.keys() {
            self.interrupt.check()?;
            self.upload_sealed(
                &self.dist.artifact_file(*platform),
                &entry.platforms[platform].sha256,
            )?;
        }
        let (before, index) = self.commit(&entry)?;
        let index = self.refresh_views(index)?;
        let moved_latest = before != index.latest;
        self.refresh_installer(moved_latest, &index)?;
        self.ui.event("published", json!({"version": self.source.version, "store": self.store.location(), "serial": index.serial, "latest": index.latest}));
        Ok(Published {
            version: self.source.version.clone(),
            moved_latest,
            index,
        })
    }

    /// Everything that can be known to be wrong before anything is written.
    fn preflight(&self) -> Result<Entry> {
        seal::check_version(self.dist, &self.source.version, self.signer)?;
        let template = fs::read_to_string(self.installer_template)
            .with_context(|| format!("reading {}", self.installer_template))?;
        installer::fill(&template, &self.installer_settings(&self.inventory.publish))?;
        self.store.preflight()?;
        let entry = seal::entry(self.dist, self.source, self.required, self.signer.is_some());
        if self.manner == Manner::Permanent {
            // The merge would refuse it later; here nothing is written yet.
            self.read_index()?.0.merge(&self.source.version, &entry)?;
            self.check_names(&entry)?;
        }
        Ok(entry)
    }

    /// A name that holds other bytes would stop the publish half-way.
    fn check_names(&self, entry: &Entry) -> Result<()> {
        if self.reclaim {
            return Ok(());
        }
        for (file, sha256) in self.files(entry) {
            for (file, own) in [
                (format!("{file}.sha256"), &sidecar_digest(sha256)),
                (file, sha256),
            ] {
                let name = self.object(&file);
                if let Some(there) = self.store.digest(&name)?.filter(|there| there != own) {
                    return Err(self.other_bytes(&name, &there, own));
                }
            }
        }
        Ok(())
    }

    /// The source archive and the artifacts.
    fn files<'e>(&'e self, entry: &'e Entry) -> Vec<(String, &'e Digest)> {
        let artifacts = entry
            .platforms
            .iter()
            .map(|(platform, listed)| (self.dist.artifact_file(*platform), &listed.sha256));
        let source = (self.source.file.clone(), &self.source.sha256);
        std::iter::once(source).chain(artifacts).collect()
    }

    fn other_bytes(&self, name: &ObjectName, there: &Digest, own: &Digest) -> anyhow::Error {
        anyhow::anyhow!(
            "{}/{name} holds other bytes: {there} there, {own} here; if a publish that died left them (the index does not list them), --reclaim takes the name over; otherwise publish a new version",
            self.store.location()
        )
    }

    /// A development version of another source, or of other bytes, is taken out of the index before its files go.
    fn make_way(&self, entry: &Entry) -> Result<()> {
        let version = &self.source.version;
        loop {
            let (mut index, generation) = self.read_index()?;
            let Some(listed) = index.versions.get(version).cloned() else {
                // One that was killed may have left views that still name this version, and any of its files.
                if index.serial > 0 {
                    self.refresh_views(index)?;
                }
                return self.store.sweep_version(version);
            };
            if index.clone().merge(version, entry).is_ok() {
                return Ok(());
            }
            if index.drop_development(version).is_none() {
                return Err(refuse(format!(
                    "{version} in {} is a tagged release (commit {}), and a release is never replaced; raise the version in the package's Cargo.toml",
                    self.store.location(), short(&listed.commit)
                )));
            }
            if self.write_index(&index, &generation)? == Written::Done {
                self.ui.say(&format!(
                    "{version} from commit {} gives way to commit {} in the development store {}",
                    short(&listed.commit),
                    short(&self.source.commit),
                    self.store.location()
                ));
                self.refresh_views(index)?;
                return self.store.sweep_version(version);
            }
        }
    }

    fn upload_source(&self) -> Result<()> {
        self.upload_sealed(&self.source.file, &self.source.sha256)
    }

    /// The sidecar first: it claims the name for exactly these bytes.
    fn upload_sealed(&self, file: &str, sha256: &Digest) -> Result<()> {
        self.upload(&format!("{file}.sha256"), &sidecar_digest(sha256))?;
        if self.signer.is_some() {
            self.upload_signature(file, sha256)?;
        }
        self.upload(file, sha256)
    }

    fn upload_signature(&self, file: &str, sha256: &Digest) -> Result<()> {
        let name = format!("{file}.sha256.sig");
        if let Some(there) = self.store.read(&self.object(&name))? {
            // Another of the release keys may have made it.
            if crate::sign::verifies(
                &self.inventory.publish.release_keys,
                sha256,
                file,
                &there.bytes,
            )? {
                return Ok(());
            }
        }
        let own = fs::read(self.dist.path(&name))
            .with_context(|| format!("reading {}", self.dist.path(&name)))?;
        self.upload(&name, &Digest::of(&own))
    }

    /// Create-only: the same bytes are done, other bytes stop everything.
    fn upload(&self, file: &str, sha256: &Digest) -> Result<()> {
        let (name, path) = (self.object(file), self.dist.path(file));
        if self.store.create(&name, &path)? == Written::Done {
            self.ui.event("created", json!({"object": name.as_str()}));
            return Ok(());
        }
        let there = self.store.digest(&name)?;
        match there {
            Some(there) if there == *sha256 => Ok(()),
            _ if self.reclaim => self.take_over(&name, &path),
            Some(there) => Err(self.other_bytes(&name, &there, sha256)),
            None => bail!(
                "{}/{name} went away while it was looked at; run the same command again",
                self.store.location()
            ),
        }
    }

    fn take_over(&self, name: &ObjectName, path: &Utf8Path) -> Result<()> {
        let version = &self.source.version;
        if self.read_index()?.0.versions.contains_key(version) {
            bail!("{}/{name} belongs to {version}, which is published; --reclaim takes only names that the index does not list", self.store.location());
        }
        let Some(there) = self.store.read(name)? else {
            return Ok(());
        };
        let bytes = fs::read(path).with_context(|| format!("reading {path}"))?;
        match self.store.replace(name, &bytes, &there.generation, 0)? {
            Written::Done => Ok(()),
            Written::Refused => bail!(
                "{}/{name} is being written by somebody else; run the same command again",
                self.store.location()
            ),
        }
    }

    /// The commit: the version is in the index, or it is not. Returns what was latest before.
    fn commit(&self, entry: &Entry) -> Result<(Option<Version>, Index)> {
        loop {
            self.interrupt.check()?;
            let (mut index, generation) = self.read_index()?;
            let before = index.clone();
            index.merge(&self.source.version, entry)?;
            if index.versions == before.versions && index.latest == before.latest {
                return Ok((before.latest.clone(), before));
            }
            if self.write_index(&index, &generation)? == Written::Done {
                return Ok((before.latest, index));
            }
        }
    }

    fn read_index(&self) -> Result<(Index, Generation)> {
        self.store.index_for_change()
    }

    fn write_index(&self, index: &Index, generation: &Generation) -> Result<Written> {
        self.store.replace(
            &ObjectName::index(),
            &index.to_bytes(),
            generation,
            index.serial,
        )
    }

    /// Each view is made from the newest index and says so; one that is newer already is left alone.
    fn refresh_views(&self, index: Index) -> Result<Index> {
        let version = &self.source.version;
        let mut index = index;
        loop {
            let views = index.views();
            let mut texts = vec![
                (ObjectName::view(Views::VERSIONS), views.versions),
                (ObjectName::view(Views::CATALOG), views.catalog),
                (ObjectName::view(Views::LATEST), views.latest),
            ];
            if let Some(text) = formula::render(&self.inventory.project, self.base_url, &index) {
                texts.push((ObjectName::view(formula::FILE), text));
            }
            if let Some(entry) = index.versions.get(version) {
                let sums = sums(
                    &self.inventory.project.binary,
                    version,
                    entry,
                    &self.source.file,
                );
                texts.insert(0, (self.object("SHA256SUMS"), sums));
                self.refresh_manifest(index.serial)?;
            }
            for (name, text) in &texts {
                self.refresh_view(name, text.as_bytes(), index.serial)?;
            }
            let (now, _) = self.read_index()?;
            if now.serial == index.serial {
                return Ok(index);
            }
            index = now;
        }
    }

    fn refresh_view(&self, name: &ObjectName, text: &[u8], serial: u64) -> Result<()> {
        loop {
            let there = self.store.read(name)?;
            let serial_there = self.store.serial(name)?;
            let newer = there.is_some() && serial_there > serial;
            let same = there.as_ref().is_some_and(|object| object.bytes == text);
            if newer || (same && serial_there == serial) {
                return Ok(());
            }
            let expected = there.map_or(Generation::NOTHING, |object| object.generation);
            if self.store.replace(name, text, &expected, serial)? == Written::Done {
                self.ui
                    .event("view", json!({"object": name.as_str(), "serial": serial}));
                return Ok(());
            }
        }
    }

    /// It is joined with the very bytes that it takes the place of: nobody's artifacts are lost between the two.
    fn refresh_manifest(&self, serial: u64) -> Result<()> {
        let name = self.object(Manifest::FILE);
        loop {
            let there = self.store.read(&name)?;
            let text = self.joined_manifest(there.as_ref())?;
            let expected = match there {
                Some(there) if there.bytes == text => return Ok(()),
                Some(there) => there.generation,
                None => Generation::NOTHING,
            };
            if self.store.replace(&name, &text, &expected, serial)? == Written::Done {
                self.ui
                    .event("view", json!({"object": name.as_str(), "serial": serial}));
                return Ok(());
            }
        }
    }

    /// What others published of this version stays in its manifest.
    fn joined_manifest(&self, there: Option<&Object>) -> Result<Vec<u8>> {
        let path = self.dist.path(Manifest::FILE);
        let mut manifest =
            Manifest::parse(&fs::read(&path).with_context(|| format!("reading {path}"))?)
                .with_context(|| format!("reading {path}"))?;
        let published = there.and_then(|there| Manifest::parse(&there.bytes).ok());
        if let Some(published) =
            published.filter(|published| published.source.sha256 == self.source.sha256)
        {
            manifest.join(published);
        }
        Ok(manifest.to_bytes())
    }

    /// An old checkout must not put back an old installer, so only the publish that moves latest writes it.
    fn refresh_installer(&self, moved_latest: bool, index: &Index) -> Result<()> {
        let name = ObjectName::installer();
        let there = self.store.read(&name)?;
        // A publish that was killed after its views had moved latest, and had not come to this.
        let unfinished = index.latest.as_ref() == Some(&self.source.version)
            && self.store.serial(&name)? < index.serial;
        if there.is_some() && !moved_latest && !unfinished && !self.refresh_installer {
            return Ok(());
        }
        let template = fs::read_to_string(self.installer_template)?;
        let text = installer::fill(&template, &self.installer_settings(&self.inventory.publish))?;
        let expected = match &there {
            Some(object) if object.bytes == text.as_bytes() => return Ok(()),
            Some(object) => object.generation.clone(),
            None => Generation::NOTHING,
        };
        // Refused: the other publisher has just written it, from a checkout at least as new.
        self.store
            .replace(&name, text.as_bytes(), &expected, index.serial)?;
        Ok(())
    }

    fn installer_settings<'b>(&'b self, publish: &'b Publish) -> installer::Settings<'b> {
        let release_keys: &[String] = if self.signer.is_some() {
            &publish.release_keys
        } else {
            &[]
        };
        installer::Settings {
            base_url: self.base_url,
            release_keys,
            signed_since: publish.signed_since.as_ref(),
        }
    }

    fn object(&self, file: &str) -> ObjectName {
        ObjectName::of_version(&self.source.version, file)
    }
}

fn sidecar_digest(sha256: &Digest) -> Digest {
    Digest::of(format!("{sha256}\n").as_bytes())
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}
