//! Nodes with the real cargo, where cargo is the point.

use crate::fleet::Fleet;
use crate::project::{here, VERSION};
use std::fs;
use std::process::Command;

/// A node that builds for this machine, with its user's own home.
fn native() -> Fleet {
    let mut fleet = Fleet::of(&[]);
    let mut setup = fleet.setup(here(), "");
    setup.config = format!(
        "SetEnv XTASK_CACHE={}/cache",
        fleet.room.join(here()).display()
    );
    fleet.add(here(), setup);
    fleet
}

fn output(fleet: &Fleet, argument: &str) -> String {
    let program = fleet.path(&format!("ballistics-{VERSION}-{}", here()));
    let output = Command::new(program).arg(argument).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_changed_source_of_the_same_version_is_built_again_in_the_kept_target_directory() {
    let fleet = native();
    fleet.dist().exits(0);
    assert_eq!(output(&fleet, "greet"), "greeting\n");
    assert!(fleet
        .log(here())
        .contains("Compiling ballistics-engine v0.14.0"));
    fleet
        .project
        .replace("ballistics-engine/src/main.rs", "greeting", "farewell");
    fleet.project.commit("change");
    let ran = fleet.dist().exits(0);
    assert_eq!(ran.became(here()), "built");
    assert_eq!(output(&fleet, "greet"), "farewell\n");
    assert!(fleet
        .node(here())
        .cache(here())
        .join("target/release")
        .exists());
}

#[test]
fn the_manifest_says_what_a_binary_needs_and_a_limit_refuses_it() {
    let mut fleet = native();
    fleet.set(here(), "max_glibc = \"2.3\"");
    let ran = fleet.dist().exits(1);
    assert_eq!(ran.became(here()), "collect proof");
    let message = ran.outcome(here())["failure"]["message"].to_string();
    assert!(
        message.contains("it needs glibc 2.")
            && message.contains("and `max_glibc` is 2.3; build on an older system"),
        "{message}"
    );
    fleet.holds(&[]);

    fleet.set(here(), "max_glibc = \"2.99\"");
    fleet.dist().exits(0);
    fleet.run("checksum").exits(0);
    let manifest = fs::read_to_string(fleet.path("release.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let artifact = &manifest["artifacts"][0];
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_string();
    let rustc = Command::new("rustc").arg("--version").output().unwrap();
    assert_eq!(
        text(&artifact["facts"]["rustc"]),
        String::from_utf8(rustc.stdout).unwrap().trim()
    );
    let release = Command::new("uname").arg("-r").output().unwrap();
    assert_eq!(
        text(&artifact["facts"]["os_release"]),
        String::from_utf8(release.stdout).unwrap().trim()
    );
    let symbols = artifact["symbol_versions"].as_array().unwrap();
    let newest = symbols
        .iter()
        .map(text)
        .find_map(|one| one.strip_prefix("GLIBC_").map(String::from))
        .unwrap();
    assert_eq!(text(&artifact["floor"]), format!("glibc-{newest}"));
    assert!(artifact["needed"]
        .as_array()
        .unwrap()
        .iter()
        .any(|one| one == "libc.so.6"));
    assert_eq!(
        (text(&artifact["source"]).as_str(), &artifact["proven"]),
        ("archive", &serde_json::Value::Bool(true))
    );
}
