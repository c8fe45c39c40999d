//! How a release works, top to bottom. `dist`, `checksum`, `publish` and `verify` are parts of it.
//!
//! One source archive is made of one commit. Every node builds it and proves the binary; what comes back is hashed, checked,
//! named and recorded. When every required node is done, all of it is published, the pointers move last, and the result is
//! read back and installed as a user would. Whatever is done already is not done again: a failed release is repaired by
//! the same command.

use crate::build::{Build, Sealing};
use crate::dist::Dist;
use crate::flags;
use crate::history::History;
use crate::host::Host;
use crate::plan::{Plan, Selection};
use crate::process::Interrupt;
use crate::publish::{Manner, Published, Publishing};
use crate::seal;
use crate::sign::{self, Signer};
use crate::source::{Repository, Revision};
use crate::store::Store;
use crate::ui::{Row, Ui};
use crate::universal;
use crate::verify::Verification;
use crate::words::{refuse, Outcome, Version};
use crate::workspace::Workspace;
use anyhow::{bail, Context, Result};
use std::time::Instant;

/// What the program's exit code says when nothing went wrong on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Done,
    /// Released, but an optional node is missing.
    WithoutOptional,
}

/// The screen and the signals, which every verb needs.
pub struct Console<'a> {
    pub ui: &'a Ui,
    pub interrupt: &'a Interrupt,
}

pub fn release(workspace: &Workspace, flags: flags::Release, console: &Console) -> Result<Ending> {
    let started = Instant::now();
    let version = flags::version(&flags.version)?;
    let repository = Repository::open(&workspace.sh, &workspace.inventory.project)?;
    let revision = repository.revision(&workspace.sh, version.as_ref(), flags.allow_dirty)?;
    let destination = Destination::choose(
        workspace,
        &revision,
        flags.to.as_deref(),
        flags.local,
        flags.dry_run,
    )?;
    let store = destination.open()?;
    let signer = open_signer(workspace)?;
    let selection = Selection {
        nodes: flags.node,
        platforms: flags::platforms(&flags.platform)?,
        local: flags.local,
    };

    let building = Building {
        workspace,
        repository: &repository,
        revision: &revision,
        selection,
        fresh: flags.fresh,
        universal: flags.universal,
    };
    let mut built = building.run(Sealing::AtOnce(signer.as_ref()), console)?;
    console.ui.table(&mut built.rows, started.elapsed());
    let ending = judge(&built.rows)?;

    seal::seal_version(
        &built.dist,
        &workspace.inventory.project,
        &built.plan.required,
        signer.as_ref(),
    )?;
    let publishing = Publishing {
        store: &store,
        dist: &built.dist,
        inventory: &workspace.inventory,
        source: &built.dist.source().context("a release has a source")?,
        required: &built.plan.required,
        signer: signer.as_ref(),
        base_url: &destination.base_url,
        installer_template: &workspace.installer(),
        manner: destination.manner,
        refresh_installer: flags.refresh_installer,
        reclaim: flags.reclaim,
        ui: console.ui,
        interrupt: console.interrupt,
    };
    let published = publishing.run()?;
    verify_store(workspace, &store, Some(&published.version), console)?;
    announce(workspace, &store, &published, signer.is_some(), console.ui)?;
    if let Some(real) = &destination.instead_of {
        say_what_the_real_store_has(real, &published.version, console.ui);
    }
    console.ui.say(&format!(
        "Total time: {}",
        crate::words::show_duration(started.elapsed())
    ));
    Ok(ending)
}

pub fn dist(workspace: &Workspace, flags: flags::Dist, console: &Console) -> Result<Ending> {
    let started = Instant::now();
    let version = flags::version(&flags.version)?;
    let repository = Repository::open(&workspace.sh, &workspace.inventory.project)?;
    let revision = repository.revision(&workspace.sh, version.as_ref(), flags.allow_dirty)?;
    let selection = Selection {
        nodes: flags.node,
        platforms: flags::platforms(&flags.platform)?,
        local: flags.local,
    };
    let building = Building {
        workspace,
        repository: &repository,
        revision: &revision,
        selection,
        fresh: flags.fresh,
        universal: flags.universal,
    };
    let mut built = building.run(Sealing::Later, console)?;
    console.ui.table(&mut built.rows, started.elapsed());
    console.ui.result(built.dist.directory().as_str());
    judge(&built.rows)
}

