//! `node check` keeps to what a build keeps to: it can be stopped, and leaves nothing running.

use crate::connections::OTHERS;
use crate::fleet::{names, running_with, Fleet};
use crate::run::{wait_until, Running};
use std::time::Duration;

const NODE: &str = OTHERS[0];

/// A fleet whose one node never says what it is, and the check that waits for it.
fn stuck() -> (Fleet, Running) {
    let fleet = Fleet::of(&[NODE]);
    fleet
        .node(NODE)
        .write_tool("rustc", "#!/bin/sh\nexec sleep 600\n");
    let running = fleet.start("node check");
    wait_until("the node is stuck", || {
        let lines = fleet.running_on(NODE);
        lines.iter().any(|line| line.ends_with(" 600 "))
    });
    (fleet, running)
}

#[test]
fn a_signal_ends_a_check_and_what_it_started() {
    let (fleet, running) = stuck();
    running.signal("INT");
    let ran = running.wait().exits(130);
    assert!(ran.elapsed < Duration::from_secs(10), "{:?}", ran.elapsed);
    fleet.lifetimes(&[NODE]);
    let mark = format!("XTASK_SSH={}/bin/ssh", fleet.room.display());
    wait_until("nothing is left here", || running_with(&mark).is_empty());
}

#[test]
fn a_check_that_is_killed_leaves_nothing_on_the_node() {
    let (fleet, running) = stuck();
    running.signal("KILL");
    let (_, lifetime) = fleet.lifetimes(&[NODE])[0];
    assert!(lifetime < Duration::from_secs(10), "it lived {lifetime:?}");
    assert_eq!(running.wait().code, None);
}

#[test]
fn a_check_says_what_every_node_is() {
    let without = OTHERS[1];
    let fleet = Fleet::of(&[NODE, without]);
    fleet
        .node(without)
        .write_tool("cargo", "#!/bin/sh\nexit 1\n");
    let ran = fleet.run("node check").exits(1);
    for said in [
        "freebsd-aarch64            ok: ",
        "no cargo on freebsd-x86_64; install Rust there",
    ] {
        assert!(ran.stdout.contains(said), "{}", ran.stdout);
    }
    fleet.lifetimes(&[NODE, without]);
    for node in [NODE, without] {
        assert_eq!(names(&fleet.node(node).cache(node)), [""; 0]);
    }
}
