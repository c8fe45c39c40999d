//! The link breaks: cut, frozen, or by the end of our own ssh. The node ends what it did, the client says what happened, and a retry goes on.

use crate::connections::OTHERS;
use crate::deaths::{Stuck, STAGES};
use crate::fleet::{running_with, Fleet};
use crate::project::here;
use crate::run::{signal, wait_until, Ran};

#[test]
fn a_link_that_is_cut_is_lost_in_whatever_stage_it_was() {
    let mut stuck = Stuck::new();
    let running = stuck.start();
    for node in &OTHERS[..6] {
        stuck.fleet.node(node).sshd.cut();
    }
    let ran = running.wait().exits(1);
    for (node, stage) in OTHERS.iter().zip(STAGES) {
        let line = format!("[{node}] failed in {stage}: ");
        assert!(ran.stderr.contains(&line), "{line}: {}", ran.stderr);
    }
    assert_eq!(lost_nodes(&ran), 6, "{}", ran.stderr);
    eprintln!("after the cut: {:?}", stuck.lifetimes());
    stuck.fleet.holds(&[here()]);
    stuck.repair();
}

#[test]
fn an_ssh_that_is_killed_is_a_lost_link() {
    let mut stuck = Stuck::new();
    let running = stuck.start();
    for node in &OTHERS[..6] {
        end_ssh(&stuck.fleet, node);
    }
    let ran = running.wait().exits(1);
    assert_eq!(lost_nodes(&ran), 6, "{}", ran.stderr);
    eprintln!("after the end of ssh: {:?}", stuck.lifetimes());
    stuck.fleet.holds(&[here()]);
    stuck.repair();
}

/// How many are reported as such; the closing table says it once more.
fn lost_nodes(ran: &Ran) -> usize {
    let why = "the link broke; the same command tries again";
    let reports = ran.stderr.lines().filter(|line| line.starts_with('['));
    reports
        .filter(|line| line.contains("] failed in ") && line.ends_with(why))
        .count()
}

/// Kills our own ssh to a node.
fn end_ssh(fleet: &Fleet, node: &str) {
    let mark = format!("XTASK_SSH={}/bin/ssh", fleet.room.display());
    let lines = running_with(&mark);
    let end = format!(" -- {node} exec sh -s ");
    let ours: Vec<&String> = lines.iter().filter(|line| line.ends_with(&end)).collect();
    assert_eq!(ours.len(), 1, "{lines:?}");
    signal(ours[0].split(' ').next().unwrap().parse().unwrap(), "KILL");
}

#[test]
fn a_frozen_link_ends_both_sides_by_themselves() {
    let mut stuck = Stuck::new();
    for node in &OTHERS[..6] {
        let keys = &mut stuck.fleet.node_mut(node).keys;
        *keys =
            format!("ssh_options = [\"ServerAliveInterval=1\", \"ServerAliveCountMax=3\"]\n{keys}");
    }
    let running = stuck.start();
    for node in &OTHERS[..6] {
        stuck.fleet.node(node).sshd.freeze();
    }
    let lifetimes = stuck.lifetimes();
    eprintln!("after the freeze: {lifetimes:?}");
    // Two windows of heartbeats are the bar.
    for (node, lifetime) in lifetimes {
        assert!(lifetime.as_secs() < 40, "{node} lived {lifetime:?}");
    }
    let ran = running.wait().exits(1);
    assert_eq!(lost_nodes(&ran), 6, "{}", ran.stderr);
    stuck.fleet.holds(&[here()]);
    for node in &OTHERS[..6] {
        stuck.fleet.node(node).sshd.thaw();
    }
    stuck.repair();
}

#[test]
fn a_build_that_was_cut_off_is_tried_again_and_goes_on() {
    let node = "netbsd-x86_64";
    let mut fleet = Fleet::of(&[node, "freebsd-x86_64"]);
    fleet.set(node, "retries = 1\nenv.PLAY = '''echo attempt; if [ ! -e \"$XTASK_CACHE/once\" ]; then : >\"$XTASK_CACHE/once\"; sleep 600; fi'''");
    let running = fleet.start("--json dist");
    wait_until("the build is at work", || {
        let log = std::fs::read_to_string(fleet.path(&format!("logs/{node}.log")));
        log.is_ok_and(|log| log.contains("Z attempt\n"))
    });
    fleet.node(node).sshd.cut();
    let ran = running.wait().exits(0).says(&[
        "[netbsd-x86_64] ",
        "the link broke; the same command tries again (lost); tries again in ",
    ]);
    assert_eq!(ran.became(node), "built");
    assert_eq!(fleet.node(node).sshd.logins(), 2);
    assert_eq!(fleet.node("freebsd-x86_64").sshd.logins(), 1);
    fleet.holds(&[node, "freebsd-x86_64"]);
    // Both attempts are in the log.
    assert_eq!(
        fleet.log(node).matches("Z attempt\n").count(),
        2,
        "{}",
        fleet.log(node)
    );
}

