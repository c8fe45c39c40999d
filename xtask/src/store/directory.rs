//! A directory as a store: a link creates, a rename replaces, and a lock keeps one change from another.

use super::{changed_meanwhile, Generation, Held, Object, Stat, Written};
use crate::files::{self, make_directory, remove_if_there, sync_directory, write_whole, PARTIAL};
use crate::index::Views;
use crate::process::Timed;
use crate::words::{refuse, Digest, Fingerprint, ObjectName, Version};
use anyhow::{anyhow, bail, Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

/// A directory that is a store: what a web server or `install.sh` reads as it stands.
pub struct DirStore {
    pub root: Utf8PathBuf,
    #[cfg(test)]
    pub watch: Watch,
}

/// The serials of the views in a directory store; a bucket keeps them as metadata.
const SERIALS: &str = ".views.json";
const LOCK: &str = ".lock";
const LOCK_PATIENCE: Duration = Duration::from_secs(30);

/// What the protocol's tests see of a directory store, and where they stop it.
#[cfg(test)]
#[derive(Clone, Default)]
pub struct Watch(Option<std::sync::Arc<Look>>);

#[cfg(test)]
type Look = dyn Fn(Step, &str) -> Result<()> + Send + Sync;

#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Before an operation, when no lock is held: another publisher may come in between.
    Open,
    /// Within a change, or after it.
    Inside,
}

#[cfg(test)]
impl Watch {
    pub fn new(watch: impl Fn(Step, &str) -> Result<()> + Send + Sync + 'static) -> Watch {
        Watch(Some(std::sync::Arc::new(watch)))
    }
}

/// Where a test may stop a directory store; nothing otherwise.
macro_rules! step {
    ($store:expr, $step:ident, $what:expr) => {
        #[cfg(test)]
        if let Some(watch) = &$store.watch.0 {
            watch(Step::$step, $what)?;
        }
    };
}

pub fn absolute(location: &str) -> Result<Utf8PathBuf> {
    let path = std::path::absolute(location).with_context(|| format!("store {location}"))?;
    Utf8PathBuf::from_path_buf(path)
        .map_err(|path| refuse(format!("store {} is not UTF-8", path.display())))
}

impl DirStore {
    pub fn preflight(&self) -> Result<()> {
        self.check_it_is_ours()?;
        make_directory(&self.root)?;
        let _lock = self.lock()?;
        self.sweep()
    }

    /// A directory that holds something else was named by mistake, and is no place for a release. Only looks.
    pub fn check_it_is_ours(&self) -> Result<()> {
        let entries = list(&self.root)?;
        // Looked for after the list was read: another publisher may just be making its first index.
        // A store that was filled by other means has its pointers, and no index; the publish itself says what to do then.
        let is_store =
            [ObjectName::INDEX, Views::VERSIONS].map(|name| self.root.join(name).exists());
        let foreign = entries.iter().find(|entry| !is_of_a_first_publish(entry));
        match foreign {
            Some(entry) if !is_store.contains(&true) => Err(refuse(format!(
                "{} is no store and not empty (`{}` is there); name an empty directory, or one that does not exist yet",
                self.root,
                entry.name.escape_debug()
            ))),
            _ => Ok(()),
        }
    }

