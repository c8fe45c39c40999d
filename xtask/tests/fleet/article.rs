//! The article's own build commands, byte for byte, on nodes where curl, wget and ftp are stand-ins that need no network. Each node has a
//! /tmp of its own, and NetBSD's /usr/pkg is there, in a mount namespace: this needs root.

use crate::fleet::{write_executable, Fleet};
use crate::project::{host_target, program, target_of, VERSION};
use std::fs;
use std::path::Path;
use std::process::Command;

const LINUX: &str = r#"cd /tmp && rm -rf ballistics-engine-{version}
wget -q https://github.com/ajokela/ballistics-engine/archive/refs/tags/v{version}.tar.gz
tar xzf v{version}.tar.gz
cd ballistics-engine-{version}
~/.cargo/bin/cargo build --release --target {target}
"#;

const OPENBSD: &str = r#"cd /tmp && rm -rf ballistics-engine-{version}
ftp -o v{version}.tar.gz https://github.com/ajokela/ballistics-engine/archive/refs/tags/v{version}.tar.gz
tar xzf v{version}.tar.gz
cd ballistics-engine-{version}
cargo build --release
"#;

const NETBSD: &str = r#"cd /tmp && rm -rf ballistics-engine-{version}
/usr/pkg/bin/curl -L -o v{version}.tar.gz https://github.com/ajokela/ballistics-engine/archive/refs/tags/v{version}.tar.gz
tar xzf v{version}.tar.gz
cd ballistics-engine-{version}
/usr/pkg/bin/cargo build --release
"#;

const PLAIN_PATH: &str = "/tmp/ballistics-engine-{version}/target/release/ballistics";
const TARGET_PATH: &str = "/tmp/ballistics-engine-{version}/target/{target}/release/ballistics";

/// Writes what the real one would have fetched, and which command asked for it; `-o` names the file, or the URL's last part does.
const FETCH: &str = r#"#!/bin/sh
while [ $# -gt 0 ]; do
    case $1 in
    -o) file=$2; shift ;;
    -*) ;;
    *) url=$1 ;;
    esac
    shift
done
cat "/proc/$PPID/cmdline" >"$XTASK_CACHE/command"
echo "$url" >"$XTASK_CACHE/url"
cp "$SOURCE" "${file:-${url##*/}}"
"#;

/// For the systems that are not this one: leaves a program where the article looks for it.
const CARGO: &str = r#"#!/bin/sh
[ "$*" = "build --release" ] && [ -f Cargo.toml ] || exit 1
mkdir -p target/release
cp @PROGRAM@ target/release/ballistics && chmod 755 target/release/ballistics
"#;

/// Its room stays visible in a /tmp that is otherwise empty, and /usr gets what lies in `upper`.
const MOUNTS: &str = r#"
mkdir -p @PLACE@/tmp @PLACE@/layers
mount -t tmpfs tmpfs @PLACE@/layers
mkdir @PLACE@/layers/work @PLACE@/layers/upper
cp -R @PLACE@/usr/. @PLACE@/layers/upper
mount -t overlay overlay /usr -o lowerdir=/usr,upperdir=@PLACE@/layers/upper,workdir=@PLACE@/layers/work
mount -t tmpfs tmpfs @PLACE@/tmp
room=@ROOM@
mkdir -p "@PLACE@/tmp/${room#/tmp/}"
mount --bind "$room" "@PLACE@/tmp/${room#/tmp/}"
mount --move @PLACE@/tmp /tmp
"#;

