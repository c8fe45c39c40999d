//! What can go wrong on a node that answers: before its build, in it, and with what it leaves.

use crate::connections::OTHERS;
use crate::fleet::{cargo, Fleet};
use crate::project::{hello, here};
use crate::run::Ran;
use std::collections::BTreeSet;

#[test]
fn a_node_that_will_not_do_is_named_before_its_build_and_the_others_are_built() {
    let nodes: Vec<&str> = OTHERS.into_iter().chain([here()]).collect();
    let fleet = Fleet::of(&nodes);
    let [none, old, foreign, full, hourly, ..] = OTHERS;
    fleet
        .node(none)
        .write_tool("cargo", "#!/bin/sh\nexit 127\n");
    fleet.project.replace(
        "ballistics-engine/Cargo.toml",
        "edition",
        "rust-version = \"1.63\"\nedition",
    );
    fleet.project.commit("rust-version");
    let old_cargo = cargo(old).replace("1.95.0", "1.56.0");
    fleet.node(old).write_tool("cargo", &old_cargo);
    let other_rustc = "#!/bin/sh\ncase $* in -vV) printf 'rustc 1.95.0\\nhost: riscv64gc-unknown-linux-gnu\\n' ;; *) exit 1 ;; esac\n";
    fleet.node(foreign).write_tool("rustc", other_rustc);
    fleet
        .node(full)
        .write_tool("df", "#!/bin/sh\necho header\necho disk 9 9 1024 1% /\n");
    // Nothing depends on a node's clock; it is said all the same.
    fleet.node(hourly).write_tool("date", "#!/bin/sh\ncase $1 in +%s) expr \"$(/bin/date +%s)\" + 3600 ;; *) exec /bin/date \"$@\" ;; esac\n");

    let ran = fleet.dist().exits(1);
    for (node, said) in [
        (none, "no cargo on freebsd-aarch64; install Rust there"),
        (old, "cargo 1.56.0 on freebsd-x86_64 is older than the package's rust-version 1.63.0; update Rust there"),
        (foreign, "macos-aarch64 has Rust for riscv64gc-unknown-linux-gnu, and node `macos-aarch64` is to build aarch64-apple-darwin"),
        (full, "1 MiB are free under "),
    ] {
        assert_eq!(ran.became(node), "connect probe", "{node}");
        assert_says(&ran, node, said);
        assert!(!fleet.log(node).contains("stage build"), "{node} built");
    }
    let ran = ran.says(&[
        "[macos-x86_64] failed in connect",
        "[netbsd-aarch64] its clock is 1h 00m off",
    ]);
    let unharmed: Vec<&str> = nodes[4..].to_vec();
    unharmed
        .iter()
        .for_each(|node| assert_eq!(ran.became(node), "built"));
    fleet.holds(&unharmed);

    for node in [none, old, foreign, full] {
        let fresh = Fleet::toolchain(node);
        fresh
            .iter()
            .for_each(|(name, text)| fleet.node(node).write_tool(name, text));
        let df = fleet.node(node).directory.join("home/.cargo/bin/df");
        let _ = std::fs::remove_file(df);
    }
    fleet.dist().exits(0);
    fleet.holds(&nodes);
}

