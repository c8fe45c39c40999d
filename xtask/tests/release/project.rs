//! The project that the tests release: a workspace of one small package without dependencies, in a git repository and a home of its own.

use crate::run::{self, Ran, Running};
use crate::tree::{self, Tree};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};

pub const VERSION: &str = "0.14.0";
const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

const WORKSPACE: &str = "[workspace]\nresolver = \"2\"\nmembers = [\"ballistics-engine\"]\n";

const MAIN: &str = r#"fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("--version") => println!("ballistics {}", env!("CARGO_PKG_VERSION")),
        Some("selftest") => println!("selftest passed"),
        _ => println!("greeting"),
    }
}
"#;

/// The beginning of every `nodes.toml` here.
pub const PROJECT: &str = r#"
[project]
package = "ballistics-engine"
binary = "ballistics"
repository = "https://example.localnet/ballistics"
prove = ["--version", "selftest"]
"#;

/// A fleet without a node for this machine: one far away, one of another system.
const FOREIGN_FLEET: &str = r#"
[publish]
store = "gs://ballistics-releases"

[[node]]
name = "openbsd-x86_64"
host = "root@openbsd.localnet"
target = "x86_64-unknown-openbsd"

[[node]]
name = "netbsd-here"
host = "local"
target = "aarch64-unknown-netbsd"
"#;

pub struct Project {
    pub root: PathBuf,
    room: PathBuf,
    runs: AtomicUsize,
    _room: xshell::TempDir,
    /// What this is a copy of: an installer in a copied store still names it.
    _original: Option<Arc<Project>>,
}

impl Project {
    /// A fresh clone: committed, nothing built.
    pub fn new() -> Project {
        Project::at("project")
    }

    /// The same in a directory of this name.
    pub fn at(name: &str) -> Project {
        let project = Project::empty(name);
        fs::create_dir_all(&project.root).unwrap();
        project.write("Cargo.toml", WORKSPACE);
        project.write("ballistics-engine/src/main.rs", MAIN);
        project.write_version(VERSION);
        project.write("nodes.toml", &format!("{PROJECT}{FOREIGN_FLEET}"));
        project.write("docs/guide.md", "A guide.\n");
        project.write(".gitignore", "/target\n");
        project.write("dist/.gitignore", "*\n!.gitignore\n");
        let installer = fs::read(format!("{REPOSITORY}/install.sh")).unwrap();
        fs::write(project.root.join("install.sh"), installer).unwrap();
        project.git("init --quiet --initial-branch main");
        project.commit("begin");
        project
    }

    /// A copy of one that was released once, for all the tests that start there.
    pub fn released() -> Project {
        let original = Project::original();
        let mut copy = Project::empty("project");
        for directory in ["project", "cache", "home"] {
            let status = Command::new("cp")
                .arg("-Rp")
                .arg(original.room.join(directory))
                .arg(&copy.room)
                .status();
            assert!(status.unwrap().success());
        }
        // Both say where their store is.
        for file in ["dist/store/install.sh", "dist/store/ballistics.rb"] {
            let moved = copy
                .read(file)
                .replace(path_text(&original.room), path_text(&copy.room));
            copy.write(file, &moved);
        }
        copy._original = Some(original);
        copy
    }

    /// It goes, with its directory, when the last copy does.
    fn original() -> Arc<Project> {
        static ORIGINAL: Mutex<Weak<Project>> = Mutex::new(Weak::new());
        let mut shared = ORIGINAL.lock().unwrap();
        shared.upgrade().unwrap_or_else(|| {
            let project = Arc::new(Project::new());
            project.xtask("release --local").exits(0);
            *shared = Arc::downgrade(&project);
            project
        })
    }

    fn empty(name: &str) -> Project {
        let directory = xshell::Shell::new().unwrap().create_temp_dir().unwrap();
        let room = directory.path().canonicalize().unwrap();
        for name in ["home", "cache", "tmp"] {
            fs::create_dir_all(room.join(name)).unwrap();
        }
        Project {
            root: room.join(name),
            room,
            runs: AtomicUsize::new(0),
            _room: directory,
            _original: None,
        }
    }

