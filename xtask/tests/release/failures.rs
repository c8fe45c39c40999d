//! Every way in which a node fails: exit code 1, stage and class in the events, nothing half-written, and the same command repairs it.

use crate::checker::assert_no_partials;
use crate::processes;
use crate::project::{hello, host_platform, host_target, node, platform_of, Project};
use crate::run::wait_until;
use crate::tree;
use serde_json::json;

/// A node that builds something that will not do, and what is said of it.
struct Case {
    target: &'static str,
    /// The shell line that builds, `out` being the binary.
    build: String,
    extra: &'static str,
    stage: &'static str,
    class: &'static str,
    message: &'static str,
}

impl Case {
    fn node(&self) -> String {
        let command = format!(
            "build_command = '''{}'''\nbinary_path = \"out\"\n{}",
            self.build, self.extra
        );
        node(&platform_of(self.target), self.target, &command)
    }
}

/// Each node of the fleet fails in its own way; a node of any platform can do that here.
#[track_caller]
fn each_fails(cases: &[Case]) {
    let project = Project::new();
    let nodes: String = cases.iter().map(Case::node).collect();
    project.write_nodes(&nodes);
    let ran = project.xtask("--json release --local").exits(1);
    for case in cases {
        let name = platform_of(case.target);
        let outcome = ran.outcome(&name);
        let failure = &outcome["failure"];
        let said = format!("{name}: {failure}");
        assert_eq!(outcome["outcome"], "failed", "{said}");
        assert_eq!(failure["stage"], case.stage, "{said}");
        assert_eq!(failure["class"], case.class, "{said}");
        let message = failure["message"].as_str().unwrap();
        assert!(message.contains(case.message), "{said}");
        assert!(
            ran.stderr
                .contains(&format!("[{name}] failed in {}: {message}", case.stage)),
            "{}",
            ran.stderr
        );
        assert!(
            ran.stderr.contains(&format!("logs/{name}.log")),
            "{}",
            ran.stderr
        );
    }
    let names: Vec<String> = cases.iter().map(|case| platform_of(case.target)).collect();
    for name in names {
        assert!(ran.stderr.contains(&name) && ran.stderr.contains("required nodes are missing: "));
    }
    assert_nothing_came_of_it(&project);
    repaired(&project, cases);
}

#[track_caller]
fn assert_nothing_came_of_it(project: &Project) {
    assert_no_partials(&project.path("dist"));
    let dist = project.dist();
    let finished = |name: &&str| {
        name.contains("/ballistics-0.14.0-")
            || name.ends_with("SHA256SUMS")
            || name.ends_with("release.json")
    };
    let finished: Vec<&str> = tree::names(&dist).into_iter().filter(finished).collect();
    assert!(finished.is_empty(), "{finished:?}");
    let published: Vec<&str> = tree::files(&dist)
        .into_iter()
        .filter(|name| name.starts_with("store/") && *name != "store/.lock")
        .collect();
    assert!(published.is_empty(), "{published:?}");
    let state: serde_json::Value =
        serde_json::from_str(&project.read("dist/0.14.0/state.json")).unwrap();
    assert_eq!(state["state"]["artifacts"], json!({}));
    wait_until("no process is left", || {
        processes::of(&project.cache()).is_empty()
    });
}

/// The same nodes, building what they should.
fn repaired(project: &Project, cases: &[Case]) {
    let good = |case: &Case| {
        let name = platform_of(case.target);
        let build = format!(
            "build_command = \"cp {} out\"\nbinary_path = \"out\"\nprove = false",
            hello(&name)
        );
        node(&name, case.target, &build)
    };
    project.write_nodes(&cases.iter().map(good).collect::<String>());
    let ran = project.xtask("--json dist --local").exits(0);
    for case in cases {
        assert_eq!(ran.outcome(&platform_of(case.target))["outcome"], "built");
    }
}

/// A program that answers rightly, as far as `$1` decides it.
fn script(body: &str) -> String {
    format!("printf '%s\\n' '#!/bin/sh' '{body}' >out; chmod 755 out")
}

fn fixture(name: &str) -> String {
    format!("cp {} out; chmod 755 out", hello(name))
}

