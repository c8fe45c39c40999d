//! The real `xtask` against a bucket: a release, its repair, its pointers, and what is refused before anything is written.

#[path = "publish/fake.rs"]
#[allow(dead_code, reason = "the unit tests use more of it")]
mod fake;
#[path = "release/project.rs"]
#[allow(dead_code, reason = "the release tests use more of it")]
mod project;
#[path = "release/run.rs"]
#[allow(dead_code, reason = "the release tests use more of it")]
mod run;
#[path = "release/tree.rs"]
#[allow(dead_code, reason = "the release tests use more of it")]
mod tree;

use fake::{Fake, Rules};
use project::{hello, host_platform, host_target, node, Project};
use run::Ran;
use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;

/// A tagged project, and the bucket that it is published to.
struct Shop {
    project: Project,
    bucket: Fake,
}

const STORE: &str = "[publish]\nstore = \"gs://releases\"\n";

impl Shop {
    fn new(nodes: &str) -> Shop {
        Shop::with(Rules::default(), &format!("{STORE}{nodes}"))
    }

    fn with(rules: Rules, nodes: &str) -> Shop {
        let project = Project::new();
        project.write_nodes(nodes);
        project.commit("nodes");
        project.git("tag v0.14.0");
        Shop {
            project,
            bucket: Fake::start(rules),
        }
    }

    fn xtask(&self, arguments: &str) -> Ran {
        self.project.ran(self.command(arguments))
    }

    fn command(&self, arguments: &str) -> Command {
        let program = env!("CARGO_BIN_EXE_xtask");
        let mut command = self.project.command(program, arguments.split(' '));
        command.env("STORAGE_EMULATOR_HOST", self.bucket.endpoint());
        command
    }

    /// The same on a machine whose cargo packages nothing.
    fn xtask_without_packaging(&self, arguments: &str) -> Ran {
        let real = self.project.shell("command -v cargo").exits(0).stdout;
        let wrapper = self.project.beside("bin/cargo");
        let text = format!(
            "#!/bin/sh\ncase $1 in package) exit 9 ;; esac\nexec {} \"$@\"\n",
            real.trim()
        );
        project::write(&wrapper, &text);
        let executable = format!("chmod +x {}", wrapper.display());
        self.project.shell(&executable).exits(0);
        let mut command = self.command(arguments);
        let path = std::env::var("PATH").unwrap();
        let own = wrapper.parent().unwrap().display();
        command.env("PATH", format!("{own}:{path}"));
        self.project.ran(command)
    }

    fn text(&self, name: &str) -> String {
        let objects = self.bucket.objects();
        let stored = objects.get(name).unwrap_or_else(|| panic!("no {name}"));
        String::from_utf8(stored.bytes.clone()).unwrap()
    }

    /// How often something was written meanwhile.
    fn writes(&self) -> usize {
        self.bucket
            .asked()
            .iter()
            .filter(|asked| asked.is_write())
            .count()
    }

    fn raise_version(&self, version: &str) {
        self.project.write_version(version);
        self.project.commit("raise");
        self.project.git(&format!("tag v{version}"));
    }
}

fn here() -> String {
    node("here", host_target(), "")
}

/// A node whose binary cannot be run here.
fn netbsd() -> String {
    let build = format!(
        "build_command = \"cp {} out\"\nbinary_path = \"out\"\nprove = false",
        hello("netbsd-x86_64")
    );
    node("netbsd", "x86_64-unknown-netbsd", &build)
}

#[test]
fn a_release_goes_into_the_bucket_and_is_installed_from_it() {
    let shop = Shop::new(&here());
    let ran = shop.xtask("release").exits(0).says(&[
        "install.sh put ballistics 0.14.0 into a temporary prefix, and it runs",
        "[upload]",
    ]);
    assert_eq!(
        ran.stdout.trim_end(),
        format!(
            "curl -sSf {}/releases/install.sh | sh",
            shop.bucket.endpoint()
        )
    );
    assert_eq!(shop.text("latest-version.txt"), "0.14.0\n");
    assert_eq!(
        shop.text("versions.txt"),
        format!("{}:0.14.0\n", host_platform())
    );
    let objects = shop.bucket.objects();
    let binary = format!("0.14.0/ballistics-0.14.0-{}", host_platform());
    assert_eq!(
        objects[&binary].cache_control,
        "public, max-age=31536000, immutable"
    );
    assert_eq!(objects["versions.txt"].cache_control, "no-cache, max-age=0");
    // Again: nothing is to be done, and nothing is written.
    shop.bucket.forget_asked();
    shop.xtask("release").exits(0);
    assert_eq!(shop.writes(), 0);
    shop.xtask("verify").exits(0);
}

