//! One job on its host: starts the session, follows its marks, watches its clocks, writes its log. What comes back is data, also when it failed.

use crate::inventory::{Address, Limits};
use crate::probe::Probe;
use crate::process::{Interrupt, Session};
use crate::script::{find_binaries, Framed, Job, Mark, Marks};
use crate::ui::JobLine;
use crate::words::{refuse, show_duration, Digest, Failure, FailureClass, Stage, Target};
use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, Read, Write};
use std::thread;
use std::time::{Duration, Instant};

/// Where a job is run. Remote nodes join here.
pub enum Host {
    Local,
}

impl Host {
    pub fn of(address: &Address) -> Result<Host> {
        match address {
            Address::Local => Ok(Host::Local),
            Address::Ssh(destination) => Err(refuse(format!(
                "nodes on other machines ({destination}) are planned, but this version builds on this machine only; add --local, or choose local nodes with --node"
            ))),
        }
    }

    fn command(&self) -> Vec<String> {
        match self {
            Host::Local => vec!["sh".into(), "-s".into()],
        }
    }
}

/// What a session needs besides its job.
pub struct Order<'a> {
    pub host: Host,
    pub job: &'a Job<'a>,
    pub archive: &'a [u8],
    pub limits: &'a Limits,
    pub rust_version: Option<&'a str>,
    /// The same log under the name of each of the job's nodes.
    pub logs: Vec<Utf8PathBuf>,
    /// Where the session's raw output goes while it runs.
    pub raw_log: Utf8PathBuf,
    pub stream: Utf8PathBuf,
}

/// What became of the session.
#[derive(Default)]
pub struct Answer {
    pub probe: Probe,
    pub binaries: Vec<Framed>,
    /// Targets that failed alone.
    pub lost: BTreeMap<Target, Failure>,
    /// Why the job as a whole failed.
    pub failure: Option<Failure>,
    pub stages: BTreeMap<Stage, f64>,
}

/// How often the log and the clocks are looked at.
const TICK: Duration = Duration::from_millis(25);
/// After its stdin closes a node has this long to end what it started.
const GRACE: Duration = Duration::from_secs(5);

pub fn run(order: &Order, line: &mut JobLine, interrupt: &Interrupt) -> Result<Answer> {
    let nonce = new_nonce()?;
    let mut log = Log::create(order)?;
    let stdout = File::create(&order.stream)
        .with_context(|| format!("{} cannot be written", order.stream))?;
    let mut conversation = Conversation::new(order, &nonce);
    line.stage(Stage::Connect);
    let script = order.job.script(&nonce);
    let mut session = Session::start(
        &order.host.command(),
        script,
        order.archive.to_vec(),
        stdout,
        log.writer()?,
    )?;
    let status = loop {
        // Asked before the log is read, so that its last lines are not missed.
        let ended = session.try_wait()?;
        for text in log.new_lines()? {
            conversation.hear(&text, &session, line);
        }
        conversation.check_clocks(&log, interrupt);
        if ended.is_some() || conversation.answer.failure.is_some() {
            break ended;
        }
        thread::sleep(TICK);
    };
    session.end(GRACE);
    for text in log.new_lines()? {
        conversation.hear(&text, &session, line);
    }
    log.finish()?;
    let mut answer = conversation.conclude(status);
    let mut stream = BufReader::new(File::open(&order.stream)?);
    answer.binaries =
        find_binaries(&nonce, &mut stream).with_context(|| format!("reading {}", order.stream))?;
    Ok(answer)
}

fn new_nonce() -> Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .context("/dev/urandom")?;
    Ok(Digest::of(&bytes).short().to_string())
}

struct Conversation<'a> {
    order: &'a Order<'a>,
    marks: Marks,
    answer: Answer,
    stage: Stage,
    started: Instant,
    stage_started: Instant,
    /// The script's last word.
    end: Option<i32>,
}

