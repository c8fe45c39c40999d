//! A step of a release, and a verb: reads a published version from outside, as its users do. Hashes, signatures, pointers, and a real run of `install.sh`.

use crate::gcs::Web;
use crate::index::{sum_line, Entry, Index, Standing};
use crate::installer::{one_liner, FORGET_SETTINGS};
use crate::inventory::Project;
use crate::parallel::{self, in_parallel};
use crate::pointers;
use crate::process::{is_installed, Interrupt, Timed};
use crate::script::quote;
use crate::sign;
use crate::store::Store;
use crate::ui::Ui;
use crate::words::{artifact_file, Digest, ObjectName, Platform, Version};
use anyhow::{bail, Context, Result};
use camino::Utf8Path;
use serde_json::json;
use std::fs::File;
use std::thread;
use std::time::{Duration, Instant};

pub struct Verification<'a> {
    pub published: Published<'a>,
    pub project: &'a Project,
    /// What its publishers call the store.
    pub base_url: &'a str,
    pub release_keys: &'a [String],
    /// The platform of this machine, on which the installer can be run.
    pub here: Platform,
    pub ui: &'a Ui,
    pub interrupt: &'a Interrupt,
}

/// Where a reader reads: a bucket through its public URL, without a login.
pub enum Published<'a> {
    Directory(&'a Store),
    Web(&'a Web),
}

impl Published<'_> {
    fn place(&self) -> &str {
        match self {
            Published::Directory(store) => store.location(),
            Published::Web(web) => web.base_url(),
        }
    }

    fn read(&self, name: &ObjectName) -> Result<Option<Vec<u8>>> {
        match self {
            Published::Directory(store) => Ok(store.read(name)?.map(|object| object.bytes)),
            Published::Web(web) => web.read(name),
        }
    }

    /// Which index a view was made from, where a reader can see that.
    fn serial(&self, name: &ObjectName) -> Result<Option<u64>> {
        match self {
            Published::Directory(store) => Ok(store.stat(name, b"")?.map(|there| there.serial)),
            Published::Web(_) => Ok(None),
        }
    }

    fn look_again(&self) -> Duration {
        match self {
            Published::Directory(_) => Duration::from_millis(50),
            Published::Web(_) => Duration::from_secs(1),
        }
    }

    fn digest(&self, name: &ObjectName) -> Result<Option<Digest>> {
        match self {
            Published::Directory(store) => store.digest(name),
            Published::Web(web) => web.digest(name),
        }
    }
}

/// A file of a version, as the index has it.
struct Expected<'e> {
    file: String,
    sha256: &'e Digest,
    signed: bool,
}

const INSTALL_DEADLINE: Duration = Duration::from_secs(120);
/// Another publisher writes its views this long after its index, at the most.
const SETTLING: Duration = Duration::from_secs(15);

