//! A node's disk fills up, at three moments. Needs root, for a small disk in a mount namespace.

use crate::connections::OTHERS;
use crate::fleet::Fleet;
use crate::project::here;

#[test]
fn a_full_disk_is_the_nodes_own_failure_wherever_it_is_noticed() {
    let [none, archive, build, ..] = OTHERS;
    let mut fleet = Fleet::of(&[here()]);
    // Pages of 4096 bytes: the archive takes one, the program more.
    for (node, pages, full) in [(none, 512, 0), (archive, 1, 1), (build, 40, 25)] {
        let mut setup = fleet.setup(node, "");
        let cache = fleet.room.join(node).join("cache");
        setup.mounts = format!(
            "mkdir -p {0}\nmount -t tmpfs -o size={1}k tmpfs {0}\nhead -c {2} /dev/zero >{0}/fill",
            cache.display(),
            pages * 4,
            full * 4096
        );
        fleet.add(node, setup);
        if node != none {
            fleet
                .node(node)
                .write_tool("df", "#!/bin/sh\necho header\necho disk 9 9 9999999 1% /\n");
        }
    }
    // What stands in for cargo has to say so when a copy fails.
    fleet.set(
        build,
        "env.PLAY = 'set -e; head -c 60000 /dev/zero >\"$directory/object\"'",
    );
    let ran = fleet.dist().exits(1);
    for (node, expected, said) in [
        (none, "connect probe", " MiB are free under "),
        (
            archive,
            "send probe",
            " does not take the source archive; make room, or name another place with XTASK_CACHE",
        ),
        (build, "build build", "the build ended with status 1"),
    ] {
        assert_eq!(ran.became(node), expected, "{}", ran.stderr);
        let message = ran.outcome(node)["failure"]["message"].to_string();
        assert!(message.contains(said), "{node}: {message}");
        assert_eq!(fleet.node(node).sshd.connections(), 1);
        assert_eq!(fleet.running_on(node), [""; 0]);
    }
    assert!(
        ran.stderr.contains("No space left on device"),
        "{}",
        ran.stderr
    );
    fleet.holds(&[here()]);

    for node in [none, archive, build] {
        fleet.node_mut(node).setup.mounts.clear();
        fleet.node_mut(node).restart();
        fleet.set(node, "");
    }
    fleet.dist().exits(0);
    fleet.holds(&[here(), none, archive, build]);
}

/// A link takes no room but an entry, and of those there are none left.
#[test]
fn a_disk_that_takes_no_lock_is_the_nodes_own_failure() {
    let node = OTHERS[0];
    let mut fleet = Fleet::of(&[]);
    let mut setup = fleet.setup(node, "");
    let cache = fleet.room.join(node).join("cache");
    // The disk's root, two directories, the session's own, its pipe, a heartbeat, and the source.
    setup.mounts = format!(
        "mkdir -p {0}\nmount -t tmpfs -o nr_inodes=7 tmpfs {0}",
        cache.display()
    );
    fleet.add(node, setup);
    let ran = fleet.dist().exits(1);
    assert_eq!(ran.became(node), "send probe", "{}", ran.stderr);
    let message = ran.outcome(node)["failure"]["message"].to_string();
    assert!(message.contains("No space left on device"), "{message}");
    fleet.holds(&[]);
}
