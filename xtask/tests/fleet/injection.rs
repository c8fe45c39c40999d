//! Nothing in `nodes.toml` is ever run but build_command, start and stop: every other string is tried with what a shell or ssh would run.

use crate::fleet::Fleet;
use crate::project::{host_target, write};
use std::path::Path;

const NODE: &str = "netbsd-x86_64";

/// What would make the file `@MARK@` if anything read it as more than text.
const NASTY: [&str; 8] = [
    "-oProxyCommand=touch @MARK@",
    "$(touch @MARK@)",
    "`touch @MARK@`",
    "'; touch @MARK@; '",
    "\\\"; touch @MARK@; \\\"",
    "x; touch @MARK@",
    "x\\ntouch @MARK@\\n",
    "x | touch @MARK@ &",
];

/// `@` is where the string goes; the rest of the node is as it should be.
const NODE_FIELDS: [&str; 19] = [
    "host = \"@\"",
    "host = \"root@@\"",
    "name = \"@\"",
    "target = \"@\"",
    "machine = \"@\"",
    "binary_path = \"@\"",
    "cargo_args = [\"@\"]",
    "env = { \"@\" = \"x\" }",
    "env = { NASTY = \"@\" }",
    "max_glibc = \"@\"",
    "ssh_options = [\"@\"]",
    "ssh_options = [\"Tag=@\"]",
    "ssh_options = [\"ProxyCommand=@\"]",
    "transfer = \"@\"",
    "connect_timeout = \"@\"",
    "build_timeout = \"@\"",
    "silence_timeout = \"@\"",
    "prove_timeout = \"@\"",
    "ready_timeout = \"@\"",
];

/// What a node may set to anything, or nearly.
const FREE_FIELDS: [&str; 4] = [
    "binary_path",
    "cargo_args",
    "env = { NASTY",
    "ssh_options = [\"Tag",
];

const HEAD_FIELDS: [(&str, &str); 9] = [
    ("[project]", "package = \"@\""),
    ("[project]", "binary = \"@\""),
    ("[project]", "repository = \"@\""),
    ("[project]", "prove = [\"@\"]"),
    ("[publish]", "base_url = \"@\""),
    ("[publish]", "signing_key = \"@\""),
    ("[publish]", "store = \"@\""),
    ("[publish]", "release_keys = [\"@\"]"),
    ("[publish]", "signed_since = \"@\""),
];

const MACHINE_FIELDS: [&str; 3] = ["name = \"@\"", "host = \"@\"", "ready_timeout = \"@\""];

#[test]
fn no_string_of_a_node_is_ever_run() {
    let fleet = Fleet::of(&[NODE]);
    let mark = fleet.room.join("mark");
    for field in NODE_FIELDS {
        let key = key_of(field);
        let mut node = String::from("[[node]]\nprove = false\n");
        let keys = [
            ("name", NODE),
            ("host", NODE),
            ("target", "x86_64-unknown-netbsd"),
        ];
        for (name, value) in keys.iter().filter(|(name, _)| *name != key) {
            node += &format!("{name} = \"{value}\"\n");
        }
        let mut passed = 0;
        for nasty in NASTY {
            let line = filled(field, nasty, &mark);
            let text = format!("{}\n{node}{line}\n", fleet.head);
            passed += usize::from(attempt(&fleet, &text, &mark, &line));
        }
        let free = FREE_FIELDS.iter().any(|free| field.starts_with(free));
        assert_eq!(passed > 0, free, "{field}: {passed} passed");
    }
    assert!(
        fleet.node(NODE).sshd.logins() >= 3 * 7,
        "what is free did not reach the node"
    );
}

#[test]
fn no_string_of_the_project_or_a_machine_is_ever_run() {
    let fleet = Fleet::of(&[NODE]);
    let mark = fleet.room.join("mark");
    let (target, cache) = (host_target(), fleet.room.join("cache"));
    let node = format!("[[node]]\nname = \"n\"\nhost = \"local\"\ntarget = \"{target}\"\nenv.XTASK_CACHE = \"{}\"\n", cache.display());
    for (table, field) in HEAD_FIELDS {
        let key = format!("\n{} =", key_of(field));
        for nasty in NASTY {
            let line = filled(field, nasty, &mark);
            let mut head = fleet.head.replace(&key, "\n#");
            if table == "[publish]" {
                head += "\n[publish]\n";
            }
            let head = head.replacen(table, &format!("{table}\n{line}"), 1);
            attempt(&fleet, &format!("{head}\n{node}"), &mark, &line);
        }
    }
    for field in MACHINE_FIELDS {
        for nasty in NASTY {
            let line = filled(field, nasty, &mark);
            let name = if key_of(field) == "name" {
                ""
            } else {
                "name = \"rig\"\n"
            };
            let text = format!("{}\n[[machine]]\n{name}{line}\n{node}", fleet.head);
            attempt(&fleet, &text, &mark, &line);
        }
    }
}

fn key_of(field: &str) -> &str {
    field.split(' ').next().unwrap()
}

fn filled(field: &str, nasty: &str, mark: &Path) -> String {
    let text = nasty.replace("@MARK@", mark.to_str().unwrap());
    match field.strip_suffix("@@\"") {
        Some(start) => format!("{start}@{text}\""),
        None => field.replace('@', &text),
    }
}

/// True when it was not refused at the door.
#[track_caller]
fn attempt(fleet: &Fleet, nodes: &str, mark: &Path, line: &str) -> bool {
    write(&fleet.project.root.join("nodes.toml"), nodes);
    let ran = fleet
        .start_in(&fleet.project.root, "dist --platform netbsd-x86_64")
        .wait();
    assert!(!mark.exists(), "{line} was run: {}", ran.stderr);
    match ran.code {
        Some(2) => assert!(ran.stderr.contains("error: "), "{line}: {}", ran.stderr),
        Some(0 | 1) => {}
        _ => panic!("{line}: {:?} {}", ran.code, ran.stderr),
    }
    ran.code != Some(2)
}
