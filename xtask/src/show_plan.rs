//! `cargo xtask plan`: what a release would do, in words, as JSON, or as the scripts themselves. Touches nothing.

use crate::console::Console;
use crate::destination::{untagged, NO_STORE};
use crate::flags;
use crate::history::History;
use crate::inventory::{Inventory, Node};
use crate::plan::{Plan, PlannedJob, Selection, Skipped};
use crate::publish::Exceptions;
use crate::schedule::longest_first;
use crate::script::Job;
use crate::source::{Revision, Wanted};
use crate::toolchain::Toolchain;
use crate::ui::Ui;
use crate::universal::lipo_arguments;
use crate::words::{show_duration, Digest};
use crate::workspace::Workspace;
use anyhow::Result;
use camino::Utf8PathBuf;
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
        store: match (flags.to, selection.local) {
            (Some(named), _) => Some(named),
            (None, true) => Some("dist/store".into()),
            (None, false) => workspace.inventory.publish.store.clone(),
        },
        universal: flags.universal,
        history: &History::read(&workspace.dist()),
        unmade: Digest::zero(),
    };
    match flags.scripts {
        true => shown.scripts(ui),
        false => {
            ui.event("plan", shown.json());
            ui.show(shown.text().trim_end());
        }
    }
    Ok(())
}

struct Shown<'a> {
    inventory: &'a Inventory,
    revision: &'a Revision,
    plan: &'a Plan,
    store: Option<String>,
    universal: bool,
    history: &'a History,
    /// The archive is not made by a plan.
    unmade: Digest,
}

