//! A fleet on loopback: a project, an sshd per node, and an ssh configuration with a name for each. A node is called as its platform.

use crate::project::{program, target_of, write, Project, VERSION};
use crate::run::{self, Ran, Running};
use crate::sshd::{user, Setup, Sshd};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

pub struct Fleet {
    pub project: Project,
    pub room: PathBuf,
    nodes: BTreeMap<String, Node>,
    /// Lines of `nodes.toml` above the nodes.
    pub head: String,
    runs: AtomicUsize,
    _room: xshell::TempDir,
}

pub struct Node {
    pub sshd: Sshd,
    pub setup: Setup,
    /// Its cache and its home.
    pub directory: PathBuf,
    /// The name by which ssh is told to reach it.
    pub host: String,
    /// Its keys in `nodes.toml` besides name, host and target.
    pub keys: String,
}

const XTASK: &str = env!("CARGO_BIN_EXE_xtask");

pub const HEAD: &str = r#"
[project]
package = "ballistics-engine"
binary = "ballistics"
repository = "https://example.localnet/ballistics"
prove = ["--version", "selftest"]

[defaults]
connect_timeout = "30s"
retries = 0
"#;

/// Plays cargo: the program is there already, and a node's PLAY and AFTER say what happens before and after it is put in its place.
const CARGO: &str = r#"#!/bin/sh
case $1 in --version) echo "cargo 1.95.0 (stand-in)"; exit ;; esac
target=
while [ $# -gt 0 ]; do
    case $1 in
    --target) target=$2 ;;
    --target-dir) directory=$2/$target/release ;;
    esac
    shift
done
directory=${directory%/release}/$target/release
program=$directory/ballistics
mkdir -p "$directory"
eval "${PLAY-}"
cp @PROGRAM@ "$program" && chmod 755 "$program"
eval "${AFTER-}"
"#;

const RUSTC: &str = r#"#!/bin/sh
case $* in
-vV) printf '%s\n' "rustc 1.95.0 (stand-in)" "host: @TARGET@" ;;
*) exit 1 ;;
esac
"#;

impl Fleet {
    /// A node for each of these platforms, with a stand-in for its toolchain.
    pub fn of(platforms: &[&str]) -> Fleet {
        let directory = xshell::Shell::new().unwrap().create_temp_dir().unwrap();
        let room = directory.path().canonicalize().unwrap();
        for name in ["user", "host", "other"] {
            make_key(&room.join(name));
        }
        let mut fleet = Fleet {
            project: Project::make(room.join("project")),
            nodes: BTreeMap::new(),
            head: HEAD.into(),
            runs: AtomicUsize::new(0),
            _room: directory,
            room,
        };
        for platform in platforms {
            let setup = fleet.setup(platform, "");
            fleet.add(platform, setup);
        }
        fleet.write_programs();
        fleet
    }

    /// What a node's sshd is like if nothing else is said; `config` are lines of its sshd_config.
    pub fn setup(&self, platform: &str, config: &str) -> Setup {
        let directory = self.room.join(platform);
        Setup {
            authorized: self.room.join("user.pub"),
            host_key: self.room.join("host"),
            config: format!(
                "{config}\nSetEnv XTASK_CACHE={0}/cache HOME={0}/home",
                directory.display()
            ),
            mounts: String::new(),
        }
    }

    pub fn add(&mut self, platform: &str, setup: Setup) {
        let directory = self.room.join(platform);
        let sshd = Sshd::start(&directory, &setup);
        let node = Node {
            sshd,
            setup,
            host: platform.into(),
            keys: String::new(),
            directory,
        };
        for (name, text) in Fleet::toolchain(platform) {
            node.write_tool(name, &text);
        }
        self.nodes.insert(platform.into(), node);
        self.write_ssh_config();
    }

