//! What can go wrong before a node's first word: each fault is its own row, and the same command repairs it.

use crate::fleet::Fleet;
use crate::project::here;
use crate::sshd::Setup;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// Not this machine's own platform, so that its nodes are never asked to run what they built.
pub const OTHERS: [&str; 8] = [
    "freebsd-aarch64",
    "freebsd-x86_64",
    "macos-aarch64",
    "macos-x86_64",
    "netbsd-aarch64",
    "netbsd-x86_64",
    "openbsd-aarch64",
    "openbsd-x86_64",
];

#[test]
fn a_node_is_reached_once_and_what_it_built_is_used_again_without_a_connection() {
    let fleet = Fleet::of(&[here(), "netbsd-x86_64"]);
    let first = fleet.dist().exits(0);
    assert_eq!(first.became(here()), "built");
    fleet.holds(&[here(), "netbsd-x86_64"]);
    let second = fleet.dist().exits(0);
    for node in [here(), "netbsd-x86_64"] {
        assert_eq!(second.became(node), "reused");
        let sshd = &fleet.node(node).sshd;
        assert_eq!((sshd.connections(), sshd.logins()), (1, 1), "{node}");
    }
}

#[test]
fn every_fault_of_a_connection_is_its_own_row_and_the_others_are_built() {
    let nodes: Vec<&str> = OTHERS.into_iter().chain([here()]).collect();
    let mut fleet = Fleet::of(&nodes);
    let [refused, silent, unknown, new, changed, key, dropped, _] = OTHERS;
    fleet.head += "connect_timeout = \"3s\"\n";
    fleet.head = fleet.head.replacen("connect_timeout = \"30s\"\n", "", 1);

    // Nobody listens.
    let closed = closed_port();
    fleet.set(refused, &format!("ssh_options = [\"Port={closed}\"]"));
    fleet.node(silent).sshd.freeze();
    fleet.node_mut(unknown).host = "root@nowhere.invalid".into();
    fleet.set(unknown, "ssh_options = [\"Hostname=nowhere.invalid\"]");
    // A host whose key nobody has seen, and one whose key is not what it was.
    let known = fs::read_to_string(fleet.room.join("known_hosts")).unwrap();
    let other = fs::read_to_string(fleet.room.join("other.pub")).unwrap();
    let line_of = |node: &str| {
        let start = format!("[127.0.0.1]:{} ", fleet.node(node).sshd.port);
        known
            .lines()
            .find(|line| line.starts_with(&start))
            .unwrap()
            .to_string()
    };
    let wrong = format!(
        "[127.0.0.1]:{} {}",
        fleet.node(changed).sshd.port,
        other.trim()
    );
    let edited = known
        .replace(&line_of(new), "")
        .replace(&line_of(changed), &wrong);
    fs::write(fleet.room.join("known_hosts"), edited).unwrap();
    let honest = fleet.node(key).setup.clone();
    fleet.node_mut(key).setup = Setup {
        authorized: fleet.room.join("other.pub"),
        ..honest.clone()
    };
    fleet.node_mut(key).restart();
    // Its one place for somebody who has not logged in yet is taken.
    fleet.node_mut(dropped).setup.config += "\nMaxStartups 1:100:1";
    fleet.node_mut(dropped).restart();
    let place = TcpStream::connect(("127.0.0.1", fleet.node(dropped).sshd.port)).unwrap();

    let ran = fleet.dist().exits(1);
    for (node, expected, said) in [
        (refused, "connect unreachable", "Connection refused"),
        (silent, "connect unreachable", "timed out"),
        (
            unknown,
            "connect unreachable",
            "Could not resolve hostname nowhere.invalid",
        ),
        (new, "connect host-key", "Host key verification failed"),
        (changed, "connect host-key", "Host key verification failed"),
        (key, "connect auth", "Permission denied (publickey)"),
        (
            dropped,
            "connect dropped",
            "its sshd drops connections (MaxStartups)",
        ),
    ] {
        assert_eq!(ran.became(node), expected, "{node}: {}", ran.stderr);
        let message = ran.outcome(node)["failure"]["message"].to_string();
        assert!(message.contains(said), "{node}: {message}");
        assert!(ran
            .stderr
            .contains(&format!("[{node}] failed in connect: ")));
    }
    assert!(
        ran.stderr.contains("required nodes are missing"),
        "{}",
        ran.stderr
    );
    let unharmed = [OTHERS[7], here()];
    unharmed
        .iter()
        .for_each(|node| assert_eq!(ran.became(node), "built"));
    fleet.holds(&unharmed);
    // A refused key is not offered again: sshd would take that for an attack.
    assert_eq!(fleet.node(key).sshd.connections(), 1);

    fleet.set(refused, "");
    fleet.node(silent).sshd.thaw();
    fleet.set(unknown, "");
    fleet.node_mut(unknown).host = unknown.into();
    fs::write(fleet.room.join("known_hosts"), known).unwrap();
    fleet.node_mut(key).setup = honest;
    fleet.node_mut(key).restart();
    drop(place);
    let ran = fleet.dist().exits(0);
    unharmed
        .iter()
        .for_each(|node| assert_eq!(ran.became(node), "reused"));
    OTHERS[..7]
        .iter()
        .for_each(|node| assert_eq!(ran.became(node), "built"));
    fleet.holds(&nodes);
}

#[test]
fn a_jump_host_that_is_down_is_what_is_named() {
    let node = OTHERS[0];
    let mut fleet = Fleet::of(&[node]);
    let closed = closed_port();
    fleet.set(
        node,
        &format!("ssh_options = [\"ProxyJump=127.0.0.1:{closed}\"]"),
    );
    let ran = fleet.dist().exits(1);
    assert_eq!(ran.became(node), "connect unreachable", "{}", ran.stderr);
    let message = ran.outcome(node)["failure"]["message"].to_string();
    let said = format!("ssh: connect to host 127.0.0.1 port {closed}: Connection refused; ");
    assert!(message.contains(&said), "{message}");
}

/// Packets vanish where a listener's queue is full: the kernel answers none of them.
#[test]
fn a_black_hole_is_unreachable_after_its_timeout() {
    let node = OTHERS[0];
    let mut fleet = Fleet::of(&[node]);
    let hole = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = hole.local_addr().unwrap();
    let knock = || TcpStream::connect_timeout(&place, Duration::from_millis(300));
    let queue: Vec<TcpStream> = std::iter::from_fn(|| knock().ok()).collect();
    let keys = format!(
        "connect_timeout = \"2s\"\nssh_options = [\"Port={}\"]",
        place.port()
    );
    fleet.set(node, &keys);
    let ran = fleet.dist().exits(1);
    assert_eq!(ran.became(node), "connect unreachable", "{}", ran.stderr);
    let message = ran.outcome(node)["failure"]["message"].to_string();
    assert!(message.contains("Connection timed out; "), "{message}");
    drop(queue);
}

#[test]
fn a_users_own_forwardings_and_commands_do_not_meet_a_session() {
    let node = OTHERS[0];
    let fleet = Fleet::of(&[node]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = fleet.room.join("ssh_config");
    let own = format!(
        "{}\n    RemoteCommand echo nothing\n    ExitOnForwardFailure yes\n    LocalForward {} localhost:1\n",
        fs::read_to_string(&config).unwrap().trim_end(),
        taken.local_addr().unwrap().port()
    );
    fs::write(config, own).unwrap();
    let ran = fleet.dist().exits(0);
    assert_eq!(ran.became(node), "built");
    fleet.holds(&[node]);
}

/// A port of this machine on which nobody listens.
fn closed_port() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().port()
}