    /// Beside the project, for stores and keys.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.room.join(name)
    }

    pub fn cache(&self) -> PathBuf {
        self.room.join("cache")
    }

    /// Where the program makes its temporary files.
    pub fn temporary(&self) -> PathBuf {
        self.room.join("tmp")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        write(&self.root.join(name), text);
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.root.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn replace(&self, name: &str, old: &str, new: &str) {
        let text = self.read(name);
        assert!(text.contains(old), "{name} holds no {old}");
        self.write(name, &text.replace(old, new));
    }

    pub fn write_nodes(&self, nodes: &str) {
        self.write("nodes.toml", &format!("{PROJECT}{nodes}"));
    }

    pub fn write_version(&self, version: &str) {
        self.write("ballistics-engine/Cargo.toml", &format!(
            "[package]\nname = \"ballistics-engine\"\nversion = \"{version}\"\nedition = \"2021\"\nlicense = \"MIT\"\n\
             description = \"A program to release.\"\n\n[[bin]]\nname = \"ballistics\"\npath = \"src/main.rs\"\n"
        ));
        self.write(
            "Cargo.lock",
            &format!(
            "version = 3\n\n[[package]]\nname = \"ballistics-engine\"\nversion = \"{version}\"\n"
        ),
        );
    }

    pub fn git(&self, arguments: &str) -> String {
        let ran = self.ran(self.command("git", arguments.split(' ')));
        ran.exits(0).stdout.trim().to_string()
    }

    /// Commits everything; returns the commit's first 12 digits, as the program shows them.
    pub fn commit(&self, message: &str) -> String {
        self.git("add --all");
        self.git(&format!(
            "commit --quiet --message {}",
            message.replace(' ', "-")
        ));
        self.git("rev-parse HEAD")[..12].to_string()
    }

    pub fn xtask(&self, arguments: &str) -> Ran {
        self.xtask_with(arguments.split(' '))
    }

    /// For arguments with blanks in them, or none in them at all.
    pub fn xtask_with<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Ran {
        self.ran(self.command(env!("CARGO_BIN_EXE_xtask"), arguments))
    }

    pub fn start(&self, arguments: &str) -> Running {
        self.started(self.command(env!("CARGO_BIN_EXE_xtask"), arguments.split(' ')))
    }

    pub fn shell(&self, line: &str) -> Ran {
        self.ran(self.command("sh", ["-c", line]))
    }

    pub fn ran(&self, command: Command) -> Ran {
        self.started(command).wait()
    }

    pub fn started(&self, command: Command) -> Running {
        let number = self.runs.fetch_add(1, Ordering::Relaxed);
        run::start(command, &self.room.join(format!("output-{number}")))
    }

    /// A command in the project's directory that sees nothing of the person who runs the tests but the toolchain.
    pub fn command<'a>(
        &self,
        program: &str,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Command {
        let home = std::env::var("HOME").unwrap();
        let own = |name: &str, default: &str| {
            std::env::var(name).unwrap_or_else(|_| format!("{home}/{default}"))
        };
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&self.root)
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap())
            .env("CARGO_HOME", own("CARGO_HOME", ".cargo"))
            .env("RUSTUP_HOME", own("RUSTUP_HOME", ".rustup"))
            .env("HOME", self.room.join("home"))
            .env("TMPDIR", self.temporary())
            .env("XTASK_CACHE", self.cache())
            // No test here has a reason to leave this machine.
            .env("XTASK_SSH", "/no/ssh/here")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null");
        for role in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{role}_NAME"), "Tester")
                .env(format!("GIT_{role}_EMAIL"), "tester@example.localnet")
                .env(format!("GIT_{role}_DATE"), "2026-01-02T03:04:05Z");
        }
        if let Ok(toolchain) = std::env::var("RUSTUP_TOOLCHAIN") {
            command.env("RUSTUP_TOOLCHAIN", toolchain);
        }
        command
    }

    pub fn dist(&self) -> Tree {
        tree::read(&self.root.join("dist"))
    }

    pub fn store(&self) -> Tree {
        tree::read(&self.root.join("dist/store"))
    }

    /// What the program prints that `install.sh` put there by pasting the line that a release printed.
    pub fn install_with(&self, line: &str) -> String {
        self.shell(line).exits(0);
        let installed = self.room.join("home/.local/bin/ballistics");
        let ran = self.ran(self.command(installed.to_str().unwrap(), []));
        ran.exits(0).stdout.trim().to_string()
    }
}

pub fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// The small real object files of every platform.
pub fn hello(name: &str) -> String {
    format!("{}/fixtures/hello/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The Rust target of this machine.
pub fn host_target() -> &'static str {
    static HOST: OnceLock<String> = OnceLock::new();
    HOST.get_or_init(|| {
        let output = Command::new("rustc").arg("-vV").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("host: "));
        line.unwrap().to_string()
    })
}

/// The platform of a target, in the store's words.
pub fn platform_of(target: &str) -> String {
    let arch = target.split('-').next().unwrap();
    let systems = ["linux", "freebsd", "netbsd", "openbsd"];
    let system = systems.iter().find(|system| target.contains(**system));
    format!("{}-{arch}", system.unwrap_or(&"macos"))
}

pub fn host_platform() -> String {
    platform_of(host_target())
}

/// One `[[node]]` on this machine.
pub fn node(name: &str, target: &str, extra: &str) -> String {
    format!("\n[[node]]\nname = \"{name}\"\nhost = \"local\"\ntarget = \"{target}\"\n{extra}\n")
}

fn path_text(path: &Path) -> &str {
    path.to_str().expect("a temp directory's name is UTF-8")
}
