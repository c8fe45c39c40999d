//! Where releases are published. Objects are created once or replaced by compare-and-swap; nothing else can be done to a store.

mod directory;

use crate::gcs::{self, Access, Bucket, Gsutil, Via};
use crate::index::Index;
use crate::words::{refuse, Digest, Fingerprint, ObjectName, Version};
use anyhow::{bail, Context, Result};
use camino::Utf8Path;
use std::collections::BTreeMap;
use std::fs::File;

pub use directory::DirStore;
#[cfg(test)]
pub use directory::{Step, Watch};

pub enum Store {
    Dir(DirStore),
    Gcs(Box<Bucket>),
    /// The same bucket, through Google's own tool.
    Gsutil(Gsutil),
}

/// An object and the generation that it was read at.
pub struct Object {
    pub bytes: Vec<u8>,
    pub generation: Generation,
}

/// What is known of an object without its bytes.
pub struct Stat {
    pub generation: Generation,
    /// The serial of the index that a view was made from.
    pub serial: u64,
    /// It says what the one who asked would say.
    pub same: bool,
}

/// What a replacement expects to find: a bucket's number, a directory's digest, or nothing there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation(Option<String>);

impl Generation {
    pub const NOTHING: Generation = Generation(None);

    pub fn some(mark: String) -> Generation {
        Generation(Some(mark))
    }

    /// As a bucket's precondition has it.
    pub fn number(&self) -> &str {
        self.0.as_deref().unwrap_or("0")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    Done,
    /// Something else is there, or came there first; nothing was changed.
    Refused,
}

/// What a store has under the name of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    Same,
    Other(Digest),
}

/// How an object is served.
#[derive(Debug, PartialEq, Eq)]
pub struct Headers {
    pub content_type: &'static str,
    pub cache_control: &'static str,
}

const FOREVER: &str = "public, max-age=31536000, immutable";
/// Without a header Google lets caches serve a public object for an hour.
const FRESH: &str = "no-cache, max-age=0";

pub fn headers_of(name: &ObjectName) -> Headers {
    let (folder, file) = name
        .as_str()
        .rsplit_once('/')
        .unwrap_or(("", name.as_str()));
    let grows = matches!(file, "SHA256SUMS" | "release.json");
    let content_type = match file.rsplit_once('.').map(|(_, suffix)| suffix) {
        Some("json") => "application/json",
        Some("html") => "text/html; charset=utf-8",
        Some("sha256" | "sig" | "txt" | "sh" | "rb") => "text/plain; charset=utf-8",
        Some("crate") => "application/gzip",
        _ if grows => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    };
    Headers {
        content_type,
        cache_control: if folder.is_empty() || grows {
            FRESH
        } else {
            FOREVER
        },
    }
}

/// Of a file that was checked, and is not the same any more when it is to travel.
pub fn changed_meanwhile(file: &Utf8Path) -> String {
    format!(
        "{file} was changed while it was published; `cargo xtask dist` and `checksum` make it anew"
    )
}

impl Store {
    /// A bucket is not contacted yet.
    pub fn open(location: &str, access: &Access) -> Result<Store> {
        match (location.starts_with("gs://"), access.via) {
            (true, Via::Api) => Ok(Store::Gcs(Box::new(Bucket::open(location, access)?))),
            (true, Via::Gsutil) => {
                let gsutil = Gsutil::open(location, access, &gcs::endpoint())?;
                Ok(Store::Gsutil(gsutil))
            }
            (false, _) => Store::directory(location),
        }
    }

    pub fn directory(location: &str) -> Result<Store> {
        if location.is_empty() || location.contains("://") {
            return Err(refuse(format!(
                "store `{}` is neither gs://bucket nor a directory",
                location.escape_debug()
            )));
        }
        Ok(Store::Dir(DirStore {
            root: directory::absolute(location)?,
            #[cfg(test)]
            watch: Watch::default(),
        }))
    }

    /// What its users would type; for a directory its absolute path.
    pub fn location(&self) -> &str {
        match self {
            Store::Dir(store) => store.root.as_str(),
            Store::Gcs(bucket) => bucket.location(),
            Store::Gsutil(bucket) => bucket.location(),
        }
    }

    /// Where its readers find it, if nodes.toml does not say.
    pub fn public_url(&self) -> String {
        match self {
            Store::Dir(store) => store.root.to_string(),
            Store::Gcs(bucket) => bucket.public_url(),
            Store::Gsutil(bucket) => bucket.public_url().to_string(),
        }
    }

    pub fn is_bucket(&self) -> bool {
        !matches!(self, Store::Dir(_))
    }

    pub fn is_emulated(&self) -> bool {
        match self {
            Store::Dir(_) => false,
            Store::Gcs(bucket) => bucket.is_emulated(),
            Store::Gsutil(bucket) => bucket.is_emulated(),
        }
    }

    /// Makes sure that it can be written to, changing nothing that a reader sees.
    pub fn preflight(&self) -> Result<()> {
        match self {
            Store::Dir(store) => store.preflight(),
            Store::Gcs(bucket) => bucket.preflight(),
            Store::Gsutil(bucket) => bucket.preflight(),
        }
    }

    pub fn read(&self, name: &ObjectName) -> Result<Option<Object>> {
        match self {
            Store::Dir(store) => store.read(name),
            Store::Gcs(bucket) => bucket.read(name),
            Store::Gsutil(bucket) => bucket.read(name),
        }
    }

