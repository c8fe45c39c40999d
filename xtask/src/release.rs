//! How a release works, top to bottom. `dist`, `checksum`, `publish` and `verify` are parts of it.
//!
//! One source archive is made of one commit. Every node builds it and proves the binary; what comes back is hashed, checked,
//! named and recorded. When every required node is done, all of it is published, the pointers move last, and the result is
//! read back and installed as a user would. Whatever is done already is not done again: a failed release is repaired by
//! the same command.

mod finish;

use crate::adopt::Adoption;
use crate::build::{Build, Manner, Sealing};
use crate::console::{Console, Ending};
use crate::destination::{base_url, Candidate, Destination, Route, Seen};
use crate::dist::{stored_archive, Dist};
use crate::flags;
use crate::history::History;
use crate::import::Import;
use crate::manifest::SourceRecord;
use crate::plan::{Plan, Selection};
use crate::publish::Exceptions;
use crate::seal;
use crate::sign::{self, Signer};
use crate::source::{Repository, Revision, Wanted};
use crate::store::Store;
use crate::toolchain::Toolchain;
use crate::ui::{Row, Ui};
use crate::universal;
use crate::verdict;
use crate::words::{counted, refuse, show_duration, Digest, Platform, Version};
use crate::workspace::Workspace;
use anyhow::{bail, Context, Result};
use camino::Utf8Path;
use finish::{Publish, Reader};
use std::collections::BTreeSet;
use std::time::Instant;

pub fn release(workspace: &Workspace, flags: flags::Release, console: &Console) -> Result<Ending> {
    let started = Instant::now();
    let wanted = Wanted {
        version: flags::version(&flags.version)?,
        allow_dirty: flags.allow_dirty,
    };
    let commit = Commit::find(workspace, &wanted, console)?;
    let route = Route {
        to: flags.to.as_deref(),
        local: flags.local,
        dry_run: flags.dry_run,
        access: console.access,
    };
    let candidate = Candidate {
        version: &commit.revision.version,
        tagged: commit.revision.tagged,
    };
    let destination = Destination::choose(workspace, &candidate, &route)?;
    let signer = open_signer_for(&destination, workspace, console.ui)?;
    let exceptions = Exceptions {
        refresh_installer: flags.refresh_installer,
        reclaim: flags.reclaim,
        unproven: flags.allow_unproven,
        own_source: flags.allow_own_source,
    };

    let building = Building {
        workspace,
        commit: &commit,
        destination: Some((&destination, exceptions)),
        selection: Selection {
            nodes: flags.node,
            platforms: flags::platforms(&flags.platform)?,
            local: flags.local,
        },
        manner: Manner {
            fresh: flags.fresh,
            fail_fast: flags.fail_fast,
            jobs: flags::jobs(flags.jobs)?,
        },
        universal: flags.universal,
        sealing: Sealing::AtOnce(signer.as_ref()),
    };
    let mut built = building.run(console)?;
    console.ui.table(&mut built.rows);
    let ending = verdict::judge(&built.rows)?;
    seal::seal_version(
        &built.dist,
        &workspace.inventory.project,
        &built.plan.required,
        signer.as_ref(),
    )?;

    let publish = Publish {
        workspace,
        dist: &built.dist,
        source: &built.source,
        required: &built.plan.required,
        seen: built.seen.as_ref(),
        destination,
        signer,
        exceptions,
    };
    publish.run(console)?;
    console
        .ui
        .say(&format!("Total time: {}", show_duration(started.elapsed())));
    Ok(ending)
}

pub fn dist(workspace: &Workspace, flags: flags::Dist, console: &Console) -> Result<Ending> {
    let started = Instant::now();
    let wanted = Wanted {
        version: flags::version(&flags.version)?,
        allow_dirty: flags.allow_dirty,
    };
    let building = Building {
        workspace,
        commit: &Commit::find(workspace, &wanted, console)?,
        destination: None,
        selection: Selection {
            nodes: flags.node,
            platforms: flags::platforms(&flags.platform)?,
            local: flags.local,
        },
        manner: Manner {
            fresh: flags.fresh,
            fail_fast: flags.fail_fast,
            jobs: flags::jobs(flags.jobs)?,
        },
        universal: flags.universal,
        sealing: Sealing::Later,
    };
    let mut built = building.run(console)?;
    console.ui.table(&mut built.rows);
    console
        .ui
        .say(&format!("Total time: {}", show_duration(started.elapsed())));
    console.ui.result(built.dist.directory().as_str());
    verdict::judge(&built.rows)
}

