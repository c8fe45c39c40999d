//! `dist/`: what is built of each version, under a lock, written so that a kill at any moment loses nothing that was finished.

use crate::files::{self, make_directory, remove_if_there, sync_directory, write_whole, PARTIAL};
use crate::manifest::SourceRecord;
use crate::state::{Record, State};
use crate::words::{artifact_file, Artifact, Digest, NodeName, Platform, ProgramName, Version};
use anyhow::{bail, Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use std::fs::{self, File};
use std::sync::Mutex;
use std::time::Duration;

/// `dist/<version>/`, held by this process until it is dropped.
pub struct Dist {
    directory: Utf8PathBuf,
    version: Version,
    binary: ProgramName,
    state: Mutex<State>,
    /// What was wrong with `state.json`, for the user to know.
    pub damage: Option<String>,
    _lock: File,
}

impl Dist {
    pub fn open(root: &Utf8Path, version: &Version, binary: &ProgramName) -> Result<Dist> {
        let directory = root.join(version.to_string());
        make_directory(&directory.join("logs"))?;
        let lock = lock(&directory)?;
        remove_partials(&directory)?;
        let (state, damage) = read_state(&directory)?;
        Ok(Dist {
            directory,
            version: version.clone(),
            binary: binary.clone(),
            state: Mutex::new(state),
            damage,
            _lock: lock,
        })
    }

    pub fn directory(&self) -> &Utf8Path {
        &self.directory
    }

    pub fn path(&self, file: &str) -> Utf8PathBuf {
        self.directory.join(file)
    }

    pub fn log(&self, node: &NodeName) -> Utf8PathBuf {
        self.directory.join("logs").join(format!("{node}.log"))
    }

    /// What the hooks of a node or a machine say.
    pub fn hooks_log(&self, name: &str) -> Utf8PathBuf {
        let file = format!("{name}.hooks.log");
        self.directory.join("logs").join(file)
    }

    /// A name for a file that is not finished; what is left of one is removed by the next run.
    pub fn partial(&self, name: &str) -> Utf8PathBuf {
        self.directory.join(format!("{PARTIAL}{name}"))
    }

    pub fn artifact_file(&self, platform: Platform) -> String {
        artifact_file(&self.binary, &self.version, platform)
    }

    pub fn source(&self) -> Option<SourceRecord> {
        self.lock_state().source.clone()
    }

    /// The directory belongs to one source: what was built from another goes, its record first. Returns what went.
    pub fn take_source(&self, source: &SourceRecord, archive: &[u8]) -> Result<Vec<Platform>> {
        let dropped: Vec<Platform> = {
            let mut state = self.lock_state();
            let changed = state
                .source
                .as_ref()
                .is_some_and(|old| old.sha256 != source.sha256);
            let dropped = if changed {
                std::mem::take(&mut state.artifacts)
            } else {
                Default::default()
            };
            state.source = Some(source.clone());
            self.save(&state)?;
            dropped.into_keys().collect()
        };
        for platform in &dropped {
            self.remove_artifact_files(*platform)?;
        }
        if !dropped.is_empty() {
            for file in ["SHA256SUMS", crate::manifest::Manifest::FILE] {
                remove_if_there(&self.path(file))?;
            }
        }
        write_whole(&self.path(&source.file), archive)?;
        Ok(dropped)
    }

    /// What is built, recorded and still as it was recorded.
    pub fn artifact(&self, platform: Platform) -> Result<Option<Record>> {
        let Some(record) = self.lock_state().artifacts.get(&platform).cloned() else {
            return Ok(None);
        };
        let Ok(file) = File::open(self.path(&record.artifact.file)) else {
            return Ok(None);
        };
        let (sha256, _) =
            Digest::of_reader(file).with_context(|| format!("reading {}", record.artifact.file))?;
        Ok((sha256 == record.artifact.sha256).then_some(record))
    }

    pub fn artifacts(&self) -> Vec<Artifact> {
        self.lock_state()
            .artifacts
            .values()
            .map(|record| record.artifact.clone())
            .collect()
    }

    /// Gives a finished file its name, by rename, and records it.
    pub fn keep(&self, partial: &Utf8Path, key: Digest, artifact: Artifact) -> Result<()> {
        self.name_and_record(
            partial,
            Record {
                key: Some(key),
                artifact,
            },
        )
    }

    /// The same for what is published already: whatever a node is set to, no other bytes can take its place.
    pub fn adopt(&self, partial: &Utf8Path, artifact: Artifact) -> Result<()> {
        self.name_and_record(
            partial,
            Record {
                key: None,
                artifact,
            },
        )
    }

    fn name_and_record(&self, partial: &Utf8Path, record: Record) -> Result<()> {
        let artifact = &record.artifact;
        self.remove_artifact_files(artifact.platform)?;
        let path = self.path(&artifact.file);
        fs::rename(partial, &path).with_context(|| format!("{path} cannot be written"))?;
        sync_directory(&self.directory)?;
        let mut state = self.lock_state();
        state.artifacts.insert(artifact.platform, record);
        self.save(&state)
    }

    /// A platform whose node has failed is missing, whatever an earlier run had built with other settings: its record goes first.
    pub fn forget(&self, platform: Platform) -> Result<()> {
        {
            let mut state = self.lock_state();
            if state.artifacts.remove(&platform).is_none() {
                return Ok(());
            }
            self.save(&state)?;
        }
        self.remove_artifact_files(platform)
    }

    fn remove_artifact_files(&self, platform: Platform) -> Result<()> {
        let file = self.artifact_file(platform);
        for suffix in [".sha256.sig", ".sha256", ""] {
            remove_if_there(&self.path(&format!("{file}{suffix}")))?;
        }
        Ok(())
    }

    fn save(&self, state: &State) -> Result<()> {
        write_whole(&self.path(State::FILE), &state.to_bytes())
    }

    fn lock_state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no thread panics while it holds the state")
    }
}

