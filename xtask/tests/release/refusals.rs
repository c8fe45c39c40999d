//! Bad input: exit code 2, the thing and its way out named, and nothing written in `dist/`.

use crate::project::{host_target, node, Project, PROJECT};
use crate::tree;
use std::process::Command;

/// Runs each line, which must be refused with the text beside it.
#[track_caller]
fn refused(project: &Project, table: &[(&[&str], &str)]) {
    let before = project.dist();
    for (arguments, expected) in table {
        let ran = project.xtask_with(arguments.iter().copied());
        ran.exits(2).says(&["error: ", expected]);
        tree::assert_same(&before, &project.dist());
    }
}

#[test]
fn a_bad_version_is_refused_by_every_verb_that_takes_one() {
    let project = Project::new();
    let shape = "write it as MAJOR.MINOR.PATCH, as in 0.14.0 or 0.15.0-rc.1";
    let build = "version `0.14.0+b` has build metadata (`+b`), which a file name and a URL cannot carry; write it as MAJOR.MINOR.PATCH";
    for verb in ["release", "dist", "checksum", "publish", "verify", "plan"] {
        refused(
            &project,
            &[
                (
                    &[verb, "--version", "v0.14.0"],
                    "`v0.14.0` is no version; the tag is v0.14.0, the version is 0.14.0",
                ),
                (
                    &[verb, "--version=0.14"],
                    &format!("`0.14` is no version; {shape}"),
                ),
                (
                    &[verb, "--version", ""],
                    &format!("`` is no version; {shape}"),
                ),
                (
                    &[verb, "--version", "../x"],
                    &format!("`../x` is no version; {shape}"),
                ),
                (
                    &[verb, "--version", "0.14.0;id"],
                    &format!("`0.14.0;id` is no version; {shape}"),
                ),
                (&[verb, "--version", "0.14.0+b"], build),
            ],
        );
    }
}

#[test]
fn what_is_mistyped_gets_the_nearest_real_name() {
    let project = Project::new();
    refused(
        &project,
        &[
            (&["release", "--loacl"], "unexpected flag: `--loacl`; did you mean `--local`?"),
            (&["publish", "--loacl"], "did you mean `--local`?"),
            (&["publish", "--to-do"], "unexpected flag: `--to-do`"),
            (&["relaese"], "did you mean `release`?"),
            (&["publish", "--vresion", "0.14.0"], "did you mean `--version`?"),
            (&["frobnicate"], "`cargo xtask help` lists verbs and flags"),
            (&["release", "--version"], "--version"),
            (&["release", "--local", "twice"], "twice"),
            (&["dist", "--node", "openbsd-x8664"], "no node `openbsd-x8664`; did you mean `openbsd-x86_64`?"),
            (&["release", "--local", "--node", "mars"], "no node `mars`; the nodes are openbsd-x86_64, netbsd-here"),
            (&["dist", "--platform", "linux-x86"], "`linux-x86` is no platform; the platforms are "),
            (&["dist", "--platform", "macos-x86_64"], "no enabled node builds macos-x86_64; `cargo xtask node list` shows the fleet"),
            (&["dist", "--local", "--node", "openbsd-x86_64"], "node `openbsd-x86_64` is on root@openbsd.localnet, and --local builds on this machine only"),
        ],
    );
}

#[test]
fn a_version_without_its_tag_and_a_tag_without_its_version_are_refused() {
    let project = Project::new();
    project.git("tag v0.15.0");
    refused(
        &project,
        &[
            (
                &["release", "--local", "--version", "0.14.0"],
                "there is no tag v0.14.0; make it with `git tag v0.14.0`, or leave --version out to release HEAD",
            ),
            (
                &["release", "--local", "--version", "0.15.0"],
                "tag v0.15.0 has version 0.14.0 of ballistics-engine; the tag and the version must agree: move the tag, or release 0.14.0",
            ),
            (&["dist", "--local", "--version", "0.15.0"], "the tag and the version must agree"),
        ],
    );
}

#[test]
fn a_dirty_package_is_refused_and_anything_else_may_differ() {
    let message = "ballistics-engine has changes that are not committed; commit them, or use --allow-dirty (never for a bucket)";
    let line: &[&str] = &["release", "--local"];
    let project = Project::released();
    project.write("ballistics-engine/src/new.rs", "");
    refused(&project, &[(line, message)]);
    project.git("add ballistics-engine/src/new.rs");
    refused(
        &project,
        &[(line, message), (&["dist", "--local"], message)],
    );
    project.git("rm --quiet --force ballistics-engine/src/new.rs");
    project.replace("ballistics-engine/src/main.rs", "greeting", "unfinished");
    refused(&project, &[(line, message)]);
    project.git("checkout --quiet -- ballistics-engine");

    project.write("docs/guide.md", "Unfinished.\n");
    project.write("docs/new.md", "Untracked.\n");
    project.write("xtask/new.rs", "// Untracked.\n");
    project.replace("nodes.toml", "root@openbsd", "builder@openbsd");
    project.git("add docs/guide.md");
    let ran = project.xtask("--json release --local").exits(0);
    assert_eq!(ran.outcome("local")["outcome"], "reused");
}