    /// The stand-ins of a node's toolchain.
    pub fn toolchain(platform: &str) -> [(&'static str, String); 2] {
        let rustc = RUSTC.replace("@TARGET@", &target_of(platform));
        [("cargo", cargo(platform)), ("rustc", rustc)]
    }

    pub fn node(&self, platform: &str) -> &Node {
        &self.nodes[platform]
    }

    pub fn node_mut(&mut self, platform: &str) -> &mut Node {
        self.nodes.get_mut(platform).unwrap()
    }

    /// Keys of a node in `nodes.toml`.
    pub fn set(&mut self, platform: &str, keys: &str) {
        self.node_mut(platform).keys = keys.into();
    }

    /// What the node's cargo does before the program is there.
    pub fn play(&mut self, platform: &str, script: &str) {
        self.set(platform, &format!("env.PLAY = '''{script}'''"));
    }

    /// What it does after that.
    pub fn play_after(&mut self, platform: &str, script: &str) {
        self.set(platform, &format!("env.AFTER = '''{script}'''"));
    }

    fn write_ssh_config(&self) {
        let mut config = String::new();
        let mut known = String::new();
        let key = fs::read_to_string(self.room.join("host.pub")).unwrap();
        for (name, node) in &self.nodes {
            let port = node.sshd.port;
            config += &format!("Host {name}\n    Port {port}\n");
            known += &format!("[127.0.0.1]:{port} {key}");
        }
        config += &format!(
            "Host *\n    HostName 127.0.0.1\n    User {}\n    IdentityFile {2}/user\n    IdentitiesOnly yes\n    IdentityAgent none\n    \
             UserKnownHostsFile {2}/known_hosts\n    GlobalKnownHostsFile /dev/null\n    {1}\n",
            user(),
            "StrictHostKeyChecking yes",
            self.room.display()
        );
        write(&self.room.join("ssh_config"), &config);
        write(&self.room.join("known_hosts"), &known);
    }

    /// What XTASK_SSH and XTASK_SCP name: the real ones, with a configuration of the test's own.
    fn write_programs(&self) {
        for program in ["ssh", "scp"] {
            self.write_program(program, &format!("exec {program} -F @CONFIG@ \"$@\""));
        }
    }

    /// Another script in the place of ssh or scp; `@CONFIG@` is the configuration's path.
    pub fn write_program(&self, program: &str, body: &str) {
        let config = self.room.join("ssh_config");
        let body = body.replace("@CONFIG@", config.to_str().unwrap());
        write_executable(
            &self.room.join("bin").join(program),
            &format!("#!/bin/sh\n{body}\n"),
        );
    }

    pub fn write_nodes(&self) {
        let mut text = self.head.clone();
        for (name, node) in &self.nodes {
            let (host, target) = (&node.host, target_of(name));
            text += &format!(
                "\n[[node]]\nname = \"{name}\"\nhost = \"{host}\"\ntarget = \"{target}\"\n"
            );
            if name != crate::project::here() && !node.keys.contains("prove =") {
                text += "prove = false\n";
            }
            text += &format!("{}\n", node.keys);
        }
        write(&self.project.root.join("nodes.toml"), &text);
    }

    pub fn start(&self, arguments: &str) -> Running {
        self.write_nodes();
        self.start_in(&self.project.root, arguments)
    }

    /// In another checkout of the project.
    pub fn start_in(&self, root: &Path, arguments: &str) -> Running {
        let mut command = self.project.command(XTASK);
        command.current_dir(root).args(arguments.split(' '));
        self.start_command(command)
    }

    /// A shell script in which `$XTASK` is the program, and `$ROOM` the room.
    pub fn start_script(&self, script: &str) -> Running {
        self.write_nodes();
        let mut command = self.project.command("sh");
        command.args(["-c", script]).env("XTASK", XTASK);
        command.env("ROOM", &self.room);
        self.start_command(command)
    }

    fn start_command(&self, mut command: Command) -> Running {
        command
            .env("XTASK_SSH", self.room.join("bin/ssh"))
            .env("XTASK_SCP", self.room.join("bin/scp"))
            .env("TMPDIR", &self.room);
        let number = self.runs.fetch_add(1, Ordering::Relaxed);
        run::start(command, &self.room.join(format!("output-{number}")))
    }

    pub fn run(&self, arguments: &str) -> Ran {
        self.start(arguments).wait()
    }

    /// Builds everywhere and collects.
    pub fn dist(&self) -> Ran {
        self.run("--json dist")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.project.root.join("dist").join(VERSION).join(name)
    }

    pub fn log(&self, node: &str) -> String {
        fs::read_to_string(self.path(&format!("logs/{node}.log"))).unwrap()
    }

    /// `dist/` holds these platforms' programs, whole, and nothing else but its records.
    #[track_caller]
    pub fn holds(&self, platforms: &[&str]) {
        let name = |platform: &&str| format!("ballistics-{VERSION}-{platform}");
        let mut expected: Vec<String> = platforms.iter().map(name).collect();
        let records = [".lock", "logs", "state.json"].map(String::from);
        expected.extend(records);
        expected.push(format!("ballistics-engine-{VERSION}.crate"));
        expected.sort();
        assert_eq!(names(&self.path("")), expected);
        for platform in platforms {
            let (kept, built) = (self.path(&name(platform)), program(platform));
            assert!(
                fs::read(&kept).unwrap() == fs::read(&built).unwrap(),
                "{kept:?} is not {built:?}"
            );
        }
    }

    /// The command lines of what runs on a node.
    pub fn running_on(&self, platform: &str) -> Vec<String> {
        let mark = format!(
            "XTASK_CACHE={}/cache",
            self.node(platform).directory.display()
        );
        running_with(&mark)
    }
}

impl Fleet {
    /// How long the last process of each node lives from now on, the shortest first.
    pub fn lifetimes<'a>(&self, nodes: &[&'a str]) -> Vec<(&'a str, Duration)> {
        let started = Instant::now();
        let mut left = nodes.to_vec();
        let mut lifetimes = Vec::new();
        run::wait_until("every node is empty", || {
            left.retain(|node| {
                let ended = self.running_on(node).is_empty();
                if ended {
                    lifetimes.push((*node, started.elapsed()));
                }
                !ended
            });
            left.is_empty()
        });
        lifetimes
    }
}

impl Node {
    pub fn cache(&self, platform: &str) -> PathBuf {
        self.directory
            .join("cache/ballistics-engine-release")
            .join(platform)
    }

    pub fn write_tool(&self, name: &str, text: &str) {
        write_executable(&self.directory.join("home/.cargo/bin").join(name), text);
    }

    /// With what its setup says now, on the same port and with a fresh log.
    pub fn restart(&mut self) {
        self.sshd.stop();
        let port = self.sshd.port;
        self.sshd = Sshd::start_at(&self.directory, port, &self.setup).unwrap();
    }
}

pub fn cargo(platform: &str) -> String {
    CARGO.replace("@PROGRAM@", program(platform).to_str().unwrap())
}

pub fn write_executable(path: &Path, text: &str) {
    write(path, text);
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

pub fn make_key(path: &Path) {
    let status = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"])
        .arg(path)
        .status();
    assert!(status.unwrap().success());
}

pub fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Every process whose environment has this variable: what a session starts inherits it.
pub fn running_with(variable: &str) -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().map_while(Result::ok);
    let read = |entry: fs::DirEntry| {
        let environment = fs::read(entry.path().join("environ")).ok()?;
        let mut variables = environment.split(|byte| *byte == 0);
        variables.find(|one| *one == variable.as_bytes())?;
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        Some(format!("{} {line}", entry.file_name().to_string_lossy()))
    };
    entries.filter_map(read).collect()
}
