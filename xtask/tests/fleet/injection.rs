//! Nothing in `nodes.toml` is ever run but build_command, start and stop: every other string is tried with what a shell or ssh would run.

use crate::fleet::{make_key, Fleet};
use crate::project::{here, write, VERSION};
use crate::run::Ran;
use std::fs;
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
const NODE_FIELDS: [&str; 23] = [
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
    "ssh_options = [\"ProxyJump=@\"]",
    "ssh_options = [\"HostName=@\"]",
    "ssh_options = [\"SmartcardDevice=@\"]",
    "ssh_options = [\"XAuthLocation=@\"]",
    "transfer = \"@\"",
    "connect_timeout = \"@\"",
    "build_timeout = \"@\"",
    "silence_timeout = \"@\"",
    "prove_timeout = \"@\"",
    "ready_timeout = \"@\"",
];

/// What a node may set to anything, or nearly.
const FREE_FIELDS: [&str; 3] = ["binary_path", "cargo_args", "env = { NASTY"];

/// Each with its table and what else that needs. What may be set to anything has tests of its own.
const HEAD_FIELDS: [(&str, &str); 14] = [
    ("[project]", "package = \"@\""),
    ("[project]", "binary = \"@\""),
    ("[project]", "repository = \"@\""),
    ("[project]", "repository = \"https://x.localnet/@\""),
    ("[project]", "prove = [\"@\"]"),
    ("[publish]", "base_url = \"@\""),
    ("[publish]", "base_url = \"https://x.localnet/@\""),
    ("[publish]", "public = \"@\""),
    ("[publish]", "release_keys = [\"@\"]"),
    ("[publish]", "signed_since = \"@\""),
    ("[defaults]", "connect_timeout = \"@\""),
    ("[defaults]", "silence_timeout = \"@\""),
    ("[defaults]", "env = { \"@\" = \"x\" }"),
    ("[defaults]", "env = { NASTY = \"@\" }"),
];

const FREE_HEAD_FIELDS: [&str; 2] = ["prove", "env = { NASTY"];

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
fn no_string_of_the_project_is_ever_run() {
    let fleet = publishing_fleet();
    let mark = fleet.room.join("mark");
    let node = node_of(&fleet);
    let store = format!("store = \"{}\"\n", fleet.room.join("store").display());
    for (table, field) in HEAD_FIELDS {
        let mut passed = 0;
        for nasty in NASTY {
            let line = filled(field, nasty, &mark);
            let key = format!("\n{} =", key_of(field));
            let head = format!("{}\n[publish]\n{store}", fleet.head.replace(&key, "\n#"));
            let head = head.replacen(table, &format!("{table}\n{line}"), 1);
            let text = format!("{head}\n{node}");
            passed += usize::from(attempt_to(&fleet, "release --fresh", &text, &mark, &line));
        }
        let free = FREE_HEAD_FIELDS.iter().any(|free| field.starts_with(free));
        assert_eq!(passed > 0, free, "{table} {field}: {passed} passed");
    }
    assert!(fleet.room.join("store/index.json").exists());
}

#[test]
fn no_string_of_a_machine_is_ever_run() {
    let fleet = Fleet::of(&[here()]);
    let mark = fleet.room.join("mark");
    let node = node_of(&fleet) + "machine = \"rig\"\n";
    for field in MACHINE_FIELDS {
        for nasty in NASTY {
            let line = filled(field, nasty, &mark);
            let name = if key_of(field) == "name" {
                ""
            } else {
                "name = \"rig\"\n"
            };
            let text = format!("{}\n[[machine]]\n{name}{line}\n{node}", fleet.head);
            let passed = attempt_to(&fleet, "dist", &text, &mark, &line);
            assert!(!passed, "{line}");
        }
    }
}

#[test]
fn a_store_may_be_called_anything_and_is_only_that() {
    let fleet = publishing_fleet();
    let mark = fleet.room.join("mark");
    let mut passed = 0;
    for nasty in NASTY {
        let line = filled("store = \"@\"", nasty, &mark);
        let text = format!("{}\n[publish]\n{line}\n{}", fleet.head, node_of(&fleet));
        if !attempt_to(&fleet, "release", &text, &mark, &line) {
            assert!(nasty.contains("\\n"), "{line} was refused");
            continue;
        }
        passed += 1;
        for verb in ["publish", "verify", "promote 0.14.0", "doctor"] {
            assert!(attempt_to(&fleet, verb, &text, &mark, &line), "{line}");
        }
        let store = fleet.project.root.join(meant(nasty, &mark));
        let versions = fs::read_to_string(store.join("versions.txt")).unwrap();
        assert_eq!(versions, format!("{}:{VERSION}\n", here()), "{line}");
    }
    assert_eq!(passed, NASTY.len() - 1);
}