/// The source archive of a version, if it is recorded and whole. Takes no lock and writes nothing: it is asked for while a release may still be refused.
pub fn stored_archive(root: &Utf8Path, version: &Version) -> Option<(SourceRecord, Vec<u8>)> {
    let directory = root.join(version.to_string());
    let state = State::parse(&fs::read(directory.join(State::FILE)).ok()?)?;
    let source = state.source?;
    let bytes = fs::read(directory.join(&source.file)).ok()?;
    (Digest::of(&bytes) == source.sha256).then_some((source, bytes))
}

impl Drop for Dist {
    /// A run that ends in an error leaves nothing half-written; one that is killed leaves it to the next.
    fn drop(&mut self) {
        let _ = remove_partials(&self.directory);
    }
}

fn lock(directory: &Utf8Path) -> Result<File> {
    let path = directory.join(".lock");
    let file = File::create(&path).with_context(|| format!("{path} cannot be written"))?;
    let locked = files::lock(&file, LOCK_PATIENCE);
    match locked.with_context(|| format!("{path} cannot be locked"))? {
        true => Ok(file),
        false => bail!("another release is at work in {directory}; wait for it, or stop it"),
    }
}

/// A process that is just being started holds a copy of every open file for a moment, and with it a lock that was given back.
const LOCK_PATIENCE: Duration = Duration::from_millis(200);

fn read_state(directory: &Utf8Path) -> Result<(State, Option<String>)> {
    let path = directory.join(State::FILE);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok((State::default(), None))
        }
        Err(error) => return Err(error).with_context(|| format!("reading {path}")),
    };
    match State::parse(&text) {
        Some(state) => Ok((state, None)),
        None => {
            let aside = directory.join("state.json.damaged");
            fs::rename(&path, &aside).with_context(|| format!("moving {path} aside"))?;
            Ok((State::default(), Some(format!("{path} was cut short or edited; it is kept as {aside}, and everything is built again"))))
        }
    }
}

