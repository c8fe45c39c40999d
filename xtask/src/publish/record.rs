//! What a version says of itself, `SHA256SUMS` and `release.json`, and the commit: both only grow, and grow before the index does.

use super::pieces::Piece;
use super::Publishing;
use crate::index::{sum_line, sums, Entry, Index};
use crate::manifest::Manifest;
use crate::pointers::Change;
use crate::store::{Generation, Object, Written};
use crate::words::ObjectName;
use anyhow::{bail, Context, Result};
use std::collections::BTreeMap;
use std::fs;

const SUMS: &str = "SHA256SUMS";

/// The two lists as the store has them.
struct Lists {
    sums: Object,
    manifest: Object,
}

impl Publishing<'_> {
    /// The lists, then the index. Again, with another look at everything, if somebody else changes one of them first.
    pub(super) fn commit(&self, entry: &Entry, pieces: &[Piece], known: &Index) -> Result<Change> {
        let mut lists = match known.versions.contains_key(&self.source.version) {
            true => self.read_lists()?,
            // Most likely. If they are there, their creation is refused.
            false => Lists {
                sums: nothing(),
                manifest: nothing(),
            },
        };
        loop {
            self.interrupt.check()?;
            // After the lists were read: whoever claims these names or publishes them after this look has yet to change one of
            // the three, and then the write of that one is refused here.
            let (before, generation) = self.store.index_for_change()?;
            let mut index = before.clone();
            index.merge(&self.source.version, entry)?;
            self.check_continued(&before)?;
            let changes = !index.says_the_same_as(&before);
            if self.grow(&lists, &index)? == Written::Done {
                if !changes {
                    let index = before.clone();
                    return Ok(Change { before, index });
                }
                self.check_presence(pieces, &before)?;
                if self.pointers().write_index(&index, &generation)? == Written::Done {
                    return Ok(Change { before, index });
                }
            }
            lists = self.read_lists()?;
        }
    }

    fn read_lists(&self) -> Result<Lists> {
        let read = |file: &str| {
            let object = self.store.read(&self.object(file))?;
            anyhow::Ok(object.unwrap_or_else(nothing))
        };
        Ok(Lists {
            sums: read(SUMS)?,
            manifest: read(Manifest::FILE)?,
        })
    }

    /// For each list its name, what is there, and what it is to say.
    pub(super) fn lists(&self, entry: &Entry) -> Result<[(ObjectName, Object, Vec<u8>); 2]> {
        let Lists { sums, manifest } = self.read_lists()?;
        let (new_sums, new_manifest) = (
            self.joined_sums(&sums.bytes, entry),
            self.joined_manifest(&manifest.bytes, entry)?,
        );
        Ok([
            (self.object(SUMS), sums, new_sums),
            (self.object(Manifest::FILE), manifest, new_manifest),
        ])
    }

    fn grow(&self, lists: &Lists, index: &Index) -> Result<Written> {
        let entry = index.versions.get(&self.source.version);
        let entry = entry.context("a merged version is listed")?;
        let sums = self.joined_sums(&lists.sums.bytes, entry);
        if self.replace_list(SUMS, &lists.sums, &sums)? == Written::Refused {
            return Ok(Written::Refused);
        }
        let manifest = self.joined_manifest(&lists.manifest.bytes, entry)?;
        self.replace_list(Manifest::FILE, &lists.manifest, &manifest)
    }

    fn replace_list(&self, file: &str, there: &Object, text: &[u8]) -> Result<Written> {
        if there.bytes == text {
            return Ok(Written::Done);
        }
        self.store
            .replace(&self.object(file), text, &there.generation, 0)
    }

    /// What is there stays: somebody else may be about to commit it. What is listed has its listed hash.
    fn joined_sums(&self, there: &[u8], entry: &Entry) -> Vec<u8> {
        let (project, source) = (&self.inventory.project, self.source);
        let listed = sums(&project.binary, &source.version, entry, &source.file);
        let there = String::from_utf8_lossy(there);
        // What a dead publish of another source left does not count.
        let own_source = sum_line(&source.sha256, &source.file);
        let kept = there.lines().filter(|_| there.contains(&own_source));
        let lines: BTreeMap<&str, &str> = kept
            .chain(listed.lines())
            .filter_map(|line| line.split_once("  "))
            .map(|(sha256, file)| (file, sha256))
            .collect();
        let lines = lines
            .iter()
            .map(|(file, sha256)| format!("{sha256}  {file}\n"));
        lines.collect::<String>().into_bytes()
    }

    /// The first record of the same bytes stays; of bytes that are not the listed ones none does.
    fn joined_manifest(&self, there: &[u8], entry: &Entry) -> Result<Vec<u8>> {
        let path = self.dist.path(Manifest::FILE);
        let own = fs::read(&path).with_context(|| format!("reading {path}"))?;
        let mut joined = Manifest::parse(&own)?;
        let published = Manifest::parse(there).ok();
        if let Some(mut published) =
            published.filter(|published| published.source.sha256 == joined.source.sha256)
        {
            published.artifacts.retain(|theirs| {
                let listed = entry.platforms.get(&theirs.platform);
                listed.is_none_or(|listed| listed.sha256 == theirs.sha256)
            });
            joined.join(published);
        }
        Ok(joined.to_bytes())
    }

    /// A last look: a commit never names bytes that are not there.
    fn check_presence(&self, pieces: &[Piece], index: &Index) -> Result<()> {
        let there = self.survey(pieces, index)?;
        match pieces.iter().find(|piece| !there.contains(&piece.name)) {
            None => Ok(()),
            Some(piece) => bail!(
                "{}/{} was there and is not any more, or holds other bytes; run the same command again",
                self.store.location(),
                piece.name
            ),
        }
    }
}

fn nothing() -> Object {
    Object {
        bytes: Vec::new(),
        generation: Generation::NOTHING,
    }
}
