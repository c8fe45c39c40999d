//! Where releases are published. Objects are created once or replaced by compare-and-swap; nothing else can be done to a store.

use crate::dist::{make_directory, remove_if_there, sync_directory, write_whole};
use crate::index::Index;
use crate::words::{refuse, Digest, ObjectName, Version};
use anyhow::{bail, Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::thread;
use std::time::{Duration, Instant};

pub enum Store {
    Dir(DirStore),
}

/// A directory that is a store: what a web server or `install.sh` reads as it stands.
pub struct DirStore {
    root: Utf8PathBuf,
}

/// An object and the generation that it was read at.
pub struct Object {
    pub bytes: Vec<u8>,
    pub generation: Generation,
}

/// What a replacement expects to find: `None` is "nothing there".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation(Option<Digest>);

impl Generation {
    pub const NOTHING: Generation = Generation(None);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    Done,
    /// Something else is there, or came there first; nothing was changed.
    Refused,
}

/// The serials of the views in a directory store; a bucket keeps them as metadata.
const SERIALS: &str = ".views.json";
const LOCK_DEADLINE: Duration = Duration::from_secs(30);

impl Store {
    pub fn open(location: &str) -> Result<Store> {
        if location.starts_with("gs://") {
            return Err(refuse(format!("store {location} is a bucket, and this version publishes to directories; name one with --to DIR")));
        }
        if location.is_empty() || location.contains("://") {
            return Err(refuse(format!(
                "store `{}` is neither gs://bucket nor a directory",
                location.escape_debug()
            )));
        }
        Ok(Store::Dir(DirStore {
            root: absolute(location)?,
        }))
    }

    /// What its users would type; for a directory its absolute path.
    pub fn location(&self) -> &str {
        match self {
            Store::Dir(store) => store.root.as_str(),
        }
    }

    /// Makes sure that it can be written to, changing nothing that a reader sees.
    pub fn preflight(&self) -> Result<()> {
        match self {
            Store::Dir(store) => store.preflight(),
        }
    }

    pub fn read(&self, name: &ObjectName) -> Result<Option<Object>> {
        match self {
            Store::Dir(store) => store.read(name),
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

    /// The digest of an object's bytes, or `None` if there is no such object.
    pub fn digest(&self, name: &ObjectName) -> Result<Option<Digest>> {
        match self {
            Store::Dir(store) => store.digest(name),
        }
    }

    /// Creates an object from a file; refused if the name is taken.
    pub fn create(&self, name: &ObjectName, file: &Utf8Path) -> Result<Written> {
        match self {
            Store::Dir(store) => store.create(name, file),
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
        }
    }

    /// The index serial that a view was made from; 0 for one that is not there.
    pub fn serial(&self, name: &ObjectName) -> Result<u64> {
        match self {
            Store::Dir(store) => Ok(store.serials()?.get(name.as_str()).copied().unwrap_or(0)),
        }
    }

    /// Removes the files of a version that the index does not list. For development versions only.
    pub fn sweep_version(&self, version: &Version) -> Result<()> {
        match self {
            Store::Dir(store) => store.sweep_version(version),
        }
    }
}

fn absolute(location: &str) -> Result<Utf8PathBuf> {
    let path = std::path::absolute(location).with_context(|| format!("store {location}"))?;
    Utf8PathBuf::from_path_buf(path)
        .map_err(|path| refuse(format!("store {} is not UTF-8", path.display())))
}

impl DirStore {
    fn preflight(&self) -> Result<()> {
        make_directory(&self.root)?;
        let _lock = self.lock()?;
        // Whoever held the lock before us is done or dead: what is half written is nobody's.
        for entry in walk(&self.root)? {
            if entry
                .file_name()
                .is_some_and(|name| name.starts_with(".partial-"))
            {
                remove_if_there(&entry)?;
            }
        }
        Ok(())
    }

    /// Held for one change at a time.
    fn lock(&self) -> Result<File> {
        let path = self.root.join(".lock");
        let file = File::create(&path)
            .with_context(|| format!("store {} cannot be written", self.root))?;
        let deadline = Instant::now() + LOCK_DEADLINE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("{path} cannot be locked"))
                }
                Err(TryLockError::WouldBlock) if Instant::now() > deadline => {
                    bail!(
                        "another publisher has held {path} for {}s; stop it and run this again",
                        LOCK_DEADLINE.as_secs()
                    )
                }
                Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    fn path(&self, name: &ObjectName) -> Utf8PathBuf {
        self.root.join(name.as_str())
    }

    fn read(&self, name: &ObjectName) -> Result<Option<Object>> {
        let Some(mut file) = self.open(name)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)
            .with_context(|| format!("reading {}", self.path(name)))?;
        let generation = Generation(Some(Digest::of(&bytes)));
        Ok(Some(Object { bytes, generation }))
    }

    fn open(&self, name: &ObjectName) -> Result<Option<File>> {
        match File::open(self.path(name)) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading {}", self.path(name))),
        }
    }

    fn digest(&self, name: &ObjectName) -> Result<Option<Digest>> {
        let Some(file) = self.open(name)? else {
            return Ok(None);
        };
        let (digest, _) =
            Digest::of_reader(file).with_context(|| format!("reading {}", self.path(name)))?;
        Ok(Some(digest))
    }

    /// By a hard link: the name appears at once, whole, and never over another.
    fn create(&self, name: &ObjectName, file: &Utf8Path) -> Result<Written> {
        let path = self.path(name);
        let directory = path.parent().expect("an object lies in a directory");
        make_directory(directory)?;
        let _lock = self.lock()?;
        if path.exists() {
            return Ok(Written::Refused);
        }
        let partial = directory.join(format!(
            ".partial-{}",
            path.file_name().expect("an object has a name")
        ));
        remove_if_there(&partial)?;
        let linked = copy_synced(file, &partial).and_then(|()| fs::hard_link(&partial, &path));
        remove_if_there(&partial)?;
        match linked {
            Ok(()) => sync_directory(directory).map(|()| Written::Done),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(Written::Refused),
            Err(error) => Err(error).with_context(|| format!("{path} cannot be written")),
        }
    }

    fn replace(
        &self,
        name: &ObjectName,
        bytes: &[u8],
        expected: &Generation,
        serial: u64,
    ) -> Result<Written> {
        let _lock = self.lock()?;
        let now = Generation(self.digest(name)?);
        if now != *expected {
            return Ok(Written::Refused);
        }
        write_whole(&self.path(name), bytes)?;
        // After the view: a serial that is too old only makes the next publisher write the view again.
        let mut serials = self.serials()?;
        serials.insert(name.as_str().to_string(), serial);
        write_whole(
            &self.root.join(SERIALS),
            serde_json::to_string_pretty(&serials)?.as_bytes(),
        )?;
        Ok(Written::Done)
    }

    fn serials(&self) -> Result<BTreeMap<String, u64>> {
        match fs::read(self.root.join(SERIALS)) {
            Ok(text) => serde_json::from_slice(&text)
                .with_context(|| format!("{}/{SERIALS} is damaged; remove it", self.root)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(error) => Err(error).with_context(|| format!("reading {}/{SERIALS}", self.root)),
        }
    }

    fn sweep_version(&self, version: &Version) -> Result<()> {
        let _lock = self.lock()?;
        let directory = self.root.join(version.to_string());
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("{directory} cannot be removed"))
            }
            _ => sync_directory(&self.root),
        }
    }
}

