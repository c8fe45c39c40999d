//! The project that the fleet releases: a workspace of one small package without dependencies, in a git repository of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

pub const VERSION: &str = "0.14.0";

const MAIN: &str = r#"fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("--version") => println!("ballistics {}", env!("CARGO_PKG_VERSION")),
        Some("selftest") => println!("selftest passed"),
        _ => println!("greeting"),
    }
}
"#;

pub struct Project {
    pub root: PathBuf,
}

impl Project {
    /// Committed, nothing built.
    pub fn make(root: PathBuf) -> Project {
        let project = Project { root };
        project.write(
            "Cargo.toml",
            "[workspace]\nresolver = \"2\"\nmembers = [\"ballistics-engine\"]\n",
        );
        project.write("ballistics-engine/src/main.rs", MAIN);
        project.write("ballistics-engine/Cargo.toml", &format!(
            "[package]\nname = \"ballistics-engine\"\nversion = \"{VERSION}\"\nedition = \"2021\"\nlicense = \"MIT\"\n\
             description = \"A program to release.\"\n\n[[bin]]\nname = \"ballistics\"\npath = \"src/main.rs\"\n"
        ));
        project.write(
            "Cargo.lock",
            &format!(
            "version = 3\n\n[[package]]\nname = \"ballistics-engine\"\nversion = \"{VERSION}\"\n"
        ),
        );
        project.write(".gitignore", "/target\n/dist\n");
        project.git("init --quiet --initial-branch main");
        project.commit("begin");
        project
    }

    pub fn write(&self, name: &str, text: &str) {
        write(&self.root.join(name), text);
    }

    pub fn replace(&self, name: &str, old: &str, new: &str) {
        let text = fs::read_to_string(self.root.join(name)).unwrap();
        assert!(text.contains(old), "{name} holds no {old}");
        self.write(name, &text.replace(old, new));
    }

    pub fn commit(&self, message: &str) {
        self.git("add --all");
        self.git(&format!("commit --quiet --message {message}"));
    }

    pub fn git(&self, arguments: &str) {
        let status = self
            .command("git")
            .args(arguments.split(' '))
            .status()
            .unwrap();
        assert!(status.success(), "git {arguments}");
    }

    /// A command in the project's directory that sees nothing of the person who runs the tests but the toolchain.
    pub fn command(&self, program: &str) -> Command {
        let home = std::env::var("HOME").unwrap();
        let own = |name: &str, default: &str| {
            std::env::var(name).unwrap_or_else(|_| format!("{home}/{default}"))
        };
        let mut command = Command::new(program);
        command
            .current_dir(&self.root)
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap())
            .env("CARGO_HOME", own("CARGO_HOME", ".cargo"))
            .env("RUSTUP_HOME", own("RUSTUP_HOME", ".rustup"))
            .env("HOME", self.root.parent().unwrap())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null");
        for role in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{role}_NAME"), "Tester")
                .env(format!("GIT_{role}_EMAIL"), "tester@example.localnet")
                .env(format!("GIT_{role}_DATE"), "2026-01-02T03:04:05Z");
        }
        command
    }
}

pub fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
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

/// The platform of this machine, in the store's words. The tests need Linux.
pub fn here() -> &'static str {
    match host_target() {
        "aarch64-unknown-linux-gnu" => "linux-aarch64",
        "x86_64-unknown-linux-gnu" => "linux-x86_64",
        other => panic!("the fleet's tests need Linux, not {other}"),
    }
}

pub fn target_of(platform: &str) -> String {
    let (system, machine) = platform.split_once('-').unwrap();
    match system {
        "linux" => format!("{machine}-unknown-linux-gnu"),
        "macos" => format!("{machine}-apple-darwin"),
        _ => format!("{machine}-unknown-{system}"),
    }
}

/// What a node's stand-in for cargo calls the built program: a real one for this machine, a small real file for every other platform.
pub fn program(platform: &str) -> PathBuf {
    match platform == here() {
        true => own_program(),
        false => hello(platform),
    }
}

/// The small real object files of every platform.
pub fn hello(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/hello")
        .join(name)
}

/// The package's program, compiled once.
fn own_program() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let compile = || {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fleet");
        let source = directory.join("main.rs");
        write(&source, MAIN);
        let program = directory.join(format!("ballistics-{VERSION}"));
        let status = Command::new("rustc")
            .args(["--edition=2021", "-Copt-level=1", "-Cstrip=symbols", "-o"])
            .args([&program, &source])
            .env("CARGO_PKG_VERSION", VERSION)
            .status();
        assert!(status.unwrap().success());
        program
    };
    PROGRAM.get_or_init(compile).clone()
}
