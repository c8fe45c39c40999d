//! A step of `cargo xtask publish --import`: the first index of a store that was filled by other means. Its files are named by node,
//! its `versions.txt` says what people get.
//!
//! Every file is read and hashed; no byte that is there is changed. A file under a node's name gets a second name, that of its
//! platform; every line of `versions.txt` holds afterwards, or nothing is written.

use crate::files::fingerprint;
use crate::index::{sums, Entry, Index, Listed, Views};
use crate::inventory::Inventory;
use crate::object_file;
use crate::pointers::Pointers;
use crate::process::Interrupt;
use crate::store::{changed_meanwhile, Generation, Store, Written};
use crate::ui::Ui;
use crate::words::{
    artifact_file, refuse, Facts, Fingerprint, ObjectName, Platform, ProgramName, Version,
};
use anyhow::{bail, ensure, Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use object::ReadCache;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};

pub struct Import<'a> {
    pub store: &'a Store,
    pub inventory: &'a Inventory,
    /// What readers call the store.
    pub base_url: &'a str,
    pub ui: &'a Ui,
    pub interrupt: &'a Interrupt,
}

/// What will be written.
pub struct ImportPlan {
    index: Index,
    files: Vec<Found>,
    /// `versions.txt` as it was read.
    read: Generation,
    /// Where the files were read into.
    room: xshell::TempDir,
}

/// A binary that is there, under its platform's name or a node's.
struct Found {
    version: Version,
    platform: Platform,
    /// Its name there.
    file: String,
    copy: Utf8PathBuf,
    listed: Listed,
    /// Its sidecar is there, under the name that it will have.
    has_sidecar: bool,
}

/// What people get, by the old `versions.txt`.
type Lines = BTreeMap<Platform, Version>;