#[test]
fn a_dry_run_says_what_would_be_written_and_writes_nothing() {
    let shop = Shop::new(&here());
    shop.xtask("release").exits(0);
    shop.raise_version("0.15.0");
    shop.bucket.forget_asked();
    let ran = shop.xtask("release --dry-run").exits(0);
    assert_eq!(shop.writes(), 0);
    let binary = format!("ballistics-0.15.0-{}", host_platform());
    for line in [
        format!("create  gs://releases/0.15.0/{binary}.sha256 (content-type: text/plain; charset=utf-8; cache-control: public, max-age=31536000, immutable; if-generation-match: 0)"),
        "replace gs://releases/index.json (content-type: application/json; cache-control: no-cache, max-age=0; if-generation-match: 1".into(),
        format!("    - {}:0.14.0", host_platform()),
        format!("    + {}:0.15.0", host_platform()),
        "    + 0.15.0".into(),
    ] {
        assert!(ran.stdout.contains(&line), "{line}\n{}", ran.stdout);
    }
}

#[test]
fn pointers_move_and_bytes_stay() {
    let shop = Shop::new(&here());
    shop.xtask("release").exits(0);
    shop.raise_version("0.15.0");
    shop.xtask("release").exits(0);
    let latest = || shop.text("latest-version.txt");
    shop.xtask("rollback 0.14.0").exits(0);
    assert_eq!(latest(), "0.14.0\n");
    shop.xtask("promote 0.15.0").exits(0);
    assert_eq!(latest(), "0.15.0\n");
    shop.xtask("yank 0.15.0").exits(0);
    assert_eq!(latest(), "0.14.0\n");
    shop.xtask("promote 0.15.0")
        .exits(1)
        .says(&["0.15.0 was yanked"]);
    shop.xtask("yank 0.15.0 --undo").exits(0);
    assert_eq!(latest(), "0.15.0\n");
    shop.xtask("yank 9.9.9")
        .exits(1)
        .says(&["gs://releases: 9.9.9 is not published there; the newest are 0.15.0, 0.14.0"]);
    assert!(shop
        .bucket
        .objects()
        .contains_key(&format!("0.15.0/ballistics-0.15.0-{}", host_platform())));
}

#[test]
fn a_bucket_takes_only_what_is_tagged_proven_and_of_the_archive() {
    let shop = Shop::new(&netbsd());
    shop.project.git("tag --delete v0.14.0");
    shop.xtask("release")
        .exits(2)
        .says(&["a bucket takes only tagged releases"]);
    shop.project.git("tag v0.14.0");
    shop.xtask("release")
        .exits(2)
        .says(&["these were not: netbsd-x86_64; prove them, or use --allow-unproven"]);
    assert_eq!(shop.writes(), 0);
    // nodes.toml says it, so nothing was built for it; and a dry run to the bucket would mislead.
    assert!(!shop.project.path("dist/0.14.0").exists());
    shop.xtask("release --dry-run").exits(2);
    assert!(!shop.project.path("dist/0.14.0").exists());
    shop.xtask("release --allow-unproven").exits(2).says(&[
        "a `build_command` of their node made these: netbsd-x86_64; leave it out of nodes.toml, or use --allow-own-source",
    ]);
    assert_eq!(shop.writes(), 0);
    shop.xtask("release --allow-unproven --allow-own-source")
        .exits(0);
    assert_eq!(shop.text("versions.txt"), "netbsd-x86_64:0.14.0\n");
    assert!(shop
        .text("0.14.0/release.json")
        .contains("\"source\": \"own\""));
}