#[test]
fn the_articles_build_commands_run_as_they_were_written() {
    let here = crate::project::here();
    let nodes = [
        (here, LINUX, TARGET_PATH),
        ("openbsd-aarch64", OPENBSD, PLAIN_PATH),
        ("netbsd-x86_64", NETBSD, PLAIN_PATH),
    ];
    let mut fleet = Fleet::of(&[]);
    let source = fleet.room.join("source.tar.gz");
    pack(&fleet.project.root, &source);
    for (node, command, path) in nodes {
        let place = fleet.room.join(node);
        fs::create_dir_all(place.join("cache")).unwrap();
        for tool in ["wget", "ftp", "curl"] {
            write_executable(&place.join("usr/pkg/bin").join(tool), FETCH);
        }
        let built = place.join("built");
        fs::copy(program(node), &built).unwrap();
        let cargo = CARGO.replace("@PROGRAM@", built.to_str().unwrap());
        write_executable(&place.join("usr/pkg/bin/cargo"), &cargo);
        let mut setup = fleet.setup(node, "");
        // The home is the real one: on this machine's own platform ~/.cargo/bin/cargo is cargo.
        setup.config = format!(
            "SetEnv XTASK_CACHE={}/cache SOURCE={}",
            place.display(),
            source.display()
        );
        setup.mounts = MOUNTS
            .replace("@PLACE@", place.to_str().unwrap())
            .replace("@ROOM@", fleet.room.to_str().unwrap());
        fleet.add(node, setup);
        fleet.set(
            node,
            &format!("build_command = '''\n{command}'''\nbinary_path = \"{path}\""),
        );
    }
    // OpenBSD's commands say `cargo`, which is found before the one of /usr/pkg if there is one in the home.
    let home = format!(" HOME={}", fleet.room.display());
    let openbsd = fleet.node_mut("openbsd-aarch64");
    openbsd.setup.config += &home;
    openbsd.restart();

    let ran = fleet.dist().exits(0);
    for (node, command, _) in nodes {
        assert_eq!(ran.became(node), "built");
        let filled = command
            .replace("{version}", VERSION)
            .replace("{target}", &target_of(node));
        let seen = fs::read(fleet.room.join(node).join("cache/command")).unwrap();
        let expected = format!("sh\0-ec\0{filled}\0");
        assert_eq!(String::from_utf8_lossy(&seen), expected, "{node}");
        let url = fs::read_to_string(fleet.room.join(node).join("cache/url")).unwrap();
        assert!(
            url.ends_with("/archive/refs/tags/v0.14.0.tar.gz\n"),
            "{url}"
        );
    }
    let built = |node: &str| fs::read(fleet.path(&format!("ballistics-{VERSION}-{node}"))).unwrap();
    assert!(built("netbsd-x86_64") == fs::read(program("netbsd-x86_64")).unwrap());
    // What cargo itself built on this platform was run there, and runs here.
    let said = Command::new(fleet.path(&format!("ballistics-{VERSION}-{here}")))
        .arg("--version")
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stdout), "ballistics 0.14.0\n");

    // They fetched their own source, and the manifest says so.
    fleet.run("checksum").exits(0);
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(fleet.path("release.json")).unwrap()).unwrap();
    let sources: Vec<&str> = manifest["artifacts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["source"].as_str().unwrap())
        .collect();
    assert_eq!(sources, ["own"; 3]);
}

/// As GitHub packs a tag.
fn pack(project: &Path, archive: &Path) {
    let prefix = format!("ballistics-engine-{VERSION}");
    let script = format!(
        "cd {0} && git archive --format=tar --prefix={prefix}/ HEAD ballistics-engine Cargo.toml Cargo.lock | gzip >{1}",
        project.display(),
        archive.display()
    );
    let status = Command::new("sh").args(["-c", &script]).status();
    assert!(status.unwrap().success());
}

#[test]
fn a_build_command_starts_in_the_unpacked_archive() {
    let node = crate::project::here();
    let mut fleet = Fleet::of(&[node]);
    let command = format!(
        "ls Cargo.toml Cargo.lock src/main.rs >&2 && pwd && rustc -vV && mkdir -p \"$CARGO_TARGET_DIR/{}/release\" && cp {} \"$CARGO_TARGET_DIR/{}/release/ballistics\"",
        host_target(), program(node).display(), "{target}"
    );
    fleet.set(node, &format!("build_command = '''{command}'''"));
    fleet.dist().exits(0);
    fleet.holds(&[node]);
    let place = fleet
        .node(node)
        .cache(node)
        .join("src/ballistics-engine-0.14.0");
    assert!(
        fleet
            .log(node)
            .contains(&format!("Z {}\n", place.display())),
        "{}",
        fleet.log(node)
    );
}