impl Import<'_> {
    /// Reads everything and refuses what cannot be kept; writes nothing.
    pub fn plan(&self) -> Result<ImportPlan> {
        let place = self.store.location();
        if self.store.stat(&ObjectName::index(), b"")?.is_some() {
            return Err(refuse(format!(
                "{place} has an index.json; it needs no import"
            )));
        }
        let (lines, read) = self.lines()?;
        let room = xshell::Shell::new()?.create_temp_dir()?;
        let files = self.find(&lines, &room)?;
        let index = self.index(&lines, &files)?;
        let views = index.views();
        for (platform, version) in &lines {
            let line = format!("{platform}:{version}");
            if !views.versions.lines().any(|kept| kept == line) {
                return Err(refuse(format!(
                    "the line `{line}` of {place}/{} would not hold; nothing was written",
                    Views::VERSIONS
                )));
            }
            self.ui.say(&format!("keeps {line}"));
        }
        self.say_latest(&index)?;
        Ok(ImportPlan {
            index,
            files,
            read,
            room,
        })
    }

    /// The lines of `versions.txt`, each for a platform that is known.
    fn lines(&self) -> Result<(Lines, Generation)> {
        let name = ObjectName::view(Views::VERSIONS);
        let place = format!("{}/{name}", self.store.location());
        let text = self.store.read(&name)?.ok_or_else(|| {
            refuse(format!(
                "{place} is missing, so there is nothing to import; publish as into any new store"
            ))
        })?;
        let (text, read) = (
            String::from_utf8_lossy(&text.bytes).into_owned(),
            text.generation,
        );
        let mut lines = Lines::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            let wrong = |why: String| {
                refuse(format!("{place}:{}: `{}`: {why}; correct the line, or give nodes.toml a node of that name (`enabled = false` will do)", number + 1, line.escape_debug()))
            };
            let (name, version) = line
                .split_once(':')
                .ok_or_else(|| wrong("it is no `platform:version`".into()))?;
            let platform = self.platform(name.trim()).ok_or_else(|| {
                wrong(format!(
                    "`{}` is no platform and no node",
                    name.escape_debug()
                ))
            })?;
            let version = version.trim();
            let version = Version::parse(version.strip_prefix('v').unwrap_or(version))
                .map_err(|error| wrong(error.to_string()))?;
            match lines.get(&platform) {
                Some(other) if *other >= version => self.ui.say(&format!(
                    "{place}:{}: {line} gives way to {other}, which another line has for {platform}",
                    number + 1
                )),
                _ => drop(lines.insert(platform, version)),
            }
        }
        match lines.is_empty() {
            true => Err(refuse(format!(
                "{place} has no line; publish as into any new store"
            ))),
            false => Ok((lines, read)),
        }
    }

    /// A platform's own name; a node's of nodes.toml, drained ones too; or either with something behind it, as in `openbsd-aarch64-emulated`.
    fn platform(&self, name: &str) -> Option<Platform> {
        let node = self
            .inventory
            .nodes
            .iter()
            .find(|node| node.name.as_str() == name);
        if let Some(node) = node {
            return Some(node.platform());
        }
        // What `uname` says, and installers asked for.
        let name = match name.strip_prefix("darwin-") {
            Some(machine) => format!("macos-{machine}"),
            None => name.to_string(),
        };
        Platform::all()
            .chain([Platform::MACOS_UNIVERSAL])
            .find(|platform| {
                let rest = name.strip_prefix(&platform.to_string());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
            })
    }

    /// Every binary that is there, read, hashed and looked into. One that will not do is left out aloud; a line's own may not be.
    fn find(&self, lines: &Lines, room: &xshell::TempDir) -> Result<Vec<Found>> {
        let directory =
            Utf8Path::from_path(room.path()).context("the temp directory's name is not UTF-8")?;
        let names: BTreeSet<String> = self.store.names()?.into_iter().collect();
        let mut found: BTreeMap<(Version, Platform), Found> = BTreeMap::new();
        for name in &names {
            self.interrupt.check()?;
            let Some((version, platform, file)) = self.read_name(name) else {
                continue;
            };
            let known = (version.clone(), platform);
            let own = file == artifact_file(&self.inventory.project.binary, &version, platform);
            if found.contains_key(&known) && !own {
                self.ui.warn(&format!(
                    "{name} is left out: another file is {version} for {platform}"
                ));
                continue;
            }
            let copy = directory.join(found.len().to_string());
            match self.look(&version, platform, file, &copy, &names) {
                Ok(file) => drop(found.insert(known, file)),
                Err(error) if lines.get(&platform) == Some(&version) => return Err(error),
                Err(error) => self.ui.warn(&format!("{name} is left out: {error:#}")),
            }
        }
        for (platform, version) in lines {
            if !found.contains_key(&(version.clone(), *platform)) {
                return Err(refuse(format!(
                    "{} says {platform}:{version}, and no file there is {version} for {platform}; put it there, or take the line out",
                    Views::VERSIONS
                )));
            }
        }
        Ok(found.into_values().collect())
    }

    /// `0.13.4/ballistics-0.13.4-openbsd-aarch64-emulated`
    fn read_name<'n>(&self, name: &'n str) -> Option<(Version, Platform, &'n str)> {
        let (folder, file) = name.split_once('/')?;
        let version = Version::parse(folder).ok()?;
        let prefix = format!("{}-{version}-", self.inventory.project.binary);
        let rest = file.strip_prefix(&prefix)?;
        let safe = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
        let platform = self.platform(rest).filter(|_| rest.bytes().all(safe))?;
        Some((version, platform, file))
    }

    fn look(
        &self,
        version: &Version,
        platform: Platform,
        file: &str,
        copy: &Utf8Path,
        names: &BTreeSet<String>,
    ) -> Result<Found> {
        let name = ObjectName::of_version(version, file);
        let place = self.store.location();
        let sha256 = self
            .store
            .fetch(&name, copy)?
            .with_context(|| format!("{place}/{name} went away while it was read"))?;
        let sidecar = ObjectName::of_version(version, &format!("{file}.sha256"));
        if let Some(said) = self.store.read(&sidecar)? {
            let said = String::from_utf8_lossy(&said.bytes).into_owned();
            if said.split_whitespace().next() != Some(sha256.as_str()) {
                bail!(
                    "{place}/{name} is {sha256}, and its sidecar says {}",
                    said.trim().escape_debug()
                );
            }
        }
        let cache = ReadCache::new(File::open(copy)?);
        let linked =
            object_file::check(&cache, platform).with_context(|| format!("{place}/{name}"))?;
        let own = artifact_file(&self.inventory.project.binary, version, platform);
        Ok(Found {
            listed: Listed {
                sha256,
                size: fs::metadata(copy)?.len(),
                signed: false,
                floor: linked.floor(platform, &Facts::default()),
            },
            has_sidecar: names.contains(&format!("{version}/{own}.sha256")),
            version: version.clone(),
            platform,
            file: file.to_string(),
            copy: copy.to_owned(),
        })
    }

    /// A version that is above a platform's line is not for people of that platform, so it is not promoted; where it is at another's line, it leaves that platform out.
    fn index(&self, lines: &Lines, files: &[Found]) -> Result<Index> {
        let above = |file: &&Found| {
            let line = lines.get(&file.platform);
            line.is_none_or(|line| file.version > *line)
        };
        let mut index = Index::default();
        let versions: BTreeSet<&Version> = files.iter().map(|file| &file.version).collect();
        for version in versions {
            let own = files.iter().filter(|file| file.version == *version);
            let (above, within): (Vec<&Found>, Vec<&Found>) = own.partition(above);
            let promoted = !within.is_empty();
            for file in above.iter().filter(|_| promoted) {
                self.ui.warn(&format!(
                    "{version} for {} is left out: {} does not offer it",
                    file.platform,
                    Views::VERSIONS
                ));
            }
            let kept = if promoted { within } else { above };
            index.add_imported(version, entry(&kept, promoted));
        }
        Ok(index)
    }

    fn say_latest(&self, index: &Index) -> Result<()> {
        let name = ObjectName::view(Views::LATEST);
        let old = self.store.read(&name)?;
        let old = old.map(|old| String::from_utf8_lossy(&old.bytes).trim().to_string());
        let new = index.latest.as_ref().map(Version::to_string);
        match old == new {
            true => self
                .ui
                .say(&format!("keeps latest {}", new.unwrap_or_default())),
            false => self.ui.warn(&format!(
                "latest is {} now, and will be {}, the highest version of {}",
                old.as_deref().unwrap_or("nothing"),
                new.as_deref().unwrap_or("nothing"),
                Views::VERSIONS
            )),
        }
        Ok(())
    }

    /// Second names first, the index after them, the views last; a run that was killed is done again by the same command.
    pub fn carry_out(&self, plan: &ImportPlan) -> Result<Index> {
        let binary = &self.inventory.project.binary;
        for file in &plan.files {
            self.interrupt.check()?;
            if plan.lists(file) {
                self.give_name(file, binary, &plan.room)?;
            }
        }
        for (version, entry) in &plan.index.versions {
            let text = sums(binary, version, entry, "");
            let name = ObjectName::of_version(version, "SHA256SUMS");
            self.write(&name, text.as_bytes(), &plan.room)?;
        }
        self.take_over_lines(plan)?;
        let bytes = plan.index.to_bytes();
        let (index, serial) = (ObjectName::index(), plan.index.serial);
        match self
            .store
            .replace(&index, &bytes, &Generation::NOTHING, serial)?
        {
            Written::Done => {}
            Written::Refused => bail!(
                "somebody else has written {}/{index} meanwhile; look at it",
                self.store.location()
            ),
        }
        let pointers = Pointers {
            store: self.store,
            project: &self.inventory.project,
            base_url: self.base_url,
            ui: self.ui,
            interrupt: self.interrupt,
        };
        pointers.refresh(plan.index.clone())
    }

    /// The scripts of before know of no index, and may have added a line since it was read: only what was read is replaced.
    fn take_over_lines(&self, plan: &ImportPlan) -> Result<()> {
        let name = ObjectName::view(Views::VERSIONS);
        let lines = plan.index.views().versions;
        let written = self
            .store
            .replace(&name, lines.as_bytes(), &plan.read, plan.index.serial)?;
        match written {
            Written::Done => Ok(()),
            Written::Refused => bail!(
                "{}/{name} was written while it was imported; stop whoever still publishes by other means, and run the same command again",
                self.store.location()
            ),
        }
    }

    /// Its sidecar before itself, as in every publish.
    fn give_name(&self, file: &Found, binary: &ProgramName, room: &xshell::TempDir) -> Result<()> {
        let own = artifact_file(binary, &file.version, file.platform);
        if !file.has_sidecar {
            let sidecar = ObjectName::of_version(&file.version, &format!("{own}.sha256"));
            self.write(
                &sidecar,
                format!("{}\n", file.listed.sha256).as_bytes(),
                room,
            )?;
        }
        if file.file == own {
            return Ok(());
        }
        let name = ObjectName::of_version(&file.version, &own);
        let here = fingerprint(&file.copy)?;
        ensure!(
            here.sha256 == file.listed.sha256,
            changed_meanwhile(&file.copy)
        );
        self.create(&name, &file.copy, &here)?;
        self.ui.say(&format!("{} is {name} too now", file.file));
        Ok(())
    }

    fn write(&self, name: &ObjectName, text: &[u8], room: &xshell::TempDir) -> Result<()> {
        let path = Utf8Path::from_path(room.path())
            .context("the temp directory's name is not UTF-8")?
            .join("text");
        fs::write(&path, text).with_context(|| format!("{path} cannot be written"))?;
        self.create(name, &path, &Fingerprint::of(text))
    }

    fn create(&self, name: &ObjectName, path: &Utf8Path, here: &Fingerprint) -> Result<()> {
        if self.store.create(name, path, here, &|_| {})? == Written::Done {
            return Ok(());
        }
        match self.store.digest(name)? {
            Some(there) if there == here.sha256 => Ok(()),
            there => bail!(
                "{}/{name} holds other bytes ({}); nothing is replaced by an import: look at it, and take it away",
                self.store.location(),
                there.map_or("gone".into(), |there| there.to_string())
            ),
        }
    }
}

impl ImportPlan {
    fn lists(&self, file: &Found) -> bool {
        let entry = self.index.versions.get(&file.version);
        entry.is_some_and(|entry| entry.platforms.contains_key(&file.platform))
    }
}

fn entry(files: &[&Found], promoted: bool) -> Entry {
    let platforms: BTreeMap<Platform, Listed> = files
        .iter()
        .map(|file| (file.platform, file.listed.clone()))
        .collect();
    Entry {
        commit: None,
        source_sha256: None,
        development: false,
        promoted,
        promoted_at: None,
        yanked: false,
        required: platforms.keys().copied().collect(),
        platforms,
    }
}
