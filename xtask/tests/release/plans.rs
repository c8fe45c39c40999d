//! What can be looked at without touching anything, and the dry run, which touches `dist/` alone.

use crate::project::{host_platform, host_target, node, Project};
use crate::tree;
use serde_json::json;
use std::fs;
use std::time::{Duration, SystemTime};

/// Runs each line and compares the whole project, its `.git` included, and everything that lies around it.
#[track_caller]
fn touch_nothing(project: &Project, lines: &[&str]) -> Vec<String> {
    // Git would note that such a file is unchanged after all.
    let file = fs::File::options()
        .write(true)
        .open(project.path("ballistics-engine/src/main.rs"));
    file.unwrap()
        .set_modified(SystemTime::now() - Duration::from_secs(3600))
        .unwrap();
    let look = || {
        [
            project.root.clone(),
            project.cache(),
            project.temporary(),
            project.beside("home"),
        ]
        .map(|path| tree::read(&path))
    };
    let before = look();
    let run = |line: &&str| {
        let ran = project.xtask(line).exits(0);
        for (before, after) in before.iter().zip(&look()) {
            tree::assert_same(before, after);
        }
        ran.stdout
    };
    lines.iter().map(run).collect()
}

const FLEET: &str = r#"
[publish]
store = "gs://ballistics-releases"

[[machine]]
name = "rig"
slots = 2

[[node]]
name = "far"
host = "builder@far.localnet"
target = "x86_64-unknown-openbsd"
machine = "rig"
required = false

[[node]]
name = "asleep"
host = "asleep.localnet"
target = "aarch64-unknown-openbsd"
enabled = false
"#;

fn project() -> Project {
    let project = Project::new();
    let here = node("here", host_target(), "cargo_args = [\"--features=a b\"]");
    project.write_nodes(&format!("{FLEET}{here}"));
    project
}

#[test]
fn a_plan_says_what_would_be_done_and_touches_nothing() {
    let project = project();
    let commit = project.git("rev-parse HEAD");
    let printed = touch_nothing(
        &project,
        &[
            "plan",
            "--json plan",
            "plan --scripts",
            "plan --local",
            "--json plan --local",
            "node list",
            "--json node list",
            "plan --to ../elsewhere",
        ],
    );
    let [plan, json, scripts, local, local_json, list, list_json, elsewhere] = &printed[..] else {
        panic!("{printed:?}")
    };
    let cargo = format!(
        "cargo build --release --locked --bin ballistics --target {} '--features=a b'",
        host_target()
    );
    for expected in [
        &format!(
            "ballistics-engine 0.14.0 from commit {} (no tag) to gs://ballistics-releases\na release would be refused: a bucket takes only tagged releases",
            &commit[..12]
        ),
        "\non builder@far.localnet:\n",
        "x86_64-unknown-openbsd (optional)\n",
        "\non local:\n",
        &format!("  $ {cargo}\n"),
        "  $ ballistics --version\n  $ ballistics selftest\n",
        "\ndisabled: asleep (`enabled = false`)\n",
    ] {
        assert!(plan.contains(expected), "{expected}\n{plan}");
    }
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(json["event"], "plan");
    assert!(json["refusal"]
        .as_str()
        .unwrap()
        .contains("tag it, or publish to a directory with --to"));
    assert!(
        elsewhere.contains("(no tag) to ../elsewhere\n\non "),
        "{elsewhere}"
    );
    assert_eq!(json["commit"], commit);
    assert_eq!(json["required"], json!([host_platform()]));
    assert_eq!(json["drained"], json!(["asleep"]));
    let names = |json: &serde_json::Value| -> Vec<String> {
        let jobs = json["jobs"].as_array().unwrap();
        jobs.iter()
            .map(|job| job["nodes"][0]["name"].as_str().unwrap().to_string())
            .collect()
    };
    assert_eq!(names(&json), ["far", "here"]);
    assert_eq!(json["jobs"][1]["command"], cargo);
    assert_eq!(
        scripts.matches("\nmain\nexit 125\n").count(),
        2,
        "{scripts}"
    );
    assert!(
        local.contains("to dist/store\n") && !local.contains("far.localnet"),
        "{local}"
    );
    assert_eq!(names(&serde_json::from_str(local_json).unwrap()), ["here"]);
    for expected in [
        "far ",
        "builder@far.localnet",
        "rig",
        "optional",
        "asleep ",
        "disabled",
        "here ",
        "required",
        "local",
    ] {
        assert!(list.contains(expected), "{expected}\n{list}");
    }
    let far = list_json
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .find(|event| event["name"] == "far")
        .unwrap();
    assert_eq!(far["platform"], "openbsd-x86_64");
    assert_eq!(
        (&far["required"], &far["enabled"], &far["machine"]),
        (&json!(false), &json!(true), &json!("rig"))
    );
}

