//! A step of a release: from `dist/` into a store, in an order in which a reader sees, at every moment, only versions whose every file is there.
//!
//! Every step is harmless when repeated, so a publisher that was killed anywhere is repaired by the next one.

mod exceptions;
mod pieces;
mod record;
mod rehearsal;

use crate::dist::Dist;
use crate::index::{Entry, Index, Views};
use crate::installer;
use crate::inventory::{Inventory, Publish};
use crate::manifest::SourceRecord;
use crate::parallel::in_parallel;
use crate::pointers::{Change, Pointers};
use crate::process::Interrupt;
use crate::seal;
use crate::sign::{self, Signer};
use crate::store::{changed_meanwhile, Generation, Held, Stat, Store, Written};
use crate::ui::Ui;
use crate::upload::Progress;
use crate::words::{refuse, Digest, Fingerprint, ObjectName, Platform, Version};
use anyhow::{bail, Context, Result};
use camino::Utf8PathBuf;
use pieces::{Checked, Kind, Piece, Wave};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

pub use exceptions::Exceptions;

pub struct Publishing<'a> {
    pub store: &'a Store,
    pub dist: &'a Dist,
    pub inventory: &'a Inventory,
    pub source: &'a SourceRecord,
    pub required: &'a BTreeSet<Platform>,
    /// The index as it was read a while ago, if it was. The commit reads it again.
    pub seen: Option<&'a (Index, Generation)>,
    pub signer: Option<&'a Signer>,
    /// What readers of this store call it: `base_url` of the configured store, a directory's own path otherwise.
    pub base_url: &'a str,
    pub installer_template: Utf8PathBuf,
    pub manner: Manner,
    pub exceptions: Exceptions,
    /// How many objects travel at once.
    pub parallel: usize,
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

/// What is known before anything is written.
struct Preflight {
    /// What the index will say of the version.
    entry: Entry,
    checked: Checked,
    read: (Index, Generation),
}

