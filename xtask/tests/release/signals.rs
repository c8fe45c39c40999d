//! Ctrl-C and `kill`: the exit code says which, nothing is left running, and the same command goes on.

use crate::checker::{assert_no_partials, check_at_rest};
use crate::processes;
use crate::project::{host_platform, host_target, node, Project};
use crate::run::wait_until;

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
