//! Several platforms in one release: what holds it back, what does not, and what the store then says.

use crate::checker::check_at_rest;
use crate::project::{hello, host_platform, host_target, node, Project};
use crate::tree;

/// A node whose build is a file of its platform; it cannot run here.
fn foreign(platform: &str, target: &str, extra: &str) -> String {
    let build = format!(
        "build_command = \"cp {} out\"\nbinary_path = \"out\"\nprove = false\n{extra}",
        hello(platform)
    );
    node(platform, target, &build)
}

/// One of the other machine of this system, which fails.
fn failing(extra: &str) -> String {
    node(
        "failing",
        other_target(),
        &format!("build_command = \"exit 7\"\n{extra}"),
    )
}

fn other_target() -> &'static str {
    match host_platform().as_str() {
        "netbsd-aarch64" => "x86_64-unknown-netbsd",
        _ => "aarch64-unknown-netbsd",
    }
}

fn here() -> String {
    node("here", host_target(), "")
}

#[test]
fn a_required_node_that_fails_holds_everything_back() {
    let project = Project::new();
    project.write_nodes(&format!("{}{}", here(), failing("")));
    let ran = project.xtask("--json release --local").exits(1);
    assert_eq!(ran.outcome("here")["outcome"], "built");
    let ran = ran.says(&["required nodes are missing: failing; what was built stays in dist/, nothing was published; the same command tries failing again"]);
    let store = project.store();
    assert_eq!(tree::files(&store), [".lock"]);
    // What was built is there for the next run.
    drop(ran);
    project.write_nodes(&here());
    let ran = project.xtask("--json release --local").exits(0);
    assert_eq!(ran.outcome("here")["outcome"], "reused");
    check_at_rest(&project.path("dist/store"));
}

#[test]
fn an_optional_node_that_fails_does_not_hold_a_release_back() {
    let project = Project::new();
    project.write_nodes(&format!("{}{}", here(), failing("required = false")));
    let ran = project.xtask("--json release --local").exits(3);
    assert_eq!(ran.outcome("failing")["outcome"], "failed");
    assert_eq!(
        project.read("dist/store/versions.txt"),
        format!("{}:0.14.0\n", host_platform())
    );
    assert_eq!(project.read("dist/store/latest-version.txt"), "0.14.0\n");
    check_at_rest(&project.path("dist/store"));
}

#[test]
fn an_optional_node_that_is_skipped_is_missing_unless_only_this_machine_was_asked() {
    let project = Project::new();
    project.write_nodes(&format!(
        "{}{}",
        here(),
        node("mac", "x86_64-apple-darwin", "required = false")
    ));
    if host_platform().starts_with("macos") {
        return;
    }
    let to = project.beside("store");
    let skipped = "mac   macos-x86_64      skipped         -  a linux machine does not build x86_64-apple-darwin";
    project
        .xtask(&format!("release --to {}", to.display()))
        .exits(3)
        .says(&[skipped]);
    check_at_rest(&to);
    project.xtask("release --local").exits(0);
}

#[test]
fn a_required_node_that_is_skipped_holds_a_release_back_unless_only_this_machine_was_asked() {
    let project = Project::new();
    let skipped = match host_platform().starts_with("macos") {
        true => "x86_64-unknown-netbsd",
        false => "x86_64-apple-darwin",
    };
    project.write_nodes(&format!("{}{}", here(), node("other", skipped, "")));
    let to = project.beside("store");
    let line = format!("release --to {}", to.display());
    project
        .xtask(&line)
        .exits(1)
        .says(&["required nodes are missing: other"]);
    assert!(!to.join("index.json").exists());
    project.xtask("release --local").exits(0);
}

#[test]
fn several_platforms_are_in_one_store_and_its_lists_agree() {
    let project = Project::new();
    let all = ["linux", "freebsd", "netbsd", "openbsd"].map(|system| format!("{system}-"));
    let mut nodes = here();
    let mut platforms = vec![host_platform()];
    for system in all {
        for (arch, vendor) in [("x86_64", "unknown"), ("aarch64", "unknown")] {
            let platform = format!("{system}{arch}");
            let suffix = if system == "linux-" {
                "linux-gnu"
            } else {
                system.trim_end_matches('-')
            };
            if platform != host_platform() {
                nodes += &foreign(&platform, &format!("{arch}-{vendor}-{suffix}"), "");
                platforms.push(platform);
            }
        }
    }
    project.write_nodes(&nodes);
    project
        .xtask("release --local")
        .exits(0)
        .says(&["Published 0.14.0 for 8 platforms to "]);
    platforms.sort();
    let mut expected: Vec<String> = platforms
        .iter()
        .map(|platform| format!("{platform}:0.14.0"))
        .collect();
    let mut versions: Vec<String> = project
        .read("dist/store/versions.txt")
        .lines()
        .map(String::from)
        .collect();
    expected.sort();
    versions.sort();
    assert_eq!(versions, expected);
    let catalog = project.read("dist/store/catalog.txt");
    for (platform, floor) in [
        ("freebsd-aarch64", "freebsd-14.0"),
        ("netbsd-x86_64", "netbsd-10.1"),
        ("openbsd-x86_64", "-"),
    ] {
        let line = catalog.lines().find(|line| line.starts_with(platform));
        assert!(line.unwrap().ends_with(&format!(" {floor}")), "{catalog}");
    }
    check_at_rest(&project.path("dist/store"));
    let sums =
        "cd dist/store/0.14.0 && { sha256sum -c SHA256SUMS || shasum -a 256 -c SHA256SUMS; }";
    let checked = project.shell(sums).exits(0);
    assert_eq!(
        checked.stdout.matches(": OK").count(),
        9,
        "{}",
        checked.stdout
    );
    let release: serde_json::Value =
        serde_json::from_str(&project.read("dist/store/0.14.0/release.json")).unwrap();
    for artifact in release["artifacts"].as_array().unwrap() {
        assert_eq!(
            artifact["proven"],
            artifact["platform"] == host_platform().as_str()
        );
    }
}

#[test]
fn a_platform_that_comes_later_joins_the_version() {
    let project = Project::new();
    let both = format!(
        "{}{}",
        here(),
        foreign(
            &crate::project::platform_of(other_target()),
            other_target(),
            ""
        )
    );
    project.write_nodes(&both);
    let to = project.beside("store");
    let release =
        |selection: &str| project.xtask(&format!("release --to {} {selection}", to.display()));
    release("--node here")
        .exits(0)
        .says(&["not promoted: netbsd-", " still missing"]);
    assert_eq!(
        std::fs::read_to_string(to.join("versions.txt")).unwrap(),
        ""
    );
    release(&format!(
        "--node {}",
        crate::project::platform_of(other_target())
    ))
    .exits(0)
    .says(&["latest now"]);
    check_at_rest(&to);
    let manifest = std::fs::read_to_string(to.join("0.14.0/release.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["artifacts"].as_array().unwrap().len(), 2);
    assert_eq!(manifest["missing"], serde_json::json!([]));
}
