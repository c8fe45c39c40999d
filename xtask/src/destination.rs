//! A step of a release: where it goes, whether that place may take it, and whether what is there may be replaced.

use crate::gcs::{Access, Found, Patience, Web};
use crate::index::{Entry, Index};
use crate::installer;
use crate::inventory::Publish;
use crate::manifest::{Manifest, SourceRecord};
use crate::publish::Manner;
use crate::script::quote_where_needed;
use crate::source::Revision;
use crate::store::{Generation, Store};
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
    /// With `--dry-run`: where it would have gone to.
    pub rehearses: Option<Box<Rehearsed>>,
    access: Access,
}

/// The real destination of a dry run, or why it cannot be opened. It is only read.
pub struct Rehearsed {
    pub location: String,
    pub destination: Result<Destination>,
}

/// The index as it was before anything was done, and the generation that a change of it has to name.
pub type Seen = (Index, Generation);

/// What is to go there.
pub struct Candidate<'a> {
    pub version: &'a Version,
    pub tagged: bool,
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
        candidate: &Candidate,
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
        if real.starts_with("gs://") && !candidate.tagged {
            return Err(refuse(untagged(candidate.version)));
        }
        let destination = Destination::open(publish, &real, manner, route.access);
        if !route.dry_run {
            return destination;
        }
        let rehearsed = Rehearsed {
            location: real,
            destination,
        };
        let path = workspace.dist().join("dry-run");
        Ok(Destination {
            store: Store::directory(path.as_str())?,
            base_url: path.into_string(),
            manner: Manner::Permanent,
            rehearses: Some(Box::new(rehearsed)),
            access: route.access.clone(),
        })
    }

    fn open(publish: &Publish, real: &str, manner: Manner, access: &Access) -> Result<Destination> {
        let store = Store::open(real, access)?;
        Ok(Destination {
            base_url: base_url(publish, &store),
            store,
            manner,
            rehearses: None,
            access: access.clone(),
        })
    }

    /// Where users would get it from: for a dry run the real one, if it can be opened.
    fn real(&self) -> Option<&Destination> {
        match &self.rehearses {
            None => Some(self),
            Some(rehearsed) => rehearsed.destination.as_ref().ok(),
        }
    }

    /// A bucket is for users; what nobody has run is refused there, and in its rehearsal.
    pub fn is_for_users(&self) -> bool {
        self.location().starts_with("gs://")
    }

    /// The store in `dist/`, which is for whoever has a clone: the owner's key is not in it.
    pub fn is_embedded(&self) -> bool {
        self.real()
            .is_some_and(|real| real.manner == Manner::Development)
    }

    /// Of the store, or of the one that a dry run is for.
    pub fn location(&self) -> &str {
        match &self.rehearses {
            None => self.store.location(),
            Some(rehearsed) => &rehearsed.location,
        }
    }

    /// The index there. `None`: this is a dry run, and the real store cannot be read, which is said at its end.
    pub fn look(&self) -> Result<Option<Seen>> {
        match (&self.rehearses, self.real()) {
            (None, _) => self.store.index_for_change().map(Some),
            (Some(_), Some(real)) => Ok(real.store.index_for_change().ok()),
            (Some(_), None) => Ok(None),
        }
    }

    /// Makes sure that it can be written to. The store of a dry run starts empty, as for the first publish of all.
    pub fn prepare(&self, seen: Option<&Seen>, ui: &Ui) -> Result<()> {
        if let Some(rehearsed) = &self.rehearses {
            if let (Ok(real), Some(_)) = (&rehearsed.destination, seen) {
                real.check(seen, ui)?;
            }
            let path = self.store.location();
            match std::fs::remove_dir_all(path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("{path} cannot be emptied"))
                }
                _ => {}
            }
        }
        match self.store {
            Store::Dir(_) => self.store.preflight(),
            _ => self.check(seen, ui),
        }
    }

    /// Whose it is, the login and the readers. Nothing is written.
    fn check(&self, seen: Option<&Seen>, ui: &Ui) -> Result<()> {
        if let Store::Dir(directory) = &self.store {
            return directory.check_it_is_ours();
        }
        self.store.preflight()?;
        let web = Web::new(&self.base_url, Patience::new(&self.access.interrupt));
        match seen {
            Some((index, generation)) if *generation != Generation::NOTHING => {
                self.check_readers(&web, index)
            }
            _ => self.check_no_readers(&web, ui),
        }
    }

    /// Readers who are sent elsewhere would never see what is published here.
    fn check_readers(&self, web: &Web, seen: &Index) -> Result<()> {
        let name = ObjectName::index();
        let served = || -> Result<Option<Index>> {
            Ok(web.read(&name)?.and_then(|text| Index::parse(&text).ok()))
        };
        // Another publisher may come between the two looks, but not twice.
        if served()?.as_ref() == Some(seen) || served()? == Some(self.store.index()?) {
            return Ok(());
        }
        Err(refuse(format!(
            "{}/{name} is not what {} holds; set `base_url` under [publish] to where that bucket is read, and let no cache answer for it",
            self.base_url,
            self.store.location()
        )))
    }

    /// Nothing was published there yet, so nothing is to be found by its readers.
    fn check_no_readers(&self, web: &Web, ui: &Ui) -> Result<()> {
        let name = ObjectName::index();
        match web.look(&name)? {
            Found::Nothing => Ok(()),
            Found::Something if self.store.read(&name)?.is_some() => Ok(()),
            Found::Something => Err(refuse(format!(
                "{}/{name} is there, and {} holds none, so that is another bucket; set `base_url` under [publish] to where this one is read",
                self.base_url,
                self.store.location()
            ))),
            Found::Closed => {
                ui.warn(&format!(
                    "{} may not be read: let everybody read the bucket, docs/publishing.md says how, or nobody can install from it",
                    self.base_url
                ));
                Ok(())
            }
        }
    }

    /// A version that is published from another source will not be taken; better known before sixteen minutes of building.
    pub fn accepts(&self, source: &SourceRecord, seen: Option<&Seen>) -> Result<()> {
        let listed = seen.and_then(|(index, _)| index.versions.get(&source.version));
        let (Some(listed), Some(real)) = (listed, self.real()) else {
            return Ok(());
        };
        let gives_way = real.manner == Manner::Development && listed.development;
        if gives_way || listed.source_sha256.as_ref() == Some(&source.sha256) {
            return Ok(());
        }
        let version = &source.version;
        let others = match real.manner {
            Manner::Permanent => String::new(),
            Manner::Development => format!(", release {} again with `--version {version}`, or name another store with `--to DIR`", version.tag()),
        };
        Err(refuse(format!(
            "{version} in {} is published from {}, and this is source {}; a release is never replaced: raise the package's version{others}",
            real.store.location(),
            listed.origin(),
            source.sha256.short()
        )))
    }

    /// What a user pastes: from a bucket with curl, from a directory as it lies there. A version that is not the newest is named.
    pub fn install_line(&self, named: Option<&Version>) -> String {
        let version = |before: &str| {
            let argument = named.map(|version| format!("{before} --version {version}"));
            argument.unwrap_or_default()
        };
        match self.store.is_bucket() {
            true => installer::one_liner(&self.base_url) + &version(" -s --"),
            false => {
                let installer = quote_where_needed(&format!("{}/install.sh", self.base_url));
                format!("sh {installer} --prefix \"$HOME/.local\"{}", version(""))
            }
        }
    }

    /// The source of a version that is published there from this commit: a platform that comes later builds the same bytes.
    pub fn published_source(
        &self,
        revision: &Revision,
        seen: Option<&Seen>,
    ) -> Result<Option<(SourceRecord, Vec<u8>)>> {
        let version = &revision.version;
        let listed = seen.and_then(|(index, _)| index.versions.get(version));
        let listed = listed.filter(|listed| {
            revision.tagged
                && !listed.development
                && listed.commit.as_ref() == Some(&revision.commit)
        });
        match (listed, self.real()) {
            (Some(listed), Some(real)) => published_source(&real.store, version, listed).map(Some),
            _ => Ok(None),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, Rules};
    use crate::gcs::{Bucket, Via};
    use crate::inventory::PublicReading;
    use crate::process::Interrupt;
    use crate::ui::{Results, Talk};

    /// `bucket`, whose nodes.toml says that it is read where `readers` is.
    fn prepared(bucket: &Fake, readers: &Fake) -> Result<()> {
        let interrupt = Interrupt::none();
        let patience = Patience::new(&interrupt);
        let opened = Bucket::for_test(&bucket.endpoint(), None, PublicReading::BucketIam, patience);
        let destination = Destination {
            store: Store::Gcs(Box::new(opened.unwrap())),
            base_url: format!("{}/releases", readers.endpoint()),
            manner: Manner::Permanent,
            rehearses: None,
            access: Access {
                public: PublicReading::BucketIam,
                token_file: None,
                via: Via::Api,
                interrupt,
            },
        };
        let seen = destination.look().unwrap();
        destination.prepare(seen.as_ref(), &Ui::new(Talk::Quiet, Results::Text))
    }

    fn index(serial: u64) -> Vec<u8> {
        Index {
            serial,
            ..Index::default()
        }
        .to_bytes()
    }

    #[test]
    fn a_bucket_is_read_where_nodes_toml_says_or_refused() {
        let (bucket, other) = (Fake::start(Rules::default()), Fake::start(Rules::default()));
        // Nothing here, nothing there: the first publish of all.
        prepared(&bucket, &bucket).unwrap();
        prepared(&bucket, &other).unwrap();
        other.put("index.json", &index(7));
        let error = prepared(&bucket, &other).unwrap_err().to_string();
        assert!(error.contains("so that is another bucket"), "{error}");
        bucket.put("index.json", &index(3));
        prepared(&bucket, &bucket).unwrap();
        let error = prepared(&bucket, &other).unwrap_err().to_string();
        assert!(error.contains("is not what gs://releases holds"), "{error}");
        other.remove("index.json");
        assert!(prepared(&bucket, &other).is_err());
    }

    #[test]
    fn an_empty_bucket_that_nobody_may_read_yet_is_no_other_bucket() {
        let closed = Fake::start(Rules {
            public_bucket: false,
            ..Rules::default()
        });
        prepared(&closed, &closed).unwrap();
    }
}
