//! `kill -9` at any moment, and the same command again: it converges, and the store is whole for its readers all the time.

use crate::checker::{check_at_rest, check_for_readers, Kind};
use crate::processes;
use crate::project::{host_platform, host_target, node, write, Project};
use crate::run::wait_until;
use crate::tree;
use std::fs;
use std::time::{Duration, Instant};

const KILLS: u32 = 10;
const MAIN: &str = "ballistics-engine/src/main.rs";

/// A small generator with a fixed seed (xorshift), so that a failure comes again.
struct Random(u64);

impl Random {
    /// A moment within `whole`.
    fn moment(&mut self, whole: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        whole.mul_f64((self.0 >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

/// Kills a run of this line after a while; a run that has ended by then is as good.
fn killed_after(project: &Project, line: &str, moment: Duration) {
    let mut running = project.start(line);
    let deadline = Instant::now() + moment;
    while Instant::now() < deadline && !running.has_ended() {
        std::thread::sleep(Duration::from_millis(1));
    }
    running.kill();
    running.wait();
}

fn measured(project: &Project, line: &str) -> Duration {
    let started = Instant::now();
    project.xtask(line).exits(0);
    started.elapsed()
}

#[test]
fn a_killed_development_release_is_repaired_by_the_same_command() {
    let project = Project::new();
    let (line, store) = ("release --local", project.path("dist/store"));
    let whole = measured(&project, line);
    let mut random = Random(20_260_102);
    let mut greeting = "greeting".to_string();
    for kill in 0..KILLS {
        // Another source each time, so that the store's version has to give way.
        let next = format!("greeting number {kill}");
        project.replace(MAIN, &greeting, &next);
        project.commit(&next);
        greeting = next;
        killed_after(&project, line, random.moment(whole));
        check_for_readers(&store, Kind::Development);
        project.xtask(line).exits(0);
        check_at_rest(&store);
        assert_eq!(
            project.install_with("sh dist/store/install.sh --prefix \"$HOME/.local\""),
            greeting
        );
    }
    assert_nothing_is_left(&project);
}

#[test]
fn a_killed_release_of_a_tag_is_repaired_by_the_same_command() {
    let project = Project::new();
    project.write_nodes(&node("here", host_target(), ""));
    let store = project.beside("store");
    let mut random = Random(3);
    let mut whole = None;
    for kill in 0..=KILLS {
        let version = format!("0.14.{:02}", kill + 10);
        project.write_version(&version);
        project.commit(&version);
        project.git(&format!("tag v{version}"));
        let line = format!("release --version {version} --to {}", store.display());
        // The first is not killed, but measured.
        let Some(whole) = whole else {
            whole = Some(measured(&project, &line));
            continue;
        };
        killed_after(&project, &line, random.moment(whole));
        check_for_readers(&store, Kind::Permanent);
        project.xtask(&line).exits(0);
        check_at_rest(&store);
    }
    let expected = format!("{}:0.14.{}\n", host_platform(), KILLS + 10);
    assert_eq!(
        fs::read_to_string(store.join("versions.txt")).unwrap(),
        expected
    );
    assert_nothing_is_left(&project);
}

#[track_caller]
fn assert_nothing_is_left(project: &Project) {
    wait_until("no process is left", || {
        processes::of(&project.cache()).is_empty()
    });
}

/// A development version leaves the index before its files go. Whatever is still there of them when that is cut short must not
/// stand in the way of the next.
#[test]
fn whatever_is_left_of_a_version_that_gave_way_stands_in_nobodys_way() {
    let project = Project::released();
    let old: Vec<(String, Vec<u8>)> = tree::files(&tree::read(&project.path("dist/store/0.14.0")))
        .into_iter()
        .map(|name| {
            (
                name.to_string(),
                fs::read(project.path("dist/store/0.14.0").join(name)).unwrap(),
            )
        })
        .collect();
    project.replace(MAIN, "greeting", "other greeting");
    project.commit("other greeting");
    let index = "{\"serial\": 2, \"latest\": null, \"hold\": null, \"versions\": {}}\n";
    for (name, bytes) in &old {
        fs::remove_dir_all(project.path("dist/store/0.14.0")).unwrap();
        for view in ["versions.txt", "catalog.txt", "latest-version.txt"] {
            project.write(&format!("dist/store/{view}"), "");
        }
        project.write("dist/store/index.json", index);
        write(&project.path("dist/store/0.14.0").join(name), "");
        fs::write(project.path("dist/store/0.14.0").join(name), bytes).unwrap();
        let ran = project.xtask("release --local");
        assert_eq!(ran.code, Some(0), "{name} was left\n{}", ran.stderr);
        check_at_rest(&project.path("dist/store"));
    }
}

#[test]
fn an_installer_that_a_killed_publish_did_not_write_is_written_by_the_next() {
    let project = Project::new();
    project.write_nodes(&node("here", host_target(), ""));
    project.commit("own fleet");
    let store = project.beside("store");
    let line = format!("release --to {}", store.display());
    project.xtask(&line).exits(0);
    let old = fs::read(store.join("install.sh")).unwrap();
    project.replace("install.sh", "set -eu", "set -eu # newer");
    project.write_version("0.15.0");
    project.commit("newer installer");
    project.xtask(&line).exits(0);
    let new = fs::read(store.join("install.sh")).unwrap();
    assert!(old != new);
    // Killed after the views, before the installer: what is there is the old one, with its old serial.
    fs::write(store.join("install.sh"), &old).unwrap();
    let serials = fs::read_to_string(store.join(".views.json")).unwrap();
    assert!(serials.contains("\"install.sh\": 2"), "{serials}");
    write(
        &store.join(".views.json"),
        &serials.replace("\"install.sh\": 2", "\"install.sh\": 1"),
    );
    project.xtask(&line).exits(0);
    assert!(fs::read(store.join("install.sh")).unwrap() == new);
    // An older checkout publishes what it has, and does not bring its installer back.
    project.git("checkout --quiet HEAD~1");
    project.xtask(&line).exits(0);
    assert!(fs::read(store.join("install.sh")).unwrap() == new);
    // Nor does a rerun of the latest version where install.sh is older, whatever has moved the index since.
    project.git("checkout --quiet -");
    project.replace("install.sh", "set -eu # newer", "set -eu");
    for moved in ["rollback 0.14.0", "promote 0.15.0"] {
        project
            .xtask(&format!("{moved} --to {}", store.display()))
            .exits(0);
    }
    project.xtask(&line).exits(0);
    assert!(fs::read(store.join("install.sh")).unwrap() == new);
}
