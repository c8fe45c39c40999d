//! The workspace that is released, and this machine: where its root is, its `nodes.toml`, what can be built here.

use crate::inventory::{Address, Inventory};
use crate::plan::ThisMachine;
use crate::process::Interrupt;
use crate::source::{Metadata, Repository, Tools};
use crate::ssh::Programs;
use crate::toolchain::{has_std, Toolchain};
use crate::words::{refuse, Target};
use anyhow::Result;
use camino::Utf8PathBuf;
use std::collections::BTreeSet;
use xshell::Shell;

pub struct Workspace {
    pub sh: Shell,
    pub root: Utf8PathBuf,
    pub inventory: Inventory,
    metadata: Metadata,
}

impl Workspace {
    /// `nodes` is `--nodes`; without it XTASK_NODES, then `nodes.toml` at the root.
    pub fn open(nodes: Option<&str>, interrupt: &Interrupt) -> Result<Workspace> {
        let sh = Shell::new()?;
        let here = Tools {
            directory: ".".into(),
            interrupt,
        };
        let metadata = Metadata::read(&here).or_else(|_| {
            interrupt.check()?;
            Err(refuse(
                "no Cargo workspace here; change to the project's directory",
            ))
        })?;
        let root = metadata.workspace_root.clone();
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
            metadata,
        })
    }

    pub fn dist(&self) -> Utf8PathBuf {
        self.root.join("dist")
    }

    pub fn installer(&self) -> Utf8PathBuf {
        self.root.join("install.sh")
    }

    /// git and cargo at its root.
    pub fn tools<'a>(&self, interrupt: &'a Interrupt) -> Tools<'a> {
        Tools {
            directory: self.root.clone(),
            interrupt,
        }
    }

    /// The package that is released, as the work tree has it now.
    pub fn repository(&self) -> Result<Repository> {
        Repository::open(&self.metadata, &self.inventory.project)
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

    pub fn this_machine(&self, toolchain: &Toolchain) -> Result<ThisMachine> {
        let host = toolchain.host()?;
        let nodes = self.inventory.nodes.iter();
        let local = nodes.filter(|node| node.host == Address::Local);
        let targets = local.map(|node| &node.target);
        // A compiler has its own host's.
        let mut installed: BTreeSet<Target> = targets
            .filter(|target| **target != host && has_std(target))
            .cloned()
            .collect();
        installed.insert(host.clone());
        Ok(ThisMachine { host, installed })
    }
}
