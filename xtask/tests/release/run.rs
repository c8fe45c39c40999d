//! One run of a program to its end: what it said and how it ended. Every run has a deadline.

use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Far above what a loaded machine needs: it ends a test that would otherwise never end.
const DEADLINE: Duration = Duration::from_secs(120);

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
}

pub fn start(mut command: Command, output: &Path) -> Running {
    fs::create_dir_all(output).unwrap();
    let file = |name: &str| File::create(output.join(name)).unwrap();
    command
        .stdin(Stdio::null())
        .stdout(file("stdout"))
        .stderr(file("stderr"));
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect();
    let shown = words.join(" ");
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

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.id().to_string()])
            .status();
        assert!(status.unwrap().success(), "kill -{name} {}", self.id());
    }

    pub fn wait(mut self) -> Ran {
        let mut status = None;
        let deadline = Instant::now() + DEADLINE;
        while status.is_none() && Instant::now() < deadline {
            status = self.child.try_wait().unwrap();
            thread::sleep(Duration::from_millis(2));
        }
        let text = |name: &str| {
            String::from_utf8_lossy(&fs::read(self.output.join(name)).unwrap()).into_owned()
        };
        let (stdout, stderr) = (text("stdout"), text("stderr"));
        let Some(status) = status else {
            self.kill();
            panic!("{} does not end:\n{stdout}{stderr}", self.shown);
        };
        Ran {
            shown: self.shown.clone(),
            code: status.code(),
            stdout,
            stderr,
        }
    }
}

impl Drop for Running {
    /// A test that fails leaves nothing running.
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Ran {
    #[track_caller]
    pub fn exits(self, code: i32) -> Ran {
        assert_eq!(
            self.code,
            Some(code),
            "{}\n{}{}",
            self.shown,
            self.stdout,
            self.stderr
        );
        self
    }

    /// Every part is in what it said on stderr.
    #[track_caller]
    pub fn says(self, parts: &[&str]) -> Ran {
        for part in parts {
            assert!(
                self.stderr.contains(part),
                "{}\nexpected: {part}\nsaid: {}",
                self.shown,
                self.stderr
            );
        }
        self
    }

    /// The events of `--json`, one a line; nothing else is on stdout.
    #[track_caller]
    pub fn events(&self) -> Vec<Value> {
        let read = |line| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("no event: {line}: {error}"))
        };
        self.stdout.lines().map(read).collect()
    }

    /// The `outcome` event of a node.
    #[track_caller]
    pub fn outcome(&self, node: &str) -> Value {
        let events = self.events();
        let mut found = events
            .into_iter()
            .filter(|event| event["event"] == "outcome" && event["node"] == node);
        let outcome = found
            .next()
            .unwrap_or_else(|| panic!("no outcome of {node}: {}{}", self.stdout, self.stderr));
        assert!(found.next().is_none(), "two outcomes of {node}");
        outcome
    }
}
