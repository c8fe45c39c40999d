//! A store that already holds something under a name that a publish needs.

use crate::checker::{check_at_rest, sha256};
use crate::project::{host_platform, host_target, node, write, Project};
use crate::tree;
use std::fs;
use std::path::Path;

/// A released project whose fleet is this machine alone, and an empty place for a store.
fn project() -> (Project, std::path::PathBuf) {
    let project = Project::new();
    project.write_nodes(&node("here", host_target(), ""));
    project.xtask("dist").exits(0);
    project.xtask("checksum").exits(0);
    let store = project.beside("elsewhere");
    (project, store)
}

fn publish(store: &Path) -> String {
    format!("publish --to {}", store.display())
}

#[test]
fn other_bytes_under_a_name_stop_a_publish_before_it_writes() {
    let (project, store) = project();
    let artifact = format!("ballistics-0.14.0-{}", host_platform());
    let source = "ballistics-engine-0.14.0.crate".to_string();
    for name in [
        artifact.clone(),
        format!("{artifact}.sha256"),
        source.clone(),
        format!("{source}.sha256"),
    ] {
        let own = fs::read(project.path(&format!("dist/0.14.0/{name}"))).unwrap();
        write(&store.join("0.14.0").join(&name), "other bytes");
        let before = tree::read(&store);
        project.xtask(&publish(&store)).exits(1).says(&[
            &format!(
                "0.14.0/{name} holds other bytes: {} there, {} here",
                sha256(b"other bytes"),
                sha256(&own)
            ),
            "--reclaim takes the name over; otherwise publish a new version",
        ]);
        let mut after = tree::read(&store);
        after.remove(".lock");
        tree::assert_same(&before, &after);
        fs::remove_dir_all(&store).unwrap();
    }
}

#[test]
fn reclaim_takes_over_what_the_index_does_not_list() {
    let (project, store) = project();
    let artifact = store.join(format!("0.14.0/ballistics-0.14.0-{}", host_platform()));
    write(&artifact, "other bytes");
    project
        .xtask(&format!("{} --reclaim", publish(&store)))
        .exits(0);
    check_at_rest(&store);
    // Now it is listed, and stays whatever is asked for.
    write(&artifact, "yet other bytes");
    let before = tree::read(&store);
    project.xtask(&format!("{} --reclaim", publish(&store))).exits(1).says(&[
        "belongs to 0.14.0, which is published; --reclaim takes only names that the index does not list",
    ]);
    tree::assert_same(&before, &tree::read(&store));
}

#[test]
fn a_published_version_keeps_its_source_and_its_bytes() {
    let (project, store) = project();
    project.xtask(&publish(&store)).exits(0);
    let before = tree::read(&store);
    project.replace(
        "ballistics-engine/src/main.rs",
        "greeting",
        "other greeting",
    );
    project.commit("other greeting");
    project
        .xtask(&format!("release --to {}", store.display()))
        .exits(2)
        .says(&[
            "0.14.0 in ",
            "a release is never replaced: raise the package's version",
        ]);
    project.xtask("dist").exits(0);
    project.xtask("checksum").exits(0);
    project
        .xtask(&publish(&store))
        .exits(1)
        .says(&["a published version keeps its source: publish a new version"]);
    tree::assert_same(&before, &tree::read(&store));
}

#[test]
fn a_damaged_index_is_named_and_nothing_is_written() {
    let (project, store) = project();
    project.xtask(&publish(&store)).exits(0);
    let index = fs::read_to_string(store.join("index.json")).unwrap();
    write(&store.join("index.json"), &index[..index.len() / 2]);
    let before = tree::read(&store);
    let message = [
        "index.json is damaged",
        "restore it from a copy of the store, nothing was changed",
    ];
    project.xtask(&publish(&store)).exits(1).says(&message);
    project
        .xtask(&format!("verify --to {}", store.display()))
        .exits(1)
        .says(&message);
    tree::assert_same(&before, &tree::read(&store));
}

