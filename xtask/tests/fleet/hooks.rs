//! `start` and `stop`: around their jobs, once per machine, and `stop` always, whatever happens in between.

use crate::fleet::Fleet;
use crate::run::{signal, wait_until, Running};
use std::fs;
use std::time::Instant;

const A: &str = "freebsd-aarch64";
const B: &str = "freebsd-x86_64";
const C: &str = "netbsd-x86_64";

/// Two nodes on a machine with hooks, one with hooks of its own. Everything that happens is a line of one file.
struct Hooked(Fleet);

impl Hooked {
    fn new() -> Hooked {
        let mut fleet = Fleet::of(&[A, B, C]);
        let write = |line: &str| format!("echo {line} >>{}/events", fleet.room.display());
        let hooks = |name: &str| {
            format!(
                "start = {}\nstop = {}\n",
                words(&write(&format!("start {name}"))),
                words(&write(&format!("stop {name}")))
            )
        };
        let machine = format!("\n[[machine]]\nname = \"rig\"\n{}", hooks("rig"));
        let own = hooks(C);
        let build =
            [A, B, C].map(|node| format!("env.PLAY = '{}'\n", write(&format!("build {node}"))));
        fleet.head += &machine;
        fleet.set(A, &format!("machine = \"rig\"\n{}", build[0]));
        fleet.set(B, &format!("machine = \"rig\"\n{}", build[1]));
        fleet.set(C, &format!("{own}{}", build[2]));
        Hooked(fleet)
    }

    fn start_with(&mut self, name: &str, script: &str) {
        self.then("start", name, script);
    }

    fn stop_with(&mut self, name: &str, script: &str) {
        self.then("stop", name, script);
    }

    fn without_start(&mut self, name: &str) {
        let script = format!("echo start {name} >>{}/events", self.0.room.display());
        let start = format!("start = {}\n", words(&script));
        let text = self.text_of(name);
        assert!(text.contains(&start));
        *text = text.replace(&start, "");
    }

    /// What a hook does besides writing its line.
    fn then(&mut self, hook: &str, name: &str, script: &str) {
        let line = format!("echo {hook} {name} >>{}/events", self.0.room.display());
        let (old, new) = (words(&line), words(&format!("{line}; {script}")));
        let text = self.text_of(name);
        assert!(text.contains(&old));
        *text = text.replace(&old, &new);
    }

    /// Where it stands in `nodes.toml`.
    fn text_of(&mut self, name: &str) -> &mut String {
        match name {
            "rig" => &mut self.0.head,
            _ => &mut self.0.node_mut(name).keys,
        }
    }

    fn events(&self) -> Vec<String> {
        let text = fs::read_to_string(self.0.room.join("events")).unwrap_or_default();
        text.lines().map(String::from).collect()
    }

    fn has(&self, event: &str) -> bool {
        self.events().iter().any(|one| one == event)
    }

    /// Those of the events that have to do with one of these.
    fn events_of(&self, names: &[&str]) -> Vec<String> {
        let of = |event: &String| {
            names
                .iter()
                .any(|name| event.ends_with(&format!(" {name}")))
        };
        self.events().into_iter().filter(of).collect()
    }
}

fn words(script: &str) -> String {
    format!("[\"sh\", \"-c\", \"{script}\"]")
}

#[test]
fn hooks_run_around_their_jobs_and_a_machines_once_for_all_its_nodes() {
    let hooked = Hooked::new();
    hooked
        .0
        .dist()
        .exits(0)
        .says(&["] starting machine rig\n", "] stopping machine rig\n"]);
    assert_eq!(
        hooked.events_of(&[C]),
        [
            format!("start {C}"),
            format!("build {C}"),
            format!("stop {C}")
        ]
    );
    let rig = hooked.events_of(&["rig", A, B]);
    assert_eq!(
        (rig.len(), &rig[0][..], &rig[3][..]),
        (4, "start rig", "stop rig"),
        "{rig:?}"
    );
    // What is reused needs nothing started.
    hooked.0.dist().exits(0);
    assert_eq!(hooked.events().len(), 7);
}

#[test]
fn what_is_used_without_a_start_of_its_own_is_stopped() {
    let mut hooked = Hooked::new();
    for name in ["rig", C] {
        hooked.without_start(name);
    }
    hooked.0.dist().exits(0);
    assert_eq!(
        hooked.events_of(&[C]),
        [format!("build {C}"), format!("stop {C}")]
    );
    let rig = hooked.events_of(&["rig", A, B]);
    assert_eq!((rig.len(), &rig[2][..]), (3, "stop rig"), "{rig:?}");
    // What is reused is not used.
    hooked.0.dist().exits(0);
    assert_eq!(hooked.events().len(), 5);
}

#[test]
fn a_guest_that_its_start_leaves_running_is_not_waited_for() {
    let mut hooked = Hooked::new();
    // It holds what it inherited of its start's output until it is stopped.
    let guest = format!("sleep 600 & echo $! >{}/guest", hooked.0.room.display());
    hooked.start_with(C, &guest);
    hooked.0.node_mut(C).keys += "ready_timeout = \"20s\"\n";
    let ran = hooked.0.dist();
    let guest = fs::read_to_string(hooked.0.room.join("guest")).unwrap();
    let guest = guest.trim().parse().unwrap();
    assert!(is_running(guest), "the guest was ended with its start");
    signal(guest, "KILL");
    assert_eq!(ran.exits(0).became(C), "built");
}

