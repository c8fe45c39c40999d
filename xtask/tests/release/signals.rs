//! Ctrl-C and `kill`: the exit code says which, nothing is left running, and the same command goes on.

use crate::checker::{assert_no_partials, check_at_rest};
use crate::processes;
use crate::project::{host_platform, host_target, node, write, Project};
use crate::run::wait_until;
use crate::tree;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;

/// A node whose build takes until it is told to go on, and then is cargo's. It ends with the test, whatever becomes of it.
fn slow_node(project: &Project) -> String {
    let (began, go_on) = (project.beside("began"), project.beside("go-on"));
    let build = format!(
        "build_command = ''': >{}; until [ -e {} ]; do [ -d {} ] && sleep 0.1 || exit 1; done; cargo build --release --locked'''\nbinary_path = \"target/release/ballistics\"",
        began.display(),
        go_on.display(),
        project.root.display()
    );
    node("slow", host_target(), &build)
}

#[track_caller]
fn ends_everything(signal: &str, code: i32) {
    let project = Project::new();
    project.write_nodes(&slow_node(&project));
    let running = project.start("--json release --local");
    wait_until("the build begins", || project.beside("began").exists());
    running.signal(signal);
    let ran = running.wait().exits(code);
    wait_until("no process is left", || {
        processes::of(&project.cache()).is_empty()
    });
    assert_eq!(ran.outcome("slow")["failure"]["class"], "interrupted");
    let number = code - 128;
    let ran = ran.says(&[&format!(
        "interrupted by signal {number}; the same command goes on from here"
    )]);
    assert_no_partials(&project.path("dist"));
    assert!(!project.path("dist/store/index.json").exists());
    drop(ran);
    std::fs::write(project.beside("go-on"), "").unwrap();
    project.xtask("release --local").exits(0);
    let versions = project.read("dist/store/versions.txt");
    assert_eq!(versions, format!("{}:0.14.0\n", host_platform()));
    check_at_rest(&project.path("dist/store"));
}

#[test]
fn an_interrupt_ends_the_build_with_exit_code_130() {
    ends_everything("INT", 130);
}

#[test]
fn a_termination_ends_the_build_with_exit_code_143() {
    ends_everything("TERM", 143);
}

/// A cargo that takes its time to package, and then does it. Like the real one it has our signals' usual effect.
const SLOW_CARGO: &str = r#"#!/bin/sh
if [ "$1" = package ]; then
	: >"$BEGAN"
	until [ -e "$GO_ON" ]; do [ -e "$BEGAN" ] && sleep 0.1 || exit 1; done
fi
exec "$REAL_CARGO" "$@"
"#;

/// Before a node is asked for anything: nothing of the release is begun, and nothing is said of nodes.
#[track_caller]
fn ends_while_packaging(signal: &str, code: i32, group: &str) {
    let project = Project::released();
    project.replace(
        "ballistics-engine/src/main.rs",
        "greeting",
        "second greeting",
    );
    project.commit("change the greeting");
    let cargo = project.beside("bin/cargo");
    write(&cargo, SLOW_CARGO);
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
    let (began, go_on) = (project.beside("began"), project.beside("go-on"));
    let real = project.shell("command -v cargo").exits(0).stdout;
    let path = std::env::var("PATH").unwrap();
    let mut command = project.command(env!("CARGO_BIN_EXE_xtask"), ["release", "--local"]);
    command
        .env(
            "PATH",
            format!("{}:{path}", project.beside("bin").display()),
        )
        .env("REAL_CARGO", real.trim())
        .env("BEGAN", &began)
        .env("GO_ON", &go_on)
        // As a shell gives it to what is typed on a terminal.
        .process_group(0);
    let before = project.dist();
    let running = project.started(command);
    wait_until("cargo packages", || began.exists());
    project
        .shell(&format!("kill -s {signal} -- {group}{}", running.id()))
        .exits(0);
    let ran = running.wait();
    fs::remove_file(&began).unwrap();
    let said = format!(
        "error: interrupted by signal {}; the same command goes on from here\n",
        code - 128
    );
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(code), said.as_str()));
    tree::assert_same(&before, &project.dist());
    wait_until("no process is left", || {
        processes::of(&project.cache()).is_empty()
    });
    fs::write(&go_on, "").unwrap();
    project.xtask("release --local").exits(0);
}

#[test]
fn an_interrupt_of_the_terminals_group_ends_the_packaging_with_exit_code_130() {
    ends_while_packaging("INT", 130, "-");
}

#[test]
fn a_termination_of_this_process_alone_ends_the_packaging_with_exit_code_143() {
    ends_while_packaging("TERM", 143, "");
}