impl Shown<'_> {
    /// Why this release would not begin, as it would say itself.
    fn refusal(&self) -> Option<String> {
        let version = &self.revision.version;
        match &self.store {
            None => Some(NO_STORE.into()),
            Some(store) if store.starts_with("gs://") && !self.revision.tagged => {
                Some(untagged(version))
            }
            Some(_) if self.revision.dirty => Some(
                "there are changes that are not committed; commit them, or use --allow-dirty"
                    .into(),
            ),
            Some(store) if store.starts_with("gs://") => {
                let refused = Exceptions::default().check_plan(self.plan);
                refused.err().map(|error| error.to_string())
            }
            Some(_) => None,
        }
    }

    /// As they start, each with what it usually takes.
    fn jobs(&self) -> Vec<(&PlannedJob, Option<Duration>)> {
        let usual = |job: &PlannedJob| self.history.usual(&job.nodes[0].name);
        let jobs: Vec<_> = self.plan.jobs.iter().map(|job| (job, usual(job))).collect();
        let order = longest_first(jobs.iter().map(|(_, usual)| *usual));
        order.into_iter().map(|job| jobs[job]).collect()
    }

    fn text(&self) -> String {
        let mut text = self.title();
        if let Some(why) = self.refusal() {
            text += &format!("a release would be refused: {why}\n");
        }
        for (job, usual) in self.jobs() {
            text += &self.describe_job(job, usual);
        }
        if self.universal {
            text += &format!("\non local:\n  $ {}\n", self.lipo());
        }
        for skipped in &self.plan.skipped {
            let Skipped {
                node,
                platform,
                reason,
                ..
            } = skipped;
            text += &format!("\nskipped: {node} ({platform}): {reason}\n");
        }
        for node in &self.plan.drained {
            text += &format!("\ndisabled: {node} (`enabled = false`)\n");
        }
        text
    }

    fn title(&self) -> String {
        let Revision {
            version,
            commit,
            tagged,
            dirty,
        } = self.revision;
        let tag = match tagged {
            true => version.tag(),
            false => "no tag".into(),
        };
        let dirty = if *dirty { ", uncommitted changes" } else { "" };
        format!(
            "{} {version} from commit {} ({tag}{dirty}) to {}\n",
            self.inventory.project.package,
            &commit[..12],
            self.store.as_deref().unwrap_or("no store")
        )
    }

    fn describe_job(&self, job: &PlannedJob, usual: Option<Duration>) -> String {
        let project = &self.inventory.project;
        let usual = usual.map(|usual| format!(", usually {}", show_duration(usual)));
        let mut text = format!("\non {}{}:\n", job.host, usual.unwrap_or_default());
        for node in &job.nodes {
            text += &format!("  {}\n", describe(node));
        }
        text += &format!("  $ {}\n", self.job(job).command_line());
        if job.nodes.iter().any(|node| node.prove) {
            for arguments in &project.prove {
                text += &format!("  $ {} {}\n", project.binary, arguments.join(" "));
            }
        }
        text
    }

    /// What joins the two macOS binaries, once both are there.
    fn lipo(&self) -> String {
        let version = &self.revision.version;
        let [first, second, joined] =
            ["macos-x86_64", "macos-aarch64", "macos-universal"].map(|platform| {
                Utf8PathBuf::from(format!(
                    "dist/{version}/{}-{version}-{platform}",
                    self.inventory.project.binary
                ))
            });
        format!(
            "lipo {}",
            lipo_arguments(&first, &second, &joined).join(" ")
        )
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
            "store": self.store, "refusal": self.refusal(), "jobs": jobs, "skipped": self.plan.skipped, "drained": self.plan.drained, "required": self.plan.required,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::ThisMachine;
    use crate::words::{Target, Version};

    /// The checked-in fleet as a Mac with Apple's processor plans it, with these targets installed beside its own.
    fn on_a_mac(others: &[&str], store: Option<&str>) -> String {
        let text = include_str!("../../nodes.toml");
        let inventory = Inventory::parse("nodes.toml", text).unwrap();
        let target = |triple: &&str| Target::parse(triple).unwrap();
        let host = target(&"aarch64-apple-darwin");
        let here = ThisMachine {
            installed: others.iter().map(target).chain([host.clone()]).collect(),
            host,
        };
        let selection = Selection {
            local: true,
            ..Selection::default()
        };
        let shown = Shown {
            inventory: &inventory,
            revision: &Revision {
                version: Version::parse("0.14.0").unwrap(),
                commit: "0123456789abcdef".into(),
                tagged: false,
                dirty: false,
            },
            plan: &Plan::make(&inventory, &selection, &here).unwrap(),
            store: store.map(String::from),
            universal: true,
            history: &History::read("/nowhere".as_ref()),
            unmade: Digest::zero(),
        };
        shown.text()
    }

    #[test]
    fn a_mac_builds_both_targets_in_one_call_and_joins_them() {
        assert_eq!(
            on_a_mac(&["x86_64-apple-darwin"], Some("dist/store")),
            "ballistics-engine 0.14.0 from commit 0123456789ab (no tag) to dist/store

on local:
  macos-aarch64              macos-aarch64    aarch64-apple-darwin
  macos-x86_64               macos-x86_64     x86_64-apple-darwin
  $ cargo build --release --locked --bin ballistics --target aarch64-apple-darwin --target x86_64-apple-darwin
  $ ballistics --version
  $ ballistics selftest

on local:
  $ lipo -create dist/0.14.0/ballistics-0.14.0-macos-x86_64 dist/0.14.0/ballistics-0.14.0-macos-aarch64 -output dist/0.14.0/ballistics-0.14.0-macos-universal

disabled: openbsd-aarch64 (`enabled = false`)
"
        );
    }

    #[test]
    fn a_target_that_is_not_installed_is_named_with_its_remedy() {
        let plan = on_a_mac(&[], Some("dist/store"));
        assert!(
            plan.contains("--bin ballistics --target aarch64-apple-darwin\n"),
            "{plan}"
        );
        assert!(plan.contains("\nskipped: macos-x86_64 (macos-x86_64): the standard library of x86_64-apple-darwin is not installed; `rustup target add x86_64-apple-darwin` installs it\n"), "{plan}");
    }

    #[test]
    fn a_release_that_would_be_refused_is_planned_with_the_reason() {
        let refused = |store| {
            let plan = on_a_mac(&[], store);
            plan.lines().nth(1).unwrap_or_default().to_string()
        };
        assert_eq!(refused(Some("gs://b")), "a release would be refused: a bucket takes only tagged releases, and this commit does not carry v0.14.0; tag it, or publish to a directory with --to");
        assert_eq!(refused(None), "a release would be refused: no store is named; set `[publish] store` in nodes.toml, or use --to");
        assert_eq!(refused(Some("/srv/store")), "");
    }
}
