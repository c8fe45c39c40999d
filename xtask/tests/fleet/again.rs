//! A second run that finds everything done: it connects to nobody, and asks git, cargo and rustc no more than it has to.

use crate::fleet::{write_executable, Fleet};
use std::fs;

const NODE: &str = "netbsd-x86_64";
const TOOLS: [&str; 3] = ["cargo", "git", "rustc"];

/// What was asked of the programs in the PATH, sorted.
fn asked_by(fleet: &Fleet, environment: &str) -> Vec<String> {
    let log = fleet.room.join("asked.log");
    fs::write(&log, "").unwrap();
    for tool in TOOLS {
        let script = format!(
            "#!/bin/sh\necho {tool} \"$*\" >>{}\nPATH=${{PATH#*:}}\nexec {tool} \"$@\"\n",
            log.display()
        );
        write_executable(&fleet.room.join("asked").join(tool), &script);
    }
    let script = format!("PATH=$ROOM/asked:$PATH {environment} exec $XTASK --json dist");
    let ran = fleet.start_script(&script).wait().exits(0);
    assert_eq!(ran.became(NODE), "reused");
    let text = fs::read_to_string(&log).unwrap();
    let mut lines: Vec<String> = text.lines().map(String::from).collect();
    lines.sort();
    lines
}

#[test]
fn what_is_done_is_found_done_with_few_questions() {
    let fleet = Fleet::of(&[NODE]);
    fleet.dist().exits(0);
    let connections = fleet.node(NODE).sshd.connections();
    let of_git = [
        "git --no-optional-locks status --porcelain --untracked-files=all -- ballistics-engine",
        "git rev-parse --verify --quiet HEAD^{commit}",
        "git rev-parse --verify --quiet refs/tags/v0.14.0^{commit}",
    ];
    let of_cargo = [
        "cargo --version",
        "cargo metadata --no-deps --format-version 1",
    ];
    let expected = [&of_cargo[..], &of_git, &["rustc -vV"]].concat();
    assert_eq!(asked_by(&fleet, ""), expected);
    // As `cargo xtask` has it: nothing is looked for that is already known.
    let cargo = format!("CARGO={}", env!("CARGO"));
    assert_eq!(asked_by(&fleet, &cargo), of_git);
    assert_eq!(fleet.node(NODE).sshd.connections(), connections);
}