#[test]
fn a_platform_that_comes_later_is_built_from_the_published_source() {
    let optional = netbsd();
    let shop = Shop::new(&format!("{}{optional}required = false\n", here()));
    shop.xtask("release --node here").exits(0);
    let source = shop.bucket.objects()["0.14.0/ballistics-engine-0.14.0.crate"].clone();
    shop.raise_version("0.15.0");
    shop.xtask("release --node here").exits(0);
    let before = shop.bucket.objects();
    std::fs::remove_dir_all(shop.project.path("dist/0.14.0")).unwrap();
    // Were the source packaged again, its cargo would refuse; so it is in a dry run too.
    let line = "release --version 0.14.0 --node netbsd --allow-unproven --allow-own-source";
    shop.xtask_without_packaging(&format!("{line} --dry-run"))
        .exits(0);
    std::fs::remove_dir_all(shop.project.path("dist/0.14.0")).unwrap();
    shop.xtask_without_packaging(line)
        .exits(0)
        .says(&["0.14.0 is older than latest 0.15.0; latest stays"]);
    let after = shop.bucket.objects();
    assert!(after.contains_key("0.14.0/ballistics-0.14.0-netbsd-x86_64"));
    assert_eq!(shop.text("latest-version.txt"), "0.15.0\n");
    assert_eq!(
        shop.text("versions.txt"),
        format!("{}:0.15.0\nnetbsd-x86_64:0.14.0\n", host_platform())
    );
    assert_eq!(
        after["0.14.0/ballistics-engine-0.14.0.crate"].generation,
        source.generation
    );
    let changed: Vec<&String> = before
        .iter()
        .filter(|(name, stored)| after[*name].generation != stored.generation)
        .map(|(name, _)| name)
        .collect();
    let expected = [
        "0.14.0/SHA256SUMS",
        "0.14.0/release.json",
        "catalog.txt",
        "index.json",
        "latest-version.txt",
        "versions.txt",
    ];
    assert!(
        changed
            .iter()
            .all(|name| expected.contains(&name.as_str()) || *name == "ballistics.rb"),
        "{changed:?}"
    );
}

#[test]
fn a_bucket_that_was_filled_by_other_means_is_not_published_to() {
    let shop = Shop::new(&here());
    shop.bucket.put("versions.txt", b"linux-x86_64:0.13.4\n");
    shop.xtask("release")
        .exits(2)
        .says(&["gs://releases has a versions.txt and no index.json"]);
    assert_eq!(shop.writes(), 0);
}

#[test]
fn a_bucket_that_is_not_there_is_named_before_anything_is_built() {
    let shop = Shop::new(&here());
    shop.project
        .replace("nodes.toml", "gs://releases", "gs://elsewhere");
    shop.xtask("release").exits(1).says(&[
        "gs://elsewhere: reading index.json: Google answered 404, notFound: The specified bucket does not exist.",
        "correct `store` under [publish] in nodes.toml",
    ]);
    assert!(!shop.project.path("dist/0.14.0").exists());
}

