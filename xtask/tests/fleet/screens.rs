//! Who watches a release may leave: a terminal that is closed, a pipe whose reader has enough. What was started is stopped all the same.

use crate::fleet::Fleet;
use crate::run::wait_until;
use std::fs;

const NODE: &str = "netbsd-x86_64";

/// A node with hooks, whose build goes on when it is told to. What happens is a file each: `start`, `build`, `stop`.
fn fleet() -> Fleet {
    let mut fleet = Fleet::of(&[NODE]);
    let room = fleet.room.display().to_string();
    let hook = |name: &str| format!("{name} = [\"sh\", \"-c\", \": >{room}/{name}\"]\n");
    let build = format!(
        "env.PLAY = ': >{room}/build; until [ -e {room}/go-on ]; do [ -d {room} ] && sleep 0.1 || exit 1; done'\n"
    );
    fleet.set(NODE, &(hook("start") + &hook("stop") + &build));
    fleet
}

fn wait_for(fleet: &Fleet, name: &str) {
    wait_until(name, || fleet.room.join(name).exists());
}

fn go_on(fleet: &Fleet) {
    fs::write(fleet.room.join("go-on"), "").unwrap();
}

/// What the script has written into the file `code`.
fn exit_code(fleet: &Fleet) -> String {
    let read = || fs::read_to_string(fleet.room.join("code")).unwrap_or_default();
    wait_until("it ends", || read().ends_with('\n'));
    read().trim_end().to_string()
}

/// A real terminal, in which this runs. It is closed when the process that comes back is killed.
fn on_a_terminal(kind: &str, script: &str) -> String {
    format!("TERM={kind} SHELL=/bin/sh exec script --quiet --command '{script}' /dev/null")
}

#[test]
fn what_was_started_is_stopped_when_its_terminal_is_closed() {
    // The kernel tells the shell, and a shell that people type at tells its jobs.
    let shell = "$XTASK dist & trap \"kill -HUP $!\" HUP; wait; wait $!; echo $? >$ROOM/code";
    for kind in ["dumb", "xterm"] {
        let fleet = fleet();
        let running = fleet.start_script(&on_a_terminal(kind, shell));
        wait_for(&fleet, "build");
        running.signal("KILL");
        assert_eq!(exit_code(&fleet), "129", "TERM={kind}");
        assert!(fleet.room.join("stop").exists(), "TERM={kind}");
        running.wait();
        fleet.lifetimes(&[NODE]);
    }
}

#[test]
fn a_release_without_its_terminal_goes_on_where_no_hangup_reaches_it() {
    let shell = "trap : HUP; setsid --wait $XTASK dist; echo $? >$ROOM/code";
    for kind in ["dumb", "xterm"] {
        let fleet = fleet();
        let running = fleet.start_script(&on_a_terminal(kind, shell));
        wait_for(&fleet, "build");
        running.signal("KILL");
        go_on(&fleet);
        assert_eq!(exit_code(&fleet), "0", "TERM={kind}");
        assert!(fleet.room.join("stop").exists(), "TERM={kind}");
        fleet.holds(&[NODE]);
        running.wait();
    }
}

#[test]
fn a_terminal_shows_what_is_said_around_its_live_lines() {
    let fleet = fleet();
    let running = fleet.start_script(&on_a_terminal("xterm", "$XTASK dist; echo $? >$ROOM/code"));
    wait_for(&fleet, "build");
    go_on(&fleet);
    assert_eq!(exit_code(&fleet), "0");
    let shown = running.wait().stdout;
    for line in ["starting", "stopping node netbsd-x86_64", "Total time: "] {
        assert!(shown.contains(line), "no `{line}` in: {shown}");
    }
}

#[test]
fn a_reader_that_has_enough_ends_nothing() {
    let fleet = fleet();
    let script = "{ $XTASK --json dist; echo $? >$ROOM/code; } 2>&1 | { head -n 1; exec <&-; : >$ROOM/left; }";
    let running = fleet.start_script(script);
    wait_for(&fleet, "build");
    wait_for(&fleet, "left");
    go_on(&fleet);
    assert_eq!(exit_code(&fleet), "0");
    assert!(fleet.room.join("stop").exists());
    fleet.holds(&[NODE]);
    running.wait();
}

#[test]
fn what_cannot_be_shown_changes_no_exit_code() {
    let fleet = fleet();
    for (arguments, code) in [
        ("help", 0),
        ("plan", 0),
        ("plan --json", 0),
        ("frobnicate", 2),
    ] {
        let script = format!("exec $XTASK {arguments} >/dev/full 2>/dev/full");
        fleet.start_script(&script).wait().exits(code);
    }
}
