//! The client dies, by a signal or for good, in each stage: nothing of it stays on a node or here, and the same command repairs it.

use crate::connections::OTHERS;
use crate::fleet::{running_with, Fleet};
use crate::project::here;
use crate::run::{wait_until, Running};
use std::time::{Duration, Instant};

/// Each of its nodes stays in another stage; the last build does not obey TERM.
pub struct Stuck {
    pub fleet: Fleet,
}

pub const STAGES: [&str; 5] = ["connect", "send", "build", "prove", "collect"];
const STUBBORN: &str = OTHERS[5];

impl Stuck {
    pub fn new() -> Stuck {
        let nodes: Vec<&str> = OTHERS[..6].iter().copied().chain([here()]).collect();
        let mut fleet = Fleet::of(&nodes);
        let [connect, send, build, prove, collect, stubborn, ..] = OTHERS;
        let rustc = Fleet::toolchain(connect)[1]
            .1
            .replace("#!/bin/sh", "#!/bin/sh\nsleep 600");
        fleet.node(connect).write_tool("rustc", &rustc);
        // It waits for more than will come.
        fleet.node(send).write_tool(
            "head",
            "#!/bin/sh\ncase $2 in 1) echo x ;; *) exec tail -c 600 ;; esac\n",
        );
        fleet.play(build, "sleep 600 & sleep 600");
        fleet.set(
            prove,
            "prove = true\nenv.AFTER = '''printf '#!/bin/sh\\nsleep 600' >\"$program\"'''",
        );
        // The first hash is the archive's, the second the binary's.
        let sum = "#!/bin/sh\nif [ -e \"$XTASK_CACHE/second\" ]; then sleep 600; fi\n: >\"$XTASK_CACHE/second\"\nexec /usr/bin/sha256sum\n";
        fleet.node(collect).write_tool("sha256sum", sum);
        fleet.play(stubborn, "trap '' TERM; sleep 600");
        Stuck { fleet }
    }

    /// Returns when every node is where it stays, and the healthy one is done.
    pub fn start(&self) -> Running {
        let running = self.fleet.start("dist");
        let sleeps = |node: &&&str| {
            let lines = self.fleet.running_on(node);
            lines.iter().any(|line| line.ends_with(" 600 "))
        };
        wait_until("every node is stuck", || {
            let said = running.stderr();
            OTHERS[..6].iter().filter(sleeps).count() == 6
                && said.contains(&format!("[{}] ended", here()))
        });
        running
    }

    pub fn lifetimes(&self) -> Vec<(&'static str, Duration)> {
        self.fleet.lifetimes(&OTHERS[..6])
    }

    /// The same command, with nodes that are not stuck any more.
    pub fn repair(&mut self) {
        for node in &OTHERS[..6] {
            self.fleet.set(node, "");
            let tools = self.fleet.node(node).directory.join("home/.cargo/bin");
            for tool in ["head", "sha256sum"] {
                let _ = std::fs::remove_file(tools.join(tool));
            }
            for (name, text) in Fleet::toolchain(node) {
                self.fleet.node(node).write_tool(name, &text);
            }
        }
        let ran = self.fleet.dist().exits(0);
        assert_eq!(ran.became(here()), "reused");
        let nodes: Vec<&str> = OTHERS[..6].iter().copied().chain([here()]).collect();
        self.fleet.holds(&nodes);
        for node in nodes {
            let cache = self.fleet.node(node).cache(node);
            assert_eq!(crate::fleet::names(&cache), ["target"], "{node}");
        }
    }
}

#[test]
fn a_client_that_is_killed_leaves_nothing_running() {
    let mut stuck = Stuck::new();
    let running = stuck.start();
    running.signal("KILL");
    let lifetimes = stuck.lifetimes();
    assert_eq!(running.wait().code, None);
    eprintln!("after SIGKILL: {lifetimes:?}");
    // The bar is half a second, and three for a build that does not obey TERM: here with room for a loaded machine.
    for (node, lifetime) in &lifetimes {
        let bar = if *node == STUBBORN { 9 } else { 4 };
        assert!(
            *lifetime < Duration::from_secs(bar),
            "{node} lived {lifetime:?}"
        );
    }
    assert_eq!(
        lifetimes.last().unwrap().0,
        STUBBORN,
        "only what ignores TERM is waited for"
    );
    no_ssh_is_left(&stuck.fleet);
    stuck.repair();
}

#[test]
fn a_client_that_is_terminated_or_interrupted_ends_its_nodes_first() {
    for (signal, code) in [("TERM", 143), ("INT", 130), ("HUP", 129)] {
        let mut stuck = Stuck::new();
        let running = stuck.start();
        running.signal(signal);
        let ran = running.wait().exits(code);
        for (node, stage) in OTHERS.iter().zip(STAGES) {
            let line = format!("[{node}] failed in {stage}: stopped by the user");
            assert!(ran.stderr.contains(&line), "{line}: {}", ran.stderr);
        }
        let lifetimes = stuck.lifetimes();
        eprintln!("after SIG{signal}: {:?}, {lifetimes:?}", ran.elapsed);
        no_ssh_is_left(&stuck.fleet);
        stuck.fleet.holds(&[here()]);
        stuck.repair();
    }
}

/// Our own half of the sessions.
fn no_ssh_is_left(fleet: &Fleet) {
    let mark = format!("XTASK_SSH={}/bin/ssh", fleet.room.display());
    wait_until("no process of the client is left", || {
        running_with(&mark).is_empty()
    });
}

/// At two more moments: while a node hashes its source, and when it cannot note a heartbeat.
#[test]
fn the_end_of_the_client_is_noticed_whatever_the_node_is_at() {
    let [hashing, deaf, ..] = OTHERS;
    let mut fleet = Fleet::of(&[hashing, deaf]);
    fleet
        .node(hashing)
        .write_tool("sha256sum", "#!/bin/sh\nexec sleep 600\n");
    fleet.play(
        deaf,
        "rm -rf \"$XTASK_CACHE\"/*/*/session.*; exec sleep 600",
    );
    let running = fleet.start("dist");
    let sleeps = |node: &&str| {
        let lines = fleet.running_on(node);
        lines.iter().any(|line| line.ends_with(" 600 "))
    };
    wait_until("both are at it", || [hashing, deaf].iter().all(sleeps));
    let started = Instant::now();
    wait_until("a heartbeat has come since", || {
        started.elapsed() > Duration::from_secs(7)
    });
    running.signal("KILL");
    for (node, lifetime) in fleet.lifetimes(&[hashing, deaf]) {
        assert!(
            lifetime < Duration::from_secs(4),
            "{node} lived {lifetime:?}"
        );
    }
    assert_eq!(running.wait().code, None);
}
