//! A step of a release: every job of the plan on its host, each in a thread of its own; finished binaries are checked, named, recorded and sealed.

use crate::dist::Dist;
use crate::history::{self, History};
use crate::host::{self, Answer, Host, Order};
use crate::inventory::{Address, Inventory, Node};
use crate::manifest::SourceRecord;
use crate::object_file;
use crate::plan::{Plan, PlannedJob};
use crate::process::Interrupt;
use crate::script::{self, Framed, Job};
use crate::seal::seal_file;
use crate::sign::Signer;
use crate::ui::{Row, Ui};
use crate::words::{show_duration, Artifact, Digest, Failure, FailureClass, Outcome, Stage};
use anyhow::{Context, Result};
use camino::Utf8Path;
use serde_json::json;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::thread;
use std::time::{Duration, Instant};

pub struct Build<'a> {
    pub inventory: &'a Inventory,
    pub source: &'a SourceRecord,
    pub archive: &'a [u8],
    pub dist: &'a Dist,
    pub history: &'a History,
    pub ui: &'a Ui,
    pub interrupt: &'a Interrupt,
    /// `rustc -vV` of this machine: local artifacts of another toolchain are not used again.
    pub toolchain: &'a str,
    pub fresh: bool,
    pub sealing: Sealing<'a>,
}

/// Whether an artifact gets its sidecar and signature as soon as it is there.
#[derive(Clone, Copy)]
pub enum Sealing<'a> {
    Later,
    AtOnce(Option<&'a Signer>),
}