#[test]
fn the_doctor_says_who_would_publish_and_what_is_there() {
    let shop = Shop::new(&here());
    let ran = shop.xtask("doctor").exits(0);
    assert!(
        ran.stdout.contains("store    gs://releases\n"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout
            .contains("login    none, as an emulator wants it"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout
            .contains("index    serial 0, 0 versions, latest nothing"),
        "{}",
        ran.stdout
    );
    assert_eq!(shop.writes(), 0);
    let mut command = shop
        .project
        .command(env!("CARGO_BIN_EXE_xtask"), ["doctor"]);
    command.env("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key.json");
    shop.project
        .ran(command)
        .exits(2)
        .says(&["GOOGLE_APPLICATION_CREDENTIALS: /nowhere/key.json cannot be read"]);
}

#[test]
fn what_is_published_is_taken_back_when_dist_is_lost() {
    let shop = Shop::new(&here());
    shop.xtask("release").exits(0);
    let binary = format!("ballistics-0.14.0-{}", host_platform());
    let published = shop.bucket.objects()[&format!("0.14.0/{binary}")].clone();
    std::fs::remove_dir_all(shop.project.path("dist/0.14.0")).unwrap();
    // What was built anew differs, and is not published over what is there.
    shop.project
        .shell("rm -r dist/0.14.0 2>/dev/null; :")
        .exits(0);
    shop.bucket.forget_asked();
    shop.xtask("publish --adopt").exits(0).says(&[&format!(
        "adopted 0.14.0/{binary} as it is published ({} bytes",
        published.bytes.len()
    )]);
    assert_eq!(shop.writes(), 0);
    let path = shop.project.path(&format!("dist/0.14.0/{binary}"));
    assert_eq!(std::fs::read(&path).unwrap(), published.bytes);
    // It counts as built, whatever its node is set to now.
    shop.project.replace(
        "nodes.toml",
        "[[node]]",
        "[defaults]\nenv = { A = \"b\" }\n[[node]]",
    );
    let ran = shop.xtask("release --json").exits(0);
    assert_eq!(ran.outcome("here")["outcome"], "reused");
    assert_eq!(shop.writes(), 0);
    shop.xtask("publish --adopt --version 9.9.9")
        .exits(2)
        .says(&["gs://releases does not list 9.9.9; there is nothing to adopt"]);
}

#[test]
fn what_is_taken_back_has_the_bytes_that_the_index_names() {
    let shop = Shop::new(&here());
    shop.xtask("release").exits(0);
    let binary = format!("0.14.0/ballistics-0.14.0-{}", host_platform());
    std::fs::remove_dir_all(shop.project.path("dist/0.14.0")).unwrap();
    shop.bucket.put(&binary, b"something else");
    shop.xtask("publish --adopt").exits(1).says(&[
        &format!("gs://releases/{binary} is "),
        "and the index names",
    ]);
    assert!(!shop.project.path(&format!("dist/{binary}")).exists());
}

/// A bucket as the Python orchestrator left it: files named by node, sidecars with and without a newline, one version that is not offered yet.
fn old_bucket(shop: &Shop) {
    let put = |version: &str, node: &str, file: &str, newline: &str| {
        let bytes = std::fs::read(hello(file)).unwrap();
        let name = format!("{version}/ballistics-{version}-{node}");
        let sha256 = shop
            .project
            .shell(&format!("sha256sum {} | cut -d ' ' -f 1", hello(file)))
            .exits(0)
            .stdout;
        shop.bucket.put(&name, &bytes);
        shop.bucket.put(
            &format!("{name}.sha256"),
            format!("{}{newline}", sha256.trim()).as_bytes(),
        );
    };
    put(
        "0.13.3",
        "openbsd-aarch64-emulated",
        "openbsd-aarch64",
        "\n",
    );
    put("0.13.3", "freebsd-aarch64", "freebsd-aarch64", "");
    put("0.13.4", "linux-x86_64", "linux-x86_64-static", "\n");
    put("0.13.4", "freebsd-aarch64", "freebsd-aarch64", "");
    put("0.13.5", "linux-x86_64", "linux-x86_64", "");
    shop.bucket.put(
        "versions.txt",
        b"linux-x86_64:0.13.4\nopenbsd-aarch64-emulated:0.13.3\nfreebsd-aarch64:0.13.3\n",
    );
    shop.bucket.put("latest-version.txt", b"0.13.4");
}

#[test]
fn the_old_bucket_gets_an_index_that_keeps_every_line() {
    let shop = Shop::new(&here());
    old_bucket(&shop);
    let before = shop.bucket.objects();
    shop.xtask("publish --import --dry-run").exits(0).says(&[
        "keeps openbsd-aarch64:0.13.3",
        "0.13.4 for freebsd-aarch64 is left out: versions.txt does not offer it",
        "keeps latest 0.13.4",
    ]);
    assert_eq!(shop.writes(), 0);
    let ran = shop.xtask("publish --import").exits(0);
    assert!(
        ran.stdout.contains(
            "gs://releases has an index of 3 versions now, and every line of its versions.txt holds"
        ),
        "{}",
        ran.stdout
    );
    assert_eq!(
        shop.text("versions.txt"),
        "linux-x86_64:0.13.4\nfreebsd-aarch64:0.13.3\nopenbsd-aarch64:0.13.3\n"
    );
    assert_eq!(shop.text("latest-version.txt"), "0.13.4\n");
    let after = shop.bucket.objects();
    for (name, stored) in &before {
        let kept = &after[name];
        assert!(
            kept.generation == stored.generation || name.ends_with(".txt"),
            "{name} was written"
        );
    }
    let second = &after["0.13.3/ballistics-0.13.3-openbsd-aarch64"];
    assert_eq!(
        second.bytes,
        before["0.13.3/ballistics-0.13.3-openbsd-aarch64-emulated"].bytes
    );
    // It is a store like any other now.
    shop.xtask("release").exits(0);
    shop.xtask("verify --version 0.13.3").exits(0);
    assert_eq!(shop.text("latest-version.txt"), "0.14.0\n");
    assert!(shop
        .text("versions.txt")
        .contains("openbsd-aarch64:0.13.3\n"));
    shop.xtask("publish --import")
        .exits(2)
        .says(&["gs://releases has an index.json; it needs no import"]);
}

#[test]
fn an_import_that_would_lose_a_line_writes_nothing() {
    let shop = Shop::new(&here());
    old_bucket(&shop);
    for (lines, complaint) in [
        (
            "linux-x86_64:0.13.4\nplan9-x86_64:0.13.3\n",
            "versions.txt:2: `plan9-x86_64:0.13.3`: `plan9-x86_64` is no platform and no node",
        ),
        (
            "linux-x86_64 0.13.4\n",
            "versions.txt:1: `linux-x86_64 0.13.4`: it is no `platform:version`",
        ),
        (
            "netbsd-x86_64:0.13.4\n",
            "versions.txt says netbsd-x86_64:0.13.4, and no file there is 0.13.4 for netbsd-x86_64",
        ),
        ("\n", "has no line"),
    ] {
        shop.bucket.put("versions.txt", lines.as_bytes());
        shop.xtask("publish --import").exits(2).says(&[complaint]);
    }
    shop.bucket.put("versions.txt", b"linux-x86_64:0.13.4\n");
    shop.bucket
        .put("0.13.4/ballistics-0.13.4-linux-x86_64.sha256", b"c0ffee");
    shop.xtask("publish --import").exits(1).says(&[
        "0.13.4/ballistics-0.13.4-linux-x86_64 is ",
        "its sidecar says c0ffee",
    ]);
    shop.bucket
        .put("0.13.4/ballistics-0.13.4-linux-x86_64", b"<html>");
    shop.bucket
        .remove("0.13.4/ballistics-0.13.4-linux-x86_64.sha256");
    shop.xtask("publish --import")
        .exits(1)
        .says(&["it is no executable: it starts with `<html>`"]);
    assert_eq!(shop.writes(), 0);
    shop.bucket.remove("versions.txt");
    shop.xtask("publish --import")
        .exits(2)
        .says(&["versions.txt is missing, so there is nothing to import"]);
}

#[test]
fn a_build_does_not_see_the_login_of_who_publishes() {
    let build = format!(
        "build_command = \"env | grep -E '^(GOOGLE|CLOUDSDK)_' || : ; cp {} out\"\nbinary_path = \"out\"\nprove = false",
        hello("netbsd-x86_64")
    );
    let shop = Shop::new(&node("netbsd", "x86_64-unknown-netbsd", &build));
    let mut command = shop.project.command(env!("CARGO_BIN_EXE_xtask"), ["dist"]);
    for name in ["GOOGLE_OAUTH_ACCESS_TOKEN", "CLOUDSDK_AUTH_ACCESS_TOKEN"] {
        command.env(name, "hunter2");
    }
    shop.project.ran(command).exits(0);
    let log = shop.project.read("dist/0.14.0/logs/netbsd.log");
    assert!(log.contains("::"), "{log}");
    assert!(!log.contains("hunter2"), "{log}");
}

fn replaces(ran: &Ran, line: &str) -> bool {
    ran.stdout.lines().any(|have| have.starts_with(line))
}

#[test]
fn a_dry_run_for_an_empty_bucket_creates_everything_in_order() {
    let shop = Shop::new(&here());
    let ran = shop.xtask("release --dry-run").exits(0);
    let names: Vec<&str> = ran
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("create  gs://releases/"))
        .filter_map(|line| line.split(' ').next())
        .collect();
    let binary = format!("0.14.0/ballistics-0.14.0-{}", host_platform());
    let expected = [
        "0.14.0/ballistics-engine-0.14.0.crate.sha256",
        "0.14.0/ballistics-engine-0.14.0.crate",
        &format!("{binary}.sha256"),
        &binary,
        "0.14.0/SHA256SUMS",
        "0.14.0/release.json",
        "index.json",
        "versions.txt",
        "catalog.txt",
        "latest-version.txt",
        "ballistics.rb",
        "install.sh",
    ];
    assert_eq!(names, expected, "{}", ran.stdout);
    // What is rehearsed is for the bucket's readers.
    let url = format!("url \"{}/releases/{binary}\"", shop.bucket.endpoint());
    assert!(ran.stdout.contains(&url), "{}", ran.stdout);
    assert_eq!(shop.writes(), 0);
    shop.xtask("release").exits(0);
    let ran = shop.xtask("release --dry-run").exits(0);
    assert!(replaces(&ran, "keep    gs://releases/0.14.0/SHA256SUMS"));
    assert!(!replaces(&ran, "replace"), "{}", ran.stdout);
}

#[test]
fn a_dry_run_that_would_stop_says_so_and_fails() {
    let shop = Shop::new(&here());
    let binary = format!("0.14.0/ballistics-0.14.0-{}", host_platform());
    shop.bucket.put(&binary, b"other bytes");
    let ran = shop.xtask("release --dry-run").exits(1).says(&[
        "dry run: gs://releases would refuse this",
        "--reclaim takes the name over",
    ]);
    assert!(replaces(&ran, &format!("stop    gs://releases/{binary} ")));
    let ran = shop.xtask("release --dry-run --reclaim").exits(0);
    assert!(replaces(&ran, &format!("reclaim gs://releases/{binary} ")));
    // A bucket that was filled by other means is refused in a dry run, as it is otherwise.
    shop.bucket.put("versions.txt", b"linux-x86_64:0.13.4\n");
    shop.xtask("release --dry-run")
        .exits(2)
        .says(&["gs://releases has a versions.txt and no index.json"]);
    assert_eq!(shop.writes(), 0);
}

#[test]
fn a_dry_run_whose_own_store_is_not_whole_still_says_what_would_happen() {
    let shop = Shop::new(&here());
    shop.project
        .replace("install.sh", "set -eu", "set -eu; exit 9");
    let ran = shop
        .xtask("release --dry-run")
        .exits(1)
        .says(&["install.sh from ", " failed: "]);
    assert!(replaces(&ran, "create  gs://releases/index.json"));
}

#[test]
fn a_reclaim_takes_over_what_a_dead_publish_left_in_a_bucket() {
    let shop = Shop::new(&here());
    let binary = format!("0.14.0/ballistics-0.14.0-{}", host_platform());
    shop.bucket.put(&binary, b"other bytes");
    shop.xtask("release").exits(1).says(&[
        &format!("gs://releases/{binary} holds other bytes"),
        "--reclaim takes the name over",
    ]);
    assert_eq!(shop.writes(), 0);
    shop.xtask("release --reclaim").exits(0);
    assert!(!shop.text("index.json").contains("claims"));
    shop.xtask("verify").exits(0);
}

#[test]
fn a_yanked_version_is_there_by_name_and_says_that_it_is_yanked() {
    let shop = Shop::new(&here());
    shop.xtask("release").exits(0);
    shop.xtask("yank 0.14.0").exits(0);
    let catalog = shop.text("catalog.txt");
    assert!(catalog.ends_with(" yanked\n"), "{catalog}");
    assert_eq!(shop.text("versions.txt"), "");
    let formula = shop.text("ballistics.rb");
    assert!(formula.contains("  disable! date: "), "{formula}");
    let yanked = "0.14.0 is yanked: nobody gets it who does not ask for it by name";
    shop.xtask("verify --version 0.14.0")
        .exits(0)
        .says(&[yanked, "install.sh put ballistics 0.14.0 into"]);
    let ran = shop.xtask("release").exits(0).says(&[yanked]);
    assert_eq!(ran.stdout, "", "nobody gets it with this");
    shop.raise_version("0.15.0");
    shop.xtask("release").exits(0);
    assert!(shop.text("ballistics.rb").contains("version \"0.15.0\""));
    shop.bucket.put("ballistics.rb", b"class Ballistics\n");
    let stale = "ballistics.rb does not say what index.json says";
    shop.xtask("verify").exits(1).says(&[stale]);
}

#[test]
fn a_version_that_a_rollback_holds_back_is_published_and_verified() {
    let shop = Shop::new(&here());
    shop.xtask("release").exits(0);
    shop.raise_version("0.15.0");
    shop.xtask("release").exits(0);
    shop.xtask("rollback 0.14.0").exits(0);
    let ran = shop
        .xtask("release")
        .exits(0)
        .says(&["held back by a rollback"]);
    assert_eq!(ran.stdout, "");
    // The rollback outlives a yank of the version that people were sent back to.
    shop.xtask("yank 0.14.0").exits(0);
    assert_eq!(shop.text("latest-version.txt"), "");
    shop.xtask("promote 0.15.0").exits(0);
    assert_eq!(shop.text("latest-version.txt"), "0.15.0\n");
}

#[test]
fn an_older_version_is_installed_by_its_name() {
    let shop = Shop::new(&here());
    shop.raise_version("0.15.0");
    shop.xtask("release").exits(0);
    let ran = shop
        .xtask("release --version 0.14.0")
        .exits(0)
        .says(&["0.14.0 is older than latest 0.15.0; latest stays"]);
    let line = " | sh -s -- --version 0.14.0";
    assert!(ran.stdout.trim_end().ends_with(line), "{}", ran.stdout);
}

#[test]
fn a_platform_that_no_node_builds_any_more_is_named() {
    let shop = Shop::new(&format!("{}{}", here(), netbsd()));
    let line = "release --allow-unproven --allow-own-source";
    shop.xtask(line).exits(0);
    shop.project.write_nodes(&format!("{STORE}{}", here()));
    shop.xtask(line)
        .exits(0)
        .says(&["netbsd-x86_64 is in ", "no node of nodes.toml builds it"]);
}

/// Names, by their ends, that the account of docs/publishing.md may overwrite.
fn condition() -> Arc<dyn Fn(&str) -> bool + Send + Sync> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/publishing.md");
    let page = std::fs::read_to_string(path).unwrap();
    let quoted = |before: &str| -> BTreeSet<String> {
        let rest = page.split(before).skip(1);
        rest.map(|rest| rest.split('"').next().unwrap().to_string())
            .collect()
    };
    let names = quoted("resource.name.extract(\"/objects/{name}\") == \"");
    let ends = quoted("resource.name.endsWith(\"");
    assert!(names.len() > 5 && ends.len() == 2, "{names:?} {ends:?}");
    Arc::new(move |name| names.contains(name) || ends.iter().any(|end| name.ends_with(end)))
}