#[test]
fn a_signing_key_may_be_called_anything_and_only_signs() {
    for nasty in NASTY {
        let fleet = publishing_fleet();
        let mark = fleet.room.join("mark");
        let key = fleet.project.root.join(meant(nasty, &mark));
        fs::create_dir_all(key.parent().unwrap()).unwrap();
        make_key(&key);
        let public = fs::read_to_string(format!("{}.pub", key.display())).unwrap();
        let line = filled("signing_key = \"@\"", nasty, &mark);
        let publish = format!("store = \"store\"\nrelease_keys = [\"{}\"]", public.trim());
        let text = format!(
            "{}\n[publish]\n{line}\n{publish}\n{}",
            fleet.head,
            node_of(&fleet)
        );
        for verb in ["release", "checksum --verify", "verify"] {
            assert!(attempt_to(&fleet, verb, &text, &mark, &line), "{line}");
        }
        let signature = format!("store/{VERSION}/ballistics-{VERSION}-{}.sha256.sig", here());
        assert!(fleet.project.root.join(signature).exists(), "{line}");
    }
}

#[test]
fn a_variable_arrives_as_it_was_written() {
    let fleet = Fleet::of(&[here()]);
    let (mark, arrived) = (fleet.room.join("mark"), fleet.room.join("arrived"));
    let play = format!("env.PLAY = 'printf %s \"$NASTY\" >{}'\n", arrived.display());
    let mut passed = 0;
    for nasty in NASTY {
        let line = filled("env = { NASTY = \"@\" }", nasty, &mark);
        let head = fleet
            .head
            .replace("[defaults]", &format!("[defaults]\n{line}"));
        let text = format!("{head}\n{}{play}", node_of(&fleet));
        if attempt_to(&fleet, "dist --fresh", &text, &mark, &line) {
            passed += 1;
            assert_eq!(fs::read_to_string(&arrived).unwrap(), meant(nasty, &mark));
        }
    }
    assert_eq!(passed, NASTY.len() - 1);
}

/// One whose node is of this machine's platform, so that what it publishes is verified by installing it.
fn publishing_fleet() -> Fleet {
    let fleet = Fleet::of(&[here()]);
    let installer = concat!(env!("CARGO_MANIFEST_DIR"), "/../install.sh");
    fs::copy(installer, fleet.project.root.join("install.sh")).unwrap();
    fleet
}

fn node_of(fleet: &Fleet) -> String {
    let (name, host) = (here(), &fleet.node(here()).host);
    let target = crate::project::host_target();
    format!("[[node]]\nname = \"{name}\"\nhost = \"{host}\"\ntarget = \"{target}\"\n")
}

/// The string that TOML makes of it.
fn meant(nasty: &str, mark: &Path) -> String {
    let text = nasty.replace("@MARK@", mark.to_str().unwrap());
    text.replace("\\\"", "\"").replace("\\n", "\n")
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
    let verb = format!("dist --platform {NODE}");
    attempt_with(fleet, &verb, nodes, mark, line).is_some()
}

/// The same, and what is not refused has to succeed.
#[track_caller]
fn attempt_to(fleet: &Fleet, verb: &str, nodes: &str, mark: &Path, line: &str) -> bool {
    match attempt_with(fleet, verb, nodes, mark, line) {
        None => false,
        Some(ran) => {
            ran.exits(0);
            true
        }
    }
}

/// `None`: it was refused at the door.
#[track_caller]
fn attempt_with(fleet: &Fleet, verb: &str, nodes: &str, mark: &Path, line: &str) -> Option<Ran> {
    write(&fleet.project.root.join("nodes.toml"), nodes);
    let ran = fleet.start_in(&fleet.project.root, verb).wait();
    assert!(!mark.exists(), "{verb} ran {line}: {}", ran.stderr);
    match ran.code {
        Some(2) => {
            assert!(
                ran.stderr.contains("error: nodes.toml:"),
                "{line}: {}",
                ran.stderr
            );
            None
        }
        Some(0 | 1) => Some(ran),
        _ => panic!("{verb} {line}: {:?} {}", ran.code, ran.stderr),
    }
}
