//! The one source archive of a release: `cargo package` of a commit, in a throwaway clone, so that neither the work tree nor its `.git` is touched.

use crate::inventory::Project;
use crate::manifest::SourceRecord;
use crate::process::{Interrupt, Output, Timed};
use crate::toolchain;
use crate::vendor::vendor;
use crate::words::{refuse, Digest, ProgramName, Version};
use anyhow::{bail, Context, Error, Result};
use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use std::time::Duration;

/// The repository, as git and cargo see it now.
pub struct Repository {
    pub root: Utf8PathBuf,
    package: ProgramName,
    /// The archive carries its dependencies.
    vendor: bool,
    /// The package's directory, relative to the root.
    package_directory: Utf8PathBuf,
    work_tree_version: Version,
    rust_version: Option<String>,
}

/// What the command line says of the commit.
pub struct Wanted {
    /// With a version: the commit of its tag. Without: HEAD.
    pub version: Option<Version>,
    /// Changes that are not committed are built too.
    pub allow_dirty: bool,
}

/// git and cargo in one directory. Each has an end, also when the user wants none of it any more.
pub struct Tools<'a> {
    pub directory: Utf8PathBuf,
    pub interrupt: &'a Interrupt,
}

/// Far above what the largest archive takes.
const DEADLINE: Duration = Duration::from_secs(10 * 60);

/// The commit that a release is made of.
pub struct Revision {
    pub version: Version,
    pub commit: String,
    pub tagged: bool,
    pub dirty: bool,
}

/// A workspace, as cargo sees it.
#[derive(Deserialize)]
pub struct Metadata {
    packages: Vec<Package>,
    pub workspace_root: Utf8PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    manifest_path: Utf8PathBuf,
    rust_version: Option<String>,
}

impl Repository {
    pub fn open(metadata: &Metadata, project: &Project) -> Result<Repository> {
        let package = metadata.package(&project.package)?;
        let directory = package
            .manifest_path
            .parent()
            .context("a manifest lies in a directory")?;
        Ok(Repository {
            package: project.package.clone(),
            vendor: project.vendor,
            package_directory: directory.strip_prefix(&metadata.workspace_root)?.to_owned(),
            work_tree_version: Version::parse(&package.version)?,
            rust_version: package.rust_version.clone(),
            root: metadata.workspace_root.clone(),
        })
    }

    pub fn rust_version(&self) -> Option<&str> {
        self.rust_version.as_deref()
    }

    pub fn work_tree_version(&self) -> &Version {
        &self.work_tree_version
    }

    pub fn revision(&self, tools: &Tools, wanted: &Wanted) -> Result<Revision> {
        let head = tools.commit("HEAD")?;
        let head = head.map_or_else(|| Err(tools.no_commit()), Ok)?;
        let version = wanted.version.as_ref();
        let released = version.unwrap_or(&self.work_tree_version).clone();
        let tag = tools.commit(&format!("refs/tags/{}", released.tag()))?;
        let commit = match (version, &tag) {
            (Some(version), None) => return Err(refuse(format!("there is no tag {}; make it with `git tag {}`, or leave --version out to release HEAD", version.tag(), version.tag()))),
            (Some(_), Some(tagged)) => tagged.clone(),
            (None, _) => head.clone(),
        };
        let dirty = commit == head && self.is_dirty(tools)?;
        if dirty && !wanted.allow_dirty {
            return Err(refuse(format!("{} has changes that are not committed; commit them, or use --allow-dirty (never for a bucket)", self.package_directory)));
        }
        Ok(Revision {
            tagged: tag.as_ref() == Some(&commit) && !dirty,
            version: released,
            commit,
            dirty,
        })
    }

    fn is_dirty(&self, tools: &Tools) -> Result<bool> {
        let line = "--no-optional-locks status --porcelain --untracked-files=all --";
        let git = tools.git(line).arg(self.package_directory.as_str());
        let changes = tools.run(git, || "looking for changes that are not committed".into())?;
        Ok(!changes.text().is_empty())
    }

    /// The archive that `dist/` has stored, if it is of this commit and this `cargo --version`; else a new one.
    pub fn archive(
        &self,
        tools: &Tools,
        revision: &Revision,
        cargo: &str,
        stored: Option<(SourceRecord, Vec<u8>)>,
    ) -> Result<(SourceRecord, Vec<u8>)> {
        if let Some((source, bytes)) = stored {
            let same = source.commit == revision.commit
                && source.cargo == cargo
                && source.vendored == self.vendor
                && source.version == revision.version;
            if same && !source.dirty && !revision.dirty {
                return Ok((
                    SourceRecord {
                        tagged: revision.tagged,
                        ..source
                    },
                    bytes,
                ));
            }
        }
        self.package(tools, revision, cargo.to_string())
    }