pub fn checksum(
    workspace: &Workspace,
    flags: flags::Checksum,
    console: &Console,
) -> Result<Ending> {
    let dist = open_dist(workspace, flags::version(&flags.version)?, console.ui)?;
    let version = dist
        .source()
        .with_context(|| nothing_built(dist.directory()))?
        .version;
    let signer = open_signer(workspace)?;
    if flags.verify {
        let files = seal::check_version(&dist, &version, signer.as_ref())?;
        let files = files.keys().filter(|file| !file.ends_with(".sig")).count();
        console.ui.result(&format!(
            "{} of {version}: all hold",
            counted(files, "file")
        ));
        return Ok(Ending::Done);
    }
    let required = Plan::required(&workspace.inventory);
    let artifacts = seal::seal_version(
        &dist,
        &workspace.inventory.project,
        &required,
        signer.as_ref(),
    )?;
    let sealed = match signer {
        Some(_) => "hashed and signed",
        None => "hashed, and not signed, since nodes.toml sets no `signing_key`",
    };
    console.ui.result(&format!(
        "{} of {version} in {}: {sealed}",
        counted(artifacts, "artifact"),
        dist.directory()
    ));
    Ok(Ending::Done)
}

pub fn publish(workspace: &Workspace, flags: flags::Publish, console: &Console) -> Result<Ending> {
    if flags.import {
        return import(workspace, &flags, console);
    }
    let version = flags::version(&flags.version)?;
    let dist = match flags.adopt {
        true => adopt(workspace, version, &named_store(workspace, &flags), console)?,
        false => open_dist(workspace, version, console.ui)?,
    };
    let source = dist
        .source()
        .with_context(|| nothing_built(dist.directory()))?;
    let route = Route {
        to: flags.to.as_deref(),
        local: flags.local,
        dry_run: flags.dry_run,
        access: console.access,
    };
    let candidate = Candidate {
        version: &source.version,
        tagged: source.tagged,
    };
    let destination = Destination::choose(workspace, &candidate, &route)?;
    let signer = open_signer_for(&destination, workspace, console.ui)?;
    let seen = destination.look()?;
    destination.prepare(seen.as_ref(), console.ui)?;
    let required = required(workspace, &flags)?;
    if flags.local {
        // What is missing depends on where it goes, and release.json says it.
        seal::seal_version(
            &dist,
            &workspace.inventory.project,
            &required,
            signer.as_ref(),
        )?;
    }
    let publish = Publish {
        workspace,
        dist: &dist,
        source: &source,
        required: &required,
        seen: seen.as_ref(),
        destination,
        signer,
        exceptions: Exceptions {
            refresh_installer: flags.refresh_installer,
            reclaim: flags.reclaim,
            unproven: flags.allow_unproven,
            own_source: flags.allow_own_source,
        },
    };
    publish.run(console)?;
    Ok(Ending::Done)
}

/// What has to be in: all of the fleet's required platforms, or those that this machine builds.
fn required(workspace: &Workspace, flags: &flags::Publish) -> Result<BTreeSet<Platform>> {
    let inventory = &workspace.inventory;
    if !flags.local {
        return Ok(Plan::required(inventory));
    }
    let selection = Selection {
        local: true,
        ..Selection::default()
    };
    let here = workspace.this_machine(&Toolchain::ask()?)?;
    Ok(Plan::make(inventory, &selection, &here)?.required)
}

fn named_store(workspace: &Workspace, flags: &flags::Publish) -> Option<String> {
    let embedded = || workspace.dist().join("store").into_string();
    let named = flags.to.clone();
    named.or_else(|| flags.local.then(embedded))
}