#[test]
fn a_binary_that_is_not_there_or_does_not_run_fails_its_node() {
    let case = |target, build: String, message| Case {
        target,
        build,
        extra: "",
        stage: "prove",
        class: "proof",
        message,
    };
    each_fails(&[
        case(
            "x86_64-unknown-linux-gnu",
            "true".into(),
            "the build left no file ./out",
        ),
        case(
            "aarch64-unknown-linux-gnu",
            ": >out".into(),
            "the build left an empty file ./out",
        ),
        case(
            "x86_64-unknown-freebsd",
            format!("{}; chmod 644 out", script("exit 0")),
            "./out is not executable",
        ),
        case(
            "aarch64-unknown-freebsd",
            fixture(foreign_machine()),
            "ballistics --version ended with status 126",
        ),
        case(
            "x86_64-unknown-openbsd",
            script("echo ballistics 9.9.9"),
            "ballistics --version says `ballistics 9.9.9`, not 0.14.0",
        ),
        case(
            "aarch64-unknown-openbsd",
            script("echo ballistics 0.14.01"),
            "says `ballistics 0.14.01`, not 0.14.0",
        ),
        case(
            "x86_64-unknown-netbsd",
            script("echo ballistics 0.14.0; exit 3"),
            "ballistics --version ended with status 3",
        ),
        case(
            "aarch64-unknown-netbsd",
            script("echo ballistics 0.14.0; [ \"$1\" != selftest ]"),
            "selftest ended with status 1",
        ),
    ]);
}

/// A hello of this system for the other machine.
fn foreign_machine() -> &'static str {
    match host_platform().as_str() {
        "linux-x86_64" => "linux-aarch64",
        "linux-aarch64" => "linux-x86_64",
        "macos-x86_64" => "macos-aarch64",
        _ => "freebsd-x86_64",
    }
}

#[test]
fn a_file_that_is_not_what_its_target_says_fails_its_node() {
    let case = |target, build: String, message| Case {
        target,
        build,
        extra: "prove = false",
        stage: "collect",
        class: "proof",
        message,
    };
    let mut cases = vec![
        case("x86_64-unknown-linux-gnu", fixture("linux-aarch64"), "what was built is not for linux-x86_64: it is for another machine"),
        case("aarch64-unknown-linux-gnu", fixture("freebsd-aarch64"), "what was built is not for linux-aarch64: it is an executable for freebsd, not for linux"),
        case("x86_64-unknown-freebsd", fixture("linux-x86_64.so"), "it is an object file or a library, not a program"),
        case("aarch64-unknown-freebsd", script("echo ballistics 0.14.0"), "it is no executable: it starts with `#!/bin/sh"),
        case("x86_64-unknown-openbsd", fixture("linux-i386"), "what was built is not for openbsd-x86_64"),
        case("aarch64-unknown-openbsd", fixture("linux-x86_64.o"), "what was built is not for openbsd-aarch64"),
        case("x86_64-apple-darwin", fixture("macos-aarch64"), "it is for another machine"),
        case("aarch64-apple-darwin", format!("head -c 3000 {} >out", hello("macos-aarch64")), "cut short"),
    ];
    cases.push(Case {
        extra: "",
        ..case(
            "x86_64-unknown-netbsd",
            script("echo ballistics 0.14.0"),
            "it is no executable",
        )
    });
    each_fails(&cases);
}

#[test]
fn a_build_that_fails_or_does_not_end_fails_its_node() {
    let case = |target, build: &str, extra, stage, class, message| Case {
        target,
        build: build.into(),
        extra,
        stage,
        class,
        message,
    };
    // The limits are above what a loaded machine needs until the build begins.
    each_fails(&[
        case(
            "x86_64-unknown-linux-gnu",
            "echo broken; exit 7",
            "",
            "build",
            "build",
            "the build ended with status 7",
        ),
        case(
            "aarch64-unknown-linux-gnu",
            "sleep 600",
            "silence_timeout = \"4s\"",
            "build",
            "silent",
            "not a byte of output within 4.0s; `silence_timeout` in nodes.toml",
        ),
        case(
            "x86_64-unknown-freebsd",
            "while :; do echo busy; sleep 0.1; done",
            "build_timeout = \"6s\"",
            "build",
            "timeout",
            "not done within 6.0s; `build_timeout` in nodes.toml",
        ),
        case(
            "x86_64-unknown-netbsd",
            &script("exec sleep 600"),
            "prove_timeout = \"1s\"",
            "prove",
            "timeout",
            "the binary did not end within 1.0s; `prove_timeout` in nodes.toml",
        ),
        case(
            "aarch64-unknown-netbsd",
            "trap \"\" TERM; sleep 600",
            "silence_timeout = \"4s\"",
            "build",
            "silent",
            "not a byte",
        ),
    ]);
}

