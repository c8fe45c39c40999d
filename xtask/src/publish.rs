//! A step of a release: from `dist/` into a store, in an order in which a reader sees, at every moment, only versions whose every file is there.
//!
//! Every step is harmless when repeated, so a publisher that was killed anywhere is repaired by the next one.

mod rehearsal;

use crate::dist::Dist;
use crate::index::{sum_line, Entry, Index, Views};
use crate::installer;
use crate::inventory::{Inventory, Publish};
use crate::manifest::{Manifest, SourceRecord};
use crate::pointers::{Change, Pointers};
use crate::process::Interrupt;
use crate::seal;
use crate::sign::Signer;
use crate::store::{Generation, Held, Store, Written};
use crate::ui::Ui;
use crate::upload::{self, Progress};
use crate::words::{refuse, Artifact, Digest, ObjectName, Platform, SourceKind, Version};
use anyhow::{bail, Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
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
    pub exceptions: Exceptions,
    /// How many objects travel at once.
    pub parallel: usize,
    pub ui: &'a Ui,
    pub interrupt: &'a Interrupt,
}

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

/// One object that never changes, on its way into the store.
struct Piece {
    name: ObjectName,
    path: Utf8PathBuf,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Sidecar,
    /// Over the file of this name and digest; another of the release keys may have made the one in the store.
    Signature(String, Digest),
    Content,
}