impl Build<'_> {
    /// One row per node, whatever became of it. An `Err` is a fault of this machine, not of a node.
    pub fn run(&self, plan: &Plan) -> Result<Vec<Row>> {
        let results = thread::scope(|scope| {
            let threads: Vec<_> = plan
                .jobs
                .iter()
                .map(|job| scope.spawn(|| self.job(job)))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("a job does not panic"))
                .collect::<Vec<_>>()
        });
        let mut rows = Vec::new();
        for result in results {
            rows.extend(result?);
        }
        rows.extend(plan.skipped.iter().map(|skipped| Row {
            node: skipped.node.to_string(),
            platform: skipped.platform,
            required: skipped.counts,
            outcome: Outcome::Skipped(skipped.reason.clone()),
            elapsed: Duration::ZERO,
        }));
        Ok(rows)
    }

    fn job(&self, planned: &PlannedJob) -> Result<Vec<Row>> {
        let started = Instant::now();
        let mut rows = Vec::new();
        let mut missing = Vec::new();
        for node in &planned.nodes {
            match self.reusable(node)? {
                Some(artifact) => {
                    self.seal(&artifact)?;
                    rows.push(self.row(node, Outcome::Reused(artifact), started.elapsed()));
                }
                None => missing.push(node),
            }
        }
        if !missing.is_empty() {
            rows.extend(self.build(planned, missing, started)?);
        }
        Ok(rows)
    }

    fn reusable(&self, node: &Node) -> Result<Option<Artifact>> {
        if self.fresh {
            return Ok(None);
        }
        let record = self.dist.artifact(node.platform())?;
        Ok(record
            .filter(|record| record.key == self.key(node))
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

    fn build(&self, planned: &PlannedJob, nodes: Vec<&Node>, started: Instant) -> Result<Vec<Row>> {
        let name = &planned.directory;
        let job = self.job_of(nodes.clone(), name, self.fresh);
        let order = Order {
            host: Host::of(&planned.host)?,
            job: &job,
            archive: self.archive,
            limits: &nodes[0].limits,
            rust_version: self.source.rust_version.as_deref(),
            logs: nodes.iter().map(|node| self.dist.log(&node.name)).collect(),
            raw_log: self.dist.partial(&format!("{name}.log")),
            stream: self.dist.partial(&format!("{name}.stream")),
        };
        let mut line = self.ui.job(name, self.history.usual(&nodes[0].name));
        let answer = host::run(&order, &mut line, self.interrupt)?;
        line.done(&format!("done in {}", show_duration(started.elapsed())));
        let mut rows = Vec::new();
        for node in nodes {
            let outcome = match self.collect(node, &answer, &order.stream, started.elapsed())? {
                Ok(artifact) => Outcome::Built(artifact),
                Err(failure) => {
                    self.report_failure(node, &failure, &answer)?;
                    Outcome::Failed(failure)
                }
            };
            let row = self.row(node, outcome, started.elapsed());
            self.record(node, &row, &answer)?;
            rows.push(row);
        }
        crate::dist::remove_if_there(&order.stream)?;
        Ok(rows)
    }

    /// The binary out of the stream, checked, named and recorded; a node's failure is data.
    fn collect(
        &self,
        node: &Node,
        answer: &Answer,
        stream: &Utf8Path,
        elapsed: Duration,
    ) -> Result<Result<Artifact, Failure>> {
        if let Some(failure) = answer
            .failure
            .as_ref()
            .or_else(|| answer.lost.get(&node.target))
        {
            return Ok(Err(failure.clone()));
        }
        let lost = |class, message: String| {
            Ok(Err(Failure {
                stage: Stage::Collect,
                class,
                message,
            }))
        };
        let Some(frame) = answer
            .binaries
            .iter()
            .find(|frame| frame.target == node.target)
        else {
            return lost(
                FailureClass::Transfer,
                "the binary did not arrive whole; the same command tries again".into(),
            );
        };
        let bytes = cut_out(stream, frame)?;
        if Digest::of(&bytes) != frame.sha256 {
            return lost(
                FailureClass::Transfer,
                format!(
                    "the binary arrived damaged (expected {}); the same command tries again",
                    frame.sha256
                ),
            );
        }
        let linked = match object_file::check(&bytes, node.platform()) {
            Ok(linked) => linked,
            Err(error) => {
                return lost(
                    FailureClass::Proof,
                    format!("what was built is not for {}: {error:#}", node.platform()),
                )
            }
        };
        if let (Some(limit), Some(needed)) = (&node.max_glibc, linked.glibc()) {
            if object_file::is_newer(needed, limit) {
                return lost(FailureClass::Proof, format!("it needs glibc {needed}, and `max_glibc` is {limit}; build on an older system, or raise the limit"));
            }
        }
        let artifact = Artifact {
            platform: node.platform(),
            targets: vec![node.target.clone()],
            node: node.name.clone(),
            host: node.host.to_string(),
            file: self.dist.artifact_file(node.platform()),
            sha256: frame.sha256.clone(),
            size: frame.size,
            floor: linked.floor(node.platform(), &answer.probe.facts),
            needed: linked.needed,
            symbol_versions: linked.symbol_versions,
            proven: node.prove,
            facts: answer.probe.facts.clone(),
            seconds: elapsed.as_secs_f64(),
        };
        self.keep(node, artifact.clone(), &bytes)?;
        Ok(Ok(artifact))
    }

    fn keep(&self, node: &Node, artifact: Artifact, bytes: &[u8]) -> Result<()> {
        let partial = self.dist.partial(&artifact.file);
        write_executable(&partial, bytes)
            .with_context(|| format!("{partial} cannot be written"))?;
        self.dist.keep(&partial, self.key(node), artifact.clone())?;
        self.seal(&artifact)
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
        let (sha256, message) = match &outcome {
            Outcome::Built(artifact) | Outcome::Reused(artifact) => (Some(&artifact.sha256), None),
            Outcome::Failed(failure) => (None, Some(failure)),
            Outcome::Skipped(_) => (None, None),
        };
        self.ui.event(
            "outcome",
            json!({"node": node.name, "platform": node.platform(), "outcome": outcome.word(), "sha256": sha256,
                   "failure": message, "seconds": elapsed.as_secs_f64()}),
        );
        Row {
            node: node.name.to_string(),
            platform: node.platform(),
            required: node.required,
            outcome,
            elapsed,
        }
    }

    /// The last lines, where the log is, and how to look for oneself.
    fn report_failure(&self, node: &Node, failure: &Failure, answer: &Answer) -> Result<()> {
        let log = self.dist.log(&node.name);
        let text = fs::read(&log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default();
        let lines: Vec<&str> = text.lines().filter(|line| !line.contains(" ::")).collect();
        let mut report = format!(
            "[{}] failed in {}: {}\n",
            node.name, failure.stage, failure.message
        );
        for line in &lines[lines.len().saturating_sub(12)..] {
            let plain: String = line.chars().filter(|c| !c.is_control()).collect();
            report += &format!("    {plain}\n");
        }
        report += &format!("    the whole log: {log}");
        if !answer.probe.work.is_empty() {
            report += &format!("\n    to look for yourself: cd {}", answer.probe.work);
        }
        self.ui.warn(&report);
        Ok(())
    }

    fn record(&self, node: &Node, row: &Row, answer: &Answer) -> Result<()> {
        self.history.add(&history::Line {
            at: jiff::Timestamp::now().strftime("%FT%TZ").to_string(),
            version: self.source.version.clone(),
            node: node.name.clone(),
            platform: node.platform(),
            outcome: row.outcome.word().into(),
            seconds: row.elapsed.as_secs_f64(),
            stages: answer.stages.clone(),
        })
    }
}

fn cut_out(stream: &Utf8Path, frame: &Framed) -> Result<Vec<u8>> {
    let mut file = File::open(stream).with_context(|| format!("reading {stream}"))?;
    file.seek(SeekFrom::Start(frame.offset))?;
    let mut bytes = Vec::new();
    file.take(frame.size)
        .read_to_end(&mut bytes)
        .with_context(|| format!("reading {stream}"))?;
    Ok(bytes)
}

fn write_executable(path: &Utf8Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o755)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