    /// Whether it could be published to, in words; nothing is written to find out.
    pub fn condition(&self) -> Result<&'static str> {
        self.check_it_is_ours()?;
        if !self.root.exists() {
            return Ok("is not there yet; the first publish makes it");
        }
        // The mode bits alone say nothing of a file system that is mounted to be read.
        let writable = Timed::new("test", LOCK_PATIENCE)
            .args(["-w", self.root.as_str()])
            .run()?;
        Ok(match writable.status.success() {
            true => "can be written to",
            false => "cannot be written to from here; it can be read",
        })
    }

    /// Whoever held the lock before us is done or dead: what it left half written is nobody's.
    fn sweep(&self) -> Result<()> {
        for entry in list(&self.root)? {
            let path = self.root.join(&entry.name);
            match entry.version() {
                Some(version) => sweep_version(&path, &version)?,
                None if is_half_written_at_root(&entry.name) => remove_if_there(&path)?,
                None => {}
            }
        }
        Ok(())
    }

    /// Held for one change at a time.
    fn lock(&self) -> Result<File> {
        let path = self.root.join(LOCK);
        let file = File::create(&path)
            .with_context(|| format!("store {} cannot be written", self.root))?;
        let locked = files::lock(&file, LOCK_PATIENCE);
        match locked.with_context(|| format!("{path} cannot be locked"))? {
            true => Ok(file),
            false => Err(held_too_long(&path)),
        }
    }

    /// A reader makes nothing: where no publisher was yet, there is nothing to wait for.
    fn lock_to_read(&self) -> Result<Option<File>> {
        let path = self.root.join(LOCK);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("reading {path}")),
        };
        let locked = files::lock_to_read(&file, LOCK_PATIENCE);
        match locked.with_context(|| format!("{path} cannot be locked"))? {
            true => Ok(Some(file)),
            false => Err(held_too_long(&path)),
        }
    }

    fn path(&self, name: &ObjectName) -> Utf8PathBuf {
        self.root.join(name.as_str())
    }

    pub fn read(&self, name: &ObjectName) -> Result<Option<Object>> {
        step!(self, Open, name.as_str());
        let Some(mut file) = self.open(name)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)
            .with_context(|| format!("reading {}", self.path(name)))?;
        let generation = Generation::some(Digest::of(&bytes).to_string());
        Ok(Some(Object { bytes, generation }))
    }

    fn open(&self, name: &ObjectName) -> Result<Option<File>> {
        match File::open(self.path(name)) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading {}", self.path(name))),
        }
    }

    pub fn stat(&self, name: &ObjectName, text: &[u8]) -> Result<Option<Stat>> {
        step!(self, Open, name.as_str());
        // Under the lock, since a view and its serial are two files.
        let _lock = self.lock_to_read()?;
        let serial = self.serials()?.get(name.as_str()).copied().unwrap_or(0);
        let stat = |digest: Digest| Stat {
            same: digest == Digest::of(text),
            generation: Generation::some(digest.to_string()),
            serial,
        };
        Ok(self.digest(name)?.map(stat))
    }

    pub fn held(&self, files: &[(ObjectName, Fingerprint)]) -> Result<BTreeMap<ObjectName, Held>> {
        let mut held = BTreeMap::new();
        for (name, here) in files {
            step!(self, Open, name.as_str());
            let Some(there) = self.digest(name)? else {
                continue;
            };
            let found = match there == here.sha256 {
                true => Held::Same,
                false => Held::Other(there),
            };
            held.insert(name.clone(), found);
        }
        Ok(held)
    }

    pub fn digest(&self, name: &ObjectName) -> Result<Option<Digest>> {
        let Some(file) = self.open(name)? else {
            return Ok(None);
        };
        let (digest, _) =
            Digest::of_reader(file).with_context(|| format!("reading {}", self.path(name)))?;
        Ok(Some(digest))
    }

    pub fn fetch(&self, name: &ObjectName, path: &Utf8Path) -> Result<bool> {
        let Some(mut file) = self.open(name)? else {
            return Ok(false);
        };
        let copied = File::create(path).and_then(|mut to| std::io::copy(&mut file, &mut to));
        copied.with_context(|| format!("copying {} to {path}", self.path(name)))?;
        Ok(true)
    }

    pub fn names(&self) -> Result<Vec<String>> {
        let files = walk(&self.root)?;
        let names = files
            .iter()
            .filter_map(|file| file.strip_prefix(&self.root).ok());
        Ok(names.map(|name| name.to_string()).collect())
    }

    /// By a hard link: the name appears at once, whole, and never over another.
    pub fn create(&self, name: &ObjectName, file: &Utf8Path, sha256: &Digest) -> Result<Written> {
        step!(self, Open, name.as_str());
        let path = self.path(name);
        let directory = path.parent().expect("an object lies in a directory");
        make_directory(directory)?;
        let _lock = self.lock()?;
        if path.exists() {
            return Ok(Written::Refused);
        }
        let partial = directory.join(format!(
            "{PARTIAL}{}",
            path.file_name().expect("an object has a name")
        ));
        remove_if_there(&partial)?;
        let copied = copy_synced(file, &partial);
        step!(self, Inside, "copied");
        // The copy is what readers get, so it is the copy that is compared.
        let copied = copied.and_then(|()| Digest::of_reader(File::open(&partial)?));
        if copied.as_ref().is_ok_and(|(copied, _)| copied != sha256) {
            remove_if_there(&partial)?;
            bail!(changed_meanwhile(file));
        }
        let linked = copied.and_then(|_| fs::hard_link(&partial, &path));
        step!(self, Inside, "linked");
        remove_if_there(&partial)?;
        match linked {
            Ok(()) => {
                sync_directory(directory)?;
                step!(self, Inside, "created");
                Ok(Written::Done)
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(Written::Refused),
            Err(error) => Err(error).with_context(|| format!("{path} cannot be written")),
        }
    }

    pub fn replace(
        &self,
        name: &ObjectName,
        bytes: &[u8],
        expected: &Generation,
        serial: u64,
    ) -> Result<Written> {
        step!(self, Open, name.as_str());
        make_directory(
            self.path(name)
                .parent()
                .expect("an object lies in a directory"),
        )?;
        let _lock = self.lock()?;
        let now = Generation(self.digest(name)?.map(String::from));
        if now != *expected {
            return Ok(Written::Refused);
        }
        write_whole(&self.path(name), bytes)?;
        step!(self, Inside, "replaced");
        // After the view: a serial that is too old only makes the next publisher write the view again.
        let mut serials = self.serials()?;
        serials.insert(name.as_str().to_string(), serial);
        write_whole(
            &self.root.join(SERIALS),
            serde_json::to_string_pretty(&serials)?.as_bytes(),
        )?;
        step!(self, Inside, "numbered");
        Ok(Written::Done)
    }

    fn serials(&self) -> Result<BTreeMap<String, u64>> {
        match fs::read(self.root.join(SERIALS)) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| {
                let path = self.root.join(SERIALS);
                anyhow!("{path} is damaged ({error}); remove it, and the next publish writes every view again")
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(error) => Err(error).with_context(|| format!("reading {}/{SERIALS}", self.root)),
        }
    }

    pub fn sweep_version(&self, version: &Version) -> Result<()> {
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

fn held_too_long(lock: &Utf8Path) -> anyhow::Error {
    anyhow!(
        "another publisher has held {lock} for {}s; stop it and run this again",
        LOCK_PATIENCE.as_secs()
    )
}

fn copy_synced(from: &Utf8Path, to: &Utf8Path) -> std::io::Result<()> {
    let mut target = File::create(to)?;
    std::io::copy(&mut File::open(from)?, &mut target)?;
    target.flush()?;
    target.sync_all()
}

struct Entry {
    name: String,
    is_directory: bool,
}

impl Entry {
    /// A version's directory is named after it.
    fn version(&self) -> Option<Version> {
        let version = Version::parse(&self.name).ok();
        version.filter(|_| self.is_directory)
    }
}

/// What lies in a directory; nothing where there is none.
fn list(directory: &Utf8Path) -> Result<Vec<Entry>> {
    let reading = || format!("reading {directory}");
    let entries = match directory.read_dir_utf8() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(reading)?,
    };
    let entry = |entry: std::io::Result<camino::Utf8DirEntry>| {
        let entry = entry?;
        Ok(Entry {
            name: entry.file_name().to_string(),
            is_directory: entry.file_type()?.is_dir(),
        })
    };
    let entries: std::io::Result<Vec<Entry>> = entries.map(entry).collect();
    entries.with_context(reading)
}

/// What a publisher that died before it wrote an index may have left.
fn is_of_a_first_publish(entry: &Entry) -> bool {
    entry.version().is_some()
        || [LOCK, SERIALS].contains(&entry.name.as_str())
        || is_half_written_at_root(&entry.name)
}

/// `.partial-versions.txt.4711`: a name that nothing but `write_whole` makes.
fn is_half_written_at_root(name: &str) -> bool {
    let object = name.strip_prefix(PARTIAL);
    let process = object.and_then(|object| object.rsplit_once('.'));
    process.is_some_and(|(_, id)| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()))
}

