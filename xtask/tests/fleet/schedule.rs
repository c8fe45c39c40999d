//! Which node builds when, and whose failure is whose.

use crate::connections::OTHERS;
use crate::fleet::Fleet;
use crate::project::{here, write};
use std::fs;

/// Every build is two lines of one file. None ends before so many have begun.
fn traced(nodes: &[&str], together: usize) -> Fleet {
    let mut fleet = Fleet::of(nodes);
    for node in nodes {
        let events = fleet.room.join("events");
        let script = format!(
            "echo begin {node} >>{0}; until [ $(grep -c begin {0}) -ge {together} ]; do sleep 0.05; done; sleep 0.2; echo end {node} >>{0}",
            events.display()
        );
        fleet.play(node, &script);
    }
    fleet
}

fn events(fleet: &Fleet) -> Vec<String> {
    let text = fs::read_to_string(fleet.room.join("events")).unwrap();
    text.lines().map(String::from).collect()
}

/// How many builds ran at the same time, of these nodes.
fn most_at_once(fleet: &Fleet, nodes: &[&str]) -> usize {
    let (mut now, mut most) = (0, 0);
    for event in events(fleet) {
        let (word, node) = event.split_once(' ').unwrap();
        if nodes.contains(&node) {
            now = if word == "begin" { now + 1 } else { now - 1 };
            most = most.max(now);
        }
    }
    most
}

#[test]
fn a_machine_builds_no_more_at_once_than_it_has_slots_and_others_do_not_wait() {
    let mut fleet = traced(&OTHERS[..6], 4);
    fleet.head += "\n[[machine]]\nname = \"rig\"\nslots = 2\n";
    for node in &OTHERS[..4] {
        fleet.node_mut(node).keys += "\nmachine = \"rig\"";
    }
    fleet.dist().exits(0);
    assert_eq!(most_at_once(&fleet, &OTHERS[..4]), 2);
    assert!(most_at_once(&fleet, &OTHERS[..6]) > 2);
}

#[test]
fn no_more_jobs_run_at_once_than_the_user_allows() {
    let fleet = traced(&OTHERS[..4], 1);
    fleet.run("dist --jobs 1").exits(0);
    assert_eq!(most_at_once(&fleet, &OTHERS[..4]), 1);
}

#[test]
fn the_longest_of_the_last_releases_begins_first() {
    let fleet = traced(&OTHERS[..4], 1);
    let [short, longest, middle, unknown, ..] = OTHERS;
    let line = |node: &str, seconds: u32| {
        format!("{{\"at\":\"2026-01-01T00:00:00Z\",\"version\":\"0.13.4\",\"node\":\"{node}\",\"platform\":\"{node}\",\"outcome\":\"built\",\"seconds\":{seconds}.0,\"stages\":{{}}}}\n")
    };
    let history = [line(short, 5), line(longest, 5948), line(middle, 60)].concat();
    write(&fleet.project.root.join("dist/history.jsonl"), &history);
    let plan = fleet.run("--json plan").exits(0).stdout;
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    let planned = plan["jobs"].as_array().unwrap().iter();
    let planned: Vec<_> = planned
        .map(|job| (job["host"].as_str(), job["usual_seconds"].as_f64()))
        .collect();
    let seconds = [None, Some(5948.0), Some(60.0), Some(5.0)];
    let order = [unknown, longest, middle, short].map(Some);
    assert_eq!(planned, order.into_iter().zip(seconds).collect::<Vec<_>>());
    let text = fleet.run("plan").exits(0).stdout;
    assert!(text.contains(&format!("\non {unknown}:\n")), "{text}");
    let line = format!("\non {longest}, usually 1h 39m:\n");
    assert!(text.contains(&line), "{text}");
    fleet.run("dist --jobs 1").exits(0);
    let begun: Vec<String> = events(&fleet)
        .into_iter()
        .filter(|event| event.starts_with("begin"))
        .collect();
    assert_eq!(
        begun,
        [unknown, longest, middle, short].map(|node| format!("begin {node}"))
    );
}

