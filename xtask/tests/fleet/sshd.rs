//! A real sshd on loopback. As root it gets a mount namespace of its own, in which a test may put other files; an ordinary user logs in to itself.

use crate::run::{signal, wait_until};
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub struct Sshd {
    pub port: u16,
    directory: PathBuf,
    child: Child,
}

/// What one server has of its own.
#[derive(Clone)]
pub struct Setup {
    /// Whose private keys are let in.
    pub authorized: PathBuf,
    pub host_key: PathBuf,
    /// Further lines of sshd_config.
    pub config: String,
    /// Shell commands that mount what only this server sees; they need root.
    pub mounts: String,
}

impl Sshd {
    /// Listens on a port that was free a moment ago; tries another if somebody was faster.
    pub fn start(directory: &Path, setup: &Setup) -> Sshd {
        fs::create_dir_all(directory).unwrap();
        loop {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = free.local_addr().unwrap().port();
            drop(free);
            if let Some(sshd) = Sshd::start_at(directory, port, setup) {
                return sshd;
            }
        }
    }

    pub fn start_at(directory: &Path, port: u16, setup: &Setup) -> Option<Sshd> {
        let config = directory.join("sshd_config");
        fs::write(&config, sshd_config(port, setup)).unwrap();
        let mut sshd = Sshd {
            port,
            directory: directory.to_owned(),
            child: command(setup, &config)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(File::create(directory.join("sshd.log")).unwrap())
                .spawn()
                .unwrap(),
        };
        let mut ended = false;
        wait_until("sshd listens", || {
            ended = sshd.child.try_wait().unwrap().is_some();
            ended || sshd.log().contains("Server listening")
        });
        let taken = sshd.log().contains("Address already in use");
        assert!(!ended || taken, "sshd: {}", sshd.log());
        (!ended).then_some(sshd)
    }

    pub fn log(&self) -> String {
        let bytes = fs::read(self.directory.join("sshd.log")).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub fn connections(&self) -> usize {
        self.log().matches("Connection from 127.0.0.1").count()
    }

    pub fn logins(&self) -> usize {
        self.log().matches("Accepted publickey").count()
    }

    /// Stops it, and every process that serves a connection of it, where they are.
    pub fn freeze(&self) {
        self.signal_all("STOP");
    }

    pub fn thaw(&self) {
        self.signal_all("CONT");
    }

    /// Ends the processes that serve its connections: the link is cut, and the listener goes on.
    pub fn cut(&self) {
        descendants(self.child.id())
            .iter()
            .for_each(|process| try_signal(*process, "KILL"));
    }

    pub fn stop(&mut self) {
        self.cut();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn signal_all(&self, name: &str) {
        signal(self.child.id(), name);
        descendants(self.child.id())
            .iter()
            .for_each(|process| try_signal(*process, name));
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.stop();
    }
}

fn command(setup: &Setup, config: &Path) -> Command {
    let sshd = "/usr/sbin/sshd";
    let mut command = match is_root() {
        false => {
            assert_eq!(setup.mounts, "", "this test mounts, which needs root");
            Command::new(sshd)
        }
        true => {
            // /run/sshd is made at boot, which a container never had.
            let script = format!(
                "set -e\nmount -t tmpfs tmpfs /run\nmkdir -m 755 /run/sshd\n{}\nexec \"$@\"",
                setup.mounts
            );
            let mut command = Command::new("unshare");
            command.args([
                "--mount",
                "--propagation=private",
                "sh",
                "-c",
                &script,
                "sh",
                sshd,
            ]);
            command
        }
    };
    command.arg("-D").arg("-e").arg("-f").arg(config);
    command
}

pub fn is_root() -> bool {
    Command::new("id").arg("-u").output().unwrap().stdout == b"0\n"
}

pub fn user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_string()
}

fn sshd_config(port: u16, setup: &Setup) -> String {
    // sshd takes the first value of a keyword, so the test's own lines come first.
    format!(
        "{}\nListenAddress 127.0.0.1:{port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM no\nStrictModes no\n\
         PasswordAuthentication no\nKbdInteractiveAuthentication no\nLogLevel VERBOSE\nSubsystem sftp internal-sftp\n",
        setup.config,
        setup.host_key.display(),
        setup.authorized.display()
    )
}

/// The processes of its sessions that are sshd's own, not what runs in them.
fn descendants(root: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut parents = vec![root];
    let all = processes();
    while let Some(parent) = parents.pop() {
        for process in &all {
            if process.parent == parent && process.name == "sshd" {
                found.push(process.id);
                parents.push(process.id);
            }
        }
    }
    found
}

struct Process {
    id: u32,
    parent: u32,
    name: String,
}

fn processes() -> Vec<Process> {
    let entries = fs::read_dir("/proc").unwrap().map_while(Result::ok);
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter_map(|id: u32| {
        // `7 (sshd) S 1 ...`; it may be gone by now.
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        let (start, rest) = stat.rsplit_once(") ")?;
        Some(Process {
            id,
            parent: rest.split(' ').nth(1)?.parse().ok()?,
            name: start.split_once('(')?.1.to_string(),
        })
    })
    .collect()
}

/// It may be gone by now.
fn try_signal(process: u32, name: &str) {
    let _ = Command::new("kill")
        .args([&format!("-{name}"), &process.to_string()])
        .stderr(Stdio::null())
        .status();
}
