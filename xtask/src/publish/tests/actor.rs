//! Those who change a store: a publisher with its dist/ full of small binaries, or somebody who yanks.

use crate::dist::Dist;
use crate::gcs::Patience;
use crate::index::Index;
use crate::inventory::Inventory;
use crate::manifest::SourceRecord;
use crate::pointers::Pointers;
use crate::process::Interrupt;
use crate::process::Timed;
use crate::publish::{Exceptions, Manner, Publishing};
use crate::seal;
use crate::sign::Signer;
use crate::store::Store;
use crate::ui::{Results, Talk, Ui};
use crate::words::{Artifact, Digest, Facts, NodeName, Platform, SourceKind, Target, Version};
use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
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
    pub signed: bool,
}

/// Somebody who changes the store: a release, or a move of its pointers.
pub struct Actor {
    pub name: &'static str,
    deed: Deed,
    parallel: usize,
    reclaim: bool,
}

type Edit = dyn Fn(&mut Index) -> Result<()> + Send + Sync;

pub enum Deed {
    Publish {
        _room: xshell::TempDir,
        dist: Box<Dist>,
        source: Box<SourceRecord>,
        required: BTreeSet<Platform>,
        signed: bool,
    },
    Move(Box<Edit>),
}

pub fn platforms(text: &str) -> BTreeSet<Platform> {
    text.split_whitespace()
        .map(|name| Platform::parse(name).unwrap())
        .collect()
}

impl Actor {
    pub fn yanking(name: &'static str, yanked: &str) -> Arc<Actor> {
        let yanked = version(yanked);
        Actor::moving(name, move |index| index.yank(&yanked))
    }

    pub fn moving(
        name: &'static str,
        edit: impl Fn(&mut Index) -> Result<()> + Send + Sync + 'static,
    ) -> Arc<Actor> {
        Arc::new(Actor::of(name, Deed::Move(Box::new(edit))))
    }

    pub fn publishing(name: &'static str, cargo: Cargo) -> Arc<Actor> {
        Arc::new(Actor::of(name, deed(cargo)))
    }

    /// Several objects at once.
    pub fn hurried(name: &'static str, cargo: Cargo) -> Arc<Actor> {
        Arc::new(Actor {
            parallel: 4,
            ..Actor::of(name, deed(cargo))
        })
    }

    pub fn reclaiming(name: &'static str, cargo: Cargo) -> Arc<Actor> {
        Arc::new(Actor {
            reclaim: true,
            ..Actor::of(name, deed(cargo))
        })
    }

    fn of(name: &'static str, deed: Deed) -> Actor {
        Actor {
            name,
            deed,
            parallel: 1,
            reclaim: false,
        }
    }

    /// What never changes of what it publishes, by its name in a store.
    pub fn files(&self) -> Vec<(String, Utf8PathBuf)> {
        let Deed::Publish { dist, source, .. } = &self.deed else {
            return Vec::new();
        };
        let entries = dist.directory().read_dir_utf8().unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().to_string());
        names
            .filter(|name| name.starts_with("ballistics"))
            .map(|name| (format!("{}/{name}", source.version), dist.path(&name)))
            .collect()
    }

    pub fn act(&self, store: &Store) -> Result<()> {
        store.preflight()?;
        match &self.deed {
            Deed::Move(edit) => {
                let pointers = Pointers {
                    store,
                    project: &inventory().project,
                    base_url: BASE_URL,
                    ui: quiet(),
                    interrupt: interrupt(),
                };
                let change = pointers.change(edit)?;
                pointers.follow(&change).map(drop)
            }
            Deed::Publish {
                dist,
                source,
                required,
                signed,
                ..
            } => {
                let publishing = Publishing {
                    store,
                    dist,
                    inventory: inventory(),
                    source,
                    required,
                    seen: None,
                    signer: signed.then(signer),
                    base_url: BASE_URL,
                    installer_template: concat!(env!("CARGO_MANIFEST_DIR"), "/../install.sh")
                        .into(),
                    manner: Manner::Permanent,
                    exceptions: Exceptions {
                        reclaim: self.reclaim,
                        ..Exceptions::default()
                    },
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
    let signer = cargo.signed.then(signer);
    seal::seal_version(&dist, project, &required, signer).unwrap();
    Deed::Publish {
        _room: room,
        dist: Box::new(dist),
        source: Box::new(source),
        required,
        signed: cargo.signed,
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

const PROJECT: &str = r#"
[project]
package = "ballistics-engine"
binary = "ballistics"
repository = "https://github.com/ajokela/ballistics-engine"
"#;

pub const BASE_URL: &str = "https://ballistics.zip";

/// A key that signs, for as long as the tests run.
struct Key {
    _room: xshell::TempDir,
    inventory: Inventory,
    signer: Signer,
}

fn key() -> &'static Key {
    static ONCE: OnceLock<Key> = OnceLock::new();
    ONCE.get_or_init(|| {
        let room = xshell::Shell::new().unwrap().create_temp_dir().unwrap();
        let path = room.path().join("key").to_str().unwrap().to_string();
        let made = Timed::new("ssh-keygen", Duration::from_secs(60))
            .args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", &path])
            .run()
            .unwrap();
        assert!(made.status.success(), "{}", made.complaint());
        let public = fs::read_to_string(format!("{path}.pub")).unwrap();
        let keys = [public.trim_end().to_string()];
        let publish = format!("[publish]\nsigning_key = {path:?}\nrelease_keys = {keys:?}\n");
        Key {
            inventory: Inventory::parse("nodes.toml", &format!("{PROJECT}{publish}")).unwrap(),
            signer: Signer::open(&path, &keys).unwrap(),
            _room: room,
        }
    })
}

pub fn signer() -> &'static Signer {
    &key().signer
}

pub fn inventory() -> &'static Inventory {
    &key().inventory
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
