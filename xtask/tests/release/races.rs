//! Publishers at work at the same time, in one store.

use crate::checker::{check_at_rest, check_for_readers, Kind};
use crate::project::{hello, host_platform, node, Project};
use crate::run::{wait_until, Running};
use std::fs;
use std::path::{Path, PathBuf};

const ROUNDS: usize = 50;

/// A platform that is not this machine's: its publish is not followed by a run of the installer, which would only take time here.
fn foreign() -> [(&'static str, &'static str); 2] {
    match host_platform().as_str() {
        "netbsd-x86_64" | "netbsd-aarch64" => [
            ("openbsd-x86_64", "x86_64-unknown-openbsd"),
            ("openbsd-aarch64", "aarch64-unknown-openbsd"),
        ],
        _ => [
            ("netbsd-x86_64", "x86_64-unknown-netbsd"),
            ("netbsd-aarch64", "aarch64-unknown-netbsd"),
        ],
    }
}

fn foreign_node((platform, target): (&str, &str)) -> String {
    node(
        platform,
        target,
        &format!(
            "build_command = \"cp {} out\"\nbinary_path = \"out\"\nprove = false",
            hello(platform)
        ),
    )
}

/// Runs them to their ends, looking at the store like a reader in between.
#[track_caller]
fn all_succeed(publishers: Vec<Running>, store: &Path) {
    let mut publishers = publishers;
    wait_until("both publishers end", || {
        check_for_readers(store, Kind::Permanent);
        publishers.iter_mut().all(Running::has_ended)
    });
    for publisher in publishers {
        publisher.wait().exits(0);
    }
}

#[test]
fn two_versions_published_at_once_lose_nothing() {
    let project = Project::new();
    let [one, _] = foreign();
    project.write_nodes(&foreign_node(one));
    for version in ["0.14.0", "0.15.0"] {
        project.write_version(version);
        project.commit(version);
        project.xtask("dist").exits(0);
        project.xtask("checksum").exits(0);
    }
    for round in 0..ROUNDS {
        let store: PathBuf = project.beside(&format!("store-{round}"));
        let publish = |version: &str| {
            project.start(&format!(
                "publish --version {version} --to {}",
                store.display()
            ))
        };
        // Each is the first one every other time.
        let order = if round % 2 == 0 {
            ["0.14.0", "0.15.0"]
        } else {
            ["0.15.0", "0.14.0"]
        };
        all_succeed(order.map(publish).into(), &store);
        check_at_rest(&store);
        let read = |name: &str| fs::read_to_string(store.join(name)).unwrap();
        assert_eq!(read("versions.txt"), format!("{}:0.15.0\n", one.0));
        assert_eq!(read("latest-version.txt"), "0.15.0\n");
        assert_eq!(read("catalog.txt").lines().count(), 2);
        fs::remove_dir_all(&store).unwrap();
    }
}

#[test]
fn two_platforms_of_one_version_published_at_once_are_both_in_every_list() {
    let (first, second) = (Project::new(), Project::new());
    let nodes = foreign().map(foreign_node).concat();
    for (project, (platform, _)) in [&first, &second].into_iter().zip(foreign()) {
        project.write_nodes(&nodes);
        project.xtask(&format!("dist --node {platform}")).exits(0);
        project.xtask("checksum").exits(0);
    }
    for round in 0..ROUNDS / 5 {
        let store = first.beside(&format!("store-{round}"));
        let line = format!("publish --to {}", store.display());
        all_succeed(vec![first.start(&line), second.start(&line)], &store);
        check_at_rest(&store);
        let release: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(store.join("0.14.0/release.json")).unwrap())
                .unwrap();
        let mut platforms: Vec<&str> = release["artifacts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|artifact| artifact["platform"].as_str().unwrap())
            .collect();
        platforms.sort();
        let mut expected = foreign().map(|(platform, _)| platform);
        expected.sort();
        assert_eq!(platforms, expected);
        assert_eq!(
            fs::read_to_string(store.join("0.14.0/SHA256SUMS"))
                .unwrap()
                .lines()
                .count(),
            3
        );
    }
}

#[test]
fn two_releases_of_one_version_in_one_clone_do_not_meet() {
    let project = Project::new();
    let began = project.beside("began");
    let go_on = project.beside("go-on");
    let waits = format!(
        "build_command = ''': >{}; until [ -e {} ]; do [ -d {} ] && sleep 0.1 || exit 1; done; cp {} out'''\nbinary_path = \"out\"\nprove = false",
        began.display(),
        go_on.display(),
        project.root.display(),
        hello(foreign()[0].0)
    );
    project.write_nodes(&node("slow", foreign()[0].1, &waits));
    let running = project.start("dist");
    wait_until("the build begins", || began.exists());
    project
        .xtask("dist")
        .exits(1)
        .says(&["another release is at work in ", "wait for it, or stop it"]);
    fs::write(go_on, "").unwrap();
    running.wait().exits(0);
}
