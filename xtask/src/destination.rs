//! A step of a release: where it goes, whether that place may take it, and whether what is there may be replaced.

use crate::gcs::{Access, Patience, Web};
use crate::index::Entry;
use crate::installer;
use crate::inventory::Publish;
use crate::manifest::{Manifest, SourceRecord};
use crate::publish::Manner;
use crate::script::quote_where_needed;
use crate::source::Revision;
use crate::store::Store;
use crate::ui::Ui;
use crate::words::{refuse, Digest, ObjectName, Version};
use crate::workspace::Workspace;
use anyhow::{bail, Context, Result};
use std::io::ErrorKind;

pub struct Destination {
    pub store: Store,
    /// What its readers call it.
    pub base_url: String,
    pub manner: Manner,
    /// With `--dry-run`: the store that it would have gone to.
    instead_of: Option<String>,
    access: Access,
}

/// What the command line says of it.
pub struct Route<'a> {
    pub to: Option<&'a str>,
    pub local: bool,
    pub dry_run: bool,
    pub access: &'a Access,
}

pub const NO_STORE: &str = "no store is named; set `[publish] store` in nodes.toml, or use --to";

impl Destination {
    pub fn choose(
        workspace: &Workspace,
        version: &Version,
        tagged: bool,
        route: &Route,
    ) -> Result<Destination> {
        let publish = &workspace.inventory.publish;
        let (real, manner) = match (route.to, route.local, &publish.store) {
            (Some(named), _, _) => (named.to_string(), Manner::Permanent),
            (None, true, _) => (
                workspace.dist().join("store").into_string(),
                Manner::Development,
            ),
            (None, false, Some(configured)) => (configured.clone(), Manner::Permanent),
            (None, false, None) => return Err(refuse(NO_STORE)),
        };
        if real.starts_with("gs://") && !tagged {
            return Err(refuse(untagged(version)));
        }
        if route.dry_run {
            return Destination::dry_run(workspace, real, route.access);
        }
        let store = Store::open(&real, route.access)?;
        Ok(Destination {
            base_url: base_url(publish, &store),
            store,
            manner,
            instead_of: None,
            access: route.access.clone(),
        })
    }