#[test]
fn a_view_that_was_edited_is_found_by_verify_and_repaired_by_a_publish() {
    let (project, store) = project();
    project.xtask(&publish(&store)).exits(0);
    let verify = format!("verify --to {}", store.display());
    project.xtask(&verify).exits(0);
    write(&store.join("latest-version.txt"), "9.9.9\n");
    project
        .xtask(&verify)
        .exits(1)
        .says(&["latest-version.txt does not say what index.json says"]);
    project.xtask(&publish(&store)).exits(0);
    check_at_rest(&store);
}

#[test]
fn verify_installs_as_anybody_would_and_looks_at_what_was_installed() {
    let (project, store) = project();
    project.xtask(&publish(&store)).exits(0);
    let place = store.display().to_string();
    let mut command = project.command(env!("CARGO_BIN_EXE_xtask"), ["verify", "--to", &place]);
    command
        .env("BALLISTICS_BASE_URL", "/nowhere")
        .env("BALLISTICS_REQUIRE_SIGNATURE", "1");
    project
        .ran(command)
        .exits(0)
        .says(&["install.sh put ballistics 0.14.0 into a temporary prefix, and it runs"]);
    // An installer of somebody else's, who knows what the program says.
    write(
        &store.join("install.sh"),
        "while [ $# -gt 1 ]; do [ \"$1\" != --prefix ] || prefix=$2; shift; done\nmkdir -p \"$prefix/bin\"\n\
         printf '#!/bin/sh\\necho ballistics 0.14.0\\n' >\"$prefix/bin/ballistics\"\nchmod 755 \"$prefix/bin/ballistics\"\n",
    );
    let verify = format!("verify --to {place}");
    project
        .xtask(&verify)
        .exits(1)
        .says(&["install.sh installed ", ", and the index has "]);
    write(&store.join("install.sh"), "exit 0\n");
    project.xtask(&verify).exits(1).says(&["installed nothing"]);
}

/// `--to ~/Downloads`, say: nothing there may go, and nothing come.
#[test]
fn a_directory_that_is_no_store_is_refused_and_left_as_it_is() {
    let (project, store) = project();
    write(&store.join("photos/.partial-upload.jpg"), "half a photo");
    let before = tree::read(&store);
    let says = " is no store and not empty (`photos` is there); name an empty directory, or one that does not exist yet";
    for line in [publish(&store), format!("doctor --to {}", store.display())] {
        project.xtask(&line).exits(2).says(&[says]);
        tree::assert_same(&before, &tree::read(&store));
    }
    // Pointers without an index: somebody's store, made by other means.
    write(&store.join("versions.txt"), "linux-x86_64:0.13.0\n");
    let before = tree::read(&store);
    project
        .xtask(&publish(&store))
        .exits(2)
        .says(&["`cargo xtask publish --import` makes an index that keeps them"]);
    let mut after = tree::read(&store);
    after.remove(".lock");
    tree::assert_same(&before, &after);
}

#[test]
fn a_directory_that_is_not_there_is_only_made_by_a_publish() {
    let (project, store) = project();
    let to = store.display();
    let ran = project.xtask(&format!("doctor --to {to}")).exits(0);
    for expected in [
        "login    none; the directory is not there yet; the first publish makes it\n",
        "index    serial 0, 0 versions, latest nothing\n",
    ] {
        assert!(ran.stdout.contains(expected), "{}", ran.stdout);
    }
    // All that the first publish would write, and no more than said.
    let ran = project
        .xtask(&format!("publish --to {to} --dry-run"))
        .exits(0);
    let view = format!("create  {to}/versions.txt (");
    assert!(ran.stdout.contains(&view), "{}", ran.stdout);
    assert!(!ran.stderr.contains("dry run: store"), "{}", ran.stderr);
    assert!(!store.exists());
}