#[test]
fn every_planned_script_is_one_that_a_shell_reads() {
    let project = project();
    let scripts = project.xtask("plan --scripts").exits(0).stdout;
    fs::write(project.beside("scripts.sh"), scripts).unwrap();
    project.shell("sh -n ../scripts.sh").exits(0);
    let events = project.xtask("--json plan --scripts").exits(0).events();
    let jobs: Vec<_> = events
        .iter()
        .map(|event| (&event["event"], &event["job"]))
        .collect();
    let script = json!("script");
    assert_eq!(jobs, [(&script, &json!("far")), (&script, &json!("here"))]);
    assert!(events[0]["script"]
        .as_str()
        .unwrap()
        .ends_with("\nmain\nexit 125\n"));
}

#[test]
fn a_dry_run_publishes_to_dist_alone_and_says_what_the_real_store_has() {
    let project = Project::released();
    let store = project.beside("store");
    project.write_nodes(&format!(
        "[publish]\nstore = \"{}\"\n{}",
        store.display(),
        node("here", host_target(), "")
    ));
    project.xtask("release --dry-run").exits(0).says(&[&format!(
        "dry run: nothing was written to {}; it does not list 0.14.0, and its latest is nothing",
        store.display()
    )]);
    assert!(!store.exists());
    project.xtask("release").exits(0);
    project.replace(
        "ballistics-engine/src/main.rs",
        "greeting",
        "other greeting",
    );
    project.commit("other greeting");
    // The development version would give way to the new source, and stays.
    let embedded = project.store();
    let ran = project.xtask("release --local --dry-run").exits(0);
    assert!(ran.stdout.contains("create  "), "{}", ran.stdout);
    tree::assert_same(&embedded, &project.store());
    project.write_version("0.15.0");
    project.commit("raise the version");
    project.write("dist/dry-run/left.txt", "of an earlier one\n");
    let published = tree::read(&store);
    let says = format!(
        "dry run: nothing was written to {}; it does not list 0.15.0, and its latest is 0.14.0",
        store.display()
    );
    project.xtask("release --dry-run").exits(0).says(&[&says]);
    tree::assert_same(&published, &tree::read(&store));
    tree::assert_same(&embedded, &project.store());
    crate::checker::check_at_rest(&project.path("dist/dry-run"));
    assert_eq!(project.read("dist/dry-run/latest-version.txt"), "0.15.0\n");
    assert!(!project.path("dist/dry-run/left.txt").exists());
    project.xtask("publish --dry-run").exits(0).says(&[&says]);
    tree::assert_same(&published, &tree::read(&store));
}

#[test]
fn a_dry_run_says_that_the_real_store_cannot_be_read() {
    let project = Project::released();
    let store = project.beside("store");
    project.write_nodes(&format!(
        "[publish]\nstore = \"{}\"\n{}",
        store.display(),
        node("here", host_target(), "")
    ));
    crate::project::write(&store.join("index.json"), "{");
    project.xtask("release --dry-run").exits(0).says(&[
        &format!("dry run: {} could not be read: ", store.display()),
        "index.json is damaged",
    ]);
}

#[test]
fn a_plan_says_what_a_bucket_would_not_take() {
    let project = Project::new();
    project.write_nodes(&format!(
        "[publish]\nstore = \"gs://ballistics-releases\"\n{}",
        node("here", host_target(), "prove = false")
    ));
    project.commit("describe the fleet");
    project.git("tag v0.14.0");
    let refusal = format!(
        "a release would be refused: a bucket takes only binaries that were run where they were built, and these were not: {}; prove them, or use --allow-unproven",
        host_platform()
    );
    let planned = project.xtask("plan").exits(0);
    assert!(planned.stdout.contains(&refusal), "{}", planned.stdout);
    let elsewhere = project.xtask("plan --to elsewhere").exits(0);
    assert!(
        !elsewhere.stdout.contains("refused"),
        "{}",
        elsewhere.stdout
    );
}