#[test]
fn a_place_that_cannot_be_released_is_refused() {
    let project = Project::new();
    std::fs::rename(project.path(".git"), project.beside("git")).unwrap();
    refused(
        &project,
        &[(
            &["release", "--local"],
            "is no git repository; a release is made of a commit",
        )],
    );
    project.git("init --quiet");
    refused(
        &project,
        &[(
            &["release", "--local"],
            "the repository has no commit yet; a release is made of a commit",
        )],
    );
    let mut elsewhere: Command =
        project.command(env!("CARGO_BIN_EXE_xtask"), ["release", "--local"]);
    elsewhere.current_dir(project.beside("home"));
    project
        .ran(elsewhere)
        .exits(2)
        .says(&["no Cargo workspace here; change to the project's directory"]);
}

#[test]
fn a_store_that_will_not_do_is_refused() {
    let project = Project::released();
    refused(
        &project,
        &[
            (&["publish"], "a bucket takes only tagged releases, and this commit does not carry v0.14.0; tag it, or publish to a directory with --to"),
            (&["release", "--local", "--to", "gs://bucket"], "a bucket takes only tagged releases"),
            (&["publish", "--to", "s3://bucket"], "store `s3://bucket` is neither gs://bucket nor a directory"),
            (&["publish", "--to", ""], "store `` is neither gs://bucket nor a directory"),
            (&["verify", "--to", ""], "store `` is neither gs://bucket nor a directory"),
        ],
    );
    project.git("tag v0.14.0");
    project.xtask("release --local").exits(0);
    project.write_nodes("");
    let none = "no store is named; set `[publish] store` in nodes.toml, or use --to";
    refused(&project, &[(&["publish"], none), (&["verify"], none)]);
}

#[test]
fn a_signing_key_that_will_not_do_is_refused_before_anything_is_built() {
    let project = Project::new();
    let (mine, _) = crate::signatures::new_key(&project, "mine");
    let (_, other) = crate::signatures::new_key(&project, "other");
    project.write_nodes(&format!(
        "[publish]\nsigning_key = \"/nowhere/key\"\nrelease_keys = [\"{other}\"]\n"
    ));
    let missing = "signing key /nowhere/key does not exist; make it with `ssh-keygen -t ed25519 -f /nowhere/key`, or leave `signing_key` out of nodes.toml";
    refused(&project, &[(&["release", "--to", "there"], missing)]);
    project.write_nodes(&format!(
        "[publish]\nsigning_key = \"{mine}\"\nrelease_keys = [\"{other}\"]\n"
    ));
    let foreign = "is none of `release_keys` in nodes.toml; add the line of its .pub file there";
    refused(&project, &[(&["release", "--local"], foreign)]);
}

#[test]
fn a_broken_fleet_is_refused_with_its_line() {
    let project = Project::new();
    let good = node("one", host_target(), "");
    let again = node("two", host_target(), "");
    let platform = crate::project::host_platform();
    for (nodes, expected) in [
        ("[[node]\n".to_string(), "nodes.toml:7: unclosed array table"),
        ("[[node]]\n".to_string(), "nodes.toml:7: a [[node]] without a name: `name` is missing; add name = "),
        (node("one", host_target(), "hots = \"x\""), "nodes.toml:12: node `one`: unknown key `hots`; did you mean `host`?"),
        (node("one", "riscv64gc-unknown-linux-gnu", ""), "nodes.toml:11: node `one`: target `riscv64gc-unknown-linux-gnu` has no platform"),
        (node("one", host_target(), "machine = \"rig\""), "nodes.toml:12: node `one`: machine `rig` does not exist; add a [[machine]] of that name"),
        (node("one", host_target(), "build_timeout = \"soon\""), "nodes.toml:12: node `one`: `build_timeout`: `soon` is no duration above zero and below a year; write 45s, 6m 32s or 2h"),
        (format!("{good}{good}"), "nodes.toml:15: node `one`: is there twice; rename or remove one"),
        (
            format!("{good}{again}"),
            &format!("nodes.toml:17: node `two`: builds {platform}, which node `one` builds too; set `enabled = false` on one of them"),
        ),
    ] {
        project.write_nodes(&nodes);
        refused(&project, &[(&["release", "--local"], expected), (&["plan"], expected), (&["node", "list"], expected)]);
    }
    project.write(
        "nodes.toml",
        &PROJECT.replace("package = \"ballistics-engine\"", "package = \"other\""),
    );
    let unknown =
        "the workspace has no package `other`; `[project] package` in nodes.toml names it";
    refused(&project, &[(&["release", "--local"], unknown)]);
    let unread = "nowhere.toml cannot be read";
    refused(
        &project,
        &[(&["--nodes", "nowhere.toml", "release", "--local"], unread)],
    );
}
