//! Those who change a store: a publisher with its dist/ full of small binaries, or somebody who yanks.

use crate::dist::Dist;
use crate::gcs::Patience;
use crate::inventory::Inventory;
use crate::manifest::SourceRecord;
use crate::pointers::Pointers;
use crate::process::Interrupt;
use crate::publish::{Exceptions, Manner, Publishing};
use crate::seal;
use crate::store::Store;
use crate::ui::{Results, Talk, Ui};
use crate::words::{Artifact, Digest, Facts, NodeName, Platform, SourceKind, Target, Version};
use anyhow::Result;
use camino::Utf8Path;
use std::collections::BTreeSet;
use std::fs;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What a publisher has to publish.
#[derive(Clone, Copy)]
pub struct Cargo {
    pub version: &'static str,
    pub required: &'static str,
    pub built: &'static str,
    /// Makes its binaries differ from another's.
    pub salt: &'static str,
}

/// Somebody who changes the store: a release, or a yank.
pub struct Actor {
    pub name: &'static str,
    deed: Deed,
    parallel: usize,
}

pub enum Deed {
    Publish {
        _room: xshell::TempDir,
        dist: Box<Dist>,
        source: SourceRecord,
        required: BTreeSet<Platform>,
    },
    Yank(Version),
}

pub fn platforms(text: &str) -> BTreeSet<Platform> {
    text.split_whitespace()
        .map(|name| Platform::parse(name).unwrap())
        .collect()
}

impl Actor {
    pub fn yanking(name: &'static str, yanked: &str) -> Arc<Actor> {
        Arc::new(Actor {
            name,
            deed: Deed::Yank(version(yanked)),
            parallel: 1,
        })
    }

    pub fn publishing(name: &'static str, cargo: Cargo) -> Arc<Actor> {
        Arc::new(Actor {
            name,
            deed: deed(cargo),
            parallel: 1,
        })
    }

    pub fn hurried(name: &'static str, cargo: Cargo) -> Arc<Actor> {
        Arc::new(Actor {
            name,
            deed: deed(cargo),
            parallel: 4,
        })
    }

    pub fn act(&self, store: &Store) -> Result<()> {
        store.preflight()?;
        match &self.deed {
            Deed::Yank(version) => {
                let pointers = Pointers {
                    store,
                    project: &inventory().project,
                    base_url: BASE_URL,
                    ui: quiet(),
                    interrupt: interrupt(),
                };
                let change = pointers.change(&|index| index.yank(version))?;
                pointers.refresh(change.index).map(drop)
            }
            Deed::Publish {
                dist,
                source,
                required,
                ..
            } => {
                let publishing = Publishing {
                    store,
                    dist,
                    inventory: inventory(),
                    source,
                    required,
                    signer: None,
                    base_url: BASE_URL,
                    installer_template: Utf8Path::new(concat!(
                        env!("CARGO_MANIFEST_DIR"),
                        "/../install.sh"
                    )),
                    manner: Manner::Permanent,
                    exceptions: Exceptions::default(),
                    parallel: self.parallel,
                    ui: quiet(),
                    interrupt: interrupt(),
                };
                publishing.run().map(drop)
            }
        }
    }
}

pub fn deed(cargo: Cargo) -> Deed {
    let room = xshell::Shell::new().unwrap().create_temp_dir().unwrap();
    let root = Utf8Path::from_path(room.path()).unwrap();
    let project = &inventory().project;
    let dist = Dist::open(root, &version(cargo.version), &project.binary).unwrap();
    let archive = format!("source of {}", cargo.version);
    let source = SourceRecord {
        version: version(cargo.version),
        commit: "c0ffee".repeat(7),
        tagged: true,
        dirty: false,
        file: format!("{}-{}.crate", project.package, cargo.version),
        sha256: Digest::of(archive.as_bytes()),
        size: archive.len() as u64,
        cargo: "cargo 1".into(),
        rust_version: None,
        vendored: false,
    };
    dist.take_source(&source, archive.as_bytes()).unwrap();
    for platform in platforms(cargo.built) {
        build(&dist, platform, cargo);
    }
    let required = platforms(cargo.required);
    seal::seal_version(&dist, project, &required, None).unwrap();
    Deed::Publish {
        _room: room,
        dist: Box::new(dist),
        source,
        required,
    }
}

pub fn build(dist: &Dist, platform: Platform, cargo: Cargo) {
    let bytes = format!("{platform} {} {}", cargo.version, cargo.salt);
    let partial = dist.partial("binary");
    fs::write(&partial, &bytes).unwrap();
    let triple = format!("{}-unknown-{}", platform.arch(), platform.os());
    let triple = triple.replace("linux", "linux-gnu");
    let artifact = Artifact {
        platform,
        targets: vec![Target::parse(&triple).unwrap()],
        node: NodeName::parse("node").unwrap(),
        host: "local".into(),
        file: dist.artifact_file(platform),
        sha256: Digest::of(bytes.as_bytes()),
        size: bytes.len() as u64,
        floor: "-".into(),
        needed: vec![],
        symbol_versions: vec![],
        proven: true,
        source: SourceKind::Archive,
        facts: Facts::default(),
        seconds: 1.0,
    };
    dist.keep(&partial, Digest::zero(), artifact).unwrap();
}

pub const INVENTORY: &str = r#"
[project]
package = "ballistics-engine"
binary = "ballistics"
repository = "https://github.com/ajokela/ballistics-engine"
"#;

pub const BASE_URL: &str = "https://ballistics.zip";

pub fn inventory() -> &'static Inventory {
    static ONCE: OnceLock<Inventory> = OnceLock::new();
    ONCE.get_or_init(|| Inventory::parse("nodes.toml", INVENTORY).unwrap())
}

pub fn quiet() -> &'static Ui {
    static ONCE: OnceLock<Ui> = OnceLock::new();
    ONCE.get_or_init(|| Ui::new(Talk::Quiet, Results::Text))
}

pub fn interrupt() -> &'static Interrupt {
    static ONCE: OnceLock<Interrupt> = OnceLock::new();
    ONCE.get_or_init(Interrupt::none)
}

pub fn patience() -> Patience {
    Patience {
        first_pause: Duration::from_millis(1),
        between_writes: Duration::ZERO,
        ..Patience::new(interrupt())
    }
}

pub fn version(text: &str) -> Version {
    Version::parse(text).unwrap()
}
