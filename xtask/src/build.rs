//! A step of a release: every job of the plan on its host, each in a thread of its own; finished binaries are checked, named, recorded and sealed.

use crate::dist::Dist;
use crate::files::remove_if_there;
use crate::gate::{Gate, HANDSHAKES};
use crate::history::{self, History};
use crate::hooks::MachineHooks;
use crate::host::{self, Answer, Arrived, Host, Order, Watch};
use crate::inventory::{Address, Inventory, Machine, Node};
use crate::manifest::SourceRecord;
use crate::object_file::{self, Linked};
use crate::plan::{Plan, PlannedJob, Skipped};
use crate::process::Interrupt;
use crate::schedule::{self, Weight};
use crate::script::{self, Job};
use crate::seal::seal_file;
use crate::sign::Signer;
use crate::ssh::Programs;
use crate::ui::{JobLine, Row, Ui};
use crate::words::{
    show_duration, show_time, Artifact, Digest, Facts, Failure, FailureClass, Outcome, SourceKind,
    Stage,
};
use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use object::ReadCache;
use serde_json::json;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub struct Build<'a> {
    pub inventory: &'a Inventory,
    pub source: &'a SourceRecord,
    pub dist: &'a Dist,
    pub history: &'a History,
    pub ui: &'a Ui,
    pub interrupt: &'a Interrupt,
    /// `rustc -vV` of this machine: local artifacts of another toolchain are not used again.
    pub toolchain: &'a str,
    pub programs: &'a Programs,
    pub manner: Manner,
    pub sealing: Sealing<'a>,
}

/// How the command line wants it built.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Reuse nothing.
    pub fresh: bool,
    pub fail_fast: bool,
    /// At most so many jobs at once.
    pub jobs: usize,
}

/// Whether an artifact gets its sidecar and signature as soon as it is there.
#[derive(Clone, Copy)]
pub enum Sealing<'a> {
    Later,
    AtOnce(Option<&'a Signer>),
}

/// A guest that boots, or a node that was lost, is asked again this often; more would look like an attack to a new sshd.
const RETURN_POLL: Duration = Duration::from_secs(2);
/// After a link broke its node may be away for this long: a laptop that wakes up takes a while to find its network.
const RETURN_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// A job of the plan, and those of its nodes that are not built yet.
struct PendingJob<'a> {
    planned: &'a PlannedJob,
    nodes: Vec<&'a Node>,
}