impl<'a> Conversation<'a> {
    fn new(order: &'a Order<'a>, nonce: &str) -> Conversation<'a> {
        let now = Instant::now();
        Conversation {
            order,
            marks: Marks::new(nonce),
            answer: Answer::default(),
            stage: Stage::Connect,
            started: now,
            stage_started: now,
            end: None,
        }
    }

    fn hear(&mut self, text: &str, session: &Session, line: &mut JobLine) {
        match self.marks.read(text) {
            None => line.output(text),
            Some(Mark::Fact { name, value }) => self.answer.probe.take(&name, &value),
            Some(Mark::Ready(_)) => self.judge(session),
            Some(Mark::Stage(stage)) => {
                self.enter(stage);
                line.stage(stage);
            }
            Some(Mark::Waiting(why)) => line.note(&format!("waits: {why}")),
            Some(Mark::TargetLost {
                target,
                class,
                message,
            }) => {
                let failure = self.failure(class, message);
                self.answer.lost.insert(target, failure);
            }
            Some(Mark::JobLost { class, message }) => self.fail(class, message),
            Some(Mark::End(status)) => self.end = Some(status),
        }
    }

    /// The node has said what it is and waits for the source: it gets it only if it will do.
    fn judge(&mut self, session: &Session) {
        match self
            .answer
            .probe
            .obstacle(&self.order.job.nodes, self.order.rust_version)
        {
            None => session.send_archive(),
            Some(why) => {
                self.enter(Stage::Connect);
                self.fail(FailureClass::Probe, why);
            }
        }
    }

    fn enter(&mut self, stage: Stage) {
        let spent = self.stage_started.elapsed().as_secs_f64();
        *self.answer.stages.entry(self.stage).or_default() += spent;
        (self.stage, self.stage_started) = (stage, Instant::now());
    }

    fn failure(&self, class: FailureClass, message: String) -> Failure {
        Failure {
            stage: self.stage,
            class,
            message,
        }
    }

    /// The first failure is the one that counts.
    fn fail(&mut self, class: FailureClass, message: String) {
        let failure = self.failure(class, message);
        self.answer.failure.get_or_insert(failure);
    }

    fn check_clocks(&mut self, log: &Log, interrupt: &Interrupt) {
        let limits = self.order.limits;
        if interrupt.signal().is_some() {
            self.fail(FailureClass::Interrupted, "stopped by the user".into());
        } else if self.stage == Stage::Connect
            && self.stage_started.elapsed() > limits.connect_timeout
        {
            self.fail(
                FailureClass::Timeout,
                late("no answer", limits.connect_timeout, "connect_timeout"),
            );
        } else if self.stage == Stage::Prove && self.stage_started.elapsed() > limits.prove_timeout
        {
            self.fail(
                FailureClass::Timeout,
                late(
                    "the binary did not end",
                    limits.prove_timeout,
                    "prove_timeout",
                ),
            );
        } else if log.last_growth.elapsed() > limits.silence_timeout {
            self.fail(
                FailureClass::Silent,
                late(
                    "not a byte of output",
                    limits.silence_timeout,
                    "silence_timeout",
                ),
            );
        } else if self.started.elapsed() > limits.build_timeout {
            self.fail(
                FailureClass::Timeout,
                late("not done", limits.build_timeout, "build_timeout"),
            );
        }
    }

    /// Success is exit 0 and the script's own last word; either alone proves nothing.
    fn conclude(mut self, status: Option<i32>) -> Answer {
        self.enter(Stage::Collect);
        match (status, self.end) {
            (Some(0), Some(0)) => {}
            (Some(status), _) => self.fail(
                FailureClass::Build,
                format!("the session ended with status {status} before it was done"),
            ),
            (None, _) => {}
        }
        self.answer
    }
}

fn late(what: &str, limit: Duration, key: &str) -> String {
    format!(
        "{what} within {}; `{key}` in nodes.toml sets that limit",
        show_duration(limit)
    )
}

/// The session writes its raw output to one file; each line of it gets a time and goes into the log.
struct Log {
    raw_path: Utf8PathBuf,
    raw: File,
    log: File,
    /// The beginning of a line that is not whole yet.
    rest: Vec<u8>,
    last_growth: Instant,
}

impl Log {
    fn create(order: &Order) -> Result<Log> {
        let first = &order.logs[0];
        for path in &order.logs {
            crate::dist::remove_if_there(path)?;
        }
        let log = File::create(first).with_context(|| format!("{first} cannot be written"))?;
        for path in &order.logs[1..] {
            fs::hard_link(first, path).with_context(|| format!("{path} cannot be written"))?;
        }
        let raw_path = order.raw_log.clone();
        File::create(&raw_path).with_context(|| format!("{raw_path} cannot be written"))?;
        let raw = File::open(&raw_path)?;
        Ok(Log {
            raw_path,
            raw,
            log,
            rest: Vec::new(),
            last_growth: Instant::now(),
        })
    }

    fn writer(&self) -> Result<File> {
        Ok(File::options().append(true).open(&self.raw_path)?)
    }

    fn new_lines(&mut self) -> Result<Vec<String>> {
        let mut buffer = [0; 64 * 1024];
        let mut lines = Vec::new();
        loop {
            let read = self
                .raw
                .read(&mut buffer)
                .with_context(|| format!("reading {}", self.raw_path))?;
            if read == 0 {
                break;
            }
            self.last_growth = Instant::now();
            for piece in buffer[..read].split_inclusive(|byte| *byte == b'\n') {
                self.rest.extend_from_slice(piece);
                if piece.ends_with(b"\n") {
                    lines.push(self.take_line()?);
                }
            }
        }
        Ok(lines)
    }

    fn take_line(&mut self) -> Result<String> {
        let text = String::from_utf8_lossy(&self.rest).trim_end().to_string();
        self.rest.clear();
        let now = jiff::Timestamp::now().strftime("%FT%TZ");
        writeln!(self.log, "{now} {text}").context("the log cannot be written")?;
        Ok(text)
    }

    fn finish(mut self) -> Result<()> {
        if !self.rest.is_empty() {
            self.take_line()?;
        }
        self.log.sync_all().context("the log cannot be written")?;
        crate::dist::remove_if_there(&self.raw_path)
    }
}