#[test]
fn every_fault_of_a_build_is_its_own_row_and_the_others_are_built() {
    let nodes: Vec<&str> = OTHERS.into_iter().chain([here()]).collect();
    let mut fleet = Fleet::of(&nodes);
    let [one, all, signalled, silent, endless, flood, daemon, garbage] = OTHERS;
    fleet.play(
        one,
        "echo \"error[E0425]: not found\" >&2; echo \"  use ::core::nothing\" >&2; exit 1",
    );
    // The same number as every failure of ssh itself.
    fleet.play(all, "exit 255");
    fleet.play(signalled, "kill -KILL $$");
    fleet.set(silent, "env.PLAY = 'sleep 600'\nsilence_timeout = '10s'");
    fleet.set(
        endless,
        "env.PLAY = 'while sleep 0.1; do echo still at it; done'\nbuild_timeout = '12s'",
    );
    fleet.play(flood, "yes 'warning: unused variable: `x`, and much more to fill a line with' | head -c 200000000; exit 7");
    // It keeps the build's output open, and leaves its process group.
    fleet.play(daemon, "setsid sleep 600 & sleep 601 &");
    fleet.play(
        garbage,
        r"printf 'caf\351 \000 \033[31m no end of line'; exit 9",
    );

    let ran = fleet.dist().exits(1);
    for (node, expected, said) in [
        (one, "build build", "the build ended with status 1"),
        (all, "build build", "the build ended with status 255"),
        (signalled, "build build", "the build ended with status 137"),
        (
            silent,
            "build silent",
            "not a byte of output within 10s; `silence_timeout` in nodes.toml sets that limit",
        ),
        (
            endless,
            "build timeout",
            "not done within 12s; `build_timeout` in nodes.toml sets that limit",
        ),
        (flood, "build build", "the build ended with status 7"),
        (garbage, "build build", "the build ended with status 9"),
    ] {
        assert_eq!(ran.became(node), expected, "{node}: {}", ran.stderr);
        assert_says(&ran, node, said);
        assert_eq!(
            fleet.node(node).sshd.connections(),
            1,
            "{node} was tried again"
        );
        // What failed stays there, and the way to it is shown.
        let cache = fleet.node(node).cache(node);
        assert!(cache
            .join("src/ballistics-engine-0.14.0/Cargo.toml")
            .exists());
        let line = format!("ssh -t -- {node} 'cd {} && exec sh'", cache.display());
        assert!(ran.stderr.contains(&line), "{line}: {}", ran.stderr);
    }
    assert!(ran.stderr.contains("Z error[E0425]: not found\n"));
    // A path of the language is no mark of the script's.
    assert!(ran.stderr.contains("Z   use ::core::nothing\n"));
    assert!(!ran.stderr.contains(":fact "), "{}", ran.stderr);
    assert!(ran.stderr.contains("the whole log: "));
    assert!(fleet
        .log(garbage)
        .contains("caf\u{fffd} \0 \u{1b}[31m no end of line"));
    assert!(
        !ran.stderr.contains('\u{1b}'),
        "a node writes to the terminal"
    );
    let length = std::fs::metadata(fleet.path(&format!("logs/{flood}.log")))
        .unwrap()
        .len();
    assert!(length > 200_000_000, "{length} bytes of log");
    assert!(ran.peak_kib < 100 * 1024, "{} KiB of memory", ran.peak_kib);
    let unharmed = [daemon, here()];
    unharmed
        .iter()
        .for_each(|node| assert_eq!(ran.became(node), "built", "{node}"));
    fleet.holds(&unharmed);
    assert_eq!(fleet.running_on(silent), [""; 0]);
    assert_eq!(fleet.running_on(endless), [""; 0]);

    nodes.iter().for_each(|node| fleet.set(node, ""));
    let ran = fleet.dist().exits(0);
    assert_eq!(ran.became(one), "built");
    fleet.holds(&nodes);
    end_daemons(&fleet, daemon);
}

/// What left its process group is out of a node's reach.
fn end_daemons(fleet: &Fleet, node: &str) {
    for line in fleet.running_on(node) {
        assert!(line.ends_with("sleep 600 "), "{line}");
        crate::run::signal(line.split(' ').next().unwrap().parse().unwrap(), "KILL");
    }
}

#[test]
fn a_binary_that_is_not_what_it_should_be_is_no_artifact() {
    let nodes: Vec<&str> = OTHERS.into_iter().chain([here()]).collect();
    let mut fleet = Fleet::of(&nodes);
    let [missing, empty, machine, system, version, selftest, endless, crash] = OTHERS;
    let copy = |name: &str| format!("cp {} \"$program\"", hello(name).display());
    let script = |body: &str| {
        let file = format!("printf \"%s\\n\" \"#!/bin/sh\" '{body}' >\"$program\"");
        format!("prove = true\nenv.AFTER = '''{file}'''")
    };
    fleet.play_after(missing, "rm \"$program\"");
    fleet.play_after(empty, ": >\"$program\"");
    fleet.play_after(machine, &copy("macos-x86_64"));
    fleet.play_after(system, &copy("linux-x86_64"));
    fleet.set(version, &script("echo ballistics 9.9.9"));
    fleet.set(
        selftest,
        &script("[ $1 = --version ] && echo \"ballistics 0.14.0\" || exit 3"),
    );
    let endless_body = script("[ $1 = --version ] && echo \"ballistics 0.14.0\" || sleep 600");
    fleet.set(endless, &format!("{endless_body}\nprove_timeout = '2s'"));
    fleet.set(crash, &script("kill -SEGV $$"));

    let ran = fleet.dist().exits(1);
    for (node, expected, said) in [
        (missing, "prove proof", "the build left no file "),
        (empty, "prove proof", "the build left an empty file "),
        (
            machine,
            "collect proof",
            "what was built is not for macos-aarch64: ",
        ),
        (
            system,
            "collect proof",
            "what was built is not for macos-x86_64: ",
        ),
        (
            version,
            "prove proof",
            "ballistics --version says `ballistics 9.9.9`, not 0.14.0",
        ),
        (
            selftest,
            "prove proof",
            "ballistics selftest ended with status 3",
        ),
        (
            endless,
            "prove timeout",
            "the binary did not end within 2.0s",
        ),
        (
            crash,
            "prove proof",
            "ballistics --version ended with status 139",
        ),
    ] {
        assert_eq!(ran.became(node), expected, "{node}: {}", ran.stderr);
        assert_says(&ran, node, said);
        assert_eq!(
            fleet.node(node).sshd.connections(),
            1,
            "{node} was tried again"
        );
    }
    fleet.holds(&[here()]);
    assert_eq!(fleet.running_on(endless), [""; 0]);

    nodes.iter().for_each(|node| fleet.set(node, ""));
    fleet.dist().exits(0);
    fleet.holds(&nodes);
}