#[test]
fn a_build_of_three_times_the_usual_is_said_and_not_ended() {
    let node = OTHERS[0];
    let fleet = traced(&[node], 1);
    let line = format!("{{\"at\":\"2026-01-01T00:00:00Z\",\"version\":\"0.13.4\",\"node\":\"{node}\",\"platform\":\"{node}\",\"outcome\":\"built\",\"seconds\":0.05,\"stages\":{{}}}}\n");
    write(&fleet.project.root.join("dist/history.jsonl"), &line);
    let ran = fleet.dist().exits(0);
    let warning = format!("[{node}] takes three times as long as usual (0.1s)");
    assert_eq!(ran.stderr.matches(&warning).count(), 1, "{}", ran.stderr);
    assert_eq!(ran.became(node), "built");
}

#[test]
fn the_first_required_failure_ends_the_others_if_the_user_wants_that() {
    let mut fleet = Fleet::of(&OTHERS[..4]);
    let [fails, optional, slow, waits, ..] = OTHERS;
    let slow_begins = fleet.room.join("slow");
    fleet.head += "\n[[machine]]\nname = \"rig\"\nslots = 1\n";
    // It fails when the slow one has begun, and an optional failure before that ends nothing.
    let script = format!(
        "until [ -e {} ]; do sleep 0.05; done; exit 1",
        slow_begins.display()
    );
    fleet.play(fails, &script);
    fleet.set(optional, "required = false\nenv.PLAY = 'exit 1'");
    fleet.set(
        slow,
        &format!(
            "machine = \"rig\"\nenv.PLAY = '''sleep 1; : >{}; sleep 600'''",
            slow_begins.display()
        ),
    );
    fleet.set(waits, "machine = \"rig\"");
    let line = |node: &str, seconds: u32| {
        format!("{{\"at\":\"2026-01-01T00:00:00Z\",\"version\":\"0.13.4\",\"node\":\"{node}\",\"platform\":\"{node}\",\"outcome\":\"built\",\"seconds\":{seconds}.0,\"stages\":{{}}}}\n")
    };
    write(
        &fleet.project.root.join("dist/history.jsonl"),
        &(line(slow, 100) + &line(waits, 1)),
    );
    let ran = fleet.run("--json dist --fail-fast").exits(1);
    assert_eq!(ran.became(fails), "build build");
    assert_eq!(ran.became(optional), "build build");
    assert_eq!(ran.became(slow), "build interrupted");
    assert_eq!(ran.became(waits), "connect interrupted");
    assert!(ran
        .stderr
        .contains("stopped, since a required node failed and --fail-fast is given"));
    assert_eq!(fleet.node(waits).sshd.connections(), 0);
    assert_eq!(fleet.running_on(slow), [""; 0]);
    fleet.holds(&[]);
}

#[test]
fn an_optional_node_that_fails_is_an_exit_code_of_its_own() {
    let mut fleet = Fleet::of(&[here(), OTHERS[0]]);
    fleet.set(OTHERS[0], "required = false\nenv.PLAY = 'exit 1'");
    let ran = fleet.dist().exits(3);
    assert_eq!(ran.became(OTHERS[0]), "build build");
    fleet.holds(&[here()]);
}

#[test]
fn a_disabled_node_is_named_and_not_connected_to() {
    let mut fleet = Fleet::of(&[here(), OTHERS[0]]);
    fleet.set(OTHERS[0], "enabled = false");
    fleet
        .run("dist")
        .exits(0)
        .says(&["Disabled: freebsd-aarch64 (`enabled = false`)"]);
    assert_eq!(fleet.node(OTHERS[0]).sshd.connections(), 0);
    fleet.holds(&[here()]);
}

#[test]
fn a_node_or_a_platform_may_be_chosen() {
    let fleet = Fleet::of(&OTHERS[..3]);
    let [one, two, three, ..] = OTHERS;
    fleet.run(&format!("dist --node {one}")).exits(0);
    fleet.holds(&[one]);
    fleet.run(&format!("dist --platform {two}")).exits(0);
    fleet.holds(&[one, two]);
    assert_eq!(fleet.node(three).sshd.connections(), 0);
}
