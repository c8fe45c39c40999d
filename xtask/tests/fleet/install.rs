//! `node check --install`: the store's own installer, run on a node over ssh.

use crate::fleet::Fleet;
use crate::project::{here, VERSION};
use std::fs;

#[test]
fn a_node_runs_the_stores_installer_without_its_users_settings() {
    let node = here();
    let mut fleet = Fleet::of(&[node]);
    let own = fleet.node_mut(node);
    own.setup.config += " BALLISTICS_BASE_URL=/nowhere BALLISTICS_REQUIRE_SIGNATURE=1";
    own.restart();
    let installer = concat!(env!("CARGO_MANIFEST_DIR"), "/../install.sh");
    let text = fs::read_to_string(installer).unwrap();
    fleet.project.write("install.sh", &text);
    fleet.project.commit("installer");
    let store = fleet.room.join("store");
    fleet.dist().exits(0);
    fleet.run("checksum").exits(0);
    fleet
        .run(&format!("publish --to {}", store.display()))
        .exits(0);

    let check = format!("node check --install --to {}", store.display());
    let ran = fleet.run(&check).exits(0);
    let expected = format!(", installed ballistics {VERSION}");
    assert!(ran.stdout.contains(&expected), "{}", ran.stdout);

    // The check does not look away: other bytes than were published are not installed.
    let binary = format!("{VERSION}/ballistics-{VERSION}-{node}");
    fs::write(store.join(binary), vec![b'#'; 1 << 20]).unwrap();
    let ran = fleet.run(&check).exits(1);
    let expected = "install.sh ended with status 7";
    assert!(ran.stdout.contains(expected), "{}", ran.stdout);
    // Nothing is left in the node's cache.
    let left = crate::fleet::names(&fleet.node(node).cache(node));
    assert!(
        !left.iter().any(|name| name.starts_with("check.")),
        "{left:?}"
    );
}
