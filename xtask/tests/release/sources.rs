//! Which source a release is made of, and what gives way to what: commits, tags, and changes that are not committed.

use crate::project::{host_platform, host_target, node, Project, PROJECT};
use crate::tree;
use std::fs;

const MAIN: &str = "ballistics-engine/src/main.rs";
const INSTALL: &str = "sh dist/store/install.sh --prefix \"$HOME/.local\"";

#[test]
fn a_changed_source_of_the_same_version_changes_the_program() {
    let project = Project::released();
    let first = project.git("rev-parse HEAD")[..12].to_string();
    project.replace(MAIN, "greeting", "second greeting");
    let second = project.commit("change the greeting");
    let ran = project.xtask("--json release --local").exits(0);
    assert_eq!(ran.outcome("local")["outcome"], "built");
    ran.says(&[
        &format!("0.14.0 from commit {first} (source "),
        &format!("gives way to commit {second} (source "),
    ]);
    assert_eq!(project.install_with(INSTALL), "second greeting");
    // Every file of the archive has the same old date; cargo would call the first source fresh.
    project.replace(MAIN, "second greeting", "greeting");
    project.commit("change it back");
    project.xtask("release --local").exits(0);
    assert_eq!(project.install_with(INSTALL), "greeting");
    crate::checker::check_at_rest(&project.path("dist/store"));
}

#[test]
fn a_commit_of_docs_is_another_source_and_works() {
    let project = Project::released();
    project.write("docs/guide.md", "A better guide.\n");
    let commit = project.commit("better guide");
    let says = format!("gives way to commit {commit}");
    project.xtask("release --local").exits(0).says(&[&says]);
    crate::checker::check_at_rest(&project.path("dist/store"));
}

#[test]
fn an_edited_fleet_works_and_builds_only_what_it_changes() {
    let project = Project::released();
    project.replace("nodes.toml", "[project]", "# A comment.\n[project]");
    let ran = project.xtask("--json release --local").exits(0);
    assert_eq!(ran.outcome("local")["outcome"], "reused");
    let commit = project.git("rev-parse HEAD")[..12].to_string();
    project.replace(
        "nodes.toml",
        "[project]",
        "[defaults]\nenv = { RUSTFLAGS = \"-Copt-level=1\" }\n[project]",
    );
    let ran = project.xtask("--json release --local").exits(0);
    assert_eq!(ran.outcome("local")["outcome"], "built");
    // The same commit, whose program has become another.
    let ran = ran.says(&[
        &format!("0.14.0 from commit {commit} (source "),
        ") gives way to another build of it in the development store ",
    ]);
    assert!(!ran.stderr.contains("[upload]"), "{}", ran.stderr);
}

#[test]
fn a_tagged_release_in_the_embedded_store_is_not_rewritten() {
    let project = Project::released();
    // The very commit that was released before it had its tag.
    project.git("tag v0.14.0");
    project.xtask("release --local").exits(0);
    let published = project.store();
    project.replace(MAIN, "greeting", "other greeting");
    project.commit("other greeting");
    project.xtask("release --local").exits(2).says(&[
        "0.14.0 in ",
        " is published from commit ",
        "a release is never replaced: raise the package's version, release v0.14.0 again with `--version 0.14.0`, or name another store with `--to DIR`",
    ]);
    tree::assert_same(&published, &project.store());
    // Each way out is one.
    project.xtask("release --local --version 0.14.0").exits(0);
    tree::assert_same(&published, &project.store());
    project.xtask("release --local --to ../other").exits(0);
    project.write_version("0.14.1");
    project.commit("raise the version");
    project.xtask("release --local").exits(0);
    assert_eq!(project.install_with(INSTALL), "other greeting");
    crate::checker::check_at_rest(&project.path("dist/store"));
}

#[test]
fn a_version_is_built_from_its_tag_wherever_head_is() {
    let project = Project::new();
    project.git("tag v0.14.0");
    let tagged = project.git("rev-parse HEAD");
    project.replace(MAIN, "greeting", "later greeting");
    project.write_version("0.15.0");
    project.commit("go on");
    // What is not committed yet is not part of the tag either.
    project.replace(MAIN, "later greeting", "unfinished greeting");
    project.xtask("release --local --version 0.14.0").exits(0);
    let release = project.read("dist/store/0.14.0/release.json");
    let release: serde_json::Value = serde_json::from_str(&release).unwrap();
    assert_eq!(release["source"]["commit"], tagged);
    assert_eq!(release["source"]["tagged"], true);
    assert_eq!(project.install_with(INSTALL), "greeting");
    assert!(project.read(MAIN).contains("unfinished greeting"));
}

