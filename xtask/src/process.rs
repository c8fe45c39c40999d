//! Child processes and signals: the only file that uses duct and std::process.
//!
//! Short commands run under a deadline. A session is a long child that is fed through its stdin and writes to files, not to pipes:
//! a grandchild that holds a pipe open would make `wait` hang after a kill.

use anyhow::{bail, Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Remembers the first SIGINT, SIGTERM or SIGHUP, so that every wait can end and nothing is left running.
#[derive(Clone)]
pub struct Interrupt(Arc<AtomicUsize>);

/// The program ends by a signal; exit code 128 + its number.
#[derive(Debug)]
pub struct Interrupted(pub i32);

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "interrupted by signal {}; the same command goes on from here",
            self.0
        )
    }
}

impl std::error::Error for Interrupted {}

impl Interrupt {
    pub fn install() -> Result<Interrupt> {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        let flag = Arc::new(AtomicUsize::new(0));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register_usize(signal, flag.clone(), signal as usize)
                .context("no signal handler could be installed")?;
        }
        Ok(Interrupt(flag))
    }

    /// One that no signal reaches, for tests.
    #[cfg(test)]
    pub fn none() -> Interrupt {
        Interrupt(Arc::new(AtomicUsize::new(0)))
    }

    /// As if this signal had come.
    #[cfg(test)]
    pub fn raise(&self, signal: usize) {
        self.0.store(signal, Ordering::Relaxed);
    }

    pub fn signal(&self) -> Option<i32> {
        let signal = self.0.load(Ordering::Relaxed) as i32;
        (signal != 0).then_some(signal)
    }

    pub fn check(&self) -> Result<()> {
        match self.signal() {
            Some(signal) => Err(Interrupted(signal).into()),
            None => Ok(()),
        }
    }
}

pub struct Output {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Output {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end().to_string()
    }

    pub fn complaint(&self) -> String {
        String::from_utf8_lossy(&self.stderr).trim_end().to_string()
    }
}

/// A command that ends by itself or at its deadline.
pub struct Timed {
    program: String,
    arguments: Vec<OsString>,
    input: Option<Vec<u8>>,
    environment: Vec<(String, OsString)>,
    directory: Option<Utf8PathBuf>,
    deadline: Duration,
}

impl Timed {
    pub fn new(program: impl Into<String>, deadline: Duration) -> Timed {
        Timed {
            program: program.into(),
            arguments: Vec::new(),
            input: None,
            environment: Vec::new(),
            directory: None,
            deadline,
        }
    }

    pub fn arg(mut self, argument: impl Into<OsString>) -> Timed {
        self.arguments.push(argument.into());
        self
    }

    pub fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Timed {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Timed {
        self.environment.push((name.to_string(), value.into()));
        self
    }

    pub fn directory(mut self, directory: &Utf8Path) -> Timed {
        self.directory = Some(directory.to_owned());
        self
    }

    pub fn input(mut self, bytes: &[u8]) -> Timed {
        self.input = Some(bytes.to_vec());
        self
    }

    /// Any exit status is an answer; only a command that cannot be started, or does not end, is an error.
    pub fn run(self) -> Result<Output> {
        self.run_unless(|| None)
    }

    /// The same under the user's signals. Ctrl-C reaches the command too; whichever of us it ends first, it is the reason.
    pub fn run_under(self, interrupt: &Interrupt) -> Result<Output> {
        let ran = self.run_unless(|| interrupt.signal().map(|_| "was interrupted"));
        if ran
            .as_ref()
            .is_ok_and(|output| output.status.signal().is_some())
        {
            // Our own copy of the signal may be a moment behind.
            thread::sleep(Duration::from_millis(100));
        }
        interrupt.check()?;
        ran
    }

    /// The same, but it is ended when there is a reason to.
    pub fn run_unless(self, reason: impl Fn() -> Option<&'static str>) -> Result<Output> {
        let mut command = duct::cmd(&self.program, self.arguments)
            .stdout_capture()
            .stderr_capture()
            .unchecked();
        command = match self.input {
            Some(bytes) => command.stdin_bytes(bytes),
            None => command.stdin_null(),
        };
        for (name, value) in self.environment {
            command = command.env(name, value);
        }
        if let Some(directory) = self.directory {
            command = command.dir(directory);
        }
        let handle = command
            .start()
            .with_context(|| format!("`{}` cannot be started", self.program))?;
        let deadline = Instant::now() + self.deadline;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let answer = handle
                .wait_timeout(left.min(Duration::from_millis(50)))
                .with_context(|| format!("`{}`", self.program))?;
            if let Some(output) = answer {
                return Ok(Output {
                    status: output.status,
                    stdout: output.stdout.clone(),
                    stderr: output.stderr.clone(),
                });
            }
            let late = || left.is_zero().then(|| too_long(self.deadline));
            if let Some(why) = reason().map(String::from).or_else(late) {
                let _ = handle.kill();
                bail!("`{}` {why}", self.program);
            }
        }
    }
}