/// `dist/<version>/` as the store has it.
fn adopt(
    workspace: &Workspace,
    version: Option<Version>,
    to: &Option<String>,
    console: &Console,
) -> Result<Dist> {
    let version = match version {
        Some(version) => version,
        None => work_tree_version(workspace)?,
    };
    let store = open_store(workspace, to, console)?;
    let signer = open_signer(workspace)?;
    let inventory = &workspace.inventory;
    let dist = Dist::open(&workspace.dist(), &version, &inventory.project.binary)?;
    let adoption = Adoption {
        store: &store,
        dist: &dist,
        release_keys: &inventory.publish.release_keys,
        ui: console.ui,
        interrupt: console.interrupt,
    };
    adoption.run(&version)?;
    let required = Plan::required(inventory);
    seal::seal_version(&dist, &inventory.project, &required, signer.as_ref())?;
    Ok(dist)
}

fn import(workspace: &Workspace, flags: &flags::Publish, console: &Console) -> Result<Ending> {
    let store = open_store(workspace, &named_store(workspace, flags), console)?;
    store.preflight()?;
    let import = Import {
        store: &store,
        inventory: &workspace.inventory,
        base_url: &base_url(&workspace.inventory.publish, &store),
        ui: console.ui,
        interrupt: console.interrupt,
    };
    let plan = import.plan()?;
    if flags.dry_run {
        return Ok(Ending::Done);
    }
    let index = import.carry_out(&plan)?;
    console.ui.result(&format!(
        "{} has an index of {} now, and every line of its versions.txt holds",
        store.location(),
        counted(index.versions.len(), "version")
    ));
    Ok(Ending::Done)
}

pub fn verify(workspace: &Workspace, flags: flags::Verify, console: &Console) -> Result<Ending> {
    let version = flags::version(&flags.version)?;
    let store = open_store(workspace, &flags.to, console)?;
    let base_url = base_url(&workspace.inventory.publish, &store);
    let reader = Reader {
        store: &store,
        base_url: &base_url,
    };
    let version = reader.verify(workspace, version.as_ref(), console)?;
    console
        .ui
        .result(&format!("{version} in {} is whole", store.location()));
    Ok(Ending::Done)
}

/// What is released: a commit of this repository.
struct Commit {
    repository: Repository,
    revision: Revision,
}

impl Commit {
    fn find(workspace: &Workspace, wanted: &Wanted, console: &Console) -> Result<Commit> {
        let repository = workspace.repository()?;
        let revision = repository.revision(&workspace.tools(console.interrupt), wanted)?;
        Ok(Commit {
            repository,
            revision,
        })
    }
}

/// The beginning of a release: from a commit to proven binaries in `dist/`.
struct Building<'a> {
    workspace: &'a Workspace,
    commit: &'a Commit,
    /// Asked before anything is built whether it can be written to and takes this source and these nodes.
    destination: Option<(&'a Destination, Exceptions)>,
    selection: Selection,
    manner: Manner,
    universal: bool,
    sealing: Sealing<'a>,
}

struct Built {
    plan: Plan,
    dist: Dist,
    source: SourceRecord,
    rows: Vec<Row>,
    /// What the destination listed before anything was built.
    seen: Option<Seen>,
}