pub fn checksum(
    workspace: &Workspace,
    flags: flags::Checksum,
    console: &Console,
) -> Result<Ending> {
    let dist = open_dist(workspace, flags::version(&flags.version)?)?;
    let source = dist.source().with_context(|| {
        format!(
            "nothing is built in {}; `cargo xtask dist` builds",
            dist.directory()
        )
    })?;
    let signer = open_signer(workspace)?;
    if flags.verify {
        let files = seal::check_version(&dist, &source.version, signer.as_ref())?;
        console
            .ui
            .result(&format!("{files} files of {} hold", source.version));
        return Ok(Ending::Done);
    }
    let required = Plan::required(&workspace.inventory);
    let artifacts = seal::seal_version(
        &dist,
        &workspace.inventory.project,
        &required,
        signer.as_ref(),
    )?;
    let signed = if signer.is_some() {
        "hashed and signed"
    } else {
        "hashed; no `signing_key` is set, so nothing is signed"
    };
    console.ui.result(&format!(
        "{artifacts} artifacts of {} in {} are {signed}",
        source.version,
        dist.directory()
    ));
    Ok(Ending::Done)
}

pub fn publish(workspace: &Workspace, flags: flags::Publish, console: &Console) -> Result<Ending> {
    let dist = open_dist(workspace, flags::version(&flags.version)?)?;
    let source = dist.source().with_context(|| {
        format!(
            "nothing is built in {}; `cargo xtask dist` builds",
            dist.directory()
        )
    })?;
    let revision = Revision {
        version: source.version.clone(),
        commit: source.commit.clone(),
        tagged: source.tagged,
        dirty: source.dirty,
    };
    let destination = Destination::choose(
        workspace,
        &revision,
        flags.to.as_deref(),
        false,
        flags.dry_run,
    )?;
    let store = destination.open()?;
    let signer = open_signer(workspace)?;
    let publishing = Publishing {
        store: &store,
        dist: &dist,
        inventory: &workspace.inventory,
        source: &source,
        required: &Plan::required(&workspace.inventory),
        signer: signer.as_ref(),
        base_url: &destination.base_url,
        installer_template: &workspace.installer(),
        manner: destination.manner,
        refresh_installer: flags.refresh_installer,
        reclaim: flags.reclaim,
        ui: console.ui,
        interrupt: console.interrupt,
    };
    let published = publishing.run()?;
    verify_store(workspace, &store, Some(&published.version), console)?;
    announce(workspace, &store, &published, signer.is_some(), console.ui)?;
    Ok(Ending::Done)
}

pub fn verify(workspace: &Workspace, flags: flags::Verify, console: &Console) -> Result<Ending> {
    let version = flags::version(&flags.version)?;
    let location = flags
        .to
        .or_else(|| workspace.inventory.publish.store.clone());
    let store = Store::open(&location.context(NO_STORE)?)?;
    let version = verify_store(workspace, &store, version.as_ref(), console)?;
    console
        .ui
        .result(&format!("{version} in {} is whole", store.location()));
    Ok(Ending::Done)
}

const NO_STORE: &str = "no store is named; set `[publish] store` in nodes.toml, or use --to";

/// The middle of a release: from a commit to proven binaries in `dist/`.
struct Building<'a> {
    workspace: &'a Workspace,
    repository: &'a Repository,
    revision: &'a Revision,
    selection: Selection,
    fresh: bool,
    universal: bool,
}

struct Built {
    plan: Plan,
    dist: Dist,
    rows: Vec<Row>,
}