#[test]
fn the_last_lines_of_a_failed_build_are_shown() {
    let project = Project::new();
    project.write_nodes(&node(
        "here",
        host_target(),
        "build_command = \"echo what went wrong; exit 7\"",
    ));
    project.xtask("release --local").exits(1).says(&[
        "what went wrong",
        "[here] failed in build: the build ended with status 7",
    ]);
    assert!(project
        .read("dist/0.14.0/logs/here.log")
        .contains("Z what went wrong\n"));
    assert!(project
        .read("dist/history.jsonl")
        .contains("\"outcome\":\"failed\""));
}

#[test]
fn a_binary_that_needs_a_newer_glibc_than_allowed_fails_its_node() {
    let project = Project::new();
    let glibc = |limit: &str| {
        let build = format!("build_command = \"cp {} out\"\nbinary_path = \"out\"\nprove = false\nmax_glibc = \"{limit}\"", hello("linux-x86_64"));
        project.write_nodes(&node("here", "x86_64-unknown-linux-gnu", &build));
    };
    glibc("2.33");
    let ran = project.xtask("--json release --local").exits(1);
    let failure = &ran.outcome("here")["failure"];
    assert_eq!(
        *failure,
        json!({"stage": "collect", "class": "proof", "message": "it needs glibc 2.34, and `max_glibc` is 2.33; build on an older system, or raise the limit"})
    );
    assert_nothing_came_of_it(&project);
    glibc("2.34");
    // It says hello, whatever it is asked, so it is not for a store.
    project.xtask("dist --local").exits(0);
}

#[test]
fn what_a_failed_node_had_built_before_is_not_published_in_its_place() {
    let project = Project::released();
    project.write_nodes(&node(
        "here",
        host_target(),
        "required = false\nbuild_command = \"exit 7\"",
    ));
    let to = project.beside("elsewhere");
    project
        .xtask(&format!("release --local --to {}", to.display()))
        .exits(1)
        .says(&["nothing was built"]);
    assert!(tree::files(&tree::read(&to))
        .iter()
        .all(|name| name.starts_with('.')));
    assert_nothing_of_the_platform_is_left(&project);
}

#[track_caller]
fn assert_nothing_of_the_platform_is_left(project: &Project) {
    let dist = project.dist();
    let artifact = format!("0.14.0/ballistics-0.14.0-{}", host_platform());
    let left: Vec<&str> = tree::names(&dist)
        .into_iter()
        .filter(|name| name.starts_with(&artifact))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_failed_build_says_neither_prove_nor_collect() {
    let project = Project::new();
    let build = "build_command = \"false\"\nbinary_path = \"out\"";
    project.write_nodes(&node("here", host_target(), build));
    let ran = project.xtask("dist --local").exits(1);
    let stages: Vec<&str> = ran
        .stderr
        .lines()
        .filter(|line| line.starts_with("[here] "))
        .collect();
    assert_eq!(
        stages[..3],
        ["[here] connect", "[here] send", "[here] build"]
    );
    assert!(stages[3].starts_with("[here] ended after "), "{stages:?}");
}

#[test]
fn what_this_machine_cannot_build_is_not_promised_to_be_tried_again() {
    let project = Project::new();
    let broken = node(
        "broken",
        host_target(),
        "build_command = \"false\"\nbinary_path = \"out\"",
    );
    let foreign = node("foreign", "aarch64-apple-darwin", "");
    project.write_nodes(&format!("{broken}{foreign}"));
    project.xtask("dist").exits(1).says(&[
        "required nodes are missing: broken, foreign; what was built stays in dist/, nothing was published; \
         the same command tries broken again; foreign cannot be built here, as the table says: \
         release from a machine that can, choose others with --node, or set `required = false`",
    ]);
}