    fn package(
        &self,
        tools: &Tools,
        revision: &Revision,
        cargo: String,
    ) -> Result<(SourceRecord, Vec<u8>)> {
        let room = xshell::Shell::new()?.create_temp_dir()?;
        let room =
            Utf8Path::from_path(room.path()).context("the temp directory's name is not UTF-8")?;
        let (name, version) = (self.package.as_str(), &revision.version);
        let tools = &Tools {
            directory: match revision.dirty {
                true => self.root.clone(),
                false => self.clone_into(tools, room, revision)?,
            },
            ..*tools
        };
        let metadata = Metadata::read(tools)?;
        let package = metadata.package(&self.package)?;
        if package.version != version.to_string() {
            return Err(refuse(format!("tag {} has version {} of {name}; the tag and the version must agree: move the tag, or release {}", version.tag(), package.version, package.version)));
        }
        let target = room.join("target");
        let locked = (!revision.dirty).then_some("--locked");
        let packaging = tools
            .cargo("package --quiet --no-verify --allow-dirty")
            .args(locked)
            .args(["--package", name, "--target-dir", target.as_str()]);
        tools.run(packaging, || {
            format!("`cargo package` of {name} at {}", revision.commit)
        })?;
        let file = format!("{name}-{version}.crate");
        let path = target.join("package").join(&file);
        let top = format!("{name}-{version}");
        check_lock_file(tools, &path, &top)?;
        let bytes = match self.vendor {
            true => vendor(tools, &path, &top)?,
            false => std::fs::read(&path).with_context(|| format!("cargo left no {path}"))?,
        };
        let source = SourceRecord {
            version: version.clone(),
            commit: revision.commit.clone(),
            tagged: revision.tagged,
            dirty: revision.dirty,
            file,
            sha256: Digest::of(&bytes),
            size: bytes.len() as u64,
            cargo,
            rust_version: package.rust_version.clone(),
            vendored: self.vendor,
        };
        Ok((source, bytes))
    }

    fn clone_into(
        &self,
        tools: &Tools,
        room: &Utf8Path,
        revision: &Revision,
    ) -> Result<Utf8PathBuf> {
        let (root, clone, commit) = (&self.root, room.join("clone"), &revision.commit);
        // Nothing of the user's git set-up runs in the clone: no template, no hook.
        let cloning = tools
            .git("clone --quiet --shared --no-checkout --template=")
            .args([root.as_str(), clone.as_str()]);
        tools.run(cloning, || format!("cloning {root}"))?;
        let checking_out = tools
            .git("-c core.hooksPath=/dev/null -c advice.detachedHead=false")
            .args([
                "-C",
                clone.as_str(),
                "checkout",
                "--quiet",
                "--detach",
                commit,
            ]);
        tools.run(checking_out, || format!("checking {commit} out"))?;
        Ok(clone)
    }
}

impl Tools<'_> {
    /// With the words of `line` as its first arguments.
    fn git(&self, line: &str) -> Timed {
        self.program("git", line)
    }

    pub fn cargo(&self, line: &str) -> Timed {
        self.program(&toolchain::cargo(), line)
    }

    pub fn program(&self, program: &str, line: &str) -> Timed {
        Timed::new(program, DEADLINE)
            .directory(&self.directory)
            .args(line.split(' '))
    }

    /// The tool's own complaint is the message.
    pub fn run(&self, command: Timed, what: impl FnOnce() -> String) -> Result<Output> {
        let output = command.run_under(self.interrupt)?;
        match output.status.success() {
            true => Ok(output),
            false => bail!("{}: {}", what(), output.complaint()),
        }
    }

    fn commit(&self, name: &str) -> Result<Option<String>> {
        let git = self.git("rev-parse --verify --quiet");
        let output = git
            .arg(format!("{name}^{{commit}}"))
            .run_under(self.interrupt)?;
        Ok(output.status.success().then(|| output.text()))
    }

    fn no_commit(&self) -> Error {
        let repository = self.git("rev-parse --git-dir").run_under(self.interrupt);
        match repository {
            Err(error) => error,
            Ok(output) if output.status.success() => {
                refuse("the repository has no commit yet; a release is made of a commit")
            }
            Ok(_) => refuse(format!(
                "{} is no git repository; a release is made of a commit",
                self.directory
            )),
        }
    }
}

impl Metadata {
    pub fn read(tools: &Tools) -> Result<Metadata> {
        let cargo = tools.cargo("metadata --no-deps --format-version 1");
        let output = tools.run(cargo, || "reading the workspace".into())?;
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    fn package(&self, name: &ProgramName) -> Result<&Package> {
        let mut packages = self.packages.iter();
        let found = packages.find(|package| package.name == name.as_str());
        found.ok_or_else(|| {
            refuse(format!(
                "the workspace has no package `{name}`; `[project] package` in nodes.toml names it"
            ))
        })
    }
}

/// Without a lock file in the archive every node would pick its own dependencies.
fn check_lock_file(tools: &Tools, archive: &Utf8Path, top: &str) -> Result<()> {
    let tar = tools.program("tar", "-tzf").arg(archive.as_str());
    let list = tools.run(tar, || format!("reading {archive}"))?.text();
    if list.lines().any(|line| line == format!("{top}/Cargo.lock")) {
        return Ok(());
    }
    bail!("the source archive carries no Cargo.lock; commit it, so that every node builds the same versions");
}