#[test]
fn a_binary_cut_short_on_its_way_is_fetched_again() {
    let node = "netbsd-x86_64";
    for (retries, code, became) in [(0, 1, "collect transfer"), (1, 0, "built")] {
        let mut fleet = Fleet::of(&[node]);
        fleet.set(node, &format!("retries = {retries}"));
        // The first session's output loses its end.
        let once = fleet.room.join("once");
        let body = "if mkdir @ONCE@ 2>/dev/null; then ssh -F @CONFIG@ \"$@\" | head -c 2000; else exec ssh -F @CONFIG@ \"$@\"; fi";
        fleet.write_program("ssh", &body.replace("@ONCE@", once.to_str().unwrap()));
        let ran = fleet.dist().exits(code);
        assert_eq!(ran.became(node), became);
        if code == 1 {
            fleet.holds(&[]);
            fleet.dist().exits(0);
        }
        fleet.holds(&[node]);
    }
}

#[test]
fn a_node_that_drops_connections_is_tried_again_after_a_while() {
    let node = "netbsd-x86_64";
    let mut fleet = Fleet::of(&[node]);
    fleet.set(node, "retries = 3");
    fleet.node_mut(node).setup.config += "\nMaxStartups 1:100:1";
    fleet.node_mut(node).restart();
    let place = std::net::TcpStream::connect(("127.0.0.1", fleet.node(node).sshd.port)).unwrap();
    let running = fleet.start("dist");
    wait_until("it was dropped once", || {
        running.stderr().contains("(dropped); tries again in")
    });
    drop(place);
    running.wait().exits(0);
    fleet.holds(&[node]);
}

#[test]
fn what_a_build_printed_is_not_taken_for_what_ssh_said() {
    let node = "netbsd-x86_64";
    let mut fleet = Fleet::of(&[node]);
    let script = r"printf '\033[31mHost key verification failed.\033]0;title\007\n'; kill -KILL 0";
    fleet.set(node, &format!("retries = 1\nenv.PLAY = '''{script}'''"));
    let ran = fleet.dist().exits(1);
    assert_eq!(ran.became(node), "build lost", "{}", ran.stderr);
    assert_eq!(fleet.node(node).sshd.logins(), 2, "it is tried again");
    assert_eq!(
        ran.outcome(node)["failure"]["message"],
        "the session ended with status 255 before it was done; the link broke; the same command tries again"
    );
    assert!(!ran.stderr.contains('\u{1b}'), "{:?}", ran.stderr);
}

#[test]
fn a_node_that_is_away_for_a_while_after_the_link_broke_is_waited_for() {
    let node = "netbsd-x86_64";
    let mut fleet = Fleet::of(&[node]);
    fleet.set(node, "retries = 1\nenv.PLAY = '''if mkdir \"$XTASK_CACHE/once\" 2>/dev/null; then echo attempt; sleep 600; fi'''");
    let mut running = fleet.start("--json dist");
    wait_until("the build is at work", || {
        has_logged(&fleet, "Z attempt\n", 1)
    });
    fleet.node_mut(node).sshd.stop();
    wait_until("it was refused more often than there are retries", || {
        has_logged(&fleet, "Connection refused", 3) || running.has_ended()
    });
    fleet.node_mut(node).restart();
    let ran = running.wait().exits(0);
    assert_eq!(ran.became(node), "built");
    // It is said once, not at every knock.
    assert_eq!(ran.stderr.matches("Connection refused").count(), 1);
    fleet.holds(&[node]);
}

#[test]
fn a_client_that_stood_still_hears_why_its_node_gave_up() {
    let node = "netbsd-x86_64";
    let mut fleet = Fleet::of(&[node]);
    fleet.play(node, "echo attempt; sleep 600");
    let running = fleet.start("--json dist");
    wait_until("the build is at work", || {
        has_logged(&fleet, "Z attempt\n", 1)
    });
    running.signal("STOP");
    fleet.lifetimes(&[node]);
    running.signal("CONT");
    let ran = running.wait().exits(1);
    assert_eq!(ran.became(node), "build lost", "{}", ran.stderr);
    let message = ran.outcome(node)["failure"]["message"].to_string();
    assert!(message.contains("no heartbeat for 20 s"), "{message}");
}

fn has_logged(fleet: &Fleet, text: &str, times: usize) -> bool {
    let log = std::fs::read_to_string(fleet.path("logs/netbsd-x86_64.log"));
    log.is_ok_and(|log| log.matches(text).count() >= times)
}

#[test]
fn a_local_session_that_is_killed_is_lost_too() {
    let node = here();
    let mut fleet = Fleet::of(&[node]);
    fleet.node_mut(node).host = "local".into();
    fleet.set(
        node,
        "build_command = \"kill -KILL 0\"\nbinary_path = \"/none\"",
    );
    let ran = fleet.dist().exits(1);
    assert_eq!(ran.became(node), "build lost", "{}", ran.stderr);
    assert_eq!(
        ran.outcome(node)["failure"]["message"],
        "the session ended with signal 9 before it was done; the same command tries again"
    );
}
