//! One job on its host: starts the session, follows its marks, watches its clocks, writes its log. What comes back is data, also when it failed.

mod log;

use crate::gate::{Gate, Permit};
use crate::inventory::{Address, Limits, Node, Transfer};
use crate::probe::Probe;
use crate::process::{Ended, Feed, Interrupt, Output, Session, Timed};
use crate::script::{find_binaries, quote_where_needed, Framed, Job, Mark, Marks, RemoteFile};
use crate::ssh::{self, Programs, Remote};
use crate::ui::JobLine;
use crate::words::{show_duration, Digest, Failure, FailureClass, Stage, Target};
use anyhow::{bail, Context, Result};
use camino::Utf8PathBuf;
use log::Log;
pub use log::{add_line as add_to_log, begin as begin_log, last_lines as last_lines_of_log};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// Where a job is run.
pub enum Host {
    Local,
    Ssh(Remote),
}

impl Host {
    pub fn of(node: &Node, programs: &Programs) -> Host {
        match &node.host {
            Address::Local => Host::Local,
            Address::Ssh(destination) => Host::Ssh(Remote::new(destination, node, programs)),
        }
    }

    pub fn command(&self) -> Vec<String> {
        match self {
            Host::Local => vec!["sh".into(), "-s".into()],
            Host::Ssh(remote) => remote.session(),
        }
    }

    /// How a person looks for themselves after a failure.
    pub fn visit(&self, directory: &str) -> String {
        match self {
            Host::Local => format!("cd {}", quote_where_needed(directory)),
            Host::Ssh(remote) => remote.visit(directory),
        }
    }

    fn scp(&self) -> Option<&Remote> {
        match self {
            Host::Ssh(remote) if remote.transfer == Transfer::Scp => Some(remote),
            _ => None,
        }
    }
}

/// What a session needs besides its job.
pub struct Order<'a> {
    pub host: &'a Host,
    pub job: &'a Job<'a>,
    pub archive: Utf8PathBuf,
    pub limits: &'a Limits,
    pub rust_version: Option<&'a str>,
    /// The box behind whose sshd this node is, for the gate.
    pub machine: String,
    pub log: Utf8PathBuf,
    /// Where the session's raw output goes while it runs.
    pub raw_log: Utf8PathBuf,
    pub stream: Utf8PathBuf,
}

/// What can end a job from outside, and what it shares with the others.
pub struct Watch<'a> {
    pub interrupt: &'a Interrupt,
    /// At most so many handshakes at once per machine.
    pub handshakes: &'a Gate,
    /// Set by the first required failure under `--fail-fast`.
    pub given_up: &'a AtomicBool,
}

impl Watch<'_> {
    /// Why nothing more is to be done.
    pub fn called_off(&self) -> Option<&'static str> {
        if self.interrupt.signal().is_some() {
            return Some("stopped by the user");
        }
        self.given_up
            .load(Ordering::Relaxed)
            .then_some("stopped, since a required node failed and --fail-fast is given")
    }

    /// Waits, unless it is called off first.
    pub fn pause(&self, duration: Duration) {
        let deadline = Instant::now() + duration;
        while Instant::now() < deadline && self.called_off().is_none() {
            thread::sleep(PAUSE_TICK);
        }
    }
}

/// What became of the session.
#[derive(Default)]
pub struct Answer {
    pub probe: Probe,
    pub binaries: Vec<Arrived>,
    /// Targets that failed alone.
    pub lost: BTreeMap<Target, Failure>,
    /// Why the job as a whole failed.
    pub failure: Option<Failure>,
    pub stages: BTreeMap<Stage, f64>,
    /// For another release on its node.
    pub waited: Duration,
}

impl Answer {
    /// For a job that never got as far as a session.
    pub fn failed(stage: Stage, class: FailureClass, message: String) -> Answer {
        Answer {
            failure: Some(Failure {
                stage,
                class,
                message,
            }),
            ..Answer::default()
        }
    }
}

/// A binary that came back: a part of a file of ours, and what the node says of it.
pub struct Arrived {
    pub target: Target,
    pub path: Utf8PathBuf,
    pub offset: u64,
    pub size: u64,
    pub sha256: Digest,
}

