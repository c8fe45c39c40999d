//! Files of `dist/` that were cut short or edited: found, said, and built again.

use crate::project::{host_platform, Project};
use crate::tree;
use std::fs;

const STATE: &str = "dist/0.14.0/state.json";

fn artifact() -> String {
    format!("dist/0.14.0/ballistics-0.14.0-{}", host_platform())
}

#[test]
fn a_damaged_state_is_said_and_everything_is_built_again() {
    let project = Project::released();
    let whole = project.read(STATE);
    let published = project.store();
    let edited = whole.replace("\"proven\": true", "\"proven\": false");
    assert_ne!(whole, edited);
    for damaged in [
        "",
        &whole[..1],
        &whole[..whole.len() / 2],
        &whole[..whole.len() - 3],
        &edited,
        "{}",
    ] {
        project.write(STATE, damaged);
        let ran = project.xtask("--json release --local").exits(0);
        assert_eq!(ran.outcome("local")["outcome"], "built", "{damaged}");
        ran.says(&[
            "dist/0.14.0/state.json was cut short or edited; it is kept as ",
            "state.json.damaged, and everything is built again",
        ]);
        assert_eq!(project.read(&format!("{STATE}.damaged")), damaged);
        // The same source, so the same bytes: what is published stands.
        tree::assert_same(&published, &project.store());
        let ran = project.xtask("--json release --local").exits(0);
        assert_eq!(ran.outcome("local")["outcome"], "reused");
        assert!(!ran.stderr.contains("cut short"), "{}", ran.stderr);
    }
}

#[test]
fn a_damaged_state_is_said_by_every_verb_that_reads_it() {
    for verb in ["checksum", "checksum --verify", "publish --to elsewhere"] {
        let project = Project::released();
        project.write(STATE, "{");
        project.xtask(verb).exits(1).says(&[
            "state.json was cut short or edited",
            "`cargo xtask dist` builds",
        ]);
        assert!(!project.path("elsewhere").exists());
    }
}

#[test]
fn an_artifact_that_was_edited_is_refused_by_name_and_built_again() {
    let project = Project::released();
    let whole = fs::read(project.path(&artifact())).unwrap();
    fs::write(project.path(&artifact()), [&whole[..], b"x"].concat()).unwrap();
    let name = artifact();
    let message = ["was changed after it was built: recorded ", &name];
    project.xtask("checksum --verify").exits(1).says(&message);
    project.xtask("checksum").exits(1).says(&message);
    project
        .xtask("publish --to elsewhere")
        .exits(1)
        .says(&message);
    assert!(!project.path("elsewhere/index.json").exists());
    let ran = project.xtask("--json dist --local").exits(0);
    assert_eq!(ran.outcome("local")["outcome"], "built");
    assert_eq!(fs::read(project.path(&artifact())).unwrap(), whole);
    project.xtask("checksum").exits(0);
    project.xtask("checksum --verify").exits(0);
}

#[test]
fn every_file_that_stands_beside_an_artifact_is_checked() {
    let project = Project::released();
    for name in [
        format!("{}.sha256", artifact()),
        "dist/0.14.0/ballistics-engine-0.14.0.crate".into(),
        "dist/0.14.0/ballistics-engine-0.14.0.crate.sha256".into(),
        "dist/0.14.0/SHA256SUMS".into(),
        "dist/0.14.0/release.json".into(),
    ] {
        let whole = fs::read(project.path(&name)).unwrap();
        for damaged in [Some("edited"), None] {
            match damaged {
                Some(text) => project.write(&name, text),
                None => fs::remove_file(project.path(&name)).unwrap(),
            }
            project.xtask("checksum --verify").exits(1).says(&[&name]);
            // The same command as ever repairs it.
            project.xtask("release --local").exits(0);
            assert_eq!(fs::read(project.path(&name)).unwrap(), whole, "{name}");
        }
    }
}

#[test]
fn a_development_store_whose_bytes_were_changed_is_made_again() {
    let project = Project::released();
    let name = format!("dist/store/0.14.0/ballistics-0.14.0-{}", host_platform());
    project.write(&name, "edited");
    project.xtask("release --local").exits(1).says(&[
        &format!("{name} was changed after it was published: "),
        "; put it back, or remove ",
        "dist/store (a development store is made again by the same command)",
    ]);
    fs::remove_dir_all(project.path("dist/store")).unwrap();
    project.xtask("release --local").exits(0);
    crate::checker::check_at_rest(&project.path("dist/store"));
}

#[test]
fn damaged_serials_of_views_are_named_with_their_way_out() {
    let project = Project::released();
    project.write("dist/store/.views.json", "");
    let ran = project.xtask("release --local").exits(1);
    let ran = ran.says(&[
        "dist/store/.views.json is damaged (EOF while parsing",
        "); remove it, and the next publish writes every view again\n",
    ]);
    drop(ran);
    fs::remove_file(project.path("dist/store/.views.json")).unwrap();
    project.xtask("release --local").exits(0);
    crate::checker::check_at_rest(&project.path("dist/store"));
}
