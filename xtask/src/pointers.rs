//! A step of a release: the index, changed by compare-and-swap, and the views at the root of a store that are made from it.
//!
//! A change of the index is the commit; what follows only catches up with it, and anybody's next change repairs what a killed one left.

use crate::formula;
use crate::index::{Index, Views};
use crate::inventory::Project;
use crate::process::Interrupt;
use crate::store::{Generation, Stat, Store, Written};
use crate::ui::Ui;
use crate::words::ObjectName;
use anyhow::Result;
use serde_json::json;

pub struct Pointers<'a> {
    pub store: &'a Store,
    pub project: &'a Project,
    /// What readers call the store.
    pub base_url: &'a str,
    pub ui: &'a Ui,
    pub interrupt: &'a Interrupt,
}

/// What a change found, and what it left.
pub struct Change {
    pub before: Index,
    pub index: Index,
}

impl Change {
    pub fn moved_latest(&self) -> bool {
        self.before.latest != self.index.latest
    }

    pub fn changed(&self) -> bool {
        self.before.serial != self.index.serial
    }
}

impl Pointers<'_> {
    /// Edits the index as it is now, again if somebody else comes first. An edit that changes nothing writes nothing.
    pub fn change(&self, edit: &dyn Fn(&mut Index) -> Result<()>) -> Result<Change> {
        self.change_from(self.store.index_for_change()?, edit)
    }

    /// The same, from an index that was read a while ago.
    pub fn change_from(
        &self,
        read: (Index, Generation),
        edit: &dyn Fn(&mut Index) -> Result<()>,
    ) -> Result<Change> {
        let (mut before, mut generation) = read;
        loop {
            self.interrupt.check()?;
            let mut index = before.clone();
            edit(&mut index)?;
            if index.says_the_same_as(&before) {
                return Ok(Change {
                    index: before.clone(),
                    before,
                });
            }
            if self.write_index(&index, &generation)? == Written::Done {
                return Ok(Change { before, index });
            }
            (before, generation) = self.store.index_for_change()?;
        }
    }

    fn write_index(&self, index: &Index, generation: &Generation) -> Result<Written> {
        self.store.replace(
            &ObjectName::index(),
            &index.to_bytes(),
            generation,
            index.serial,
        )
    }

    /// Makes every view say what the index says. Returns the newest index that was seen.
    pub fn refresh(&self, index: Index) -> Result<Index> {
        let mut index = index;
        loop {
            for (name, text) in self.views(&index) {
                self.refresh_view(&name, &text, index.serial)?;
            }
            let now = self.store.index()?;
            if now.serial == index.serial {
                return Ok(index);
            }
            index = now;
        }
    }

    pub fn views(&self, index: &Index) -> Vec<(ObjectName, String)> {
        let views = index.views();
        let mut texts = vec![
            (ObjectName::view(Views::VERSIONS), views.versions),
            (ObjectName::view(Views::CATALOG), views.catalog),
            (ObjectName::view(Views::LATEST), views.latest),
        ];
        let formula = formula::render(self.project, self.base_url, index);
        texts.extend(formula.map(|text| (ObjectName::view(formula::FILE), text)));
        texts
    }

    /// A view that was made from a newer index is left alone; one of this index that says something else was damaged.
    fn refresh_view(&self, name: &ObjectName, text: &str, serial: u64) -> Result<()> {
        loop {
            self.interrupt.check()?;
            let there = self.store.stat(name, text.as_bytes())?;
            let is_done =
                |there: &Stat| there.serial > serial || (there.serial == serial && there.same);
            if there.as_ref().is_some_and(is_done) {
                return Ok(());
            }
            let expected = there.map_or(Generation::NOTHING, |there| there.generation);
            let written = self
                .store
                .replace(name, text.as_bytes(), &expected, serial)?;
            if written == Written::Done {
                self.ui
                    .event("view", json!({"object": name.as_str(), "serial": serial}));
                return Ok(());
            }
        }
    }
}