/// How often the log and the clocks are looked at: often while something happens, seldom in a long silence.
const TICK: Duration = Duration::from_millis(3);
const SILENT_TICK: Duration = Duration::from_millis(20);
const PAUSE_TICK: Duration = Duration::from_millis(20);
/// After its stdin closes a node has this long to end what it started.
const GRACE: Duration = Duration::from_secs(5);
/// After its last word, and when everything has arrived, a node has this long to close the session.
const LINGER: Duration = Duration::from_secs(2);

pub fn run(order: &Order, line: &mut JobLine, watch: &Watch) -> Result<Answer> {
    let nonce = new_nonce()?;
    let mut log = Log::open(&order.raw_log, &order.log, Marks::new(&nonce).prefix())?;
    let stdout = File::create(&order.stream)
        .with_context(|| format!("{} cannot be written", order.stream))?;
    line.stage(Stage::Connect);
    let permit = match order.host {
        Host::Local => None,
        Host::Ssh(_) => Some(watch.handshakes.enter(&order.machine, watch.interrupt)?),
    };
    let script = order.job.script(&nonce);
    let mut conversation = Conversation::new(order, watch, nonce, permit);
    let archive = match order.host.scp() {
        Some(_) => Feed::Copied,
        None => Feed::File(order.archive.clone()),
    };
    let mut session = Session::start(
        &order.host.command(),
        script,
        archive,
        stdout,
        log.writer()?,
    )?;
    let ended = loop {
        // Asked before the log is read, so that its last lines are not missed.
        let ended = session.try_wait()?;
        let lines = log.new_lines()?;
        for text in &lines {
            conversation.hear(text, &session, line);
        }
        conversation.check_clocks(&log);
        line.tick();
        if ended.is_some() || conversation.answer.failure.is_some() {
            break ended;
        }
        if conversation.lingers(&log)? {
            line.note("something that its build started still runs there and holds the session; it is left to itself");
            break None;
        }
        if lines.is_empty() {
            thread::sleep((log.silence() / 20).clamp(TICK, SILENT_TICK));
        }
    };
    session.end(match conversation.end {
        Some(_) => Duration::ZERO,
        None => GRACE,
    });
    let written = log.written()?;
    while !log.has_read(written) {
        for text in log.new_lines()? {
            conversation.hear(&text, &session, line);
        }
    }
    log.finish()?;
    conversation.conclude(ended)
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
    watch: &'a Watch<'a>,
    nonce: String,
    marks: Marks,
    answer: Answer,
    stage: Stage,
    started: Instant,
    stage_started: Instant,
    /// Held until the node's first mark.
    permit: Option<Permit<'a>>,
    answered: bool,
    /// The newest lines that are not marks: ssh's own complaint is among them.
    last_lines: Vec<String>,
    /// Proven binaries that wait on the node for scp.
    files: Vec<RemoteFile>,
    /// Since when it has waited for another release on its node: no clock of its own runs then.
    waiting: Option<Instant>,
    /// The script's last word, and when it was heard.
    end: Option<(i32, Instant)>,
    /// How much of the binaries had arrived when that changed last.
    arrived: (u64, Instant),
}