/// A bucket that wants a login, and its file.
fn guarded(nodes: &str) -> (Shop, String) {
    let rules = Rules {
        tokens: ["secret".to_string()].into(),
        may_overwrite: condition(),
        ..Rules::default()
    };
    let shop = Shop::with(rules, &format!("{STORE}{nodes}"));
    let token = shop.project.beside("token");
    project::write(&token, "secret\n");
    let flag = format!("--token-file {}", token.display());
    (shop, flag)
}

#[test]
fn the_account_of_the_documentation_may_do_all_that_a_release_needs() {
    let optional = format!("{}required = false\n", netbsd());
    let (shop, login) = guarded(&format!("{}{optional}", here()));
    let late = "--node netbsd --allow-unproven --allow-own-source";
    for line in [
        "release --node here".to_string(),
        format!("release {late}"),
        "yank 0.14.0".into(),
        "yank 0.14.0 --undo".into(),
        "verify".into(),
    ] {
        shop.xtask(&format!("{login} {line}")).exits(0);
    }
    let versions = shop.text("versions.txt");
    assert!(versions.contains("netbsd-x86_64:0.14.0\n"), "{versions}");
    // And nothing that is published could be changed with it.
    let binary = format!("0.15.0/ballistics-0.15.0-{}", host_platform());
    shop.raise_version("0.15.0");
    shop.bucket.put(&binary, b"other bytes");
    let line = format!("{login} release --node here --reclaim");
    shop.xtask(&line).exits(1).says(&["storage.objects.delete"]);
}

