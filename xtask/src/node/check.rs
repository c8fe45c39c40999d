//! `cargo xtask node check`: asks every node whether it could build, all at once; with `--install`, runs the store's installer there too.

use crate::console::{Console, Ending};
use crate::flags;
use crate::gate::{Gate, HANDSHAKES};
use crate::host::Host;
use crate::inventory::{Node, Project};
use crate::plan::{Plan, Selection};
use crate::probe::Probe;
use crate::process::{Feed, Interrupt, Session};
use crate::schedule::{run_all, Weight};
use crate::script::{Job, Mark, Marks, HEARTBEAT_WINDOW};
use crate::ssh;
use crate::store::Store;
use crate::toolchain::Toolchain;
use crate::words::{refuse, show_duration, Digest, ObjectName, Version};
use crate::workspace::Workspace;
use anyhow::{bail, Context, Result};
use camino::Utf8Path;
use serde_json::json;
use std::fs::{self, File};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// A slow guest needs seconds for `rustc --version`, and a minute for an installation.
const DEADLINE: Duration = Duration::from_secs(180);
const TICK: Duration = Duration::from_millis(20);
const NONCE: &str = "check";

pub fn run(workspace: &Workspace, flags: flags::Check, console: &Console) -> Result<Ending> {
    let selection = Selection {
        nodes: flags.node,
        platforms: flags::platforms(&flags.platform)?,
        local: flags.local,
    };
    let plan = Plan::make(
        &workspace.inventory,
        &selection,
        &workspace.this_machine(&Toolchain::ask()?)?,
    )?;
    let installer = flags
        .install
        .then(|| installer(workspace, flags.to.as_deref(), console))
        .transpose()?;
    let room = workspace.sh.create_temp_dir()?;
    let question = Question {
        project: &workspace.inventory.project,
        rust_version: workspace.repository()?.rust_version().map(String::from),
        installer,
        room: Utf8Path::from_path(room.path()).context("TMPDIR is not text")?,
        interrupt: console.interrupt,
    };
    let nodes: Vec<&Node> = plan.nodes().collect();
    let (gate, programs) = (Gate::new(HANDSHAKES), workspace.programs());
    let check = |index: usize| {
        let node = nodes[index];
        let _permit = gate.enter(&node.box_name(), console.interrupt)?;
        ask(&question, node, &Host::of(node, &programs))
    };
    let answers = run_all(&vec![Weight::default(); nodes.len()], usize::MAX, check);
    console.interrupt.check()?;
    let mut troubled = Vec::new();
    for (node, answer) in nodes.iter().zip(answers) {
        report(node, &answer, console);
        if answer.is_err() && node.required {
            troubled.push(node.name.as_str());
        }
    }
    for skipped in &plan.skipped {
        console
            .ui
            .result(&format!("{:26} skipped: {}", skipped.node, skipped.reason));
    }
    match troubled.is_empty() {
        true => Ok(Ending::Done),
        false => bail!("required nodes will not do: {}", troubled.join(", ")),
    }
}

/// The store's own installer, as its users get it.
fn installer(workspace: &Workspace, to: Option<&str>, console: &Console) -> Result<String> {
    let location = to
        .map(String::from)
        .or_else(|| workspace.inventory.publish.store.clone());
    let location = location.ok_or_else(|| refuse(crate::destination::NO_STORE))?;
    let store = Store::open(&location, console.access)?;
    let object = store.read(&ObjectName::installer())?;
    let object = object.with_context(|| {
        format!(
            "{} has no install.sh; publish something first",
            store.location()
        )
    })?;
    String::from_utf8(object.bytes).context("install.sh is not text")
}

/// What every node is asked.
struct Question<'a> {
    project: &'a Project,
    rust_version: Option<String>,
    installer: Option<String>,
    /// Where its answers are written.
    room: &'a Utf8Path,
    interrupt: &'a Interrupt,
}

/// What a healthy node says of itself.
struct Healthy {
    probe: Probe,
    installed: Option<String>,
}

fn ask(question: &Question, node: &Node, host: &Host) -> Result<Healthy> {
    let job = Job {
        project: question.project,
        version: &Version::parse("0.0.0")?,
        nodes: vec![node],
        directory: node.name.as_str(),
        archive_size: 0,
        archive_sha256: &Digest::zero(),
        fresh: false,
        heartbeat_window: HEARTBEAT_WINDOW,
    };
    let script = job.check_script(NONCE, question.installer.as_deref());
    let log = question.room.join(node.name.as_str());
    let said = hear_out(host, script, &log, question.interrupt)?;
    let (mut probe, marks, now) = (Probe::default(), Marks::new(NONCE), SystemTime::now());
    let (mut ended, mut installed) = (false, None);
    for mark in said.lines().filter_map(|line| marks.read(line)) {
        match mark {
            Mark::Fact { name, value } if name == "installed" => installed = Some(value),
            Mark::Fact { name, value } => probe.take(&name, &value, now),
            Mark::JobLost { message, .. } => bail!("{message}"),
            Mark::End(_) => ended = true,
            _ => {}
        }
    }
    if !ended {
        let (class, line) = ssh::diagnose(&said.lines().collect::<Vec<_>>());
        let line = line.unwrap_or("no answer");
        bail!(
            "{class}: {line}; {}",
            ssh::remedy(class, &node.host.to_string())
        );
    }
    match probe.obstacle(&[node], question.rust_version.as_deref()) {
        Some(obstacle) => bail!("{obstacle}"),
        None => Ok(Healthy { probe, installed }),
    }
}

/// All that a session says until it ends. When it is left before that, the node ends what it started, as it does with a build.
fn hear_out(host: &Host, script: String, log: &Utf8Path, interrupt: &Interrupt) -> Result<String> {
    let stderr = File::create(log).with_context(|| format!("{log} cannot be written"))?;
    let stdout = File::create("/dev/null").context("/dev/null")?;
    let mut session = Session::start(&host.command(), script, Feed::Copied, stdout, stderr)?;
    let deadline = Instant::now() + DEADLINE;
    while session.try_wait()?.is_none() {
        interrupt.check()?;
        if Instant::now() > deadline {
            bail!("no answer within {}", show_duration(DEADLINE));
        }
        thread::sleep(TICK);
    }
    let said = fs::read(log).with_context(|| format!("reading {log}"))?;
    Ok(String::from_utf8_lossy(&said).into_owned())
}

fn report(node: &Node, answer: &Result<Healthy>, console: &Console) {
    let (fields, line) = match answer {
        Ok(healthy) => {
            let facts = &healthy.probe.facts;
            let installed = healthy
                .installed
                .as_ref()
                .map(|said| format!(", installed {said}"))
                .unwrap_or_default();
            let line = format!(
                "ok: {} {} {}, {}{installed}",
                facts.os, facts.os_release, facts.arch, facts.cargo
            );
            (
                json!({"facts": facts, "installed": healthy.installed}),
                line,
            )
        }
        Err(error) => (
            json!({"trouble": format!("{error:#}")}),
            format!("{error:#}"),
        ),
    };
    let mut event = json!({"node": node.name, "ok": answer.is_ok()});
    event["answer"] = fields;
    console.ui.event("check", event);
    console.ui.show(&format!("{:26} {line}", node.name));
}