impl<'a> Conversation<'a> {
    fn new(
        order: &'a Order<'a>,
        watch: &'a Watch<'a>,
        nonce: String,
        permit: Option<Permit<'a>>,
    ) -> Conversation<'a> {
        let now = Instant::now();
        Conversation {
            order,
            watch,
            marks: Marks::new(&nonce),
            nonce,
            answer: Answer::default(),
            stage: Stage::Connect,
            started: now,
            stage_started: now,
            permit,
            answered: false,
            last_lines: Vec::new(),
            files: Vec::new(),
            waiting: None,
            end: None,
            arrived: (0, now),
        }
    }

    fn hear(&mut self, text: &str, session: &Session, line: &mut JobLine) {
        let Some(mark) = self.marks.read(text) else {
            return self.hear_output(text, line);
        };
        self.answered = true;
        self.permit = None;
        match mark {
            Mark::Fact { name, value } => {
                self.answer.probe.take(&name, &value, SystemTime::now());
            }
            Mark::Ready(path) => self.judge(&path, session, line),
            Mark::Stage(stage) => {
                if let Some(since) = self.waiting.take() {
                    let waited = since.elapsed();
                    self.started += waited;
                    self.stage_started += waited;
                    self.answer.waited += waited;
                }
                self.enter(stage);
                line.stage(stage);
            }
            Mark::Waiting(why) => {
                self.waiting = Some(Instant::now());
                line.note(&format!("waits: {why}"));
            }
            Mark::TargetLost {
                target,
                class,
                message,
            } => {
                let failure = self.failure(class, message);
                self.answer.lost.insert(target, failure);
            }
            Mark::JobLost { class, message } => self.fail(class, message),
            Mark::File(file) => self.files.push(file),
            Mark::End(status) => self.end = Some((status, Instant::now())),
        }
    }

    fn hear_output(&mut self, text: &str, line: &mut JobLine) {
        line.output(text);
        if self.last_lines.len() == 8 {
            self.last_lines.remove(0);
        }
        self.last_lines.push(text.to_string());
    }

    /// The node has said what it is and waits for the source: it gets it only if it will do.
    fn judge(&mut self, path: &str, session: &Session, line: &JobLine) {
        if let Some(skew) = self.answer.probe.clock_skew() {
            line.note(&format!(
                "its clock is {} off; nothing here depends on it, but TLS and make do",
                show_duration(skew)
            ));
        }
        match self
            .answer
            .probe
            .obstacle(&self.order.job.nodes, self.order.rust_version)
        {
            Some(why) => {
                self.enter(Stage::Connect);
                self.fail(FailureClass::Probe, why);
            }
            None => match self.copy_archive(path) {
                Ok(()) => session.send_archive(),
                Err(failure) => self.fail(failure.class, failure.message),
            },
        }
    }

    fn copy_archive(&self, path: &str) -> Result<(), Failure> {
        match self.order.host.scp() {
            None => Ok(()),
            Some(remote) => self.run_scp(path, remote.send(self.order.archive.as_std_path(), path)),
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

    /// True when there is nothing more to come, and something else holds the session open.
    fn lingers(&self, log: &Log) -> Result<bool> {
        match self.end {
            Some((status, _)) if self.silence(log) > LINGER => {
                Ok(status != 0 || self.all_arrived(&self.find_binaries()?))
            }
            _ => Ok(false),
        }
    }

    /// Since when nothing has come from the node. After its last word only its binaries count: what it left behind may write on.
    fn silence(&self, log: &Log) -> Duration {
        let stream = self.arrived.1.elapsed();
        match self.end {
            Some((_, heard)) => heard.elapsed().min(stream),
            None => log.silence().min(stream),
        }
    }

    fn watch_stream(&mut self) {
        let length = fs::metadata(&self.order.stream).map_or(0, |stream| stream.len());
        if length != self.arrived.0 {
            self.arrived = (length, Instant::now());
        }
    }

    fn check_clocks(&mut self, log: &Log) {
        if self.stage == Stage::Collect {
            self.watch_stream();
        }
        let limits = self.order.limits;
        // ssh itself ends an attempt to connect; the rest is for the login and its rc files.
        let answer_limit = limits.connect_timeout * 3;
        if let Some(why) = self.watch.called_off() {
            self.fail(FailureClass::Interrupted, why.into());
        } else if !self.answered && self.started.elapsed() > answer_limit {
            self.fail(
                FailureClass::Unreachable,
                late("no answer", answer_limit, "connect_timeout"),
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
        } else if self.waiting.is_some() {
            // The other release is under the clocks of its own client.
        } else if self.silence(log) > limits.silence_timeout {
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

    /// Success is the script's own last word, and all that it sent: how ssh ends after that proves nothing, and without it exit 0
    /// proves nothing either.
    fn conclude(mut self, ended: Option<Ended>) -> Result<Answer> {
        if self.answer.failure.is_none() {
            match (self.end, ended) {
                (Some((0, _)), _) => self.take_binaries()?,
                (Some((status, _)), None) => self.explain(Ended::Status(status)),
                (_, Some(ended)) => self.explain(ended),
                (None, None) => unreachable!("a session is left only after its last word"),
            }
        }
        if let Some(since) = self.waiting {
            self.answer.waited += since.elapsed();
        }
        self.enter(Stage::Collect);
        Ok(self.answer)
    }

    fn explain(&mut self, ended: Ended) {
        let early = format!("the session ended with {ended} before it was done");
        let lines: Vec<&str> = self.last_lines.iter().map(String::as_str).collect();
        let cut = self.end.is_none() && matches!(ended, Ended::Status(255) | Ended::Signal(_));
        let (class, said) = match (self.order.host, ended) {
            (Host::Ssh(_), _) if !self.answered => ssh::diagnose(&lines),
            (Host::Ssh(_), _) if cut => (FailureClass::Lost, ssh::farewell(&lines)),
            (Host::Local, Ended::Signal(_)) if cut => (FailureClass::Lost, None),
            _ => return self.fail(FailureClass::Build, early),
        };
        let remedy = match self.order.host {
            Host::Ssh(remote) => ssh::remedy(class, &remote.destination),
            Host::Local => "the same command tries again".into(),
        };
        self.fail(class, format!("{}; {remedy}", said.unwrap_or(&early)));
    }

    /// What has arrived whole in the session's own stream.
    fn find_binaries(&self) -> Result<Vec<Arrived>> {
        let stream = &self.order.stream;
        let reading = || format!("reading {stream}");
        let mut reader = BufReader::new(File::open(stream).with_context(reading)?);
        let framed = find_binaries(&self.nonce, &mut reader).with_context(reading)?;
        let arrived = |frame: Framed| Arrived {
            target: frame.target,
            path: stream.clone(),
            offset: frame.offset,
            size: frame.size,
            sha256: frame.sha256,
        };
        Ok(framed.into_iter().map(arrived).collect())
    }

    fn take_binaries(&mut self) -> Result<()> {
        self.answer.binaries = self.find_binaries()?;
        if !self.all_arrived(&self.answer.binaries) {
            let message = "the binary did not arrive whole; the same command tries again";
            self.fail(FailureClass::Transfer, message.into());
        }
        if let Some(remote) = self.order.host.scp() {
            for file in std::mem::take(&mut self.files) {
                match self.fetch(remote, &file) {
                    Ok(arrived) => self.answer.binaries.push(arrived),
                    Err(failure) => self.fail(failure.class, failure.message),
                }
            }
        }
        Ok(())
    }

    /// Every target that is not lost has sent its binary, or has it ready for scp.
    fn all_arrived(&self, binaries: &[Arrived]) -> bool {
        let here = |target: &Target| {
            binaries.iter().any(|one| one.target == *target)
                || self.files.iter().any(|file| file.target == *target)
                || self.answer.lost.contains_key(target)
        };
        self.order.job.nodes.iter().all(|node| here(&node.target))
    }

    fn fetch(&self, remote: &Remote, file: &RemoteFile) -> Result<Arrived, Failure> {
        let path = Utf8PathBuf::from(format!("{}.{}", self.order.stream, file.target));
        self.run_scp(&file.path, remote.fetch(&file.path, path.as_std_path()))?;
        Ok(Arrived {
            target: file.target.clone(),
            path,
            offset: 0,
            size: file.size,
            sha256: file.sha256.clone(),
        })
    }

    /// `path` is the file's on the node.
    fn run_scp(&self, path: &str, command: Vec<String>) -> Result<(), Failure> {
        let failed = |error| match self.watch.called_off() {
            Some(why) => self.failure(FailureClass::Interrupted, why.into()),
            None => self.failure(FailureClass::Transfer, format!("{error:#}")),
        };
        let output = check_remote_path(path)
            .and_then(|()| self.copy(&command))
            .map_err(failed)?;
        if output.status.success() {
            return Ok(());
        }
        let complaint = output.complaint();
        let class = match ssh::diagnose(&complaint.lines().collect::<Vec<_>>()).0 {
            refused @ (FailureClass::Auth | FailureClass::HostKey) => refused,
            _ => FailureClass::Transfer,
        };
        Err(self.failure(class, format!("{}: {complaint}", command[0])))
    }

    /// A login of its own. Nobody hears when it is done, so that it stays in the gate to its end.
    fn copy(&self, command: &[String]) -> Result<Output> {
        let Order {
            machine, limits, ..
        } = self.order;
        let _permit = self.watch.handshakes.enter(machine, self.watch.interrupt)?;
        Timed::new(&command[0], limits.silence_timeout)
            .args(&command[1..])
            .run_unless(|| self.watch.called_off())
    }
}

/// An old scp lets the node's shell read the path.
fn check_remote_path(path: &str) -> Result<()> {
    let safe = |b: u8| b.is_ascii_alphanumeric() || b"/._-".contains(&b);
    if path.is_empty() || !path.bytes().all(safe) {
        bail!("the node's work directory `{}` has a name that scp cannot carry; name another there with XTASK_CACHE", path.escape_debug());
    }
    Ok(())
}

fn late(what: &str, limit: Duration, key: &str) -> String {
    format!(
        "{what} within {}; `{key}` in nodes.toml sets that limit",
        show_duration(limit)
    )
}

#[cfg(test)]
mod tests;
