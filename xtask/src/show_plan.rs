//! `cargo xtask plan`: what a release would do, in words, as JSON, or as the scripts themselves. Touches nothing.

use crate::console::Console;
use crate::flags;
use crate::history::History;
use crate::inventory::{Inventory, Node};
use crate::plan::{Plan, PlannedJob, Selection};
use crate::schedule::longest_first;
use crate::script::Job;
use crate::source::{Revision, Wanted};
use crate::toolchain::Toolchain;
use crate::ui::Ui;
use crate::words::{show_duration, Digest};
use crate::workspace::Workspace;
use anyhow::Result;
use serde_json::{json, Value};
use std::time::Duration;

pub fn run(workspace: &Workspace, flags: flags::Plan, console: &Console) -> Result<()> {
    let ui = console.ui;
    // A plan looks at what a release would refuse, too.
    let wanted = Wanted {
        version: flags::version(&flags.version)?,
        allow_dirty: true,
    };
    let tools = workspace.tools(console.interrupt);
    let revision = workspace.repository()?.revision(&tools, &wanted)?;
    let selection = Selection {
        nodes: flags.node,
        platforms: flags::platforms(&flags.platform)?,
        local: flags.local,
    };
    let here = workspace.this_machine(&Toolchain::ask()?)?;
    let plan = Plan::make(&workspace.inventory, &selection, &here)?;
    let shown = Shown {
        inventory: &workspace.inventory,
        revision: &revision,
        plan: &plan,
        local: selection.local,
        history: &History::read(&workspace.dist()),
        unmade: Digest::zero(),
    };
    match flags.scripts {
        true => shown.scripts(ui),
        false => {
            ui.event("plan", shown.json());
            shown.text(ui);
        }
    }
    Ok(())
}

struct Shown<'a> {
    inventory: &'a Inventory,
    revision: &'a Revision,
    plan: &'a Plan,
    local: bool,
    history: &'a History,
    /// The archive is not made by a plan.
    unmade: Digest,
}

impl Shown<'_> {
    fn store(&self) -> &str {
        match (self.local, &self.inventory.publish.store) {
            (true, _) => "dist/store",
            (false, Some(store)) => store,
            (false, None) => "none (set `[publish] store`, or use --to)",
        }
    }

    /// As they start, each with what it usually takes.
    fn jobs(&self) -> Vec<(&PlannedJob, Option<Duration>)> {
        let usual = |job: &PlannedJob| self.history.usual(&job.nodes[0].name);
        let jobs: Vec<_> = self.plan.jobs.iter().map(|job| (job, usual(job))).collect();
        let order = longest_first(jobs.iter().map(|(_, usual)| *usual));
        order.into_iter().map(|job| jobs[job]).collect()
    }

    fn text(&self, ui: &Ui) {
        let Revision {
            version,
            commit,
            tagged,
            dirty,
        } = self.revision;
        let tag = if *tagged {
            version.tag()
        } else {
            "no tag".into()
        };
        let dirty = if *dirty { ", uncommitted changes" } else { "" };
        ui.show(&format!(
            "{} {version} from commit {} ({tag}{dirty}) to {}",
            self.inventory.project.package,
            &commit[..12],
            self.store()
        ));
        for (job, usual) in self.jobs() {
            let usual = usual.map(|usual| format!(", usually {}", show_duration(usual)));
            ui.show(&format!("\non {}{}:", job.host, usual.unwrap_or_default()));
            for node in &job.nodes {
                ui.show(&format!("  {}", describe(node)));
            }
            ui.show(&format!("  $ {}", self.job(job).command_line()));
            for arguments in self
                .inventory
                .project
                .prove
                .iter()
                .filter(|_| job.nodes.iter().any(|node| node.prove))
            {
                ui.show(&format!(
                    "  $ {} {}",
                    self.inventory.project.binary,
                    arguments.join(" ")
                ));
            }
        }
        for skipped in &self.plan.skipped {
            ui.show(&format!(
                "\nskipped: {} ({}): {}",
                skipped.node, skipped.platform, skipped.reason
            ));
        }
        for node in &self.plan.drained {
            ui.show(&format!("\ndisabled: {node} (`enabled = false`)"));
        }
    }

    fn json(&self) -> Value {
        let jobs: Vec<Value> = self.jobs().into_iter().map(|(job, usual)| {
            let nodes: Vec<Value> = job.nodes.iter().map(|node| json!({
                "name": node.name, "platform": node.platform(), "target": node.target, "required": node.required, "prove": node.prove,
            })).collect();
            json!({"host": job.host.to_string(), "nodes": nodes, "command": self.job(job).command_line(),
                   "usual_seconds": usual.map(|usual| usual.as_secs_f64())})
        }).collect();
        json!({
            "version": self.revision.version, "commit": self.revision.commit, "tagged": self.revision.tagged, "dirty": self.revision.dirty,
            "store": self.store(), "jobs": jobs, "skipped": self.plan.skipped, "drained": self.plan.drained, "required": self.plan.required,
        })
    }

    /// The archive's hash and size are those of a run; here they are zero.
    fn scripts(&self, ui: &Ui) {
        for job in &self.plan.jobs {
            let script = self.job(job).script("NONCE");
            ui.show(&format!("# {} on {}", job.directory, job.host));
            ui.show(&script);
            ui.event(
                "script",
                json!({"job": job.directory, "host": job.host.to_string(), "script": script}),
            );
        }
    }

    fn job<'b>(&'b self, planned: &'b PlannedJob) -> Job<'b> {
        Job {
            project: &self.inventory.project,
            version: &self.revision.version,
            nodes: planned.nodes.iter().collect(),
            directory: &planned.directory,
            archive_size: 0,
            archive_sha256: &self.unmade,
            fresh: false,
            heartbeat_window: crate::script::HEARTBEAT_WINDOW,
        }
    }
}

fn describe(node: &Node) -> String {
    let mut notes = Vec::new();
    if !node.required {
        notes.push("optional");
    }
    if !node.prove {
        notes.push("not proven");
    }
    let notes = if notes.is_empty() {
        String::new()
    } else {
        format!(" ({})", notes.join(", "))
    };
    format!(
        "{:26} {:16} {}{notes}",
        node.name,
        node.platform(),
        node.target
    )
}