impl Publishing<'_> {
    pub fn run(&self) -> Result<Published> {
        let (entry, mut read) = self.preflight()?;
        if self.manner == Manner::Development {
            self.make_way(&entry)?;
            read = self.store.index_for_change()?;
        }
        let pieces = self.pieces(&entry);
        let there = self.survey(&pieces, &read.0)?;
        self.upload_all(pieces.iter().filter(|piece| !there.contains(&piece.name)))?;
        self.record_sums(&entry)?;
        self.record_manifest()?;
        let change = self
            .pointers()
            .change_from(read, &|index| index.merge(&self.source.version, &entry))?;
        let index = self.pointers().refresh(change.index.clone())?;
        self.refresh_installer(&change, &index)?;
        self.ui.event("published", json!({"version": self.source.version, "store": self.store.location(), "serial": index.serial, "latest": index.latest}));
        Ok(Published {
            version: self.source.version.clone(),
            moved_latest: change.moved_latest(),
            index,
        })
    }

    fn pointers(&self) -> Pointers<'_> {
        Pointers {
            store: self.store,
            project: &self.inventory.project,
            base_url: self.base_url,
            ui: self.ui,
            interrupt: self.interrupt,
        }
    }

    /// Everything that can be known to be wrong before anything is written. The store was prepared already.
    fn preflight(&self) -> Result<(Entry, (Index, Generation))> {
        seal::check_version(self.dist, &self.source.version, self.signer)?;
        let template = fs::read_to_string(self.installer_template)
            .with_context(|| format!("reading {}", self.installer_template))?;
        installer::fill(&template, &self.installer_settings(&self.inventory.publish))?;
        self.check_provenance()?;
        let entry = seal::entry(self.dist, self.source, self.required, self.signer.is_some());
        let read = self.store.index_for_change()?;
        if self.manner == Manner::Permanent {
            // The merge would refuse it later; here nothing is written yet.
            read.0.clone().merge(&self.source.version, &entry)?;
            self.check_layout(&read.1)?;
        }
        Ok((entry, read))
    }

    /// What users of a bucket get was made of the release's source, and run where it was built.
    fn check_provenance(&self) -> Result<()> {
        if !self.store.is_bucket() {
            return Ok(());
        }
        let artifacts = self.dist.artifacts();
        let named = |wrong: &dyn Fn(&Artifact) -> bool| {
            let names = artifacts.iter().filter(|artifact| wrong(artifact));
            let names: Vec<String> = names
                .map(|artifact| artifact.platform.to_string())
                .collect();
            names.join(", ")
        };
        let unproven = named(&|artifact| !artifact.proven && !self.exceptions.unproven);
        if !unproven.is_empty() {
            return Err(refuse(format!(
                "a bucket takes only binaries that were run where they were built, and these were not: {unproven}; prove them, or use --allow-unproven"
            )));
        }
        let own = |artifact: &Artifact| artifact.source == SourceKind::Own;
        let own = named(&|artifact| own(artifact) && !self.exceptions.own_source);
        if !own.is_empty() {
            return Err(refuse(format!(
                "a bucket takes only what was built from the release's source archive, and a `build_command` of their node made these: {own}; leave it out of nodes.toml, or use --allow-own-source"
            )));
        }
        Ok(())
    }

    /// A store that was filled by other means has pointers and no index: publishing would lose them.
    fn check_layout(&self, generation: &Generation) -> Result<()> {
        let versions = ObjectName::view(Views::VERSIONS);
        let bare = *generation == Generation::NOTHING
            && self.store.stat(&versions, b"")?.is_some()
            // Somebody may have published between the two looks.
            && self.store.stat(&ObjectName::index(), b"")?.is_none();
        if bare {
            return Err(refuse(format!(
                "{} has a {versions} and no index.json: it was filled by other means, and publishing would lose its lines; `cargo xtask publish --import` makes an index that keeps them",
                self.store.location()
            )));
        }
        Ok(())
    }

    /// A development version of another source, or of other bytes, is taken out of the index before its files go.
    fn make_way(&self, entry: &Entry) -> Result<()> {
        let version = &self.source.version;
        let index = self.store.index()?;
        let Some(listed) = index.versions.get(version).cloned() else {
            // One that was killed may have left views that still name this version, and any of its files.
            if index.serial > 0 {
                self.pointers().refresh(index)?;
            }
            return self.store.sweep_version(version);
        };
        if index.clone().merge(version, entry).is_ok() {
            return Ok(());
        }
        let change = self.pointers().change(&|index| {
            if index.drop_development(version).is_none() {
                return Err(refuse(format!(
                    "{version} in {} is a tagged release from {}, and a release is never replaced; raise the version in the package's Cargo.toml",
                    self.store.location(), listed.origin()
                )));
            }
            Ok(())
        })?;
        let by = match listed.source_sha256 == entry.source_sha256 {
            true => "another build of it".into(),
            false => entry.origin(),
        };
        self.ui.say(&format!(
            "{version} from {} gives way to {by} in the development store {}",
            listed.origin(),
            self.store.location()
        ));
        self.pointers().refresh(change.index)?;
        self.store.sweep_version(version)
    }

    /// The source archive, then every sidecar and signature, then the binaries: a sidecar claims the name for exactly its
    /// bytes, and a reader who finds a binary finds its sidecar.
    fn pieces(&self, entry: &Entry) -> Vec<Piece> {
        let source = (self.source.file.clone(), &self.source.sha256);
        let artifacts = entry
            .platforms
            .iter()
            .map(|(platform, listed)| (self.dist.artifact_file(*platform), &listed.sha256));
        let files: Vec<(String, &Digest)> = [source].into_iter().chain(artifacts).collect();
        let mut pieces = Vec::new();
        for (file, sha256) in &files {
            pieces.push(self.piece(&format!("{file}.sha256"), Kind::Sidecar));
            if self.signer.is_some() {
                let kind = Kind::Signature(file.clone(), (*sha256).clone());
                pieces.push(self.piece(&format!("{file}.sha256.sig"), kind));
            }
        }
        pieces.extend(
            files
                .iter()
                .map(|(file, _)| self.piece(file, Kind::Content)),
        );
        pieces
    }

    fn piece(&self, file: &str, kind: Kind) -> Piece {
        Piece {
            name: self.object(file),
            path: self.dist.path(file),
            kind,
        }
    }

    /// What is there already. A name that holds other bytes stops everything before anything is written.
    fn survey(&self, pieces: &[Piece], index: &Index) -> Result<BTreeSet<ObjectName>> {
        let files: Vec<(ObjectName, Utf8PathBuf)> = pieces
            .iter()
            .map(|piece| (piece.name.clone(), piece.path.clone()))
            .collect();
        let held = self.store.held(&self.source.version, &files)?;
        let mut done = BTreeSet::new();
        for piece in pieces {
            let Some(held) = held.get(&piece.name) else {
                continue;
            };
            if self.is_done(piece, held, index)? {
                done.insert(piece.name.clone());
            }
        }
        Ok(done)
    }

    /// True when the name holds what it should; false when it may be taken over.
    fn is_done(&self, piece: &Piece, held: &Held, index: &Index) -> Result<bool> {
        let there = match (held, &piece.kind) {
            (Held::Same, _) => return Ok(true),
            (Held::Other(_), Kind::Signature(file, sha256))
                if self.is_signed(piece, file, sha256)? =>
            {
                return Ok(true)
            }
            (Held::Other(there), _) => there,
        };
        let here =
            Digest::of(&fs::read(&piece.path).with_context(|| format!("reading {}", piece.path))?);
        let (place, name) = (self.store.location(), &piece.name);
        let version = &self.source.version;
        match (self.is_listed(piece, index), self.exceptions.reclaim) {
            (false, true) => Ok(false),
            (_, false) if self.manner == Manner::Development => bail!("{place}/{name} was changed after it was published: {there} there, {here} here; put it back, or remove {place} (a development store is made again by the same command)"),
            (true, true) => bail!("{place}/{name} belongs to {version}, which is published; --reclaim takes only names that the index does not list"),
            (true, false) => bail!("{place}/{name} is published and holds other bytes: {there} there, {here} here; published bytes never change: take them back with `cargo xtask publish --adopt`, or publish a new version"),
            (false, false) => bail!("{place}/{name} holds other bytes: {there} there, {here} here; if a publish that died left them (the index does not list them), --reclaim takes the name over; otherwise publish a new version"),
        }
    }

    fn is_signed(&self, piece: &Piece, file: &str, sha256: &Digest) -> Result<bool> {
        match self.store.read(&piece.name)? {
            Some(there) => crate::sign::verifies(
                &self.inventory.publish.release_keys,
                sha256,
                file,
                &there.bytes,
            ),
            None => Ok(false),
        }
    }

    fn is_listed(&self, piece: &Piece, index: &Index) -> bool {
        let Some(entry) = index.versions.get(&self.source.version) else {
            return false;
        };
        let artifacts = entry
            .platforms
            .keys()
            .map(|platform| self.dist.artifact_file(*platform));
        artifacts.chain([self.source.file.clone()]).any(|file| {
            ["", ".sha256", ".sha256.sig"]
                .iter()
                .any(|suffix| self.object(&format!("{file}{suffix}")) == piece.name)
        })
    }

    /// Sidecars and signatures first, all of them; then what they speak of.
    fn upload_all<'p>(&self, pieces: impl Iterator<Item = &'p Piece>) -> Result<()> {
        let (content, claims): (Vec<&Piece>, Vec<&Piece>) =
            pieces.partition(|piece| piece.kind == Kind::Content);
        let paths = claims
            .iter()
            .chain(&content)
            .map(|piece| piece.path.as_path())
            // Into a directory they are copied before anybody could read how far.
            .filter(|_| self.store.is_bucket());
        let progress = Progress::of(paths, self.ui)?;
        for wave in [claims, content] {
            upload::in_parallel(self.parallel, &wave, |piece| {
                self.interrupt.check()?;
                self.upload(piece, &|bytes| progress.sent(bytes))
            })?;
        }
        progress.done();
        Ok(())
    }

    /// Create-only: the same bytes are done, other bytes stop everything.
    fn upload(&self, piece: &Piece, sent: &(dyn Fn(u64) + Sync)) -> Result<()> {
        let Piece { name, path, .. } = piece;
        if self.store.create(name, path, sent)? == Written::Done {
            self.ui.event("created", json!({"object": name.as_str()}));
            return Ok(());
        }
        let files = [(name.clone(), path.clone())];
        let held = self.store.held(&self.source.version, &files)?;
        let Some(held) = held.get(name) else {
            bail!(
                "{}/{name} went away while it was looked at; run the same command again",
                self.store.location()
            );
        };
        match self.is_done(piece, held, &self.store.index()?)? {
            true => Ok(()),
            false => self.take_over(piece),
        }
    }

    fn take_over(&self, piece: &Piece) -> Result<()> {
        let Piece { name, path, .. } = piece;
        let there = self
            .store
            .stat(name, b"")?
            .map_or(Generation::NOTHING, |there| there.generation);
        let bytes = fs::read(path).with_context(|| format!("reading {path}"))?;
        match self.store.replace(name, &bytes, &there, 0)? {
            Written::Done => Ok(()),
            Written::Refused => bail!(
                "{}/{name} is being written by somebody else; run the same command again",
                self.store.location()
            ),
        }
    }

    /// Grows before the index does, so that whatever the index names is in it.
    fn record_sums(&self, entry: &Entry) -> Result<()> {
        let version = &self.source.version;
        let own = crate::index::sums(
            &self.inventory.project.binary,
            version,
            entry,
            &self.source.file,
        );
        let source = sum_line(&self.source.sha256, &self.source.file);
        self.grow("SHA256SUMS", &|there| {
            let there = String::from_utf8_lossy(there);
            // What a dead publish of another source left does not count.
            let kept = there.lines().filter(|_| there.contains(&source));
            let lines: BTreeMap<&str, &str> = kept
                .chain(own.lines())
                .filter_map(|line| line.split_once("  "))
                .map(|(sha256, file)| (file, sha256))
                .collect();
            let lines = lines
                .iter()
                .map(|(file, sha256)| format!("{sha256}  {file}\n"));
            Ok(lines.collect::<String>().into_bytes())
        })
    }

    fn record_manifest(&self) -> Result<()> {
        let path = self.dist.path(Manifest::FILE);
        let own = Manifest::parse(&fs::read(&path).with_context(|| format!("reading {path}"))?)?;
        self.grow(Manifest::FILE, &|there| {
            let mut joined = own.clone();
            let published = Manifest::parse(there).ok();
            if let Some(mut published) =
                published.filter(|published| published.source.sha256 == own.source.sha256)
            {
                // The first record of the same bytes stays; of other bytes, which the index does not list, ours counts.
                published.artifacts.retain(|theirs| {
                    let ours = own
                        .artifacts
                        .iter()
                        .find(|ours| ours.platform == theirs.platform);
                    ours.is_none_or(|ours| ours.sha256 == theirs.sha256)
                });
                joined.join(published);
            }
            Ok(joined.to_bytes())
        })
    }

    fn grow(&self, file: &str, join: &dyn Fn(&[u8]) -> Result<Vec<u8>>) -> Result<()> {
        let name = self.object(file);
        loop {
            self.interrupt.check()?;
            let there = self.store.read(&name)?;
            let (bytes, generation) = match there {
                Some(there) => (there.bytes, there.generation),
                None => (Vec::new(), Generation::NOTHING),
            };
            let joined = join(&bytes)?;
            if joined == bytes
                || self.store.replace(&name, &joined, &generation, 0)? == Written::Done
            {
                return Ok(());
            }
        }
    }

    /// An old checkout must not put back an old installer, so only the publish that moves latest writes it, or a rerun of one that was killed.
    fn refresh_installer(&self, change: &Change, index: &Index) -> Result<()> {
        let name = ObjectName::installer();
        let template = fs::read_to_string(self.installer_template)?;
        let text = installer::fill(&template, &self.installer_settings(&self.inventory.publish))?;
        let there = self.store.stat(&name, text.as_bytes())?;
        if let Some(there) = &there {
            let is_latest = index.latest.as_ref() == Some(&self.source.version);
            let killed = is_latest && !change.changed() && there.serial < index.serial;
            let wanted = change.moved_latest() || killed || self.exceptions.refresh_installer;
            if there.same || !wanted {
                return Ok(());
            }
        }
        let expected = there.map_or(Generation::NOTHING, |there| there.generation);
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

#[cfg(test)]
mod tests;
