//! What a publish would do to a store, as the store is now: every object, its headers, what it expects to find, and how the pointers move. Only reads.

use super::pieces::{Kind, Piece};
use super::Publishing;
use crate::index::Index;
use crate::manifest::Manifest;
use crate::pointers;
use crate::store::{headers_of, Generation, Held, Store};
use crate::words::ObjectName;
use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use serde_json::json;

impl Publishing<'_> {
    /// Says it of `real`, which is not the store of this publish.
    pub fn rehearse(&self, real: &Store) -> Result<()> {
        let entry =
            crate::seal::entry(self.dist, self.source, self.required, self.signer.is_some());
        let (before, generation) = real.index_for_change()?;
        let pieces = self.pieces(&entry)?;
        let (claims, content): (Vec<&Piece>, Vec<&Piece>) =
            pieces.iter().partition(|piece| piece.kind != Kind::Content);
        let files: Vec<(ObjectName, Utf8PathBuf)> = pieces
            .iter()
            .map(|piece| (piece.name.clone(), piece.path.clone()))
            .collect();
        let held = real.held(&self.source.version, &files)?;
        for piece in claims.iter().chain(&content) {
            match held.get(&piece.name) {
                None => self.say_write(real, &piece.name, "create", &Generation::NOTHING),
                Some(Held::Same) => self.say(real, &piece.name, "keep", "the same bytes are there"),
                Some(Held::Other(there)) => {
                    self.say(
                        real,
                        &piece.name,
                        "stop",
                        &format!("other bytes are there: {there}"),
                    );
                }
            }
        }
        for file in ["SHA256SUMS", Manifest::FILE] {
            self.say_replacement(real, &self.object(file))?;
        }
        let mut index = before.clone();
        index
            .merge(&self.source.version, &entry)
            .with_context(|| format!("dry run of {}", real.location()))?;
        if !index.says_the_same_as(&before) {
            self.say_write(real, &ObjectName::index(), "replace", &generation);
            self.say_pointers(real, &index)?;
        }
        Ok(())
    }

    fn say_pointers(&self, real: &Store, index: &Index) -> Result<()> {
        for (name, new) in pointers::views(&self.inventory.project, self.base_url, index) {
            let old = real.read(&name)?;
            let old = old.map_or(String::new(), |old| {
                String::from_utf8_lossy(&old.bytes).into_owned()
            });
            if old == new {
                continue;
            }
            self.say_replacement(real, &name)?;
            let gone = old
                .lines()
                .filter(|line| !new.lines().any(|kept| kept == *line));
            gone.for_each(|line| self.ui.show(&format!("    - {line}")));
            let come = new
                .lines()
                .filter(|line| !old.lines().any(|kept| kept == *line));
            come.for_each(|line| self.ui.show(&format!("    + {line}")));
            self.ui.event(
                "pointer",
                json!({"object": name.as_str(), "old": old, "new": new}),
            );
        }
        Ok(())
    }

    fn say_replacement(&self, real: &Store, name: &ObjectName) -> Result<()> {
        let there = real.stat(name, b"")?;
        let expected = there.map_or(Generation::NOTHING, |there| there.generation);
        let verb = match expected == Generation::NOTHING {
            true => "create",
            false => "replace",
        };
        self.say_write(real, name, verb, &expected);
        Ok(())
    }

    fn say_write(&self, real: &Store, name: &ObjectName, verb: &str, expected: &Generation) {
        let headers = headers_of(name);
        let how = format!(
            "content-type: {}; cache-control: {}; if-generation-match: {}",
            headers.content_type,
            headers.cache_control,
            expected.number()
        );
        self.say(real, name, verb, &how);
    }

    fn say(&self, real: &Store, name: &ObjectName, verb: &str, how: &str) {
        self.ui
            .show(&format!("{verb:7} {}/{name} ({how})", real.location()));
        self.ui.event(
            "would",
            json!({"verb": verb, "object": name.as_str(), "how": how}),
        );
    }
}