#[test]
fn a_node_that_boots_late_is_waited_for() {
    let mut hooked = Hooked::new();
    hooked.0.node_mut(C).sshd.stop();
    let running = hooked.0.start("--json dist");
    wait_until("the first connection was refused", || {
        running.stderr().contains("Connection refused")
    });
    hooked.0.node_mut(C).restart();
    let ran = running.wait().exits(0);
    assert_eq!(ran.became(C), "built");
    hooked.0.holds(&[A, B, C]);
}

#[test]
fn a_node_that_does_not_boot_in_time_is_unreachable_and_stopped() {
    let mut hooked = Hooked::new();
    hooked.0.node_mut(C).keys += "ready_timeout = \"1s\"\n";
    hooked.0.node_mut(C).sshd.stop();
    let ran = hooked.0.dist().exits(1);
    assert_eq!(ran.became(C), "connect unreachable");
    assert_eq!(
        hooked.events_of(&[C]),
        [format!("start {C}"), format!("stop {C}")]
    );
    hooked.0.holds(&[A, B]);
}

#[test]
fn a_start_that_fails_is_stopped_and_the_others_are_built() {
    let mut hooked = Hooked::new();
    hooked.start_with(C, "echo no such guest >&2; exit 4");
    let ran = hooked.0.dist().exits(1).says(&[
        "`sh` ended with exit status: 4: no such guest",
        &format!("logs/{C}.hooks.log"),
    ]);
    assert_eq!(ran.became(C), "connect start");
    let log = fs::read_to_string(hooked.0.path(&format!("logs/{C}.hooks.log"))).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    assert!(lines[0].ends_with("exit 4") && lines[1] == "no such guest");
    assert!(lines[2].contains(&format!("stop {C}")), "{log}");
    assert_eq!(
        hooked.events_of(&[C]),
        [format!("start {C}"), format!("stop {C}")]
    );
    assert_eq!(hooked.0.node(C).sshd.connections(), 0);
    hooked.0.holds(&[A, B]);
}

#[test]
fn a_machine_whose_start_fails_is_tried_once_and_stopped() {
    let mut hooked = Hooked::new();
    hooked.start_with("rig", "exit 4");
    let ran = hooked.0.dist().exits(1);
    for node in [A, B] {
        assert_eq!(ran.became(node), "connect start");
        let message = ran.outcome(node)["failure"]["message"].to_string();
        assert!(
            message.contains("machine rig: `sh` ended with exit status: 4"),
            "{message}"
        );
    }
    assert_eq!(hooked.events_of(&["rig", A, B]), ["start rig", "stop rig"]);
    hooked.0.holds(&[C]);
}

#[test]
fn what_was_started_is_stopped_after_ctrl_c_in_a_build() {
    let mut hooked = Hooked::new();
    for node in [A, B, C] {
        let keys = &mut hooked.0.node_mut(node).keys;
        *keys = keys.replace("/events'", "/events; sleep 600'");
    }
    let running = hooked.0.start("dist");
    wait_until("all build", || {
        [A, B, C]
            .iter()
            .all(|node| hooked.has(&format!("build {node}")))
    });
    interrupt(running);
    assert!(hooked.has("stop rig") && hooked.has(&format!("stop {C}")));
    hooked.0.lifetimes(&[A, B, C]);
}

#[test]
fn what_is_being_started_is_stopped_after_ctrl_c_and_nothing_else_begins() {
    let mut hooked = Hooked::new();
    hooked.start_with("rig", "exec sleep 600");
    hooked.start_with(C, "exec sleep 600");
    let running = hooked.0.start("dist");
    wait_until("both start", || {
        hooked.has("start rig") && hooked.has(&format!("start {C}"))
    });
    interrupt(running);
    let mut events = hooked.events();
    events.sort();
    assert_eq!(
        events,
        [
            format!("start {C}"),
            "start rig".into(),
            format!("stop {C}"),
            "stop rig".into()
        ]
    );
    for node in [A, B, C] {
        assert_eq!(hooked.0.node(node).sshd.connections(), 0);
    }
}

#[test]
fn a_second_ctrl_c_does_not_end_a_stop() {
    let mut hooked = Hooked::new();
    for name in ["rig", C] {
        let line = format!("echo stopped {name} >>{}/events", hooked.0.room.display());
        hooked.stop_with(name, &format!("sleep 2; {line}"));
        hooked.start_with(name, "sleep 600");
    }
    let running = hooked.0.start("dist");
    wait_until("both start", || {
        hooked.has("start rig") && hooked.has(&format!("start {C}"))
    });
    running.signal_group("INT");
    wait_until("both stop", || {
        hooked.has("stop rig") && hooked.has(&format!("stop {C}"))
    });
    interrupt(running);
    assert!(hooked.has("stopped rig") && hooked.has(&format!("stopped {C}")));
}

/// A zombie is none.
fn is_running(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

/// As a terminal does it: to everything in the foreground at once.
fn interrupt(running: Running) {
    let started = Instant::now();
    running.signal_group("INT");
    running.wait().exits(130);
    assert!(started.elapsed().as_secs() < 30);
}
