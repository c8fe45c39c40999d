//! The README's first command, on a clone that was never built: a store, a line that installs from it, and a second run that does nothing.

use crate::project::{host_platform, Project};
use crate::tree;

#[test]
fn a_fresh_clone_is_released_and_the_printed_line_installs_it() {
    // A name that a line pasted into a shell has to quote.
    let project = Project::at("it's a clone");
    let ran = project.xtask("release --local").exits(0);
    let dist = project.dist();
    assert_eq!(tree::names(&dist), expected_tree());
    let [line] = ran.stdout.lines().collect::<Vec<_>>()[..] else {
        panic!("more than one result: {}", ran.stdout);
    };
    assert_eq!(project.install_with(line), "greeting");
    assert_eq!(tree::names(&tree::read(&project.temporary())), [""; 0]);
}

/// What the README lists for `dist/<version>/` and for a store, unsigned, and the locks.
fn expected_tree() -> Vec<String> {
    let platform = host_platform();
    let artifact = format!("ballistics-0.14.0-{platform}");
    let source = "ballistics-engine-0.14.0.crate";
    let version = |rest: &[&str]| {
        let sealed = [&artifact[..], source].map(|file| [file.into(), format!("{file}.sha256")]);
        let lists = ["SHA256SUMS", "release.json"].map(String::from);
        let rest = rest.iter().map(|name| name.to_string());
        sealed
            .into_iter()
            .flatten()
            .chain(lists)
            .chain(rest)
            .collect::<Vec<_>>()
    };
    let built = version(&[".lock", "logs", "logs/local.log", "state.json"]);
    let published = version(&[]);
    let at_root = [
        ".lock",
        ".views.json",
        "0.14.0",
        "ballistics.rb",
        "catalog.txt",
        "index.json",
    ];
    let pointers = ["install.sh", "latest-version.txt", "versions.txt"];
    let mut names: Vec<String> = [".gitignore", "0.14.0", "history.jsonl", "store"]
        .map(String::from)
        .into_iter()
        .chain(built.iter().map(|name| format!("0.14.0/{name}")))
        .chain(
            at_root
                .iter()
                .chain(&pointers)
                .map(|name| format!("store/{name}")),
        )
        .chain(published.iter().map(|name| format!("store/0.14.0/{name}")))
        .collect();
    names.sort();
    names
}

#[test]
fn a_second_run_builds_nothing_and_changes_no_byte() {
    let project = Project::new();
    project.xtask("release --local").exits(0);
    let before = project.dist();
    let ran = project.xtask("--json release --local").exits(0);
    assert_eq!(ran.outcome("local")["outcome"], "reused");
    // The log among them: a build would have begun it anew.
    tree::assert_same(&before, &project.dist());
}

#[test]
fn fresh_builds_again_and_the_published_bytes_stay() {
    let project = Project::released();
    let before = project.store();
    let ran = project.xtask("--json release --local --fresh").exits(0);
    assert_eq!(ran.outcome("local")["outcome"], "built");
    tree::assert_same(&before, &project.store());
}

#[test]
fn the_views_of_a_store_say_what_the_index_says() {
    let project = Project::released();
    let store = project.store();
    let text = |name: &str| String::from_utf8(tree::bytes(&store, name).to_vec()).unwrap();
    let platform = host_platform();
    let file = format!("0.14.0/ballistics-0.14.0-{platform}");
    let binary = tree::bytes(&store, &file);
    let sha256 = crate::checker::sha256(binary);
    assert_eq!(text("versions.txt"), format!("{platform}:0.14.0\n"));
    assert_eq!(text("latest-version.txt"), "0.14.0\n");
    assert_eq!(text(&format!("{file}.sha256")), format!("{sha256}\n"));
    let catalog = text("catalog.txt");
    let line = format!("{platform} 0.14.0 {sha256} {} ", binary.len());
    assert!(
        catalog.starts_with(&line) && catalog.lines().count() == 1,
        "{catalog}"
    );
    let index: serde_json::Value = serde_json::from_str(&text("index.json")).unwrap();
    let entry = &index["versions"]["0.14.0"];
    assert_eq!(entry["development"], true);
    assert_eq!(entry["commit"], project.git("rev-parse HEAD"));
    assert_eq!(entry["required"], serde_json::json!([platform]));
    let release: serde_json::Value = serde_json::from_str(&text("0.14.0/release.json")).unwrap();
    assert_eq!(release["artifacts"][0]["sha256"], sha256);
    assert_eq!(release["artifacts"][0]["proven"], true);
    assert_eq!(release["source"]["commit"], entry["commit"]);
}

#[test]
fn with_json_nothing_that_a_run_answers_is_lost() {
    let project = Project::released();
    let result = |line: &str| {
        let plain = project.xtask(line).exits(0).stdout;
        let events = project.xtask(&format!("--json {line}")).exits(0).events();
        let mut results = events.iter().filter(|event| event["event"] == "result");
        let text = results
            .next()
            .unwrap_or_else(|| panic!("{line}: {events:?}"))["text"]
            .clone();
        assert_eq!(text.as_str(), Some(plain.trim_end()), "{line}");
        assert!(results.next().is_none(), "{line}");
        events
    };
    let events = result("release --local");
    // Here nobody builds for NetBSD, which is said as well.
    let skipped: Vec<_> = events
        .iter()
        .filter(|event| event["outcome"] == "skipped")
        .collect();
    let [netbsd] = &skipped[..] else {
        panic!("{skipped:?}")
    };
    assert_eq!(netbsd["node"], "netbsd-here");
    assert!(netbsd["reason"]
        .as_str()
        .unwrap()
        .contains("does not build aarch64-unknown-netbsd"));
    for line in ["dist --local", "checksum", "checksum --verify"] {
        result(line);
    }
}

#[test]
fn the_parts_of_a_local_release_make_the_same_store() {
    let project = Project::released();
    let whole = project.store();
    std::fs::remove_dir_all(project.path("dist/store")).unwrap();
    for part in ["dist --local", "checksum", "publish --local"] {
        project.xtask(part).exits(0);
    }
    tree::assert_same(&whole, &project.store());
    project.xtask("verify --to dist/store").exits(0);
}