impl Build<'_> {
    /// One row per node, whatever became of it. An `Err` is a fault of this machine, not of a node.
    pub fn run(&self, plan: &Plan) -> Result<Vec<Row>> {
        let mut rows: Vec<Row> = plan.skipped.iter().map(|node| self.skip(node)).collect();
        let mut jobs = Vec::new();
        for planned in &plan.jobs {
            let (reused, missing) = self.look_for_finished(planned)?;
            rows.extend(reused);
            if !missing.is_empty() {
                jobs.push(PendingJob {
                    planned,
                    nodes: missing,
                });
            }
        }
        let first_nodes: Vec<&Node> = jobs.iter().map(|job| job.nodes[0]).collect();
        let machines = MachineHooks::new(self.inventory, &first_nodes, self.dist, self.ui);
        let (handshakes, given_up) = (Gate::new(HANDSHAKES), AtomicBool::new(false));
        let watch = Watch {
            interrupt: self.interrupt,
            handshakes: &handshakes,
            given_up: &given_up,
        };
        let weights: Vec<Weight> = first_nodes.iter().map(|node| self.weight(node)).collect();
        let built = schedule::run_all(&weights, self.manner.jobs, |job| {
            self.build(&jobs[job], &machines, &watch)
        });
        for result in built {
            rows.extend(result?);
        }
        Ok(rows)
    }

    fn weight(&self, node: &Node) -> Weight {
        let named = |machine: &&Machine| node.machine.as_ref() == Some(&machine.name);
        let machine = self.inventory.machines.iter().find(named);
        Weight {
            usual: self.history.usual(&node.name),
            machine: machine.and_then(|machine| Some((machine.name.clone(), machine.slots?))),
        }
    }

    /// What is built, proven and unchanged is used again, without a connection.
    fn look_for_finished<'p>(&self, planned: &'p PlannedJob) -> Result<(Vec<Row>, Vec<&'p Node>)> {
        let started = Instant::now();
        let (mut rows, mut missing) = (Vec::new(), Vec::new());
        for node in &planned.nodes {
            match self.reusable(node)? {
                Some(artifact) => {
                    self.seal(&artifact)?;
                    rows.push(self.row(node, Outcome::Reused(artifact), started.elapsed()));
                }
                None => missing.push(node),
            }
        }
        Ok((rows, missing))
    }

    fn reusable(&self, node: &Node) -> Result<Option<Artifact>> {
        if self.manner.fresh {
            return Ok(None);
        }
        let record = self.dist.artifact(node.platform())?;
        Ok(record
            .filter(|record| record.key.as_ref().is_none_or(|key| *key == self.key(node)))
            .map(|record| record.artifact))
    }

    /// Everything that decides what this node would build and how it would be proven: the script says it all.
    fn key(&self, node: &Node) -> Digest {
        let script = self.job_of(vec![node], "-", false).script("");
        let toolchain = if node.host == Address::Local {
            self.toolchain
        } else {
            ""
        };
        Digest::of(format!("{script}\n{:?}\n{toolchain}", node.max_glibc).as_bytes())
    }

    fn job_of<'b>(&'b self, nodes: Vec<&'b Node>, directory: &'b str, fresh: bool) -> Job<'b> {
        Job {
            project: &self.inventory.project,
            version: &self.source.version,
            nodes,
            directory,
            archive_size: self.source.size,
            archive_sha256: &self.source.sha256,
            fresh,
            heartbeat_window: script::HEARTBEAT_WINDOW,
        }
    }

    fn build(
        &self,
        pending: &PendingJob,
        machines: &MachineHooks,
        watch: &Watch,
    ) -> Result<Vec<Row>> {
        let started = Instant::now();
        let PendingJob { planned, nodes } = pending;
        // Whatever becomes of this job, what the last run said of it is over.
        let logs: Vec<Utf8PathBuf> = nodes.iter().map(|node| self.dist.log(&node.name)).collect();
        host::begin_log(&logs)?;
        let mut line = self
            .ui
            .job(&planned.directory, self.history.usual(&nodes[0].name));
        let host = Host::of(nodes[0], self.programs);
        let hooks = machines.of(nodes[0]);
        let answer = match watch.called_off() {
            Some(why) => Answer::failed(Stage::Connect, FailureClass::Interrupted, why.into()),
            None => match hooks.start(watch) {
                Ok(ready_by) => self.attempts(pending, &host, ready_by, &mut line, watch)?,
                Err(error) => {
                    Answer::failed(Stage::Connect, FailureClass::Start, format!("{error:#}"))
                }
            },
        };
        drop(hooks);
        line.done();
        let mut rows = Vec::new();
        for node in nodes {
            let outcome = match self.collect(
                node,
                &answer,
                started.elapsed().saturating_sub(answer.waited),
            )? {
                Ok(artifact) => Outcome::Built(artifact),
                Err(failure) => {
                    self.dist.forget(node.platform())?;
                    self.report_failure(node, &failure, &answer, &host)?;
                    Outcome::Failed(failure)
                }
            };
            if self.manner.fail_fast && node.required && outcome.artifact().is_none() {
                watch.given_up.store(true, Ordering::Relaxed);
            }
            let row = self.row(node, outcome, started.elapsed());
            self.record(node, &row, &answer)?;
            rows.push(row);
        }
        for arrived in &answer.binaries {
            remove_if_there(&arrived.path)?;
        }
        // Also of a session that failed, from which nothing has arrived.
        remove_if_there(&self.stream(planned))?;
        Ok(rows)
    }

    /// The connection is tried again, a build that was cut off too; a failing build, a refused key or a changed host key is not.
    fn attempts(
        &self,
        pending: &PendingJob,
        host: &Host,
        mut ready_by: Option<Instant>,
        line: &mut JobLine,
        watch: &Watch,
    ) -> Result<Answer> {
        let nodes = &pending.nodes;
        let name = &pending.planned.directory;
        let job = self.job_of(nodes.clone(), name, self.manner.fresh);
        let order = Order {
            host,
            job: &job,
            archive: self.dist.path(&self.source.file),
            limits: &nodes[0].limits,
            rust_version: self.source.rust_version.as_deref(),
            machine: nodes[0].box_name(),
            log: self.dist.log(&nodes[0].name),
            raw_log: self.dist.partial(&format!("{name}.log")),
            stream: self.stream(pending.planned),
        };
        let (mut attempt, mut noted) = (0, String::new());
        let mut waited = Duration::ZERO;
        loop {
            let mut answer = host::run(&order, line, watch)?;
            answer.waited += waited;
            waited = answer.waited;
            let Some(failure) = answer
                .failure
                .as_ref()
                .filter(|failure| failure.class.is_transport())
            else {
                return Ok(answer);
            };
            let lost = failure.class == FailureClass::Lost;
            let awaited = !lost && ready_by.is_some_and(|until| Instant::now() < until);
            if !awaited && attempt >= order.limits.retries {
                return Ok(answer);
            }
            attempt += u32::from(!awaited);
            if lost {
                ready_by = Some(Instant::now() + RETURN_TIMEOUT);
            }
            let delay = if awaited {
                RETURN_POLL
            } else {
                backoff(attempt)
            };
            let news = format!("{} ({})", failure.message, failure.class);
            if !awaited || news != noted {
                line.note(&format!("{news}; tries again in {}", show_duration(delay)));
                noted = news;
            }
            watch.pause(delay);
            if watch.called_off().is_some() {
                return Ok(answer);
            }
        }
    }

    /// Where a session's stdout goes while it runs.
    fn stream(&self, planned: &PlannedJob) -> Utf8PathBuf {
        self.dist.partial(&format!("{}.stream", planned.directory))
    }

    /// The binary out of the stream, checked, named and recorded; a node's failure is data.
    fn collect(
        &self,
        node: &Node,
        answer: &Answer,
        elapsed: Duration,
    ) -> Result<Result<Artifact, Failure>> {
        if let Some(failure) = answer
            .failure
            .as_ref()
            .or_else(|| answer.lost.get(&node.target))
        {
            return Ok(Err(failure.clone()));
        }
        let Some(frame) = answer
            .binaries
            .iter()
            .find(|frame| frame.target == node.target)
        else {
            let message = "the binary did not arrive whole; the same command tries again";
            return Ok(Err(not_collected(FailureClass::Transfer, message.into())));
        };
        let partial = self.dist.partial(&self.dist.artifact_file(node.platform()));
        cut_out(frame, &partial).with_context(|| format!("{partial} cannot be written"))?;
        match examine(node, frame, &partial)? {
            Ok(linked) => {
                let artifact = self.artifact(node, frame, linked, &answer.probe.facts);
                host::add_to_log(&self.dist.log(&node.name), &needs(&artifact))?;
                let seconds = elapsed.as_secs_f64();
                self.keep(
                    node,
                    &partial,
                    Artifact {
                        seconds,
                        ..artifact
                    },
                )
                .map(Ok)
            }
            Err(failure) => {
                remove_if_there(&partial)?;
                Ok(Err(failure))
            }
        }
    }

    fn artifact(&self, node: &Node, frame: &Arrived, linked: Linked, facts: &Facts) -> Artifact {
        let mut facts = facts.clone();
        if let (true, Some(compiler)) = (facts.rustc.is_empty(), linked.compiler.as_ref()) {
            facts.rustc.clone_from(compiler);
        }
        Artifact {
            platform: node.platform(),
            targets: vec![node.target.clone()],
            node: node.name.clone(),
            host: node.host.to_string(),
            file: self.dist.artifact_file(node.platform()),
            sha256: frame.sha256.clone(),
            size: frame.size,
            floor: linked.floor(node.platform(), &facts),
            needed: linked.needed,
            symbol_versions: linked.symbol_versions,
            proven: node.prove,
            source: match node.build_command {
                Some(_) => SourceKind::Own,
                None => SourceKind::Archive,
            },
            facts,
            seconds: 0.0,
        }
    }

    fn keep(&self, node: &Node, partial: &Utf8Path, artifact: Artifact) -> Result<Artifact> {
        self.dist.keep(partial, self.key(node), artifact.clone())?;
        self.seal(&artifact)?;
        Ok(artifact)
    }

    fn seal(&self, artifact: &Artifact) -> Result<()> {
        match self.sealing {
            Sealing::Later => Ok(()),
            Sealing::AtOnce(signer) => {
                seal_file(self.dist, &artifact.file, &artifact.sha256, signer)
            }
        }
    }

    fn row(&self, node: &Node, outcome: Outcome, elapsed: Duration) -> Row {
        let artifact = outcome.artifact();
        let failure = match &outcome {
            Outcome::Failed(failure) => Some(failure),
            _ => None,
        };
        self.ui.event(
            "outcome",
            json!({"node": node.name, "platform": node.platform(), "outcome": outcome.word(),
                   "sha256": artifact.map(|one| &one.sha256), "floor": artifact.map(|one| &one.floor),
                   "failure": failure, "seconds": elapsed.as_secs_f64()}),
        );
        Row {
            node: node.name.to_string(),
            platform: node.platform(),
            absence: node.absence(),
            outcome,
            elapsed,
        }
    }

    fn skip(&self, skipped: &Skipped) -> Row {
        let outcome = Outcome::Skipped(skipped.reason.clone());
        self.ui.event(
            "outcome",
            json!({"node": skipped.node, "platform": skipped.platform, "outcome": outcome.word(), "sha256": null,
                   "failure": null, "reason": skipped.reason, "seconds": 0.0}),
        );
        Row {
            node: skipped.node.to_string(),
            platform: skipped.platform,
            absence: skipped.absence,
            outcome,
            elapsed: Duration::ZERO,
        }
    }

    /// The last lines, where the log is, and how to look for oneself.
    fn report_failure(
        &self,
        node: &Node,
        failure: &Failure,
        answer: &Answer,
        host: &Host,
    ) -> Result<()> {
        let log = self.dist.log(&node.name);
        let mut report = format!(
            "[{}] failed in {}: {}",
            node.name, failure.stage, failure.message
        );
        if fs::metadata(&log).map_or(0, |log| log.len()) == 0 {
            // No session began, so there is nothing else to look at.
            self.ui.warn(&report);
            return Ok(());
        }
        report.push('\n');
        for line in host::last_lines_of_log(&log, 12).unwrap_or_default() {
            report += &format!("    {line}\n");
        }
        report += &format!("    the whole log: {log}");
        if !answer.probe.work.is_empty() {
            report += &format!(
                "\n    to look for yourself: {}",
                host.visit(&answer.probe.work)
            );
        }
        self.ui.warn(&report);
        Ok(())
    }

    fn record(&self, node: &Node, row: &Row, answer: &Answer) -> Result<()> {
        self.history.add(&history::Line {
            at: show_time(SystemTime::now()),
            version: self.source.version.clone(),
            node: node.name.clone(),
            platform: node.platform(),
            outcome: row.outcome.word().into(),
            // The next release need not wait.
            seconds: row.elapsed.saturating_sub(answer.waited).as_secs_f64(),
            stages: answer.stages.clone(),
        })
    }
}

