//! A `dist/` that cannot be written. Permission bits do not stop root, so the release runs in a mount namespace of its own.
#![cfg(target_os = "linux")]

use crate::project::{host_target, node, Project};
use crate::run::Ran;
use crate::tree;

/// Runs the line after this mount over a directory of the project, both gone when it ends.
fn with_mount(project: &Project, mount: &str, line: &str) -> Ran {
    let script = format!("{mount} && exec {} {line}", env!("CARGO_BIN_EXE_xtask"));
    project.ran(project.command(
        "unshare",
        ["--map-root-user", "--mount", "sh", "-c", &script],
    ))
}

#[test]
fn a_read_only_dist_is_named() {
    let project = Project::new();
    let before = project.dist();
    let read_only = "mount --bind dist dist && mount -o remount,bind,ro dist";
    for (line, path) in [
        ("release --local", "dist/store"),
        ("dist --local", "dist/0.14.0"),
    ] {
        with_mount(&project, read_only, line)
            .exits(1)
            .says(&[path, "Read-only file system"]);
        tree::assert_same(&before, &project.dist());
    }
    project.xtask("release --local").exits(0);
}

#[test]
fn a_read_only_store_is_named_before_anything_is_built() {
    let project = Project::new();
    let store = project.beside("store");
    std::fs::create_dir(&store).unwrap();
    with_mount(&project, READ_ONLY_STORE, "release --local --to ../store")
        .exits(1)
        .says(&["/store", "Read-only file system"]);
    assert!(!project.path("dist/0.14.0").exists());
    project
        .xtask(&format!("release --local --to {}", store.display()))
        .exits(0);
    crate::checker::check_at_rest(&store);
}

const READ_ONLY_STORE: &str = "mount --bind ../store ../store && mount -o remount,bind,ro ../store";

/// Everything but a publish: as its owner on a backup, or anybody on a web server's directory.
#[test]
fn what_only_reads_a_store_works_where_nothing_can_be_written() {
    let project = Project::new();
    let store = project.beside("store");
    let publish = format!("[publish]\nstore = \"{}\"\n", store.display());
    project.write_nodes(&format!("{publish}{}", node("here", host_target(), "")));
    project.xtask("release").exits(0);
    // A copy without dot files is as good.
    for hidden in [".lock", ".views.json"] {
        std::fs::remove_file(store.join(hidden)).unwrap();
    }
    let before = tree::read(&store);
    for line in [
        "doctor",
        "verify",
        "plan",
        "release --dry-run",
        "publish --dry-run",
    ] {
        let ran = with_mount(&project, READ_ONLY_STORE, line).exits(0);
        assert!(!ran.stderr.contains("cannot be"), "{line}: {}", ran.stderr);
        tree::assert_same(&before, &tree::read(&store));
        project.xtask(line).exits(0);
        tree::assert_same(&before, &tree::read(&store));
    }
    let doctor = with_mount(&project, READ_ONLY_STORE, "doctor").stdout;
    assert!(
        doctor.contains("the directory cannot be written to from here"),
        "{doctor}"
    );
}

/// The release needs about 1.5 MB there; with less it stops at one place after the other.
#[test]
fn a_full_dist_is_named_and_nothing_half_written_is_believed() {
    for kilobytes in [4, 12, 64, 300, 480, 700, 960] {
        let project = Project::new();
        // The tmpfs is gone with the run, so what is in it is looked at from within.
        let script = format!(
            "mount -t tmpfs -o size={kilobytes}k none dist && {{ {} release --local; code=$?; cp -R dist ../found; exit $code; }}",
            env!("CARGO_BIN_EXE_xtask")
        );
        let arguments = ["--map-root-user", "--mount", "sh", "-c", &script];
        let ran = project.ran(project.command("unshare", arguments));
        assert_eq!(ran.code, Some(1), "{kilobytes} KB: {}", ran.stderr);
        let ran = ran.says(&["No space left on device"]);
        assert!(
            ran.stderr.contains("/dist/"),
            "{kilobytes} KB: no path is named: {}",
            ran.stderr
        );
        let found = project.beside("found");
        crate::checker::assert_no_partials(&found);
        if found.join("store").exists() {
            crate::checker::check_for_readers(
                &found.join("store"),
                crate::checker::Kind::Permanent,
            );
        }
        // With room it goes on from what is there.
        std::fs::remove_dir_all(project.path("dist")).unwrap();
        std::fs::rename(&found, project.path("dist")).unwrap();
        project.xtask("release --local").exits(0);
        crate::checker::check_at_rest(&project.path("dist/store"));
    }
}