fn copy_synced(from: &Utf8Path, to: &Utf8Path) -> std::io::Result<()> {
    let mut target = File::create(to)?;
    std::io::copy(&mut File::open(from)?, &mut target)?;
    target.flush()?;
    target.sync_all()
}

/// The files of the store and of its versions' directories.
fn walk(root: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    let mut files = Vec::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in directory
            .read_dir_utf8()
            .with_context(|| format!("reading {directory}"))?
        {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => directories.push(entry.path().to_owned()),
                false => files.push(entry.path().to_owned()),
            }
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room() -> (xshell::TempDir, Store, Utf8PathBuf) {
        let directory = xshell::Shell::new().unwrap().create_temp_dir().unwrap();
        let root = Utf8PathBuf::from_path_buf(directory.path().to_path_buf()).unwrap();
        let store = Store::open(root.join("store").as_str()).unwrap();
        store.preflight().unwrap();
        (directory, store, root)
    }

    fn name() -> ObjectName {
        ObjectName::of_version(&Version::parse("1.0.0").unwrap(), "b")
    }

    #[test]
    fn an_object_is_created_once() {
        let (_directory, store, root) = room();
        let (a, b) = (root.join("a"), root.join("b"));
        fs::write(&a, "a").unwrap();
        fs::write(&b, "b").unwrap();
        assert_eq!(store.create(&name(), &a).unwrap(), Written::Done);
        assert_eq!(store.create(&name(), &b).unwrap(), Written::Refused);
        assert_eq!(store.read(&name()).unwrap().unwrap().bytes, b"a");
        assert_eq!(store.digest(&name()).unwrap(), Some(Digest::of(b"a")));
    }

    #[test]
    fn of_many_creators_of_one_name_one_wins() {
        let (_directory, store, root) = room();
        let done: usize = thread::scope(|scope| {
            let create = |i: usize| {
                let file = root.join(i.to_string());
                fs::write(&file, i.to_string()).unwrap();
                usize::from(store.create(&name(), &file).unwrap() == Written::Done)
            };
            let threads: Vec<_> = (0..8).map(|i| scope.spawn(move || create(i))).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum()
        });
        assert_eq!(done, 1);
    }

    #[test]
    fn a_replacement_of_what_has_changed_is_refused() {
        let (_directory, store, _) = room();
        let view = ObjectName::view("versions.txt");
        assert_eq!(
            store.replace(&view, b"1", &Generation::NOTHING, 1).unwrap(),
            Written::Done
        );
        assert_eq!(
            store.replace(&view, b"2", &Generation::NOTHING, 2).unwrap(),
            Written::Refused
        );
        let read = store.read(&view).unwrap().unwrap();
        assert_eq!(
            store.replace(&view, b"2", &read.generation, 2).unwrap(),
            Written::Done
        );
        assert_eq!(
            store.replace(&view, b"3", &read.generation, 3).unwrap(),
            Written::Refused
        );
        assert_eq!(
            (store.serial(&view).unwrap(), store.serial(&name()).unwrap()),
            (2, 0)
        );
    }

    #[test]
    fn counters_that_compare_and_swap_lose_nothing() {
        let (_directory, store, _) = room();
        let count = || {
            for _ in 0..20 {
                loop {
                    let read = store.read(&ObjectName::index()).unwrap();
                    let (value, generation) = match read {
                        None => (0, Generation::NOTHING),
                        Some(object) => (
                            String::from_utf8(object.bytes)
                                .unwrap()
                                .parse::<u32>()
                                .unwrap(),
                            object.generation,
                        ),
                    };
                    let next = (value + 1).to_string();
                    if store
                        .replace(&ObjectName::index(), next.as_bytes(), &generation, 0)
                        .unwrap()
                        == Written::Done
                    {
                        break;
                    }
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(count);
            }
        });
        assert_eq!(
            store.read(&ObjectName::index()).unwrap().unwrap().bytes,
            b"80"
        );
    }

    #[test]
    fn what_a_killed_publisher_left_half_written_goes() {
        let (_directory, store, root) = room();
        let left = root.join("store/1.0.0/.partial-b");
        make_directory(left.parent().unwrap()).unwrap();
        fs::write(&left, "half").unwrap();
        store.preflight().unwrap();
        assert!(!left.exists());
    }

    #[test]
    fn a_bucket_is_refused_by_name() {
        assert!(Store::open("gs://x")
            .err()
            .unwrap()
            .to_string()
            .contains("--to DIR"));
    }
}