/// Doubling, with jitter, so that nodes which were dropped together do not come back together.
fn backoff(attempt: u32) -> Duration {
    let jitter = 500
        + u64::from(
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |now| now.subsec_nanos())
                % 1000,
        );
    Duration::from_millis(jitter * (1 << attempt.min(5)))
}

/// What arrived is what the node hashed, and a program for the node's platform that runs on systems as old as it has to.
fn examine(node: &Node, frame: &Arrived, file: &Utf8Path) -> Result<Result<Linked, Failure>> {
    let open = || File::open(file).with_context(|| format!("reading {file}"));
    let (sha256, _) = Digest::of_reader(open()?)?;
    if sha256 != frame.sha256 {
        let expected = &frame.sha256;
        let message = format!("the binary arrived damaged (expected {expected}, got {sha256}); the same command tries again");
        return Ok(Err(not_collected(FailureClass::Transfer, message)));
    }
    let platform = node.platform();
    let verdict = match object_file::check(&ReadCache::new(open()?), platform) {
        Ok(linked) => match too_new(node, &linked) {
            None => return Ok(Ok(linked)),
            Some(why) => why,
        },
        Err(error) => format!("what was built is not for {platform}: {error:#}"),
    };
    Ok(Err(not_collected(FailureClass::Proof, verdict)))
}

fn too_new(node: &Node, linked: &Linked) -> Option<String> {
    let (limit, needed) = (node.max_glibc.as_ref()?, linked.glibc()?);
    object_file::is_newer(needed, limit).then(|| format!("it needs glibc {needed}, and `max_glibc` is {limit}; build on an older system, or raise the limit"))
}

/// What a system must have to run it, for the log.
fn needs(artifact: &Artifact) -> String {
    let all: Vec<&str> = artifact
        .needed
        .iter()
        .chain(&artifact.symbol_versions)
        .map(String::as_str)
        .collect();
    format!("runs from {} on, needs {}", artifact.floor, all.join(" "))
}

fn not_collected(class: FailureClass, message: String) -> Failure {
    Failure {
        stage: Stage::Collect,
        class,
        message,
    }
}

/// From one file to another, so that memory does not grow with a binary's size.
fn cut_out(arrived: &Arrived, to: &Utf8Path) -> io::Result<()> {
    let mut from = File::open(&arrived.path)?;
    from.seek(SeekFrom::Start(arrived.offset))?;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o755)
        .open(to)?;
    io::copy(&mut from.take(arrived.size), &mut file)?;
    file.sync_all()
}