impl Building<'_> {
    fn run(&self, sealing: Sealing, console: &Console) -> Result<Built> {
        let Workspace { sh, inventory, .. } = self.workspace;
        let toolchain = self.workspace.toolchain()?;
        let plan = Plan::make(
            inventory,
            &self.selection,
            &self.workspace.this_machine(&toolchain)?,
        )?;
        plan.jobs
            .iter()
            .try_for_each(|job| Host::of(&job.host).map(drop))?;
        let dist = Dist::open(
            &self.workspace.dist(),
            &self.revision.version,
            &inventory.project.binary,
        )?;
        if let Some(damage) = &dist.damage {
            console.ui.warn(damage);
        }
        let (source, archive) = self.repository.archive(sh, self.revision, &dist)?;
        self.introduce(&plan, &source.sha256, console.ui);
        for platform in dist.take_source(&source, &archive)? {
            console.ui.say(&format!(
                "{platform} was built from another source and is built again"
            ));
        }
        let history = History::read(&self.workspace.dist());
        let build = Build {
            inventory,
            source: &source,
            archive: &archive,
            dist: &dist,
            history: &history,
            ui: console.ui,
            interrupt: console.interrupt,
            toolchain: &toolchain,
            fresh: self.fresh,
            sealing,
        };
        let rows = build.run(&plan)?;
        console.interrupt.check()?;
        if self.universal
            && rows
                .iter()
                .all(|row| row.outcome.artifact().is_some() || !row.required)
        {
            let artifact = universal::join(&dist, &source.version)?;
            console.ui.say(&format!(
                "joined {} ({} bytes)",
                artifact.file, artifact.size
            ));
        }
        Ok(Built { plan, dist, rows })
    }

    fn introduce(&self, plan: &Plan, source: &crate::words::Digest, ui: &Ui) {
        let Revision {
            version,
            commit,
            tagged,
            dirty,
        } = self.revision;
        let package = &self.workspace.inventory.project.package;
        let kind = match (tagged, dirty) {
            (_, true) => "with uncommitted changes",
            (true, _) => "tagged",
            (false, false) => "not tagged",
        };
        ui.say(&format!(
            "Releasing {package} {version} from commit {} ({kind}), source {}",
            &commit[..12],
            source.short()
        ));
        let names: Vec<String> = plan
            .nodes()
            .map(|node| format!("{} ({})", node.name, node.host))
            .collect();
        ui.say(&format!("Build nodes: {}", names.join(", ")));
        for node in &plan.drained {
            ui.say(&format!("Drained: {node} (`enabled = false`)"));
        }
    }
}

/// Whether what was built may be published.
fn judge(rows: &[Row]) -> Result<Ending> {
    let lost = |row: &&Row| matches!(row.outcome, Outcome::Failed(_) | Outcome::Skipped(_));
    let required: Vec<&str> = rows
        .iter()
        .filter(lost)
        .filter(|row| row.required)
        .map(|row| row.node.as_str())
        .collect();
    if !required.is_empty() {
        bail!("required nodes are missing: {}; what was built stays in dist/, nothing was published; the same command tries them again", required.join(", "));
    }
    if rows.iter().all(|row| row.outcome.artifact().is_none()) {
        bail!("nothing was built");
    }
    match rows
        .iter()
        .any(|row| matches!(row.outcome, Outcome::Failed(_)))
    {
        true => Ok(Ending::WithoutOptional),
        false => Ok(Ending::Done),
    }
}

/// Where a release goes, and whether it may replace what is there.
struct Destination {
    location: String,
    base_url: String,
    manner: Manner,
    /// With `--dry-run`: the store that it would have gone to.
    instead_of: Option<String>,
}

impl Destination {
    fn choose(
        workspace: &Workspace,
        revision: &Revision,
        to: Option<&str>,
        local: bool,
        dry_run: bool,
    ) -> Result<Destination> {
        let publish = &workspace.inventory.publish;
        let embedded = workspace.dist().join("store").into_string();
        let (real, manner) = match (to, local) {
            (Some(named), _) => (named.to_string(), Manner::Permanent),
            (None, true) => (embedded, Manner::Development),
            (None, false) => (
                publish.store.clone().ok_or_else(|| refuse(NO_STORE))?,
                Manner::Permanent,
            ),
        };
        if real.starts_with("gs://") && !revision.tagged {
            return Err(refuse(format!(
                "a bucket takes only tagged releases, and this commit does not carry {}; tag it, or publish to a directory with --to",
                revision.version.tag()
            )));
        }
        if dry_run {
            let location = workspace.dist().join("dry-run").into_string();
            return Ok(Destination {
                base_url: location.clone(),
                location,
                manner: Manner::Permanent,
                instead_of: Some(real),
            });
        }
        let configured = publish
            .base_url
            .clone()
            .filter(|_| publish.store.as_ref() == Some(&real));
        Ok(Destination {
            base_url: configured.unwrap_or_else(|| real.clone()),
            location: real,
            manner,
            instead_of: None,
        })
    }

