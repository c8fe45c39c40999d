//! The end of a release: into the store, pointers last; then read back and installed from, as a user would.

use crate::console::Console;
use crate::destination::{Destination, Rehearsed, Seen};
use crate::dist::Dist;
use crate::gcs::{Patience, Web};
use crate::index::{Entry, Standing};
use crate::manifest::SourceRecord;
use crate::parallel;
use crate::publish::{Exceptions, Published, Publishing};
use crate::sign::{self, Signer};
use crate::store::Store;
use crate::toolchain;
use crate::ui::Ui;
use crate::verify::{self, Verification};
use crate::words::{counted, Arch, Platform, Version};
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::collections::BTreeSet;

/// The end of a release.
pub struct Publish<'a> {
    pub workspace: &'a Workspace,
    pub dist: &'a Dist,
    pub source: &'a SourceRecord,
    pub required: &'a BTreeSet<Platform>,
    pub destination: Destination,
    /// What it listed when it was asked first.
    pub seen: Option<&'a Seen>,
    pub signer: Option<Signer>,
    pub exceptions: Exceptions,
}

impl Publish<'_> {
    pub fn run(&self, console: &Console) -> Result<()> {
        self.say_what_no_node_builds(console.ui)?;
        let published = self.publishing(&self.destination, console).run()?;
        // Before the dry run's own store is looked at: what the real one would do is what was asked for.
        let rehearsed = match &self.destination.rehearses {
            None => Ok(()),
            Some(rehearsed) => self.rehearse(rehearsed, console),
        };
        let reader = Reader {
            store: &self.destination.store,
            base_url: &self.destination.base_url,
        };
        reader.verify(self.workspace, Some(&published.version), console)?;
        self.announce(&published, console.ui)?;
        rehearsed
    }

    fn publishing<'b>(
        &'b self,
        destination: &'b Destination,
        console: &'b Console,
    ) -> Publishing<'b> {
        Publishing {
            store: &destination.store,
            dist: self.dist,
            inventory: &self.workspace.inventory,
            source: self.source,
            required: self.required,
            seen: match self.destination.rehearses {
                None => self.seen,
                Some(_) => None,
            },
            signer: self.signer.as_ref(),
            base_url: &destination.base_url,
            installer_template: self.workspace.installer(),
            manner: destination.manner,
            exceptions: self.exceptions,
            parallel: parallel::FILES,
            ui: console.ui,
            interrupt: console.interrupt,
        }
    }

    /// What would have been done to the real store. One that cannot be read is said; one that would refuse is an error.
    fn rehearse(&self, rehearsed: &Rehearsed, console: &Console) -> Result<()> {
        let (location, version) = (&rehearsed.location, &self.source.version);
        let opened = rehearsed.destination.as_ref();
        let read = match opened {
            Ok(real) => real.store.index().map(|index| (real, index)),
            Err(error) => Err(anyhow::anyhow!("{error:#}")),
        };
        let (real, index) = match read {
            Ok(read) => read,
            Err(error) => {
                console
                    .ui
                    .warn(&format!("dry run: {location} could not be read: {error:#}"));
                return Ok(());
            }
        };
        let latest = index.latest.as_ref();
        let latest = latest.map_or("nothing".into(), Version::to_string);
        let lists = match index.versions.contains_key(version) {
            true => "lists",
            false => "does not list",
        };
        console.ui.say(&format!(
            "dry run: nothing was written to {location}; it {lists} {version}, and its latest is {latest}"
        ));
        let rehearsal = self.publishing(real, console).rehearse();
        rehearsal.with_context(|| format!("dry run: {location} would refuse this"))
    }

    /// What was built once stays in `dist/`, and is published, although nodes.toml may not know it any more.
    fn say_what_no_node_builds(&self, ui: &Ui) -> Result<()> {
        let here = toolchain::here()?;
        let nodes = &self.workspace.inventory.nodes;
        for artifact in self.dist.artifacts() {
            let platform = artifact.platform;
            let is_known = platform == here
                || platform.arch() == Arch::Universal
                || nodes.iter().any(|node| node.platform() == platform);
            if !is_known {
                ui.warn(&format!(
                    "{platform} is in {}, and no node of nodes.toml builds it: it is published too, unless you remove {}",
                    self.dist.directory(),
                    self.dist.path(&artifact.file)
                ));
            }
        }
        Ok(())
    }

    fn announce(&self, published: &Published, ui: &Ui) -> Result<()> {
        let Published { index, version, .. } = published;
        let entry = index
            .versions
            .get(version)
            .context("a published version is listed")?;
        let place = self.destination.store.location();
        let standing = index.standing(version);
        let described = match standing {
            Some(Standing::Unpromoted) => absence(entry),
            Some(Standing::Yanked) => "yanked: nobody gets it who does not ask by name".into(),
            Some(Standing::Held) => "held back by a rollback; `cargo xtask promote` ends it".into(),
            _ => latest(published),
        };
        let platforms = counted(entry.platforms.len(), "platform");
        ui.say(&format!(
            "Published {version} for {platforms} to {place} ({described})"
        ));
        if self.signer.is_some() {
            let prints = sign::fingerprints(&self.workspace.inventory.publish.release_keys)?;
            ui.say(&format!(
                "Signed; for your README, the keys that installers accept: {}",
                prints.join(" ")
            ));
        }
        if standing == Some(Standing::Offered) {
            let named = (index.newest() != Some(version)).then_some(version);
            ui.say("Install it with:");
            ui.result(&self.destination.install_line(named));
        }
        Ok(())
    }
}

fn latest(published: &Published) -> String {
    match (&published.index.latest, published.moved_latest) {
        (Some(latest), false) => format!("latest is {latest}"),
        (Some(_), true) => "latest now".into(),
        (None, _) => "no version is latest".into(),
    }
}

fn absence(entry: &Entry) -> String {
    let missing: Vec<String> = entry.missing().iter().map(Platform::to_string).collect();
    format!("not promoted: {} still missing", missing.join(", "))
}

/// Who reads what was published: a bucket through its public URL, a directory as it lies there.
pub struct Reader<'a> {
    pub store: &'a Store,
    pub base_url: &'a str,
}

impl Reader<'_> {
    pub fn verify(
        &self,
        workspace: &Workspace,
        version: Option<&Version>,
        console: &Console,
    ) -> Result<Version> {
        let web = Web::new(self.base_url, Patience::new(console.interrupt));
        let verification = Verification {
            published: match self.store.is_bucket() {
                true => verify::Published::Web(&web),
                false => verify::Published::Directory(self.store),
            },
            project: &workspace.inventory.project,
            base_url: self.base_url,
            release_keys: &workspace.inventory.publish.release_keys,
            here: toolchain::here()?,
            ui: console.ui,
            interrupt: console.interrupt,
        };
        verification.run(version)
    }
}