    /// The index; empty where nothing was published yet.
    pub fn index(&self) -> Result<Index> {
        Ok(self.index_for_change()?.0)
    }

    /// The index, and the generation that a change of it has to name.
    pub fn index_for_change(&self) -> Result<(Index, Generation)> {
        match self.read(&ObjectName::index())? {
            None => Ok((Index::default(), Generation::NOTHING)),
            Some(object) => {
                let index = Index::parse(&object.bytes)
                    .with_context(|| format!("store {}", self.location()))?;
                Ok((index, object.generation))
            }
        }
    }

    /// What is known of an object, and whether its bytes are `text`.
    pub fn stat(&self, name: &ObjectName, text: &[u8]) -> Result<Option<Stat>> {
        match self {
            Store::Dir(store) => store.stat(name, text),
            Store::Gcs(bucket) => bucket.stat(name, text),
            Store::Gsutil(bucket) => bucket.stat(name, text),
        }
    }

    /// The digest of an object's bytes, or `None` if there is no such object.
    pub fn digest(&self, name: &ObjectName) -> Result<Option<Digest>> {
        match self {
            Store::Dir(store) => store.digest(name),
            Store::Gcs(bucket) => bucket.digest(name),
            Store::Gsutil(bucket) => bucket.digest(name),
        }
    }

    /// Into a file; its digest, or `None` if there is no such object.
    pub fn fetch(&self, name: &ObjectName, path: &Utf8Path) -> Result<Option<Digest>> {
        let found = match self {
            Store::Dir(store) => store.fetch(name, path)?,
            Store::Gcs(bucket) => bucket.fetch(name, path)?,
            Store::Gsutil(bucket) => bucket.fetch(name, path)?,
        };
        if !found {
            return Ok(None);
        }
        let file = File::open(path).with_context(|| format!("reading {path}"))?;
        let (digest, _) = Digest::of_reader(file).with_context(|| format!("reading {path}"))?;
        Ok(Some(digest))
    }

    /// The names of everything in it, whoever put it there.
    pub fn names(&self) -> Result<Vec<String>> {
        match self {
            Store::Dir(store) => store.names(),
            Store::Gcs(bucket) => bucket.names(),
            Store::Gsutil(bucket) => bucket.names(),
        }
    }

    /// Which of a version's files it has already; what is not there is not in the answer.
    pub fn held(
        &self,
        version: &Version,
        files: &[(ObjectName, Fingerprint)],
    ) -> Result<BTreeMap<ObjectName, Held>> {
        match self {
            Store::Dir(store) => store.held(files),
            Store::Gcs(bucket) => bucket.held(&format!("{version}/"), files),
            Store::Gsutil(bucket) => bucket.held(&format!("{version}/"), files),
        }
    }

    /// Creates an object from a file that holds what was checked; refused if the name is taken. `sent` is told of the bytes that travel.
    pub fn create(
        &self,
        name: &ObjectName,
        file: &Utf8Path,
        here: &Fingerprint,
        sent: &(dyn Fn(u64) + Sync),
    ) -> Result<Written> {
        match self {
            Store::Dir(store) => store.create(name, file, &here.sha256),
            Store::Gcs(bucket) => bucket.create(name, file, here, sent),
            Store::Gsutil(bucket) => bucket.create(name, file, here, sent),
        }
    }

    /// Replaces an object if it still is what was read; a view carries the serial of the index it was made from.
    pub fn replace(
        &self,
        name: &ObjectName,
        bytes: &[u8],
        expected: &Generation,
        serial: u64,
    ) -> Result<Written> {
        match self {
            Store::Dir(store) => store.replace(name, bytes, expected, serial),
            Store::Gcs(bucket) => bucket.replace(name, bytes, expected, serial),
            Store::Gsutil(bucket) => bucket.replace(name, bytes, expected, serial),
        }
    }

    /// Removes the files of a version that the index does not list. For development versions only.
    pub fn sweep_version(&self, version: &Version) -> Result<()> {
        match self {
            Store::Dir(store) => store.sweep_version(version),
            Store::Gcs(_) | Store::Gsutil(_) => {
                bail!("nothing is ever removed from {}", self.location())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_changes_is_cached_and_what_moves_is_not() {
        let version = Version::parse("1.0.0").unwrap();
        for (file, content_type, cache_control) in [
            ("b-1.0.0-linux-x86_64", "application/octet-stream", FOREVER),
            (
                "b-1.0.0-linux-x86_64.sha256",
                "text/plain; charset=utf-8",
                FOREVER,
            ),
            (
                "b-1.0.0-linux-x86_64.sha256.sig",
                "text/plain; charset=utf-8",
                FOREVER,
            ),
            ("b-1.0.0.crate", "application/gzip", FOREVER),
            ("SHA256SUMS", "text/plain; charset=utf-8", FRESH),
            ("release.json", "application/json", FRESH),
        ] {
            let expected = Headers {
                content_type,
                cache_control,
            };
            assert_eq!(
                headers_of(&ObjectName::of_version(&version, file)),
                expected,
                "{file}"
            );
        }
        assert_eq!(headers_of(&ObjectName::index()).cache_control, FRESH);
        assert_eq!(
            headers_of(&ObjectName::installer()).content_type,
            "text/plain; charset=utf-8"
        );
    }
}
