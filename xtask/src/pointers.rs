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

    /// This made the store's first index: no view can be there yet.
    pub fn is_first(&self) -> bool {
        self.before.serial == 0 && self.changed()
    }
}

impl Pointers<'_> {
    /// Edits the index as it is now, again if somebody else comes first. An edit that changes nothing writes nothing.
    pub fn change(&self, edit: &dyn Fn(&mut Index) -> Result<()>) -> Result<Change> {
        loop {
            self.interrupt.check()?;
            let (before, generation) = self.store.index_for_change()?;
            let mut index = before.clone();
            edit(&mut index)?;
            if index.says_the_same_as(&before) {
                let index = before.clone();
                return Ok(Change { before, index });
            }
            if self.write_index(&index, &generation)? == Written::Done {
                return Ok(Change { before, index });
            }
        }
    }

    pub fn write_index(&self, index: &Index, generation: &Generation) -> Result<Written> {
        self.store.replace(
            &ObjectName::index(),
            &index.to_bytes(),
            generation,
            index.serial,
        )
    }

    /// Makes every view say what a change has left. Returns the newest index that was seen.
    pub fn follow(&self, change: &Change) -> Result<Index> {
        let known = match change.is_first() {
            true => Known::NothingThere,
            false => Known::Nothing,
        };
        self.refresh_all(change.index.clone(), known)
    }

    /// Makes every view say what the index says. Returns the newest index that was seen.
    pub fn refresh(&self, index: Index) -> Result<Index> {
        self.refresh_all(index, Known::Nothing)
    }

    fn refresh_all(&self, index: Index, known: Known) -> Result<Index> {
        let (mut index, mut known) = (index, known);
        loop {
            for (name, text) in views(self.project, self.base_url, &index) {
                self.refresh_view(&name, &text, index.serial, known)?;
            }
            let now = self.store.index()?;
            if now.serial == index.serial {
                return Ok(index);
            }
            (index, known) = (now, Known::Nothing);
        }
    }

    /// A view that was made from a newer index is left alone; one of this index that says something else was damaged.
    fn refresh_view(&self, name: &ObjectName, text: &str, serial: u64, known: Known) -> Result<()> {
        if known == Known::NothingThere
            && self.write_view(name, text, &Generation::NOTHING, serial)? == Written::Done
        {
            return Ok(());
        }
        loop {
            self.interrupt.check()?;
            let there = self.store.stat(name, text.as_bytes())?;
            let is_done =
                |there: &Stat| there.serial > serial || (there.serial == serial && there.same);
            if there.as_ref().is_some_and(is_done) {
                return Ok(());
            }
            let expected = there.map_or(Generation::NOTHING, |there| there.generation);
            if self.write_view(name, text, &expected, serial)? == Written::Done {
                return Ok(());
            }
        }
    }

    fn write_view(
        &self,
        name: &ObjectName,
        text: &str,
        expected: &Generation,
        serial: u64,
    ) -> Result<Written> {
        let written = self
            .store
            .replace(name, text.as_bytes(), expected, serial)?;
        if written == Written::Done {
            self.ui
                .event("view", json!({"object": name.as_str(), "serial": serial}));
        }
        Ok(written)
    }
}

/// Every view, as it should be.
pub fn views(project: &Project, base_url: &str, index: &Index) -> Vec<(ObjectName, String)> {
    let views = index.views();
    let mut texts = vec![
        (ObjectName::view(Views::VERSIONS), views.versions),
        (ObjectName::view(Views::CATALOG), views.catalog),
        (ObjectName::view(Views::LATEST), views.latest),
    ];
    let formula = formula::render(project, base_url, index);
    texts.extend(formula.map(|text| (ObjectName::view(formula::FILE), text)));
    texts
}

/// What is known of the views before they are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Nothing,
    NothingThere,
}