#[track_caller]
fn assert_says(ran: &Ran, node: &str, said: &str) {
    let outcome = ran.outcome(node);
    let message = outcome["failure"]["message"].as_str().unwrap();
    assert!(message.contains(said), "{node}: {message}");
}

#[test]
fn a_nodes_environment_is_its_builds_and_its_proofs_and_nobody_elses() {
    let mut fleet = Fleet::of(&[here()]);
    let victim = fleet.room.join("victim");
    for directory in ["src", "out", "target"] {
        crate::project::write(&victim.join(directory).join("precious"), "kept");
    }
    let mut keys = String::new();
    for name in variables_of_the_script() {
        keys += &format!("env.{name} = \"{}\"\n", victim.display());
    }
    keys += "env.PLAY = 'echo \"work is $work, zeal is $ZEAL\"'\nenv.ZEAL = \"it's $HOME\"\n";
    fleet.set(here(), &keys);
    let ran = fleet.dist().exits(0);
    assert_eq!(ran.became(here()), "built");
    fleet.holds(&[here()]);
    let said = format!("Z work is {}, zeal is it's $HOME\n", victim.display());
    assert!(fleet.log(here()).contains(&said), "{}", fleet.log(here()));
    for directory in ["src", "out", "target"] {
        assert!(victim.join(directory).join("precious").exists());
    }
}

/// Every name that it sets or reads, and a few words more, which do no harm here.
fn variables_of_the_script() -> BTreeSet<&'static str> {
    let script = include_str!("../../src/script/node.sh");
    let other = |c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit() && c != '_';
    let read = script.split(['$', '{']).skip(1).map(|rest| {
        let end = rest.find(other).unwrap_or(rest.len());
        &rest[..end]
    });
    let set = script.split('=').map(|before| {
        let start = before.rfind(other).map_or(0, |at| at + 1);
        &before[start..]
    });
    let names: BTreeSet<&str> = read
        .chain(set)
        .filter(|name| name.starts_with(|c: char| c.is_ascii_lowercase()))
        .collect();
    for name in ["work", "proven", "package", "archive_sha256"] {
        assert!(names.contains(name), "{name}");
    }
    names
}

#[test]
fn what_an_artifact_needs_of_its_system_is_said_when_it_is_there() {
    let fleet = Fleet::of(&[here()]);
    let ran = fleet.dist().exits(0);
    let outcome = ran.outcome(here());
    let floor = outcome["floor"].as_str().unwrap();
    assert!(floor.starts_with("glibc-2."), "{outcome}");
    let line = format!("Z runs from {floor} on, needs ");
    let log = fleet.log(here());
    assert!(log.contains(&line) && log.contains("libc.so.6"), "{log}");
}

#[test]
fn a_shell_that_leads_no_process_group_is_refused() {
    let node = OTHERS[0];
    let mut fleet = Fleet::of(&[node]);
    // What ends a build would end this too.
    fleet.node_mut(node).setup.config += "\nForceCommand sh -s; exit $?";
    fleet.node_mut(node).restart();
    let ran = fleet.dist().exits(1);
    assert_eq!(ran.became(node), "connect probe", "{}", ran.stderr);
    assert_says(&ran, node, "does not lead a process group of its own");
}
