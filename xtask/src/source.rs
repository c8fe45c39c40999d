//! The one source archive of a release: `cargo package` of a commit, in a throwaway clone, so that neither the work tree nor its `.git` is touched.

use crate::inventory::Project;
use crate::manifest::SourceRecord;
use crate::toolchain;
use crate::words::{refuse, Digest, ProgramName, Version};
use anyhow::{bail, Context, Error, Result};
use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use xshell::{cmd, Shell};

/// The repository, as git and cargo see it now.
pub struct Repository {
    pub root: Utf8PathBuf,
    package: ProgramName,
    /// The package's directory, relative to the root.
    package_directory: Utf8PathBuf,
    work_tree_version: Version,
    rust_version: Option<String>,
}

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

    /// With a version: the commit of its tag. Without: HEAD.
    pub fn revision(
        &self,
        sh: &Shell,
        version: Option<&Version>,
        allow_dirty: bool,
    ) -> Result<Revision> {
        let head = git_commit(sh, "HEAD").ok_or_else(|| no_commit(sh))?;
        let version_of_head = &self.work_tree_version;
        let wanted = version.unwrap_or(version_of_head).clone();
        let tag = git_commit(sh, &format!("refs/tags/{}", wanted.tag()));
        let commit = match (version, &tag) {
            (Some(version), None) => return Err(refuse(format!("there is no tag {}; make it with `git tag {}`, or leave --version out to release HEAD", version.tag(), version.tag()))),
            (Some(_), Some(tagged)) => tagged.clone(),
            (None, _) => head.clone(),
        };
        let dirty = commit == head && self.is_dirty(sh)?;
        if dirty && !allow_dirty {
            return Err(refuse(format!("{} has changes that are not committed; commit them, or use --allow-dirty (never for a bucket)", self.package_directory)));
        }
        Ok(Revision {
            tagged: tag.as_ref() == Some(&commit) && !dirty,
            version: wanted,
            commit,
            dirty,
        })
    }

    fn is_dirty(&self, sh: &Shell) -> Result<bool> {
        let directory = &self.package_directory;
        Ok(!cmd!(
            sh,
            "git --no-optional-locks status --porcelain --untracked-files=all -- {directory}"
        )
        .quiet()
        .read()?
        .is_empty())
    }

    /// The archive that `dist/` has stored, if it is of this commit and this `cargo --version`; else a new one.
    pub fn archive(
        &self,
        sh: &Shell,
        revision: &Revision,
        cargo: &str,
        stored: Option<(SourceRecord, Vec<u8>)>,
    ) -> Result<(SourceRecord, Vec<u8>)> {
        if let Some((source, bytes)) = stored {
            let same = source.commit == revision.commit
                && source.cargo == cargo
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
        self.package(sh, revision, cargo.to_string())
    }

    fn package(
        &self,
        sh: &Shell,
        revision: &Revision,
        cargo: String,
    ) -> Result<(SourceRecord, Vec<u8>)> {
        let room = sh.create_temp_dir()?;
        let room = Utf8Path::from_path(room.path())
            .context("the temp directory's name is not UTF-8")?
            .to_owned();
        let (name, version) = (self.package.as_str(), &revision.version);
        let checkout = match revision.dirty {
            true => self.root.clone(),
            false => self.clone_into(sh, &room, revision)?,
        };
        let _directory = sh.push_dir(&checkout);
        let metadata = Metadata::read(sh)?;
        let package = metadata.package(&self.package)?;
        if package.version != version.to_string() {
            return Err(refuse(format!("tag {} has version {} of {name}; the tag and the version must agree: move the tag, or release {}", version.tag(), package.version, package.version)));
        }
        let target = room.join("target");
        let locked = (!revision.dirty).then_some("--locked");
        let program = toolchain::cargo();
        cmd!(sh, "{program} package --quiet --no-verify --allow-dirty {locked...} --package {name} --target-dir {target}")
            .quiet()
            .run_checked(|| format!("`cargo package` of {name} at {}", revision.commit))?;
        let file = format!("{name}-{version}.crate");
        let path = target.join("package").join(&file);
        let bytes = std::fs::read(&path).with_context(|| format!("cargo left no {path}"))?;
        check_lock_file(sh, &path, &format!("{name}-{version}"))?;
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
        };
        Ok((source, bytes))
    }

    fn clone_into(&self, sh: &Shell, room: &Utf8Path, revision: &Revision) -> Result<Utf8PathBuf> {
        let (root, clone, commit) = (&self.root, room.join("clone"), &revision.commit);
        // Nothing of the user's git set-up runs in the clone: no template, no hook.
        cmd!(
            sh,
            "git clone --quiet --shared --no-checkout --template= {root} {clone}"
        )
        .quiet()
        .run_checked(|| format!("cloning {root}"))?;
        cmd!(sh, "git -C {clone} -c core.hooksPath=/dev/null -c advice.detachedHead=false checkout --quiet --detach {commit}")
            .quiet()
            .run_checked(|| format!("checking {commit} out"))?;
        Ok(clone)
    }
}

impl Metadata {
    pub fn read(sh: &Shell) -> Result<Metadata> {
        let cargo = toolchain::cargo();
        let text = cmd!(sh, "{cargo} metadata --no-deps --format-version 1")
            .quiet()
            .read()
            .context("reading the workspace")?;
        Ok(serde_json::from_str(&text)?)
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

fn no_commit(sh: &Shell) -> Error {
    let repository = cmd!(sh, "git rev-parse --git-dir").quiet().ignore_stderr();
    match repository.read() {
        Ok(_) => refuse("the repository has no commit yet; a release is made of a commit"),
        Err(_) => refuse(format!(
            "{} is no git repository; a release is made of a commit",
            sh.current_dir().display()
        )),
    }
}

fn git_commit(sh: &Shell, name: &str) -> Option<String> {
    let spec = format!("{name}^{{commit}}");
    cmd!(sh, "git rev-parse --verify --quiet {spec}")
        .quiet()
        .ignore_stderr()
        .read()
        .ok()
}

/// Without a lock file in the archive every node would pick its own dependencies.
fn check_lock_file(sh: &Shell, archive: &Utf8Path, top: &str) -> Result<()> {
    let list = cmd!(sh, "tar -tzf {archive}").quiet().read()?;
    if list.lines().any(|line| line == format!("{top}/Cargo.lock")) {
        return Ok(());
    }
    bail!("the source archive carries no Cargo.lock; commit it, so that every node builds the same versions");
}

trait RunChecked {
    fn run_checked(self, what: impl FnOnce() -> String) -> Result<()>;
}

impl RunChecked for xshell::Cmd<'_> {
    /// The tool's own complaint is the message.
    fn run_checked(self, what: impl FnOnce() -> String) -> Result<()> {
        let output = self.ignore_status().output()?;
        if output.status.success() {
            return Ok(());
        }
        bail!(
            "{}: {}",
            what(),
            String::from_utf8_lossy(&output.stderr).trim()
        )
    }
}
