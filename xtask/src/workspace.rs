//! The workspace that is released, and this machine: where its root is, its `nodes.toml`, what can be built here.

use crate::inventory::{Address, Inventory};
use crate::plan::ThisMachine;
use crate::source::Repository;
use crate::ssh::Programs;
use crate::words::{refuse, Target};
use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use std::collections::BTreeSet;
use xshell::{cmd, Shell};

pub struct Workspace {
    pub sh: Shell,
    pub root: Utf8PathBuf,
    pub inventory: Inventory,
}

impl Workspace {
    /// `nodes` is `--nodes`; without it XTASK_NODES, then `nodes.toml` at the root.
    pub fn open(nodes: Option<&str>) -> Result<Workspace> {
        let sh = Shell::new()?;
        let manifest = cmd!(
            sh,
            "cargo locate-project --workspace --message-format plain"
        )
        .quiet()
        .read();
        let manifest =
            Utf8PathBuf::from(manifest.map_err(|_| {
                refuse("no Cargo workspace here; change to the project's directory")
            })?);
        let root = manifest
            .parent()
            .context("a manifest lies in a directory")?
            .to_owned();
        let named = nodes
            .map(String::from)
            .or_else(|| std::env::var("XTASK_NODES").ok());
        let path = named
            .map(Utf8PathBuf::from)
            .unwrap_or_else(|| root.join("nodes.toml"));
        let text = std::fs::read_to_string(&path).map_err(|error| {
            refuse(format!(
                "{path} cannot be read ({error}); --nodes or XTASK_NODES names another file"
            ))
        })?;
        let shown = path.strip_prefix(&root).unwrap_or(&path);
        let inventory = Inventory::parse(shown.as_str(), &text)?;
        sh.change_dir(&root);
        Ok(Workspace {
            sh,
            root,
            inventory,
        })
    }

    pub fn dist(&self) -> Utf8PathBuf {
        self.root.join("dist")
    }

    pub fn installer(&self) -> Utf8PathBuf {
        self.root.join("install.sh")
    }

    /// The package's `rust-version`, as it stands in the work tree.
    pub fn rust_version(&self) -> Result<Option<String>> {
        Ok(Repository::open(&self.sh, &self.inventory.project)?
            .rust_version()
            .map(String::from))
    }

    /// ssh and scp, or what XTASK_SSH and XTASK_SCP name in their place.
    pub fn programs(&self) -> Programs {
        let named = |variable: &str, default: &str| {
            std::env::var(variable).unwrap_or_else(|_| default.into())
        };
        Programs {
            ssh: named("XTASK_SSH", "ssh"),
            scp: named("XTASK_SCP", "scp"),
        }
    }

    /// `rustc -vV`: who builds here, and for which host.
    pub fn toolchain(&self) -> Result<String> {
        let sh = &self.sh;
        cmd!(sh, "rustc -vV")
            .quiet()
            .read()
            .map_err(|_| refuse("no rustc in the PATH; install Rust"))
    }

    pub fn host(&self) -> Result<Target> {
        host_of(&self.toolchain()?)
    }

    pub fn this_machine(&self, toolchain: &str) -> Result<ThisMachine> {
        let host = host_of(toolchain)?;
        let local = self
            .inventory
            .nodes
            .iter()
            .filter(|node| node.host == Address::Local);
        let mut installed: BTreeSet<Target> = local
            .map(|node| node.target.clone())
            .filter(|target| self.has_std(target))
            .collect();
        installed.insert(host.clone());
        Ok(ThisMachine { host, installed })
    }

    fn has_std(&self, target: &Target) -> bool {
        let (sh, triple) = (&self.sh, target.as_str());
        let library = cmd!(sh, "rustc --print target-libdir --target {triple}")
            .quiet()
            .ignore_stderr()
            .read();
        library.is_ok_and(|path| Utf8Path::new(&path).is_dir())
    }
}

fn host_of(toolchain: &str) -> Result<Target> {
    let host = toolchain
        .lines()
        .find_map(|line| line.strip_prefix("host: "));
    Target::parse(host.context("rustc -vV names no host")?)
}