/// `.partial-ballistics-0.14.0-linux-x86_64`: a name that has the version's own in it, or one of its two lists'.
fn sweep_version(directory: &Utf8Path, version: &Version) -> Result<()> {
    for entry in list(directory)? {
        let Some(object) = entry.name.strip_prefix(PARTIAL) else {
            continue;
        };
        let is_list = ["SHA256SUMS", "release.json"]
            .iter()
            .any(|list| object.starts_with(list));
        if is_list || object.contains(&format!("-{version}")) {
            remove_if_there(&directory.join(&entry.name))?;
        }
    }
    Ok(())
}

/// Every file, whoever put it there, for an import to look at.
fn walk(root: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    let mut files = Vec::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in list(&directory)? {
            let path = directory.join(&entry.name);
            match entry.is_directory {
                true => directories.push(path),
                false => files.push(path),
            }
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use std::thread;

    fn room() -> (xshell::TempDir, Store, Utf8PathBuf) {
        let directory = xshell::Shell::new().unwrap().create_temp_dir().unwrap();
        let root = Utf8PathBuf::from_path_buf(directory.path().to_path_buf()).unwrap();
        let store = Store::directory(root.join("store").as_str()).unwrap();
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
        let create =
            |file, text: &[u8]| store.create(&name(), file, &Fingerprint::of(text), &|_| {});
        assert_eq!(create(&a, b"a").unwrap(), Written::Done);
        assert_eq!(create(&b, b"b").unwrap(), Written::Refused);
        assert_eq!(store.read(&name()).unwrap().unwrap().bytes, b"a");
        assert_eq!(store.digest(&name()).unwrap(), Some(Digest::of(b"a")));
    }

    #[test]
    fn a_file_that_is_not_what_was_checked_gets_no_name() {
        let (_directory, store, root) = room();
        let file = root.join("a");
        fs::write(&file, "edited").unwrap();
        let written = store.create(&name(), &file, &Fingerprint::of(b"checked"), &|_| {});
        let error = written.unwrap_err().to_string();
        assert!(
            error.contains("was changed while it was published"),
            "{error}"
        );
        assert!(store.names().unwrap().iter().all(|name| name == ".lock"));
    }

    #[test]
    fn of_many_creators_of_one_name_one_wins() {
        let (_directory, store, root) = room();
        let done: usize = thread::scope(|scope| {
            let create = |i: usize| {
                let file = root.join(i.to_string());
                fs::write(&file, i.to_string()).unwrap();
                let here = Fingerprint::of(i.to_string().as_bytes());
                let written = store.create(&name(), &file, &here, &|_| {});
                usize::from(written.unwrap() == Written::Done)
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
        assert_eq!(store.stat(&view, b"2").unwrap().unwrap().serial, 2);
        assert!(store.stat(&name(), b"").unwrap().is_none());
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
    fn what_a_killed_publisher_left_half_written_goes_and_nothing_else() {
        let (_directory, store, root) = room();
        let own = [
            "1.0.0/.partial-b-1.0.0-linux-x86_64",
            "1.0.0/.partial-SHA256SUMS.12",
            ".partial-versions.txt.4711",
        ];
        let foreign = [
            ".partial-upload.jpg",
            "1.0.0/.partial-upload.jpg",
            "1.0.0/photos/.partial-b-1.0.0-linux-x86_64",
            "photos/.partial-versions.txt.4711",
        ];
        for name in own.iter().chain(&foreign).chain(&["index.json"]) {
            let path = root.join("store").join(name);
            make_directory(path.parent().unwrap()).unwrap();
            fs::write(&path, "half").unwrap();
        }
        store.preflight().unwrap();
        for name in own {
            assert!(!root.join("store").join(name).exists(), "{name}");
        }
        for name in foreign {
            assert!(root.join("store").join(name).exists(), "{name}");
        }
    }

    #[test]
    fn a_directory_that_holds_something_else_is_refused_and_left_as_it_is() {
        let (_directory, _, root) = room();
        let home = root.join("home");
        make_directory(&home.join("photos")).unwrap();
        let store = Store::directory(home.as_str()).unwrap();
        let error = store.preflight().unwrap_err();
        assert!(error.downcast_ref::<crate::words::Refusal>().is_some());
        assert_eq!(
            error.to_string(),
            format!("{home} is no store and not empty (`photos` is there); name an empty directory, or one that does not exist yet")
        );
        let names: Vec<String> = list(&home).unwrap().into_iter().map(|e| e.name).collect();
        assert_eq!(names, ["photos"]);
        // What a first publish that died has left is no stranger, and an index makes a store of anything.
        fs::rename(home.join("photos"), home.join("1.0.0")).unwrap();
        store.preflight().unwrap();
        make_directory(&home.join("photos")).unwrap();
        fs::write(home.join("index.json"), "{}").unwrap();
        store.preflight().unwrap();
    }

    #[test]
    fn a_reader_makes_nothing() {
        let (_directory, _, root) = room();
        let nowhere = root.join("nowhere");
        let store = Store::directory(nowhere.as_str()).unwrap();
        let view = ObjectName::view("versions.txt");
        assert!(store.stat(&view, b"").unwrap().is_none());
        assert!(store.read(&view).unwrap().is_none());
        assert_eq!(store.names().unwrap(), [""; 0]);
        assert!(!nowhere.exists());
        make_directory(&nowhere).unwrap();
        fs::write(nowhere.join("versions.txt"), "1").unwrap();
        assert!(store.stat(&view, b"1").unwrap().unwrap().same);
        assert!(!nowhere.join(".lock").exists());
    }
}