impl Publishing<'_> {
    pub fn run(&self) -> Result<Published> {
        let Preflight {
            entry,
            checked,
            mut read,
        } = self.preflight()?;
        if self.manner == Manner::Development {
            self.make_way(&entry)?;
            read = self.store.index_for_change()?;
        }
        let pieces = self.pieces(&entry, &checked)?;
        let there = self.survey(&pieces, &read.0)?;
        if self.exceptions.reclaim {
            self.claim(&entry)?;
        }
        let missing = pieces.iter().filter(|piece| !there.contains(&piece.name));
        self.upload_all(missing, &entry)?;
        let change = self.commit(&entry, &pieces, &read.0)?;
        let index = self.pointers().follow(&change)?;
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
    fn preflight(&self) -> Result<Preflight> {
        let checked = seal::check_version(self.dist, &self.source.version, self.signer)?;
        self.installer()?;
        self.check_provenance()?;
        let entry = seal::entry(self.dist, self.source, self.required, self.signer);
        let read = match self.seen {
            Some(seen) => seen.clone(),
            None => self.store.index_for_change()?,
        };
        if self.manner == Manner::Permanent {
            // The merge would refuse it later; here nothing is written yet.
            let mut index = read.0.clone();
            if self.exceptions.reclaim {
                index.claim(&self.source.version, &entry);
            }
            index.merge(&self.source.version, &entry)?;
            self.check_continued(&read.0)?;
            self.check_layout(&read.1)?;
            self.say_if_older(&read.0);
        }
        Ok(Preflight {
            entry,
            checked,
            read,
        })
    }

    /// Asked again by the commit: somebody may have published the first signed release since.
    fn check_continued(&self, index: &Index) -> Result<()> {
        match self.manner {
            Manner::Permanent => sign::check_continued(index, self.signer, self.store.location()),
            Manner::Development => Ok(()),
        }
    }

    fn say_if_older(&self, index: &Index) {
        let version = &self.source.version;
        if let Some(latest) = index.latest.as_ref().filter(|latest| *latest > version) {
            self.ui.say(&format!(
                "{version} is older than latest {latest}; latest stays"
            ));
        }
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

    /// What is there already. A name that holds other bytes stops everything before anything is written.
    fn survey(&self, pieces: &[Piece], index: &Index) -> Result<BTreeSet<ObjectName>> {
        let held = self.held(pieces)?;
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

    fn held(&self, pieces: &[Piece]) -> Result<BTreeMap<ObjectName, Held>> {
        let files: Vec<(ObjectName, Fingerprint)> = pieces
            .iter()
            .map(|piece| (piece.name.clone(), piece.here.clone()))
            .collect();
        self.store.held(&self.source.version, &files)
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
        let here = &piece.here.sha256;
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
            Some(there) => sign::verifies(
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

    /// Wave after wave.
    fn upload_all<'p>(&self, pieces: impl Iterator<Item = &'p Piece>, entry: &Entry) -> Result<()> {
        let pieces: Vec<&Piece> = pieces.collect();
        let paths = pieces
            .iter()
            .map(|piece| piece.path.as_path())
            // Into a directory they are copied before anybody could read how far.
            .filter(|_| self.store.is_bucket());
        let progress = Progress::of(paths, self.ui)?;
        for wave in Wave::ALL {
            let of_wave = pieces.iter().filter(|piece| piece.wave == wave);
            let of_wave: Vec<&Piece> = of_wave.copied().collect();
            in_parallel(self.parallel, &of_wave, |piece| {
                self.interrupt.check()?;
                self.upload(piece, entry, &|bytes| progress.sent(bytes))
            })?;
        }
        progress.done();
        Ok(())
    }

    /// Create-only: the same bytes are done, other bytes stop everything.
    fn upload(&self, piece: &Piece, entry: &Entry, sent: &(dyn Fn(u64) + Sync)) -> Result<()> {
        let Piece {
            name, path, here, ..
        } = piece;
        if self.store.create(name, path, here, sent)? == Written::Done {
            self.ui.event("created", json!({"object": name.as_str()}));
            return Ok(());
        }
        // Before anything is asked about it: what is decided below holds for these bytes, or the replacement is refused.
        let there = self.store.stat(name, b"")?;
        let files = [(name.clone(), here.clone())];
        let held = self.store.held(&self.source.version, &files)?;
        let (Some(there), Some(held)) = (there, held.get(name)) else {
            bail!(
                "{}/{name} went away while it was looked at; run the same command again",
                self.store.location()
            );
        };
        let mut index = self.store.index()?;
        if self.is_done(piece, held, &index)? {
            return Ok(());
        }
        // Somebody else may have claimed the name since.
        index.merge(&self.source.version, entry)?;
        self.take_over(piece, &there.generation)
    }

    /// The index says it first: whoever is about to publish other bytes under these names looks there before the commit.
    fn claim(&self, entry: &Entry) -> Result<()> {
        let version = &self.source.version;
        self.pointers().change(&|index| {
            index.claim(version, entry);
            Ok(())
        })?;
        Ok(())
    }

    fn take_over(&self, piece: &Piece, there: &Generation) -> Result<()> {
        let Piece { name, path, .. } = piece;
        let bytes = fs::read(path).with_context(|| format!("reading {path}"))?;
        if Fingerprint::of(&bytes) != piece.here {
            bail!(changed_meanwhile(path));
        }
        match self.store.replace(name, &bytes, there, 0)? {
            Written::Done => Ok(()),
            Written::Refused => bail!(
                "{}/{name} is being written by somebody else; run the same command again",
                self.store.location()
            ),
        }
    }

    /// An old checkout must not put back an old installer, so only the publish that moves latest writes it, or a rerun of one that was killed.
    fn refresh_installer(&self, change: &Change, index: &Index) -> Result<()> {
        let (name, text) = (ObjectName::installer(), self.installer()?);
        let there = match change.is_first() {
            true => None,
            false => self.store.stat(&name, text.as_bytes())?,
        };
        let expected = match there {
            None => Generation::NOTHING,
            Some(there) if there.same => return Ok(()),
            // By a publish after ours, whatever it was.
            Some(there) if there.serial > change.index.serial => return Ok(()),
            Some(there) if self.is_installer_due(change, index, &there) => there.generation,
            Some(_) => return Ok(()),
        };
        // Refused: the other publisher has just written it, from a checkout at least as new.
        self.store
            .replace(&name, text.as_bytes(), &expected, index.serial)?;
        Ok(())
    }

    fn is_installer_due(&self, change: &Change, index: &Index, there: &Stat) -> bool {
        let version = &self.source.version;
        // Written once since this version was first offered, by its own publish or a later one: that is at least as new.
        let promoted_at = index.versions.get(version).and_then(|it| it.promoted_at);
        let was_killed = index.latest.as_ref() == Some(version)
            && promoted_at.is_some_and(|serial| there.serial < serial);
        change.moved_latest() || was_killed || self.exceptions.refresh_installer
    }

    fn installer(&self) -> Result<String> {
        let template = fs::read_to_string(&self.installer_template)
            .with_context(|| format!("reading {}", self.installer_template))?;
        installer::fill(&template, &self.installer_settings(&self.inventory.publish))
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
