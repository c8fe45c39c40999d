//! Signatures: made with a release key, checked by `ssh-keygen`, by `verify` and by the store's own installer.

use crate::checker::check_at_rest;
use crate::project::{host_platform, host_target, node, Project};
use crate::tree;
use std::fs;
use std::path::Path;

const NAMESPACE: &str = "ballistics-release";

/// A new ed25519 key beside the project: its path, and its public half as `release_keys` has it.
pub fn new_key(project: &Project, name: &str) -> (String, String) {
    let path = project.beside(name).to_str().unwrap().to_string();
    let arguments = ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", &path];
    project
        .ran(project.command("ssh-keygen", arguments))
        .exits(0);
    let public = fs::read_to_string(format!("{path}.pub")).unwrap();
    (path, public.trim_end().to_string())
}

fn sign_with(project: &Project, key: &str, release_keys: &[&str]) {
    let publish = format!("[publish]\nsigning_key = \"{key}\"\nrelease_keys = {release_keys:?}\nsigned_since = \"0.14.0\"\n");
    project.write_nodes(&format!("{publish}{}", node("here", host_target(), "")));
}

fn files() -> [String; 2] {
    [
        format!("ballistics-0.14.0-{}", host_platform()),
        "ballistics-engine-0.14.0.crate".into(),
    ]
}

/// As a reader does: the line is rebuilt from the sidecar and the name that was asked for.
fn accepts(project: &Project, store: &Path, file: &str, public: &str) -> bool {
    let signers = project.beside("signers");
    fs::write(
        &signers,
        format!("{NAMESPACE} namespaces=\"{NAMESPACE}\" {public}\n"),
    )
    .unwrap();
    let path = store.join("0.14.0").join(file);
    let line = format!(
        "printf '%s  %s\\n' \"$(cat '{path}.sha256')\" '{file}' | ssh-keygen -Y verify -f '{}' -I {NAMESPACE} -n {NAMESPACE} -s '{path}.sha256.sig'",
        signers.display(),
        path = path.display()
    );
    project.shell(&line).code == Some(0)
}

#[test]
fn a_signed_release_is_accepted_by_everybody_who_checks() {
    let project = Project::new();
    let (key, public) = new_key(&project, "key");
    let (_, stranger) = new_key(&project, "stranger");
    sign_with(&project, &key, &[&public]);
    let ran = project.xtask("release --local").exits(0);
    let store = project.path("dist/store");
    for file in files() {
        assert!(accepts(&project, &store, &file, &public), "{file}");
        assert!(!accepts(&project, &store, &file, &stranger), "{file}");
    }
    let print = project
        .shell(&format!("ssh-keygen -l -f '{key}.pub'"))
        .exits(0)
        .stdout;
    ran.says(&[
        "Signed; for your README, the keys that installers accept: ",
        print.split(' ').nth(1).unwrap(),
    ]);
    let installer = project.read("dist/store/install.sh");
    assert!(installer.contains(&format!(
        "\nrelease_keys='{public}'\nsigned_since='0.14.0'\n"
    )));
    let installed = project
        .shell("sh dist/store/install.sh --prefix \"$HOME/.local\" --require-signature")
        .exits(0);
    assert!(
        installed.stdout.contains("SHA-256 and signature"),
        "{}",
        installed.stdout
    );
    assert!(project
        .read("dist/store/index.json")
        .contains("\"signed\": true"));
    check_at_rest(&store);
}

#[test]
fn a_second_run_leaves_good_signatures_alone() {
    let project = Project::new();
    let (key, public) = new_key(&project, "key");
    sign_with(&project, &key, &[&public]);
    project.xtask("release --local").exits(0);
    let before = project.dist();
    project.xtask("release --local").exits(0);
    project.xtask("checksum").exits(0);
    tree::assert_same(&before, &project.dist());
}

#[test]
fn a_tampered_signature_is_found_by_verify_and_by_the_installer() {
    let project = Project::new();
    let (key, public) = new_key(&project, "key");
    sign_with(&project, &key, &[&public]);
    project.xtask("release --local").exits(0);
    project.xtask("verify --to dist/store").exits(0);
    let [artifact, source] = files();
    for file in [&artifact, &source] {
        let path = project.path(&format!("dist/store/0.14.0/{file}.sha256.sig"));
        let good = fs::read(&path).unwrap();
        let other = project.path(&format!(
            "dist/store/0.14.0/{}.sha256.sig",
            if *file == artifact {
                &source
            } else {
                &artifact
            }
        ));
        // A good signature, of another file.
        for bad in [fs::read(other).unwrap(), b"no signature".to_vec()] {
            fs::write(&path, bad).unwrap();
            project
                .xtask("verify --to dist/store")
                .exits(1)
                .says(&[&format!(
                    "0.14.0/{file}.sha256.sig is by none of `release_keys`"
                )]);
            if *file == artifact {
                project
                    .shell("sh dist/store/install.sh --prefix \"$HOME/tampered\"")
                    .exits(7);
                assert!(!project.beside("home/tampered/bin/ballistics").exists());
            }
        }
        fs::write(&path, good).unwrap();
    }
    project.xtask("verify --to dist/store").exits(0);
}

