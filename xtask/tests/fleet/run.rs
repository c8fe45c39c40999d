//! One run of a program to its end: what it said and how it ended. Every run has a deadline.

use serde_json::Value;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Far above what a loaded machine needs: it ends a test that would otherwise never end.
const DEADLINE: Duration = Duration::from_secs(60);

/// A program that runs. Its output goes to files: a grandchild that holds a pipe would make waiting for its end wait for all of them.
pub struct Running {
    shown: String,
    child: Child,
    output: PathBuf,
}

pub struct Ran {
    shown: String,
    /// `None`: ended by a signal.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    /// From its start to its end.
    pub elapsed: Duration,
    /// The most memory that it held at once.
    pub peak_kib: u64,
}

pub fn start(mut command: Command, output: &Path) -> Running {
    fs::create_dir_all(output).unwrap();
    let file = |name: &str| File::create(output.join(name)).unwrap();
    command
        .stdin(Stdio::null())
        .stdout(file("stdout"))
        .stderr(file("stderr"))
        // As a shell does for each of its jobs.
        .process_group(0);
    let shown = format!("{command:?}");
    let child = command
        .spawn()
        .unwrap_or_else(|error| panic!("{shown}: {error}"));
    Running {
        shown,
        child,
        output: output.to_owned(),
    }
}

/// Looks again and again until `condition` holds; the deadline is a failure.
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

impl Running {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        signal(self.id(), name);
    }

    /// To the program and to all that is in the foreground with it.
    pub fn signal_group(&self, name: &str) {
        let group = format!("-{}", self.id());
        let status = Command::new("kill")
            .args([&format!("-{name}"), "--", &group])
            .status();
        assert!(status.unwrap().success(), "kill -{name} -- {group}");
    }

    pub fn stderr(&self) -> String {
        self.text("stderr")
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.output.join(name)).unwrap()).into_owned()
    }

    pub fn wait(mut self) -> Ran {
        let (mut status, mut peak_kib, started) = (None, 0, Instant::now());
        while status.is_none() && started.elapsed() < DEADLINE {
            peak_kib = peak_of(self.id()).unwrap_or(peak_kib);
            status = self.child.try_wait().unwrap();
            thread::sleep(Duration::from_millis(2));
        }
        let elapsed = started.elapsed();
        let (stdout, stderr) = (self.text("stdout"), self.text("stderr"));
        let Some(status) = status else {
            self.child.kill().unwrap();
            panic!("{} does not end:\n{stdout}{stderr}", self.shown);
        };
        Ran {
            shown: self.shown.clone(),
            code: status.code(),
            stdout,
            stderr,
            elapsed,
            peak_kib,
        }
    }
}

/// The kernel keeps it as long as the process lives.
fn peak_of(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

pub fn signal(process: u32, name: &str) {
    let status = Command::new("kill")
        .args([&format!("-{name}"), &process.to_string()])
        .status();
    assert!(status.unwrap().success(), "kill -{name} {process}");
}

impl Ran {
    #[track_caller]
    pub fn exits(self, code: i32) -> Ran {
        let Ran {
            shown,
            stdout,
            stderr,
            ..
        } = &self;
        assert_eq!(self.code, Some(code), "{shown}\n{stdout}{stderr}");
        self
    }

    /// Every part is in what it said on stderr.
    #[track_caller]
    pub fn says(self, parts: &[&str]) -> Ran {
        for part in parts {
            let (shown, said) = (&self.shown, &self.stderr);
            assert!(
                said.contains(part),
                "{shown}\nexpected: {part}\nsaid: {said}"
            );
        }
        self
    }

    /// The node's `outcome` event of `--json`.
    #[track_caller]
    pub fn outcome(&self, node: &str) -> Value {
        let events = self
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        let mut found =
            events.filter(|event: &Value| event["event"] == "outcome" && event["node"] == node);
        let outcome = found
            .next()
            .unwrap_or_else(|| panic!("no outcome of {node}: {}{}", self.stdout, self.stderr));
        assert!(found.next().is_none(), "two outcomes of {node}");
        outcome
    }

    /// `built`, `reused`, or what the failure was: `connect auth`.
    #[track_caller]
    pub fn became(&self, node: &str) -> String {
        let outcome = self.outcome(node);
        let failure = &outcome["failure"];
        match failure["class"].as_str() {
            Some(class) => format!("{} {class}", failure["stage"].as_str().unwrap()),
            None => outcome["outcome"].as_str().unwrap().to_string(),
        }
    }
}