    /// Makes sure that it can be written to. The store of a dry run starts empty, as for the first publish of all.
    pub fn prepare(&self) -> Result<()> {
        if self.instead_of.is_some() {
            let path = self.store.location();
            match std::fs::remove_dir_all(path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("{path} cannot be emptied"))
                }
                _ => {}
            }
        }
        self.store.preflight()?;
        self.check_base_url()
    }

    /// Readers who are sent elsewhere would never see what is published here.
    fn check_base_url(&self) -> Result<()> {
        let name = ObjectName::index();
        if !self.store.is_bucket() {
            return Ok(());
        }
        let web = Web::new(&self.base_url, Patience::new(&self.access.interrupt));
        // Another publisher may come between the two looks, but not twice.
        for _ in 0..2 {
            let Some(here) = self.store.read(&name)? else {
                return Ok(());
            };
            if web.read(&name)?.is_some_and(|served| served == here.bytes) {
                return Ok(());
            }
        }
        Err(refuse(format!(
            "{}/{name} is not what {} holds; set `base_url` under [publish] to where that bucket is read, and let no cache answer for it",
            self.base_url,
            self.store.location()
        )))
    }

    /// A version that is published from another source will not be taken; better known before sixteen minutes of building.
    pub fn accepts(&self, source: &SourceRecord) -> Result<()> {
        let index = self.store.index()?;
        let Some(listed) = index.versions.get(&source.version) else {
            return Ok(());
        };
        let gives_way = self.manner == Manner::Development && listed.development;
        if gives_way || listed.source_sha256.as_ref() == Some(&source.sha256) {
            return Ok(());
        }
        let version = &source.version;
        let others = match self.manner {
            Manner::Permanent => String::new(),
            Manner::Development => format!(", release {} again with `--version {version}`, or name another store with `--to DIR`", version.tag()),
        };
        Err(refuse(format!(
            "{version} in {} is published from {}, and this is source {}; a release is never replaced: raise the package's version{others}",
            self.store.location(),
            listed.origin(),
            source.sha256.short()
        )))
    }

    fn dry_run(workspace: &Workspace, real: String, access: &Access) -> Result<Destination> {
        let path = workspace.dist().join("dry-run");
        let store = Store::directory(path.as_str())?;
        Ok(Destination {
            store,
            base_url: path.into_string(),
            manner: Manner::Permanent,
            instead_of: Some(real),
            access: access.clone(),
        })
    }

    /// What a user pastes: from a bucket with curl, from a directory as it lies there.
    pub fn install_line(&self) -> String {
        match self.store.is_bucket() {
            true => installer::one_liner(&self.base_url),
            false => {
                let installer = quote_where_needed(&format!("{}/install.sh", self.base_url));
                format!("sh {installer} --prefix \"$HOME/.local\"")
            }
        }
    }

    /// With `--dry-run`: the store that is only read.
    pub fn real_store(&self) -> Option<Result<Store>> {
        let real = self.instead_of.as_ref()?;
        Some(Store::open(real, &self.access))
    }

    /// The source of a version that is published there from this commit: a platform that comes later builds the same bytes.
    pub fn published_source(&self, revision: &Revision) -> Result<Option<(SourceRecord, Vec<u8>)>> {
        if self.instead_of.is_some() || !revision.tagged {
            return Ok(None);
        }
        let index = self.store.index()?;
        let version = &revision.version;
        let listed = index.versions.get(version).filter(|listed| {
            !listed.development && listed.commit.as_ref() == Some(&revision.commit)
        });
        let Some(listed) = listed else {
            return Ok(None);
        };
        published_source(&self.store, version, listed).map(Some)
    }

    /// A dry run reads the real store; one that cannot be reached is said.
    pub fn compare_with_real_store(&self, version: &Version, ui: &Ui) {
        let Some(real) = &self.instead_of else { return };
        match Store::open(real, &self.access).and_then(|store| store.index()) {
            Err(error) => ui.warn(&format!("dry run: {real} could not be read: {error:#}")),
            Ok(index) => {
                let latest = index
                    .latest
                    .as_ref()
                    .map_or("nothing".into(), Version::to_string);
                let listed = if index.versions.contains_key(version) {
                    "lists"
                } else {
                    "does not list"
                };
                ui.say(&format!(
                    "dry run: nothing was written to {real}; it {listed} {version}, and its latest is {latest}"
                ));
            }
        }
    }
}

/// Why a bucket does not take this commit.
pub fn untagged(version: &Version) -> String {
    format!("a bucket takes only tagged releases, and this commit does not carry {}; tag it, or publish to a directory with --to", version.tag())
}

/// The source archive of a published version, and its record; its hash is the one that the index names.
pub fn published_source(
    store: &Store,
    version: &Version,
    listed: &Entry,
) -> Result<(SourceRecord, Vec<u8>)> {
    let place = store.location();
    let source = published_manifest(store, version)?.source;
    let archive = store.read(&ObjectName::of_version(version, &source.file))?;
    let bytes = archive.map(|archive| archive.bytes).unwrap_or_default();
    if listed.source_sha256 != Some(Digest::of(&bytes)) {
        bail!(
            "{place}/{version}/{} is not the source that the index names ({})",
            source.file,
            listed.origin()
        );
    }
    Ok((source, bytes))
}

pub fn published_manifest(store: &Store, version: &Version) -> Result<Manifest> {
    let name = ObjectName::of_version(version, Manifest::FILE);
    let manifest = store.read(&name)?;
    let manifest = manifest.with_context(|| format!("{}/{name} is missing", store.location()))?;
    Manifest::parse(&manifest.bytes).with_context(|| format!("{}/{name}", store.location()))
}

/// What readers of a store call it: `base_url` belongs to the configured store alone, and an emulator is its own web server.
pub fn base_url(publish: &Publish, store: &Store) -> String {
    let configured = publish.store.as_deref() == Some(store.location()) && !store.is_emulated();
    match &publish.base_url {
        Some(base_url) if configured => base_url.clone(),
        _ => store.public_url(),
    }
}