fn remove_partials(directory: &Utf8Path) -> Result<()> {
    for entry in directory
        .read_dir_utf8()
        .with_context(|| format!("reading {directory}"))?
    {
        let entry = entry?;
        if entry.file_name().starts_with(PARTIAL) {
            remove_if_there(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::{Facts, SourceKind, Target};

    struct Room {
        _directory: xshell::TempDir,
        root: Utf8PathBuf,
    }

    fn room() -> Room {
        let directory = xshell::Shell::new().unwrap().create_temp_dir().unwrap();
        let root = Utf8PathBuf::from_path_buf(directory.path().to_path_buf()).unwrap();
        Room {
            _directory: directory,
            root,
        }
    }

    fn open(room: &Room) -> Result<Dist> {
        Dist::open(
            &room.root,
            &Version::parse("1.2.3").unwrap(),
            &ProgramName::parse("b").unwrap(),
        )
    }

    fn source(text: &str) -> SourceRecord {
        SourceRecord {
            version: Version::parse("1.2.3").unwrap(),
            commit: text.into(),
            tagged: true,
            dirty: false,
            file: "p-1.2.3.crate".into(),
            sha256: Digest::of(text.as_bytes()),
            size: text.len() as u64,
            cargo: "cargo 1".into(),
            rust_version: None,
            vendored: false,
        }
    }

    fn keep_one(dist: &Dist) -> Platform {
        let target = Target::parse("x86_64-unknown-linux-gnu").unwrap();
        let platform = target.platform();
        let partial = dist.partial("one");
        fs::write(&partial, "binary").unwrap();
        let artifact = Artifact {
            platform,
            targets: vec![target],
            node: NodeName::parse("n").unwrap(),
            host: "local".into(),
            file: dist.artifact_file(platform),
            sha256: Digest::of(b"binary"),
            size: 6,
            floor: "-".into(),
            needed: vec![],
            symbol_versions: vec![],
            proven: true,

            source: SourceKind::Archive,
            facts: Facts::default(),
            seconds: 1.0,
        };
        dist.keep(&partial, Digest::of(b"key"), artifact).unwrap();
        platform
    }

    #[test]
    fn what_was_kept_is_there_for_the_next_run() {
        let room = room();
        let dist = open(&room).unwrap();
        dist.take_source(&source("s"), b"s").unwrap();
        let platform = keep_one(&dist);
        drop(dist);
        let dist = open(&room).unwrap();
        assert_eq!(
            dist.artifact(platform).unwrap().unwrap().key,
            Some(Digest::of(b"key"))
        );
        let stored = stored_archive(&room.root, &Version::parse("1.2.3").unwrap());
        assert_eq!(stored.unwrap().1, b"s");
        fs::write(dist.path("b-1.2.3-linux-x86_64"), "edited").unwrap();
        assert_eq!(dist.artifact(platform).unwrap(), None);
    }

    #[test]
    fn another_source_takes_the_directory_and_what_was_built_goes() {
        let room = room();
        let dist = open(&room).unwrap();
        dist.take_source(&source("old"), b"old").unwrap();
        let platform = keep_one(&dist);
        assert_eq!(dist.take_source(&source("old"), b"old").unwrap(), []);
        assert_eq!(
            dist.take_source(&source("new"), b"new").unwrap(),
            [platform]
        );
        assert_eq!(dist.artifact(platform).unwrap(), None);
        assert!(!dist.path("b-1.2.3-linux-x86_64").exists());
    }

    #[test]
    fn two_releases_do_not_share_a_directory() {
        let room = room();
        let dist = open(&room).unwrap();
        let error = open(&room).err().unwrap().to_string();
        assert!(error.contains("another release is at work"), "{error}");
        drop(dist);
        open(&room).unwrap();
    }

    #[test]
    fn a_damaged_state_is_said_and_set_aside_and_partials_go() {
        let room = room();
        let dist = open(&room).unwrap();
        dist.take_source(&source("s"), b"s").unwrap();
        fs::write(dist.partial("left"), "x").unwrap();
        let path = dist.path(State::FILE);
        drop(dist);
        fs::write(&path, "{}").unwrap();
        let dist = open(&room).unwrap();
        assert!(dist
            .damage
            .as_ref()
            .unwrap()
            .contains("cut short or edited"));
        assert_eq!(dist.source(), None);
        assert!(dist.path("state.json.damaged").exists() && !dist.partial("left").exists());
    }
}