impl Verification<'_> {
    /// Checks `version`, or what is latest. Returns the version that was checked.
    pub fn run(&self, version: Option<&Version>) -> Result<Version> {
        let index = self.settled_index()?;
        let version = match version.or(index.latest.as_ref()) {
            Some(version) => version.clone(),
            None => bail!(
                "{} names no latest version; choose one with --version",
                self.place()
            ),
        };
        let Some(entry) = index.versions.get(&version) else {
            bail!(
                "{} does not list {version}; `cargo xtask publish` publishes it",
                self.place()
            );
        };
        let mut files = self.artifacts(&version, entry);
        files.extend(self.check_sums(&version, entry)?);
        in_parallel(parallel::FILES, &files, |file| {
            self.interrupt.check()?;
            self.check_file(&version, file)
        })?;
        let standing = index.standing(&version);
        if standing == Some(Standing::Yanked) {
            self.ui.say(&format!(
                "{version} is yanked: nobody gets it who does not ask for it by name"
            ));
        }
        self.check_installer(&version, entry, standing)?;
        self.ui.event(
            "verified",
            json!({"version": version, "store": self.place(), "platforms": entry.platforms.len()}),
        );
        Ok(version)
    }

    fn place(&self) -> &str {
        self.published.place()
    }

    fn index(&self) -> Result<Index> {
        let index = self.published.read(&ObjectName::index())?;
        let index = index.with_context(|| {
            format!(
                "{} holds no index.json; nothing is published there",
                self.place()
            )
        })?;
        Index::parse(&index)
    }

    /// The index, once the views say what it says. While another publisher is between the two they do not yet.
    fn settled_index(&self) -> Result<Index> {
        let deadline = Instant::now() + SETTLING;
        loop {
            let index = self.index()?;
            let Some(stale) = self.stale_view(&index)? else {
                return Ok(index);
            };
            if self.is_damaged(&stale, &index)? || Instant::now() > deadline {
                bail!("{}/{stale} does not say what index.json says; publishing anything, or `cargo xtask publish` again, repairs it", self.place());
            }
            self.interrupt.check()?;
            thread::sleep(self.published.look_again());
        }
    }

    /// Written from this very index, read after that, and no newer index there that it could have been written from since.
    fn is_damaged(&self, view: &ObjectName, index: &Index) -> Result<bool> {
        Ok(self.published.serial(view)? == Some(index.serial)
            && self.stale_view(index)?.as_ref() == Some(view)
            && self.index()?.serial == index.serial)
    }

    /// A view that does not say what the index says.
    fn stale_view(&self, index: &Index) -> Result<Option<ObjectName>> {
        for (name, expected) in pointers::views(self.project, self.base_url, index) {
            let found = self.published.read(&name)?;
            if found.is_none_or(|bytes| bytes != expected.as_bytes()) {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    fn text(&self, name: &ObjectName) -> Result<String> {
        let bytes = self
            .published
            .read(name)?
            .with_context(|| format!("{}/{name} is missing", self.place()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn artifacts<'e>(&self, version: &Version, entry: &'e Entry) -> Vec<Expected<'e>> {
        let platforms = entry.platforms.iter();
        let expected = platforms.map(|(platform, listed)| Expected {
            file: artifact_file(&self.project.binary, version, *platform),
            sha256: &listed.sha256,
            signed: listed.signed,
        });
        expected.collect()
    }

    fn check_file(&self, version: &Version, expected: &Expected) -> Result<()> {
        let Expected {
            file,
            sha256: expected,
            signed,
        } = expected;
        let name = ObjectName::of_version(version, file);
        let found = self
            .published
            .digest(&name)?
            .with_context(|| format!("{}/{name} is missing", self.place()))?;
        let sidecar = self.text(&ObjectName::of_version(version, &format!("{file}.sha256")))?;
        if found != **expected || sidecar.trim_end() != expected.as_str() {
            bail!(
                "{}/{name} is {found}, its sidecar says {}, the index {expected}",
                self.place(),
                sidecar.trim_end().escape_debug()
            );
        }
        if *signed && !self.release_keys.is_empty() {
            let signature = self.text(&ObjectName::of_version(
                version,
                &format!("{file}.sha256.sig"),
            ))?;
            if !sign::verifies(self.release_keys, expected, file, signature.as_bytes())? {
                bail!(
                    "{}/{name}.sha256.sig is by none of `release_keys`",
                    self.place()
                );
            }
        }
        Ok(())
    }

    /// The list names every platform, and the source, which is returned.
    fn check_sums<'e>(&self, version: &Version, entry: &'e Entry) -> Result<Option<Expected<'e>>> {
        let sums = self.text(&ObjectName::of_version(version, "SHA256SUMS"))?;
        for (platform, listed) in &entry.platforms {
            let file = artifact_file(&self.project.binary, version, *platform);
            if !sums.contains(&sum_line(&listed.sha256, &file)) {
                bail!("{}/{version}/SHA256SUMS lacks {platform}; publishing {version} again repairs it", self.place());
            }
        }
        let Some(sha256) = &entry.source_sha256 else {
            return Ok(None);
        };
        let source = sums
            .lines()
            .find_map(|line| line.strip_prefix(sha256.as_str()));
        let file = source
            .map(str::trim_start)
            .with_context(|| format!("{}/{version}/SHA256SUMS lacks the source", self.place()))?;
        Ok(Some(Expected {
            file: file.into(),
            sha256,
            signed: entry.platforms.values().any(|listed| listed.signed),
        }))
    }

    /// What a user of this machine would do, into a place that goes away again; for a bucket by the very line that people are told.
    fn check_installer(
        &self,
        version: &Version,
        entry: &Entry,
        standing: Option<Standing>,
    ) -> Result<()> {
        let is_there = matches!(standing, Some(Standing::Offered | Standing::Yanked));
        let Some(listed) = entry.platforms.get(&self.here).filter(|_| is_there) else {
            self.ui.say(&format!(
                "install.sh was not run: {version} is not offered for {}",
                self.here
            ));
            return Ok(());
        };
        let text = self.text(&ObjectName::installer())?;
        let room = xshell::Shell::new()?.create_temp_dir()?;
        let room =
            Utf8Path::from_path(room.path()).context("the temp directory's name is not UTF-8")?;
        let prefix = room.join("prefix");
        let arguments = format!("--version {version} --prefix {}", quote(prefix.as_str()));
        let output = self.installation(&text, &arguments).run()?;
        if !output.status.success() {
            bail!(
                "install.sh from {} failed: {}",
                self.place(),
                output.complaint()
            );
        }
        let program = prefix.join("bin").join(self.project.binary.as_str());
        let file = File::open(&program).with_context(|| {
            // A shell that is given nothing to do ends well.
            format!(
                "install.sh from {} installed nothing: {}",
                self.place(),
                output.complaint()
            )
        })?;
        let (found, _) = Digest::of_reader(file)?;
        if found != listed.sha256 {
            bail!(
                "install.sh installed {found}, and the index has {}",
                listed.sha256
            );
        }
        let said = Timed::new(program, INSTALL_DEADLINE)
            .arg("--version")
            .run()?
            .text();
        if said != format!("{} {version}", self.project.binary) {
            bail!(
                "the installed program says `{}`, not {version}",
                said.escape_debug()
            );
        }
        self.ui.say(&format!(
            "install.sh put {said} into a temporary prefix, and it runs"
        ));
        Ok(())
    }

    fn installation(&self, text: &str, arguments: &str) -> Timed {
        let shell = |run: &str| {
            let script = format!("{FORGET_SETTINGS}\n{run} -s -- {arguments}");
            Timed::new("sh", INSTALL_DEADLINE).args(["-c", &script])
        };
        match &self.published {
            Published::Web(web) if is_installed("curl") => shell(&one_liner(web.base_url())),
            _ => shell("sh").input(text.as_bytes()),
        }
    }
}
