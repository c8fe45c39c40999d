//! How a session ends after the script's last word: what ssh says then counts for nothing, and what is left behind holds nobody up.

use crate::connections::OTHERS;
use crate::fleet::Fleet;
use crate::project::{here, program};
use crate::run::signal;
use std::fs;
use std::time::Duration;

const NODE: &str = OTHERS[5];
/// It leaves its process group, keeps the build's output open, and says what its number is.
const DAEMON: &str = "setsid sh -c 'echo $$ >\"$XTASK_CACHE/daemon\"; @BODY@' & until [ -s \"$XTASK_CACHE/daemon\" ]; do sleep 0.05; done";

fn daemon(body: &str) -> String {
    DAEMON.replace("@BODY@", body)
}

#[test]
fn what_has_arrived_whole_counts_whatever_ssh_says_after_it() {
    let fleet = Fleet::of(&[NODE]);
    fleet.write_program("ssh", "ssh -F @CONFIG@ \"$@\"; exit 255");
    let ran = fleet.dist().exits(0);
    assert_eq!(ran.became(NODE), "built");
    assert_eq!(fleet.node(NODE).sshd.connections(), 1);
    fleet.holds(&[NODE]);
}

#[test]
fn a_link_that_is_cut_after_the_last_word_is_tried_again() {
    let mut fleet = Fleet::of(&[NODE]);
    fleet.set(NODE, "retries = 1");
    let once = fleet.room.join("once");
    let body = "if mkdir @ONCE@ 2>/dev/null; then ssh -F @CONFIG@ \"$@\" | head -c 2000; exit 255; fi\nexec ssh -F @CONFIG@ \"$@\"";
    fleet.write_program("ssh", &body.replace("@ONCE@", once.to_str().unwrap()));
    let ran = fleet.dist().exits(0).says(&[
        "the binary did not arrive whole; the same command tries again (transfer); tries again in ",
    ]);
    assert_eq!(ran.became(NODE), "built");
    fleet.holds(&[NODE]);
}

#[test]
fn a_binary_that_arrives_late_is_waited_for() {
    let fleet = Fleet::of(&[NODE]);
    // More than the time that is given to what merely holds a session open.
    fleet.write_program("ssh", "ssh -F @CONFIG@ \"$@\" | { sleep 5; cat; }");
    let ran = fleet.dist().exits(0);
    assert_eq!(ran.became(NODE), "built");
    assert!(!ran.stderr.contains("holds the session"), "{}", ran.stderr);
    fleet.holds(&[NODE]);
}

#[test]
fn a_daemon_that_writes_on_holds_no_job_up() {
    let mut fleet = Fleet::of(&[NODE]);
    fleet.play(
        NODE,
        &daemon("while sleep 0.3; do echo still here >&2; done"),
    );
    let ran = fleet.dist();
    end_daemon(&fleet.node(NODE).directory.join("cache"));
    let ran = ran
        .exits(0)
        .says(&["something that its build started still runs there and holds the session"]);
    assert_eq!(ran.became(NODE), "built");
    fleet.holds(&[NODE]);
}

/// This machine's own node hands its log to whatever the build leaves behind.
#[test]
fn a_daemon_that_floods_the_log_holds_no_local_job_up() {
    let node = here();
    let mut fleet = Fleet::of(&[node]);
    fleet.node_mut(node).host = "local".into();
    let cache = fleet.room.join("local-cache");
    // Faster than anybody reads it.
    let lines = "\\n".repeat(40);
    let script = daemon(&format!("while printf \"{lines}\" >&2; do :; done"))
        .replace("$XTASK_CACHE", cache.to_str().unwrap());
    fs::create_dir(&cache).unwrap();
    let built = program(node);
    fleet.set(
        node,
        &format!(
            "build_command = '''{script}'''\nbinary_path = \"{}\"",
            built.display()
        ),
    );
    let ran = fleet.dist();
    end_daemon(&cache);
    assert_eq!(ran.exits(0).became(node), "built");
    fleet.holds(&[node]);
}

#[test]
fn a_leftover_that_does_not_obey_is_killed_and_nobody_waits_for_it() {
    let mut fleet = Fleet::of(&[NODE]);
    fleet.play(NODE, "(trap '' TERM; exec sleep 600) >/dev/null 2>&1 &");
    let ran = fleet.dist().exits(0);
    assert_eq!(ran.became(NODE), "built");
    let (_, lifetime) = fleet.lifetimes(&[NODE])[0];
    assert!(lifetime < Duration::from_secs(10), "it lived {lifetime:?}");
}

fn end_daemon(cache: &std::path::Path) {
    let number = fs::read_to_string(cache.join("daemon")).unwrap();
    signal(number.trim().parse().unwrap(), "KILL");
}