impl Building<'_> {
    fn run(&self, console: &Console) -> Result<Built> {
        let inventory = &self.workspace.inventory;
        let toolchain = Toolchain::ask()?;
        let plan = Plan::make(
            inventory,
            &self.selection,
            &self.workspace.this_machine(&toolchain)?,
        )?;
        let seen = self.look_ahead(&plan)?;
        let (source, archive) = self.source(&toolchain, seen.as_ref(), console)?;
        if let Some((destination, _)) = self.destination {
            destination.prepare(seen.as_ref(), console.ui)?;
            destination.accepts(&source, seen.as_ref())?;
        }
        console.interrupt.check()?;
        // Whatever could be refused was: from here on dist/ is written.
        let (root, version) = (&self.workspace.dist(), &source.version);
        let dist = Dist::open(root, version, &inventory.project.binary)?;
        if let Some(damage) = &dist.damage {
            console.ui.warn(damage);
        }
        self.introduce(&plan, &source.sha256, console.ui);
        for platform in dist.take_source(&source, &archive)? {
            console.ui.say(&format!(
                "{platform} was built from another source and is built again"
            ));
        }
        let build = Build {
            inventory,
            source: &source,
            dist: &dist,
            history: &History::read(&self.workspace.dist()),
            ui: console.ui,
            interrupt: console.interrupt,
            toolchain: &toolchain.rustc,
            programs: &self.workspace.programs(),
            manner: self.manner,
            sealing: self.sealing,
        };
        let rows = build.run(&plan)?;
        console.interrupt.check()?;
        if self.universal {
            let artifact = universal::join(&dist, &source.version)?;
            console.ui.say(&format!(
                "joined {} ({} bytes)",
                artifact.file, artifact.size
            ));
        }
        Ok(Built {
            plan,
            dist,
            source,
            rows,
            seen,
        })
    }

    /// What is published there already; a plan that it could not take is refused.
    fn look_ahead(&self, plan: &Plan) -> Result<Option<Seen>> {
        let Some((destination, exceptions)) = self.destination else {
            return Ok(None);
        };
        if destination.is_for_users() {
            exceptions.check_plan(plan)?;
        }
        let seen = destination.look()?;
        if let (Some((index, _)), Sealing::AtOnce(signer), false) =
            (&seen, self.sealing, destination.is_embedded())
        {
            sign::check_continued(index, signer, destination.location())?;
        }
        Ok(seen)
    }

    /// The published archive of this version, if there is one; else that of the commit.
    fn source(
        &self,
        toolchain: &Toolchain,
        seen: Option<&Seen>,
        console: &Console,
    ) -> Result<(SourceRecord, Vec<u8>)> {
        let Commit {
            repository,
            revision,
        } = self.commit;
        if let Some((destination, _)) = self.destination {
            if let Some(published) = destination.published_source(revision, seen)? {
                return Ok(published);
            }
        }
        let tools = self.workspace.tools(console.interrupt);
        let stored = stored_archive(&self.workspace.dist(), &revision.version);
        repository.archive(&tools, revision, &toolchain.cargo, stored)
    }

    fn introduce(&self, plan: &Plan, source: &Digest, ui: &Ui) {
        let Revision {
            version,
            commit,
            tagged,
            dirty,
        } = &self.commit.revision;
        let kind = match (tagged, dirty) {
            (_, true) => "with uncommitted changes",
            (true, false) => "tagged",
            (false, false) => "not tagged",
        };
        let package = &self.workspace.inventory.project.package;
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
            ui.say(&format!("Disabled: {node} (`enabled = false`)"));
        }
    }
}

fn nothing_built(directory: &Utf8Path) -> String {
    format!("nothing is built in {directory}; `cargo xtask dist` builds")
}

fn open_signer(workspace: &Workspace) -> Result<Option<Signer>> {
    let publish = &workspace.inventory.publish;
    let open = |key: &String| {
        Signer::open(key, &publish.release_keys).map_err(|error| refuse(format!("{error:#}")))
    };
    publish.signing_key.as_ref().map(open).transpose()
}

/// The embedded store is for whoever has a clone; without the owner's key it is made unsigned.
fn open_signer_for(
    destination: &Destination,
    workspace: &Workspace,
    ui: &Ui,
) -> Result<Option<Signer>> {
    let key = workspace.inventory.publish.signing_key.as_ref();
    if let Some(key) = key.filter(|_| destination.is_embedded()) {
        if let Err(why) = Signer::try_out(key) {
            ui.say(&format!("Not signed: {why:#}"));
            return Ok(None);
        }
    }
    open_signer(workspace)
}

fn work_tree_version(workspace: &Workspace) -> Result<Version> {
    Ok(workspace.repository()?.work_tree_version().clone())
}

/// The one that is named, or that of nodes.toml.
fn open_store(workspace: &Workspace, to: &Option<String>, console: &Console) -> Result<Store> {
    let location = to.as_ref().or(workspace.inventory.publish.store.as_ref());
    let location = location.ok_or_else(|| refuse(crate::destination::NO_STORE))?;
    Store::open(location, console.access)
}

fn open_dist(workspace: &Workspace, version: Option<Version>, ui: &Ui) -> Result<Dist> {
    let version = match version {
        Some(version) => version,
        None => work_tree_version(workspace)?,
    };
    let root = workspace.dist();
    let directory = root.join(version.to_string());
    if !directory.exists() {
        bail!(nothing_built(&directory));
    }
    let dist = Dist::open(&root, &version, &workspace.inventory.project.binary)?;
    if let Some(damage) = &dist.damage {
        ui.warn(damage);
    }
    Ok(dist)
}
