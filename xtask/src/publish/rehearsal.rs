//! What a publish would do to a store, as the store is now: every object, its headers, what it expects to find, and how the pointers move. Only reads.

use super::pieces::Piece;
use super::{Manner, Preflight, Publishing};
use crate::index::{Entry, Index};
use crate::pointers::{self, Change};
use crate::store::{headers_of, Generation, Held};
use crate::words::ObjectName;
use anyhow::{bail, Result};
use serde_json::json;
use std::collections::BTreeMap;

impl Publishing<'_> {
    /// Fails where the publish would.
    pub fn rehearse(&self) -> Result<()> {
        let Preflight {
            entry,
            checked,
            read: (before, generation),
        } = self.preflight()?;
        let version = &self.source.version;
        let mut index = before.clone();
        if self.manner == Manner::Development && index.clone().merge(version, &entry).is_err() {
            index.drop_development(version);
        }
        let gives_way = self.manner == Manner::Development && !index.versions.contains_key(version);
        let pieces = self.pieces(&entry, &checked)?;
        let held = match gives_way {
            // Its files, and what a dead run left of them, go first.
            true => BTreeMap::new(),
            false => self.held(&pieces)?,
        };
        if self.exceptions.reclaim {
            index.claim(version, &entry);
            if !index.says_the_same_as(&before) {
                self.say_object(&ObjectName::index(), &generation);
            }
        }
        let stopped = self.rehearse_pieces(&pieces, &held, &before);
        index.merge(version, &entry)?;
        self.rehearse_lists(&index.versions[version])?;
        if !index.says_the_same_as(&before) {
            self.say_object(&ObjectName::index(), &generation);
        }
        self.rehearse_pointers(&index)?;
        self.rehearse_installer(Change { before, index })?;
        match &stopped[..] {
            [] => Ok(()),
            [first, ..] => bail!("{} objects are in the way: {first}", stopped.len()),
        }
    }

    /// Returns why it would stop.
    fn rehearse_pieces(
        &self,
        pieces: &[Piece],
        held: &BTreeMap<ObjectName, Held>,
        index: &Index,
    ) -> Vec<String> {
        let mut stopped = Vec::new();
        for piece in pieces {
            let name = &piece.name;
            let Some(held) = held.get(name) else {
                self.say_object(name, &Generation::NOTHING);
                continue;
            };
            match self.is_done(piece, held, index) {
                Ok(true) => self.say(name, "keep", "the same is there"),
                Ok(false) => self.say(name, "reclaim", "other bytes are there, and not listed"),
                Err(error) => {
                    self.say(name, "stop", &format!("{error:#}"));
                    stopped.push(format!("{error:#}"));
                }
            }
        }
        stopped
    }

    fn rehearse_lists(&self, entry: &Entry) -> Result<()> {
        for (name, there, text) in self.lists(entry)? {
            match there.bytes == text {
                true => self.say(&name, "keep", "it says the same"),
                false => self.say_object(&name, &there.generation),
            }
        }
        Ok(())
    }

    fn rehearse_pointers(&self, index: &Index) -> Result<()> {
        for (name, new) in pointers::views(&self.inventory.project, self.base_url, index) {
            let there = self.store.read(&name)?;
            let old = there.as_ref().map(|there| &there.bytes[..]);
            let old = String::from_utf8_lossy(old.unwrap_or_default()).into_owned();
            if old == new && there.is_some() {
                continue;
            }
            let expected = there.map_or(Generation::NOTHING, |there| there.generation);
            self.say_object(&name, &expected);
            let differs = |text: &str, line: &str| !text.lines().any(|other| other == line);
            for gone in old.lines().filter(|line| differs(&new, line)) {
                self.ui.show(&format!("    - {gone}"));
            }
            for come in new.lines().filter(|line| differs(&old, line)) {
                self.ui.show(&format!("    + {come}"));
            }
            self.ui.event(
                "pointer",
                json!({"object": name.as_str(), "old": old, "new": new}),
            );
        }
        Ok(())
    }

    fn rehearse_installer(&self, change: Change) -> Result<()> {
        let (name, text) = (ObjectName::installer(), self.installer()?);
        match self.store.stat(&name, text.as_bytes())? {
            None => self.say_object(&name, &Generation::NOTHING),
            Some(there) if there.same => {}
            Some(there) if self.is_installer_due(&change, &change.index, &there) => {
                self.say_object(&name, &there.generation)
            }
            Some(_) => self.say(&name, "keep", "this release does not move latest"),
        }
        Ok(())
    }

    fn say_object(&self, name: &ObjectName, expected: &Generation) {
        let verb = match *expected == Generation::NOTHING {
            true => "create",
            false => "replace",
        };
        let headers = headers_of(name);
        let how = format!(
            "content-type: {}; cache-control: {}; if-generation-match: {}",
            headers.content_type,
            headers.cache_control,
            expected.number()
        );
        self.say(name, verb, &how);
    }

    fn say(&self, name: &ObjectName, verb: &str, how: &str) {
        let place = self.store.location();
        self.ui.show(&format!("{verb:7} {place}/{name} ({how})"));
        self.ui.event(
            "would",
            json!({"verb": verb, "object": name.as_str(), "how": how}),
        );
    }
}
