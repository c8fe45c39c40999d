//! Two releases at once on one node: one waits for the other, whatever becomes of that.

use crate::fleet::Fleet;
use crate::run::{wait_until, Running};
use std::fs;
use std::path::{Path, PathBuf};

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
    let (first, second) = two.start();
    fs::write(&two.go, "").unwrap();
    first.wait().exits(0);
    second.wait().exits(0);
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