    fn open(&self) -> Result<Store> {
        if self.instead_of.is_some() {
            // The store of a dry run starts empty, as the first publish of all.
            match std::fs::remove_dir_all(&self.location) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).context(self.location.clone())
                }
                _ => {}
            }
        }
        Store::open(&self.location)
    }
}

fn say_what_the_real_store_has(location: &str, version: &Version, ui: &Ui) {
    let index = Store::open(location).and_then(|store| store.index());
    match index {
        Err(error) => ui.warn(&format!("dry run: {location} could not be read: {error:#}")),
        Ok(index) => {
            let latest = index
                .latest
                .map_or("nothing".into(), |latest| latest.to_string());
            let listed = if index.versions.contains_key(version) {
                "lists"
            } else {
                "does not list"
            };
            ui.say(&format!("dry run: nothing was written to {location}; it {listed} {version}, and its latest is {latest}"));
        }
    }
}

fn open_signer(workspace: &Workspace) -> Result<Option<Signer>> {
    let publish = &workspace.inventory.publish;
    let open = |key: &String| {
        Signer::open(key, &publish.release_keys).map_err(|error| refuse(format!("{error:#}")))
    };
    publish.signing_key.as_ref().map(open).transpose()
}

fn open_dist(workspace: &Workspace, version: Option<Version>) -> Result<Dist> {
    let version = match version {
        Some(version) => version,
        None => Repository::open(&workspace.sh, &workspace.inventory.project)?
            .work_tree_version()
            .clone(),
    };
    Dist::open(
        &workspace.dist(),
        &version,
        &workspace.inventory.project.binary,
    )
}

fn verify_store(
    workspace: &Workspace,
    store: &Store,
    version: Option<&Version>,
    console: &Console,
) -> Result<Version> {
    let toolchain = workspace.toolchain()?;
    let verification = Verification {
        store,
        binary: &workspace.inventory.project.binary,
        release_keys: &workspace.inventory.publish.release_keys,
        here: workspace.this_machine(&toolchain)?.host.platform(),
        ui: console.ui,
        interrupt: console.interrupt,
    };
    verification.run(version)
}

fn announce(
    workspace: &Workspace,
    store: &Store,
    published: &Published,
    signed: bool,
    ui: &Ui,
) -> Result<()> {
    let Published {
        index,
        version,
        moved_latest,
    } = published;
    let entry = index
        .versions
        .get(version)
        .context("a published version is listed")?;
    let count = entry.platforms.len();
    let latest = match (entry.promoted, moved_latest, &index.latest) {
        (false, _, _) => {
            let missing: Vec<String> = entry
                .missing()
                .iter()
                .map(|platform| platform.to_string())
                .collect();
            format!("not promoted: {} still missing", missing.join(", "))
        }
        (true, true, _) => "latest now".into(),
        (true, false, Some(latest)) => format!("latest is {latest}"),
        (true, false, None) => "no latest".into(),
    };
    ui.say(&format!(
        "Published {version} for {count} platforms to {} ({latest})",
        store.location()
    ));
    if signed {
        let prints = sign::fingerprints(&workspace.inventory.publish.release_keys)?;
        ui.say(&format!(
            "Signed; the keys that installers accept, for your README: {}",
            prints.join(" ")
        ));
    }
    if entry.promoted {
        ui.say("Install it with:");
        ui.result(&format!(
            "sh {}/install.sh --prefix \"$HOME/.local\"",
            store.location()
        ));
    }
    Ok(())
}