#[test]
fn uncommitted_changes_are_built_when_asked_for_and_marked() {
    let project = Project::released();
    project.replace(MAIN, "greeting", "unfinished greeting");
    project.xtask("release --local --allow-dirty").exits(0);
    assert_eq!(project.install_with(INSTALL), "unfinished greeting");
    let release = project.read("dist/store/0.14.0/release.json");
    assert!(release.contains("\"dirty\": true"), "{release}");
    // The next change is built too, though the commit is the same.
    project.replace(MAIN, "unfinished greeting", "finished greeting");
    project.xtask("release --local --allow-dirty").exits(0);
    assert_eq!(project.install_with(INSTALL), "finished greeting");
}

#[test]
fn the_binary_is_built_from_the_archive_and_not_from_the_work_tree() {
    let project = Project::new();
    // Not part of the package, so the work tree may hold it; a build there would not end well.
    project.write(
        ".cargo/config.toml",
        "[build]\nrustflags = [\"--no-such-flag\"]\n",
    );
    project.xtask("release --local").exits(0);
    let artifact = format!("dist/0.14.0/ballistics-0.14.0-{}", host_platform());
    assert!(project.path(&artifact).exists());
}

/// The project with a dependency from a registry, and a node that has none of it and reaches nobody.
fn project_with_a_dependency(vendor: &str) -> Project {
    let project = Project::new();
    let manifest = project.read("ballistics-engine/Cargo.toml");
    project.write(
        "ballistics-engine/Cargo.toml",
        &format!("{manifest}\n[dependencies]\nhex = \"0.4\"\n"),
    );
    project.replace(
        MAIN,
        "println!(\"greeting\")",
        "println!(\"{}\", hex::encode(\"x\"))",
    );
    fs::remove_file(project.path("Cargo.lock")).unwrap();
    project.shell("cargo generate-lockfile").exits(0);
    let home = project.beside("cargo-home").display().to_string();
    let env = format!("env = {{ CARGO_HOME = \"{home}\", CARGO_NET_OFFLINE = \"true\" }}");
    let header = format!("{}{vendor}\n", PROJECT);
    project.write(
        "nodes.toml",
        &format!("{header}{}", node("here", host_target(), &env)),
    );
    project.commit("depend on something");
    project
}

#[test]
fn a_dependency_needs_a_registry_on_the_node() {
    let project = project_with_a_dependency("");
    project
        .xtask("dist --local")
        .exits(1)
        .says(&["no matching package named `hex` found"]);
}

#[test]
fn a_vendored_source_is_built_by_a_node_without_a_registry() {
    let project = project_with_a_dependency("vendor = true");
    project.xtask("release --local").exits(0);
    assert_eq!(project.install_with(INSTALL), "78");
    let archive = "dist/0.14.0/ballistics-engine-0.14.0.crate";
    let list = project
        .shell(&format!("tar -tzf {archive}"))
        .exits(0)
        .stdout;
    for name in [".cargo/config.toml", "Cargo.lock", "vendor/hex-0.4."] {
        let name = format!("ballistics-engine-0.14.0/{name}");
        assert!(list.lines().any(|line| line.starts_with(&name)), "{list}");
    }
    let release = project.read("dist/store/0.14.0/release.json");
    assert!(release.contains("\"vendored\": true"), "{release}");
    assert!(project
        .xtask("plan")
        .exits(0)
        .stdout
        .contains("cargo build --release --locked --offline "));
    // The same commit is the same archive, whoever makes it again.
    let first = fs::read(project.path(archive)).unwrap();
    fs::remove_dir_all(project.path("dist/0.14.0")).unwrap();
    project.xtask("dist --local").exits(0);
    assert_eq!(fs::read(project.path(archive)).unwrap(), first);
    // Without the setting it is another.
    project.replace("nodes.toml", "vendor = true", "vendor = false");
    project
        .xtask("dist --local")
        .exits(1)
        .says(&["no matching package named `hex` found"]);
}
