//! Two releases at once on one node: one waits for the other, whatever becomes of that.

use crate::fleet::Fleet;
use crate::run::{wait_until, Running};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const NODE: &str = "netbsd-x86_64";

struct Two {
    fleet: Fleet,
    /// Another checkout of the same project.
    other: PathBuf,
    /// A build ends when this is there.
    go: PathBuf,
}

impl Two {
    fn new() -> Two {
        let mut fleet = Fleet::of(&[NODE]);
        let go = fleet.room.join("go");
        let script = format!(
            "echo begins; until [ -e {} ]; do sleep 0.05; done; echo ends",
            go.display()
        );
        fleet.play(NODE, &script);
        fleet.write_nodes();
        let other = fleet.room.join("other-project");
        let status = std::process::Command::new("cp")
            .arg("-Rp")
            .args([&fleet.project.root, &other])
            .status();
        assert!(status.unwrap().success());
        Two { fleet, other, go }
    }

    /// Starts both; the second waits for the first.
    fn start(&self) -> (Running, Running) {
        let first = self.fleet.start("dist");
        wait_until("the first builds", || {
            first.stderr().contains("[netbsd-x86_64] build")
        });
        let lock = self.fleet.node(NODE).cache(NODE).join("lock");
        wait_until("the first holds the lock", || {
            fs::symlink_metadata(&lock).is_ok()
        });
        let second = self.fleet.start_in(&self.other, "dist");
        wait_until("the second waits", || {
            second.stderr().contains("[netbsd-x86_64] waits: process ")
        });
        (first, second)
    }

    fn built(&self, root: &Path) -> Vec<u8> {
        fs::read(root.join("dist/0.14.0/ballistics-0.14.0-netbsd-x86_64")).unwrap()
    }
}

#[test]
fn the_second_waits_for_the_first_and_both_are_done() {
    let two = Two::new();
    let begun = Instant::now();
    let (first, second) = two.start();
    let waits = Instant::now();
    wait_until("it has waited for a while", || {
        waits.elapsed() > Duration::from_secs(2)
    });
    fs::write(&two.go, "").unwrap();
    first.wait().exits(0);
    second.wait().exits(0);
    // What it usually takes is learnt without the waiting.
    let history = fs::read_to_string(two.other.join("dist/history.jsonl")).unwrap();
    let line: serde_json::Value = serde_json::from_str(history.trim()).unwrap();
    let own = Duration::from_secs_f64(line["seconds"].as_f64().unwrap());
    assert!(own + Duration::from_secs(1) < begun.elapsed(), "{history}");
    assert_eq!(two.built(&two.fleet.project.root), two.built(&two.other));
    assert_eq!(
        crate::fleet::names(&two.fleet.node(NODE).cache(NODE)),
        ["target"]
    );
}

#[test]
fn the_second_goes_on_when_the_first_is_killed() {
    let two = Two::new();
    let (first, second) = two.start();
    first.signal("KILL");
    assert_eq!(first.wait().code, None);
    wait_until("the second builds", || {
        let log = two.other.join("dist/0.14.0/logs/netbsd-x86_64.log");
        fs::read_to_string(log).is_ok_and(|log| log.contains("Z begins\n"))
    });
    fs::write(&two.go, "").unwrap();
    second.wait().exits(0);
    assert_eq!(
        crate::fleet::names(&two.fleet.node(NODE).cache(NODE)),
        ["target"]
    );
}

#[test]
fn a_second_release_that_is_called_off_while_it_waits_leaves_the_first_alone() {
    let two = Two::new();
    let (first, second) = two.start();
    second.signal("INT");
    second.wait().exits(130);
    fs::write(&two.go, "").unwrap();
    first.wait().exits(0);
    two.fleet.holds(&[NODE]);
}

#[test]
fn waiting_for_another_release_is_neither_silence_nor_building() {
    let two = Two::new();
    let nodes = two.other.join("nodes.toml");
    let text = fs::read_to_string(&nodes).unwrap();
    let limits = "silence_timeout = \"4s\"\nbuild_timeout = \"5s\"\n";
    fs::write(nodes, text + limits).unwrap();
    let (first, second) = two.start();
    let started = Instant::now();
    wait_until("it has waited for longer than it may build", || {
        started.elapsed() > Duration::from_secs(7)
    });
    fs::write(&two.go, "").unwrap();
    first.wait().exits(0);
    second.wait().exits(0);
}

#[test]
fn the_second_does_not_begin_while_a_killed_build_still_lives() {
    let mut two = Two::new();
    let script = "cd \"$XTASK_CACHE\"; if mkdir once; then trap \"\" TERM; echo $$ >first; while :; do sleep 600; done; fi; ! kill -0 $(cat first) || echo both at once";
    two.fleet.play(NODE, script);
    two.fleet.write_nodes();
    let nodes = two.fleet.project.root.join("nodes.toml");
    fs::copy(nodes, two.other.join("nodes.toml")).unwrap();
    let (first, second) = two.start();
    let number = two.fleet.node(NODE).directory.join("cache/first");
    wait_until("the first ignores TERM", || {
        fs::read_to_string(&number).is_ok_and(|number| number.ends_with('\n'))
    });
    first.signal("KILL");
    assert_eq!(first.wait().code, None);
    second.wait().exits(0);
    let log = fs::read_to_string(two.other.join("dist/0.14.0/logs/netbsd-x86_64.log")).unwrap();
    assert!(!log.contains("both at once"), "{log}");
}

/// After a reset of the node the number of a lock's owner may be another process's.
#[test]
fn a_lock_whose_owner_is_another_process_now_is_removed() {
    let fleet = Fleet::of(&[NODE]);
    let mut other = std::process::Command::new("setsid")
        .args(["sleep", "600"])
        .spawn()
        .unwrap();
    let cache = fleet.node(NODE).cache(NODE);
    fs::create_dir_all(&cache).unwrap();
    std::os::unix::fs::symlink(other.id().to_string(), cache.join("lock")).unwrap();
    let ran = fleet.dist();
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(ran.exits(0).became(NODE), "built");
    assert_eq!(crate::fleet::names(&cache), ["target"]);
}

/// Process numbers come round again: what an earlier owner left is in nobody's way.
#[test]
fn a_session_and_a_lock_of_the_same_number_are_not_its_own() {
    let fleet = Fleet::of(&[NODE]);
    let cache = fleet.node(NODE).cache(NODE);
    let body = "for last; do :; done\ncount=$#\nfor word; do\n\tcount=$((count - 1))\n\t[ $count = 0 ] || set -- \"$@\" \"$word\"\n\tshift\ndone\n\
         exec ssh -F @CONFIG@ \"$@\" 'mkdir -p @CACHE@/session.$$ && ln -s $$ @CACHE@/lock && exec sh -s'";
    fleet.write_program("ssh", &body.replace("@CACHE@", cache.to_str().unwrap()));
    let ran = fleet.dist().exits(0);
    assert_eq!(ran.became(NODE), "built");
    assert_eq!(crate::fleet::names(&cache), ["target"]);
}

#[test]
fn a_lock_that_cannot_be_made_is_the_nodes_own_failure() {
    let fleet = Fleet::of(&[NODE]);
    let ln = "#!/bin/sh\necho 'ln: no links on this disk' >&2\nexit 1\n";
    fleet.node(NODE).write_tool("ln", ln);
    let ran = fleet.dist().exits(1);
    assert_eq!(ran.became(NODE), "send probe", "{}", ran.stderr);
    let message = ran.outcome(NODE)["failure"]["message"].to_string();
    assert!(message.contains("no links on this disk"), "{message}");
}
