//! Several local targets are one call of cargo. No second target can be linked here, so a cargo of the test's own stands in PATH:
//! it says what it was called with and leaves real files of the targets.

use crate::project::{hello, Project};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;

const FLEET: &str = r#"
[[node]]
name = "first"
host = "local"
target = "x86_64-unknown-linux-gnu"
prove = false

[[node]]
name = "second"
host = "local"
target = "x86_64-unknown-freebsd"
prove = false
"#;

/// `build` fails for the targets in `broken`, and for all when it is called with one of those; anything else is the real cargo's.
fn stand_in(broken: &str) -> String {
    format!(
        r#"#!/bin/sh
[ "$1" = build ] || exec "$REAL_CARGO" "$@"
printf '%s\n' "$*" >>"$CALLS"
while [ $# -gt 0 ]; do
	case $1 in
	--target) targets="$targets $2" ;;
	--target-dir) directory=$2 ;;
	esac
	shift
done
for target in $targets; do
	case " {broken} " in *" $target "*) echo "no linker for $target"; exit 101 ;; esac
done
for target in $targets; do
	case $target in *linux*) file={linux} ;; *) file={freebsd} ;; esac
	mkdir -p "$directory/$target/release"
	cp "$file" "$directory/$target/release/ballistics"
done
"#,
        linux = hello("linux-x86_64"),
        freebsd = hello("freebsd-x86_64")
    )
}

/// A rustc that has the standard libraries of both targets.
const RUSTC: &str = r#"#!/bin/sh
case "$*" in *target-libdir*) echo /; exit ;; esac
exec "$REAL_RUSTC" "$@"
"#;

struct Call {
    project: Project,
}

impl Call {
    fn new(broken: &str) -> Call {
        let project = Project::new();
        project.write_nodes(FLEET);
        for (name, text) in [("cargo", stand_in(broken)), ("rustc", RUSTC.into())] {
            let path = project.beside("bin").join(name);
            crate::project::write(&path, &text);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Call { project }
    }

    fn dist(&self) -> crate::run::Ran {
        let project = &self.project;
        let real = |program: &str| {
            project
                .shell(&format!("command -v {program}"))
                .exits(0)
                .stdout
                .trim()
                .to_string()
        };
        let mut command =
            project.command(env!("CARGO_BIN_EXE_xtask"), ["--json", "dist", "--local"]);
        let path = format!(
            "{}:{}",
            project.beside("bin").display(),
            std::env::var("PATH").unwrap()
        );
        command
            .env("REAL_CARGO", real("cargo"))
            .env("REAL_RUSTC", real("rustc"))
            .env("CALLS", project.beside("calls"))
            .env("PATH", path);
        project.ran(command)
    }

    /// The targets of each call of `cargo build`.
    fn targets(&self) -> Vec<Vec<String>> {
        let text = fs::read_to_string(self.project.beside("calls")).unwrap();
        let of_line = |line: &str| {
            let mut words = line.split(' ');
            let mut targets = Vec::new();
            while let Some(word) = words.next() {
                if word == "--target" {
                    targets.push(words.next().unwrap().to_string());
                }
            }
            targets
        };
        text.lines().map(of_line).collect()
    }
}

const LINUX: &str = "x86_64-unknown-linux-gnu";
const FREEBSD: &str = "x86_64-unknown-freebsd";

#[test]
fn local_nodes_share_one_call_and_one_log() {
    let call = Call::new("none");
    let ran = call.dist().exits(0);
    assert_eq!(call.targets(), [[LINUX, FREEBSD]]);
    for node in ["first", "second"] {
        assert_eq!(ran.outcome(node)["outcome"], "built");
    }
    let log = |node: &str| call.project.read(&format!("dist/0.14.0/logs/{node}.log"));
    assert_eq!(log("first"), log("second"));
}

#[test]
fn when_the_joint_call_fails_each_target_is_built_alone_and_one_failure_is_one_row() {
    let call = Call::new(FREEBSD);
    let ran = call.dist().exits(1);
    assert_eq!(
        call.targets(),
        [vec![LINUX, FREEBSD], vec![LINUX], vec![FREEBSD]]
    );
    assert_eq!(ran.outcome("first")["outcome"], "built");
    assert_eq!(
        ran.outcome("second")["failure"],
        json!({"stage": "build", "class": "build", "message": "the build ended with status 101"})
    );
    ran.says(&[
        "no linker for x86_64-unknown-freebsd",
        "required nodes are missing: second;",
    ]);
    // Repaired, only the one that is missing is built.
    fs::remove_file(call.project.beside("calls")).unwrap();
    crate::project::write(&call.project.beside("bin/cargo"), &stand_in("none"));
    let ran = call.dist().exits(0);
    assert_eq!(call.targets(), [[FREEBSD]]);
    assert_eq!(
        (
            &ran.outcome("first")["outcome"],
            &ran.outcome("second")["outcome"]
        ),
        (&json!("reused"), &json!("built"))
    );
}
