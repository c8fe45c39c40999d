//! `transfer = "scp"`: the same script, with the source sent and the binary fetched by scp.

use crate::connections::OTHERS;
use crate::fleet::{running_with, Fleet};
use crate::project::here;
use crate::run::wait_until;

const SCP: &str = "transfer = \"scp\"";

#[test]
fn source_and_binary_travel_by_scp() {
    let nodes = [here(), OTHERS[0]];
    let mut fleet = Fleet::of(&nodes);
    nodes.iter().for_each(|node| fleet.set(node, SCP));
    fleet.dist().exits(0);
    fleet.holds(&nodes);
    for node in nodes {
        assert_eq!(fleet.node(node).sshd.logins(), 3, "session, send, fetch");
        assert_eq!(
            crate::fleet::names(&fleet.node(node).cache(node)),
            ["out", "target"]
        );
    }
    let second = fleet.dist().exits(0);
    nodes
        .iter()
        .for_each(|node| assert_eq!(second.became(node), "reused"));
}

#[test]
fn what_scp_cannot_do_is_a_failed_transfer() {
    let [send, fetch, blank, ..] = OTHERS;
    let mut fleet = Fleet::of(&[send, fetch, blank]);
    [send, fetch, blank]
        .iter()
        .for_each(|node| fleet.set(node, SCP));
    // The first argument of the last two is where from.
    let body = format!("for last; do :; done\ncase $last in {send}:* | *{fetch}.stream.*) echo 'no space left' >&2; exit 1 ;; esac\nexec scp -F @CONFIG@ \"$@\"");
    fleet.write_program("scp", &body);
    fleet
        .node(blank)
        .write_tool("uname", "#!/bin/sh\nexec /bin/uname \"$@\"\n");
    let cache = fleet.room.join(blank).join("a blank");
    let home = fleet.room.join(blank).join("home");
    fleet.node_mut(blank).setup.config = format!(
        "SetEnv \"XTASK_CACHE={}\" HOME={}",
        cache.display(),
        home.display()
    );
    fleet.node_mut(blank).restart();
    let ran = fleet.dist().exits(1);
    assert_eq!(ran.became(send), "send transfer");
    assert_eq!(ran.became(fetch), "collect transfer");
    assert_eq!(ran.became(blank), "send transfer");
    assert!(
        ran.stderr
            .contains("has a name that scp cannot carry; name another there with XTASK_CACHE"),
        "{}",
        ran.stderr
    );
    fleet.holds(&[]);
    for node in [send, fetch, blank] {
        assert_eq!(fleet.running_on(node), [""; 0]);
        fleet.set(node, "");
    }
    fleet.dist().exits(0);
    fleet.holds(&[send, fetch, blank]);
}

#[test]
fn a_signal_ends_scp_too() {
    let node = OTHERS[0];
    let mut fleet = Fleet::of(&[node]);
    fleet.set(node, SCP);
    fleet.write_program("scp", "exec sleep 600");
    let running = fleet.start("dist");
    let mark = format!("XTASK_SSH={}/bin/ssh", fleet.room.display());
    let copies = || {
        running_with(&mark)
            .iter()
            .any(|line| line.ends_with("sleep 600 "))
    };
    wait_until("scp is at work", copies);
    running.signal("TERM");
    running.wait().exits(143);
    wait_until("nothing is left", || {
        running_with(&mark).is_empty() && fleet.running_on(node).is_empty()
    });
    fleet.holds(&[]);
}

#[test]
fn a_key_that_is_refused_to_scp_is_not_offered_again() {
    let node = OTHERS[0];
    let mut fleet = Fleet::of(&[node]);
    fleet.set(node, &format!("{SCP}\nretries = 2"));
    let refused = "echo 'root@127.0.0.1: Permission denied (publickey).' >&2; exit 255";
    fleet.write_program("scp", refused);
    let ran = fleet.dist().exits(1);
    assert_eq!(ran.became(node), "send auth", "{}", ran.stderr);
    assert_eq!(fleet.node(node).sshd.logins(), 1);
}

#[test]
fn copies_wait_at_the_gate_too() {
    let nodes: Vec<&str> = OTHERS.into_iter().chain([here()]).collect();
    let mut fleet = Fleet::of(&nodes);
    fleet.head += "[[machine]]\nname = \"rig\"\n";
    for node in &nodes {
        fleet.set(node, &format!("{SCP}\nmachine = \"rig\""));
    }
    // Whoever is inside stays until nine are, or for as long as a loaded machine needs to bring a ninth there.
    let body = "cd @ROOM@ && mkdir -p inside && : >inside/$$\nfor second in 1 2 3 4; do\n\t[ $(ls inside | wc -l) -lt 9 ] || : >crowded\n\tsleep 1\ndone\n\
        cd - >/dev/null && rm @ROOM@/inside/$$\nexec scp -F @CONFIG@ \"$@\"";
    let room = fleet.room.to_str().unwrap();
    fleet.write_program("scp", &body.replace("@ROOM@", room));
    fleet.dist().exits(0);
    fleet.holds(&nodes);
    assert!(!fleet.room.join("crowded").exists(), "nine at once");
}