#[test]
fn the_doctor_says_what_the_login_may_do() {
    let (shop, login) = guarded(&here());
    shop.xtask(&format!("{login} release")).exits(0);
    let ran = shop.xtask(&format!("{login} doctor")).exits(0);
    for line in [
        "  storage.objects.create   yes",
        "  storage.objects.delete   yes, on index.json, by a condition on names",
        "  storage.buckets.get      yes",
    ] {
        assert!(ran.stdout.contains(line), "{line}\n{}", ran.stdout);
    }
    let asked = shop.bucket.asked();
    let mut api = asked.iter().filter(|it| it.path.contains("/storage/v1/"));
    assert!(api.all(|it| it.token.as_deref() == Some("secret")));
}

/// A key and what its public half is in nodes.toml.
fn new_key(project: &Project, name: &str) -> (String, String) {
    let path = project.beside(name).display().to_string();
    let made = format!("ssh-keygen -q -t ed25519 -N '' -C '' -f {path}");
    project.shell(&made).exits(0);
    let public = std::fs::read_to_string(format!("{path}.pub")).unwrap();
    (path, public.trim_end().to_string())
}

fn signing(key: &str, release_keys: &[&str]) -> String {
    format!("signing_key = {key:?}\nrelease_keys = {release_keys:?}\n")
}