fn too_long(limit: Duration) -> String {
    format!("did not end within {}", crate::words::show_duration(limit))
}

/// A command in a process group of its own, so that Ctrl-C on our terminal does not reach it, and with its output in a file, which
/// whatever it leaves running may hold open for as long as it likes.
pub struct Logged<'a> {
    pub program: &'a str,
    pub arguments: &'a [String],
    pub output: File,
    pub deadline: Duration,
}

impl Logged<'_> {
    /// Waits for the command itself, and for nothing that it has started. At its deadline, or when there is a reason to, all of it is ended.
    pub fn run_unless(self, reason: impl Fn() -> Option<&'static str>) -> Result<ExitStatus> {
        let program = self.program;
        let mut child = Command::new(program)
            .args(self.arguments)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(self.output.try_clone()?)
            .stderr(self.output)
            .spawn()
            .with_context(|| format!("`{program}` cannot be started"))?;
        let deadline = Instant::now() + self.deadline;
        loop {
            let ended = child.try_wait();
            if let Some(status) = ended.with_context(|| format!("`{program}`"))? {
                return Ok(status);
            }
            let late = || (Instant::now() > deadline).then(|| too_long(self.deadline));
            if let Some(why) = reason().map(String::from).or_else(late) {
                end_group(&mut child);
                bail!("`{program}` {why}");
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Ends a process group by its leader: asks first, and does not ask what is still there two seconds later.
fn end_group(leader: &mut Child) {
    signal_group(leader.id(), "TERM");
    let deadline = Instant::now() + Duration::from_secs(2);
    while matches!(leader.try_wait(), Ok(None)) && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
    signal_group(leader.id(), "KILL");
    let _ = leader.wait();
}

/// The shell's own `kill`: not every system has the program, and the standard library has neither.
fn signal_group(leader: u32, signal: &str) {
    let _ = Command::new("sh")
        .args(["-c", "kill -s \"$1\" -- \"-$2\"", "sh", signal])
        .arg(leader.to_string())
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

/// True when a program of this name is in the PATH.
pub fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

/// A command on this program's own terminal, for tools whose talk is the point, as cargo's is under `ci`.
pub struct Foreground<'a> {
    pub program: &'a str,
    pub arguments: &'a [&'a str],
    pub environment: &'a [(&'a str, &'a str)],
    pub directory: &'a Utf8Path,
    pub deadline: Duration,
    pub interrupt: &'a Interrupt,
}

/// The exit status; a signal counts as 128 + its number, as in a shell.
pub fn foreground(wanted: &Foreground) -> Result<i32> {
    let mut command = Command::new(wanted.program);
    command
        .args(wanted.arguments)
        .current_dir(wanted.directory)
        .stdin(Stdio::null());
    command.envs(wanted.environment.iter().copied());
    let mut child = command
        .spawn()
        .with_context(|| format!("`{}` cannot be started", wanted.program))?;
    let deadline = Instant::now() + wanted.deadline;
    loop {
        if let Some(status) = child
            .try_wait()
            .with_context(|| format!("`{}`", wanted.program))?
        {
            return Ok(status
                .code()
                .unwrap_or_else(|| 128 + status.signal().unwrap_or(0)));
        }
        // The terminal's Ctrl-C reaches the child too; a plain kill of this program does not.
        if wanted.interrupt.signal().is_some() || Instant::now() > deadline {
            let _ = child.kill();
            let _ = child.wait();
            wanted.interrupt.check()?;
            bail!(
                "`{}` did not end within {}",
                wanted.program,
                crate::words::show_duration(wanted.deadline)
            );
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// How our own child ended; a node's exit by a signal arrives as a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Status(i32),
    Signal(i32),
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Ended::Status(status) => write!(f, "status {status}"),
            Ended::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// What a node gets when it is ready.
pub enum Feed {
    File(Utf8PathBuf),
    /// Nothing: it has been copied there.
    Copied,
}

/// A shell on a node, fed with a script, then heartbeats, and an archive between them. It ends when this value is dropped.
pub struct Session {
    child: Child,
    feed: Option<SyncSender<()>>,
    feeder: Option<thread::JoinHandle<()>>,
}

const HEARTBEAT: Duration = Duration::from_secs(5);

impl Session {
    /// `archive` is sent when `send_archive` says that the node is ready for it, heartbeats before and after.
    pub fn start(
        command: &[String],
        script: String,
        archive: Feed,
        stdout: File,
        stderr: File,
    ) -> Result<Session> {
        let mut child = without_logins(Command::new(&command[0]))
            .args(&command[1..])
            // A group of its own: Ctrl-C on our terminal must not reach it before we have told it to end.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .with_context(|| format!("`{}` cannot be started", command[0]))?;
        let stdin = child.stdin.take().expect("stdin was asked to be a pipe");
        let (feed, orders) = mpsc::sync_channel(1);
        let feeder = thread::spawn(move || feed_node(stdin, &script, &archive, &orders));
        Ok(Session {
            child,
            feed: Some(feed),
            feeder: Some(feeder),
        })
    }

    pub fn send_archive(&self) {
        // A feeder that is gone has lost its node; `try_wait` tells.
        let _ = self.feed.as_ref().map(|feed| feed.try_send(()));
    }

    /// `None` while it runs.
    pub fn try_wait(&mut self) -> Result<Option<Ended>> {
        let status = self.child.try_wait().context("waiting for a session")?;
        Ok(status.map(|status| match status.code() {
            Some(code) => Ended::Status(code),
            None => Ended::Signal(status.signal().unwrap_or(0)),
        }))
    }

    /// Closes the node's stdin, at which it ends everything it started; kills what is left of ours after `grace`.
    pub fn end(&mut self, grace: Duration) {
        self.feed = None;
        let deadline = Instant::now() + grace;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                let _ = self.child.kill();
                let _ = self.child.wait();
                break;
            }
            thread::sleep(Duration::from_millis(20));
        }
        if let Some(feeder) = self.feeder.take() {
            let _ = feeder.join();
        }
    }
}

/// A build prints what it likes into its log: the login of who publishes is not for it.
fn without_logins(mut command: Command) -> Command {
    let google = |name: &str| name.starts_with("GOOGLE_") || name.starts_with("CLOUDSDK_");
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(google) {
            command.env_remove(&name);
        }
    }
    command
}

impl Drop for Session {
    fn drop(&mut self) {
        self.end(Duration::from_secs(4));
    }
}

/// A thread of its own, since a write to a node that does not read would block the one that watches the clocks.
fn feed_node(mut stdin: ChildStdin, script: &str, archive: &Feed, orders: &mpsc::Receiver<()>) {
    if stdin
        .write_all(script.as_bytes())
        .and_then(|()| stdin.flush())
        .is_err()
    {
        return;
    }
    loop {
        let sent = match orders.recv_timeout(HEARTBEAT) {
            Err(RecvTimeoutError::Timeout) => stdin.write_all(b"\n"),
            Ok(()) => send_archive(&mut stdin, archive),
            Err(RecvTimeoutError::Disconnected) => return,
        };
        if sent.is_err() {
            return;
        }
    }
}

fn send_archive(stdin: &mut ChildStdin, archive: &Feed) -> io::Result<()> {
    stdin.write_all(b"go\n")?;
    match archive {
        Feed::File(path) => io::copy(&mut File::open(path)?, stdin).map(drop),
        Feed::Copied => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_command_that_does_not_end_is_ended_at_its_deadline() {
        let started = Instant::now();
        let error = Timed::new("sh", SECOND / 5)
            .args(["-c", "sleep 60"])
            .run()
            .err()
            .unwrap();
        assert_eq!(error.to_string(), "`sh` did not end within 0.2s");
        assert!(started.elapsed() < SECOND * 30);
    }

    #[test]
    fn a_command_gets_its_input_and_environment_and_any_status_is_an_answer() {
        let command = Timed::new("sh", SECOND * 30).args(["-c", "cat; echo $X >&2; exit 7"]);
        let output = command.input(b"in").env("X", "e").run().unwrap();
        assert_eq!(
            (output.text().as_str(), output.complaint().as_str()),
            ("in", "e")
        );
        assert_eq!(output.status.code(), Some(7));
    }

    #[test]
    fn a_logged_command_is_ended_with_all_that_it_started() {
        let directory = xshell::Shell::new().unwrap().create_temp_dir().unwrap();
        let path = directory.path().join("log");
        let script = "trap '' TERM; sleep 60 & echo $!; sleep 60; sleep 60";
        let command = Logged {
            program: "sh",
            arguments: &["-c".into(), script.into()],
            output: File::create(&path).unwrap(),
            deadline: SECOND,
        };
        let error = command.run_unless(|| None).unwrap_err();
        assert_eq!(error.to_string(), "`sh` did not end within 1.0s");
        let started = std::fs::read_to_string(&path).unwrap();
        let left = Timed::new("ps", SECOND * 30).args(["-o", "stat=", "-p", started.trim()]);
        let state = left.run().unwrap().text();
        assert!(state.is_empty() || state.starts_with('Z'), "{state}");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = Timed::new("no-such-program", SECOND).run().err().unwrap();
        assert_eq!(error.to_string(), "`no-such-program` cannot be started");
        assert!(is_installed("sh") && !is_installed("no-such-program"));
    }
}