#[test]
fn a_damaged_signature_in_dist_is_refused_and_made_again() {
    let project = Project::new();
    let (key, public) = new_key(&project, "key");
    sign_with(&project, &key, &[&public]);
    project.xtask("release --local").exits(0);
    let name = format!("dist/0.14.0/{}.sha256.sig", files()[0]);
    let good = project.read(&name);
    project.write(&name, "no signature");
    project.xtask("checksum --verify").exits(1).says(&[
        &name,
        "is no signature of ",
        "`cargo xtask checksum` writes it again",
    ]);
    project
        .xtask("publish --to elsewhere")
        .exits(1)
        .says(&[&name]);
    project.xtask("checksum").exits(0);
    assert_eq!(project.read(&name), good);
}

#[test]
fn a_new_key_signs_what_comes_and_what_the_old_one_signed_stands() {
    let project = Project::new();
    let (old_key, old) = new_key(&project, "old");
    let (new_key, new) = new_key(&project, "new");
    sign_with(&project, &old_key, &[&old, &new]);
    project.xtask("release --local").exits(0);
    let store = project.path("dist/store");
    let before = project.store();
    // Nothing is signed anew, here or there: one of the release keys has.
    sign_with(&project, &new_key, &[&old, &new]);
    project.xtask("release --local").exits(0);
    tree::assert_same(&before, &project.store());
    project.write_version("0.15.0");
    project.commit("raise the version");
    project.xtask("release --local").exits(0);
    assert!(accepts(&project, &store, &files()[0], &old));
    let installer = project.read("dist/store/install.sh");
    assert!(installer.contains(&format!("\nrelease_keys='{old}\n{new}'\n")));
    for version in ["0.14.0", "0.15.0"] {
        let line = format!("sh dist/store/install.sh --prefix \"$HOME/{version}\" --version {version} --require-signature");
        project.shell(&line).exits(0);
    }
    // Without a dist/ of its own another clone signs anew; what is published stands.
    fs::remove_dir_all(project.path("dist/0.15.0")).unwrap();
    sign_with(&project, &old_key, &[&old, &new]);
    project.xtask("release --local").exits(0);
    check_at_rest(&store);
}

#[test]
fn without_a_key_nothing_is_signed_and_the_installer_says_so() {
    let project = Project::released();
    let store = project.store();
    assert!(tree::names(&store)
        .iter()
        .all(|name| !name.ends_with(".sig")));
    let installed = project
        .shell("sh dist/store/install.sh --prefix \"$HOME/.local\"")
        .exits(0);
    assert!(
        installed.stderr.contains("no release key"),
        "{}",
        installed.stderr
    );
}

#[test]
fn a_store_with_signed_releases_takes_no_unsigned_one() {
    let project = Project::new();
    let (key, public) = new_key(&project, "key");
    sign_with(&project, &key, &[&public]);
    project.xtask("dist").exits(0);
    project.xtask("checksum").exits(0);
    project.xtask("publish --to there").exits(0);
    let before = tree::read(&project.path("there"));
    let refusal = "there holds signed releases (0.14.0), and this one would be unsigned, its installer without keys; set `signing_key` in nodes.toml";
    project.write_version("0.15.0");
    project.commit("raise the version");
    let nodes = format!("[publish]\nrelease_keys = [{public:?}]\n");
    project.write_nodes(&format!("{nodes}{}", node("here", host_target(), "")));
    // Before anything is built.
    let ran = project.xtask("release --to there").exits(2);
    ran.says(&[refusal]);
    assert!(!project.path("dist/0.15.0").exists());
    project.xtask("dist").exits(0);
    project.xtask("checksum").exits(0);
    project
        .xtask("publish --to there")
        .exits(2)
        .says(&[refusal]);
    tree::assert_same(&before, &tree::read(&project.path("there")));
}

#[test]
fn whoever_has_a_clone_and_not_the_key_gets_an_unsigned_store_of_his_own() {
    let project = Project::new();
    let (key, public) = new_key(&project, "key");
    sign_with(&project, &key, &[&public]);
    fs::rename(&key, project.beside("away")).unwrap();
    // Its public half names a key that no agent here holds.
    sign_with(&project, &format!("{key}.pub"), &[&public]);
    project
        .xtask("release --local --dry-run")
        .exits(0)
        .says(&["Not signed: signing with "]);
    sign_with(&project, &key, &[&public]);
    project
        .xtask("release --local")
        .exits(0)
        .says(&["Not signed: signing key ", "does not exist; make it with "]);
    assert!(project
        .read("dist/store/index.json")
        .contains("\"signed\": false"));
    project
        .shell("sh dist/store/install.sh --prefix \"$HOME/.local\"")
        .exits(0);
    // What the key has signed stays signed while it is away.
    fs::rename(project.beside("away"), &key).unwrap();
    project.xtask("checksum").exits(0);
    fs::rename(&key, project.beside("away")).unwrap();
    project.xtask("release --local").exits(0);
    for file in files() {
        assert!(project
            .path(&format!("dist/0.14.0/{file}.sha256.sig"))
            .exists());
    }
    // What others are to use is signed, or not made.
    project
        .xtask("release --to there")
        .exits(2)
        .says(&["does not exist; make it with "]);
}