#[test]
fn a_signature_by_another_release_key_is_no_obstacle_and_none_in_a_dry_run() {
    let shop = Shop::new(&here());
    let (old, old_public) = new_key(&shop.project, "old");
    let (new, new_public) = new_key(&shop.project, "new");
    let keys = [old_public.as_str(), new_public.as_str()];
    let sign_with = |key: &str| {
        let nodes = format!("{STORE}{}{}", signing(key, &keys), here());
        shop.project.write_nodes(&nodes);
    };
    sign_with(&old);
    shop.xtask("release").exits(0);
    sign_with(&new);
    shop.project.shell("rm dist/0.14.0/*.sig").exits(0);
    shop.bucket.forget_asked();
    let ran = shop.xtask("release --dry-run").exits(0);
    assert!(!replaces(&ran, "stop"), "{}", ran.stdout);
    shop.xtask("release").exits(0);
    assert_eq!(shop.writes(), 0);
}

/// Seven platforms, of which this machine builds one.
fn seven() -> String {
    let target = |platform: &str| {
        let (system, arch) = platform.split_once('-').unwrap();
        match system {
            "macos" => format!("{arch}-apple-darwin"),
            "linux" => format!("{arch}-unknown-linux-gnu"),
            _ => format!("{arch}-unknown-{system}"),
        }
    };
    let others = [
        "freebsd-x86_64",
        "freebsd-aarch64",
        "netbsd-x86_64",
        "netbsd-aarch64",
        "openbsd-x86_64",
        "macos-aarch64",
    ];
    let nodes = others.map(|platform| {
        let build = format!(
            "build_command = \"cp {} out\"\nbinary_path = \"out\"\nprove = false",
            hello(platform)
        );
        node(platform, &target(platform), &build)
    });
    nodes.concat() + &here()
}

#[test]
fn a_signed_release_of_seven_platforms_asks_at_most_45_times() {
    let project = Project::new();
    let (key, public) = new_key(&project, "key");
    let signing = signing(&key, &[&public]);
    project.write_nodes(&format!("{STORE}{signing}{}", seven()));
    project.commit("nodes");
    project.git("tag v0.14.0");
    let bucket = Fake::start(Rules::roomy());
    let shop = Shop { project, bucket };
    let flags = "--allow-unproven --allow-own-source";
    let release = format!("release {flags}");
    // What verify reads afterwards is read as everybody does; before that one look is enough.
    let asked = |shop: &Shop| {
        let asked = shop.bucket.asked();
        let own = asked.iter().filter(|it| it.path.contains("/storage/v1/"));
        own.count() + 1
    };
    shop.xtask(&release).exits(0);
    let first = asked(&shop);
    shop.raise_version("0.15.0");
    shop.bucket.forget_asked();
    shop.xtask(&release).exits(0);
    let second = asked(&shop);
    shop.raise_version("0.16.0");
    shop.xtask("dist").exits(0);
    shop.xtask("checksum").exits(0);
    shop.bucket.forget_asked();
    shop.xtask(&format!("publish {flags}")).exits(0);
    let published = asked(&shop);
    println!("release {first}, the next {second}, publish {published}");
    assert!(first.max(second).max(published) <= 3 * 7 + 24);
}
