//! Each mistake that a `nodes.toml` may hold, and what is said of it.

use super::*;

const PROJECT: &str = r#"
[project]
package = "ballistics-engine"
binary = "ballistics"
repository = "https://github.com/ajokela/ballistics-engine"
prove = ["--version", "selftest"]
"#;

fn node(extra: &str) -> String {
    format!("{PROJECT}\n[[node]]\nname = \"one\"\nhost = \"a@b.localnet\"\ntarget = \"x86_64-unknown-linux-gnu\"\n{extra}\n")
}

fn error(text: &str) -> String {
    let error = Inventory::parse("nodes.toml", text).unwrap_err();
    assert!(error.downcast_ref::<crate::words::Refusal>().is_some());
    error.to_string()
}

#[test]
fn the_checked_in_fleet_is_the_articles() {
    let text = include_str!("../../../nodes.toml");
    let fleet = Inventory::parse("nodes.toml", text).unwrap();
    assert_eq!(fleet.nodes.len(), 10);
    let disabled: Vec<&str> = fleet
        .nodes
        .iter()
        .filter(|n| !n.enabled)
        .map(|n| n.name.as_str())
        .collect();
    assert_eq!(disabled, ["openbsd-aarch64"]);
    let mut platforms: Vec<Platform> = fleet
        .nodes
        .iter()
        .filter(|n| n.enabled)
        .map(Node::platform)
        .collect();
    platforms.sort();
    let all: Vec<Platform> = Platform::all()
        .filter(|p| p.to_string() != "linux-aarch64")
        .collect();
    assert_eq!(platforms, all);
    assert!(fleet.nodes.iter().all(|n| match &n.host {
        Address::Local => true,
        Address::Ssh(host) => host.ends_with(".localnet"),
    }));
}

#[test]
fn each_mistake_is_named_with_its_line_and_its_remedy() {
    let cases: &[(String, &str)] = &[
        (node("hots = \"x\""), "nodes.toml:12: node `one`: unknown key `hots`; did you mean `host`?"),
        (node("enabled = \"yes\""), "nodes.toml:12: node `one`: `enabled` is the string \"yes\"; write true or false, without quotes"),
        (node("retries = -1"), "nodes.toml:12: node `one`: `retries` is the integer `-1`; write a whole number, without quotes"),
        (node("cargo_args = \"--features=x\""), "nodes.toml:12: node `one`: `cargo_args` is the string \"--features=x\"; write a list, as in [\"a\", \"b\"]"),
        (node("[[node]]\nname = \"two\"\nhost = \"local\""), "nodes.toml:12: node `two`: `target` is missing; add target = \"x86_64-unknown-linux-gnu\", or another triple of Rust's"),
        (node("[[machine]]\nslots = 3"), "nodes.toml:12: a [[machine]] without a name: `name` is missing; add name = \"...\""),
        (format!("{PROJECT}[publish]\nstore = 3"), "nodes.toml:8: [publish]: `store` is the integer `3`; write it in quotes"),
        ("[publish]\n".into(), "nodes.toml:1: `project` is missing; add [project], with `package`, `binary` and `repository`"),
        (node("build_timeout = \"soon\""), "nodes.toml:12: node `one`: `build_timeout`: `soon` is no duration above zero and below a year; write 45s, 6m 32s or 2h"),
        (node("ready_timeout = \"3 moons\""), "nodes.toml:12: node `one`: `ready_timeout`: `3 moons` is no duration above zero and below a year; write 45s, 6m 32s or 2h"),
        (node("[defaults]\nsilence_timeout = \"0s\""), "nodes.toml:13: [defaults]: `silence_timeout`: `0s` is no duration above zero and below a year; write 45s, 6m 32s or 2h"),
        (node("transfer = \"scp\"").replace("a@b.localnet", "local"), "nodes.toml:12: node `one`: transfer `scp` is for a node that ssh reaches; remove it"),
        (node("machine = \"rig\""), "nodes.toml:12: node `one`: machine `rig` does not exist; add a [[machine]] of that name"),
        (node("build_command = \"fetch v{versoin}.tar.gz\""), "nodes.toml:12: node `one`: `{versoin}` is no placeholder; did you mean `{version}`?"),
        (node("max_glibc = \"new\""), "nodes.toml:12: node `one`: `new` is no glibc version; write it as 2.28"),
        (node("ssh_options = [\"ProxyCommand=nc %h\"]"), "nodes.toml:12: node `one`: ssh option `ProxyCommand` decides whom to trust or what to run; it belongs in ~/.ssh/config, not here"),
        (node("ssh_options = [\"StrictHostKeyChecking=no\"]"), "nodes.toml:12: node `one`: ssh option `StrictHostKeyChecking` decides whom to trust or what to run; it belongs in ~/.ssh/config, not here"),
        (node("ssh_options = [\"ForwardAgnet=yes\"]"), "nodes.toml:12: node `one`: ssh option `ForwardAgnet` belongs in ~/.ssh/config; here may stand AddressFamily, BindAddress, BindInterface, CertificateFile, Ciphers, Compression, ConnectionAttempts, HostKeyAlgorithms, HostName, IPQoS, IdentitiesOnly, IdentityFile, KexAlgorithms, MACs, Port, PreferredAuthentications, ProxyJump, PubkeyAcceptedAlgorithms, RekeyLimit, ServerAliveCountMax, ServerAliveInterval, TCPKeepAlive, Tag, User"),
        (node("env = { \"A B\" = \"1\" }"), "nodes.toml:12: node `one`: `A B` is no environment variable's name"),
        (node("start = []"), "nodes.toml:12: node `one`: an empty command; write it as a list, as in [\"ssh\", \"rig\", \"start-vm\"]"),
        (node("cargo_args = [\"--target=x\"]"), "nodes.toml:12: node `one`: cargo argument `--target=x` is set by the release itself; leave it out"),
        (node("[[node]]\nname = \"one\"\nhost = \"local\"\ntarget = \"x86_64-unknown-netbsd\""), "nodes.toml:13: node `one`: is there twice; rename or remove one"),
        (node("[[node]]\nname = \"two\"\nhost = \"local\"\ntarget = \"x86_64-unknown-linux-musl\""), "nodes.toml:15: node `two`: builds linux-x86_64, which node `one` builds too; set `enabled = false` on one of them"),
        (node("[[machine]]\nname = \"rig\"\nslots = 0"), "nodes.toml:14: machine `rig`: `slots` is how many of its nodes build at once: 1 to 64"),
        (format!("{PROJECT}[publish]\nstore = \"s3://x\""), "nodes.toml:8: [publish]: store `s3://x` is neither gs://bucket nor a directory"),
        (format!("{PROJECT}[publish]\nrelease_keys = [\"ssh-rsa AAAA\"]"), "nodes.toml:8: [publish]: release key `ssh-rsa AAAA` is no ed25519 public key; paste the line of the .pub file"),
        (format!("{PROJECT}[publish]\nsigning_key = \"~/key\""), "nodes.toml:8: [publish]: `signing_key` without `release_keys`; list its public half there, so that installers accept it"),
        (format!("{PROJECT}[publish]\nbase_url = \"http://example.localnet\""), "nodes.toml:8: [publish]: `http://example.localnet` is no https URL"),
    ];
    for (text, expected) in cases {
        assert_eq!(error(text), *expected, "{text}");
    }
}

#[test]
fn a_host_that_ssh_or_a_shell_would_obey_is_refused() {
    for host in [
        "-oProxyCommand=touch x",
        "",
        "a b",
        "a@b@c",
        "$(touch x)",
        "a;b",
        "a'b",
        "a\\nb",
        "a@-b",
        "@b",
        "a@",
        "`x`",
    ] {
        let text = node("").replace("a@b.localnet", host);
        let message = error(&text);
        assert!(
            message.starts_with("nodes.toml:10: node `one`: host `"),
            "{host}: {message}"
        );
    }
}

#[test]
fn a_target_without_a_platform_is_named() {
    let text = node("").replace("x86_64-unknown-linux-gnu", "riscv64gc-unknown-linux-gnu");
    assert!(error(&text).starts_with(
        "nodes.toml:11: node `one`: target `riscv64gc-unknown-linux-gnu` has no platform"
    ));
}

#[test]
fn shell_braces_are_nobodys_business() {
    let command = "awk '{print $1}' ${HOME} ${versio} {version} {target} {a,b}";
    let fleet = Inventory::parse(
        "nodes.toml",
        &node(&format!("build_command = \"{command}\"")),
    )
    .unwrap();
    assert_eq!(fleet.nodes[0].build_command.as_deref(), Some(command));
}

#[test]
fn defaults_are_inherited_and_overridden() {
    let text = format!(
        "{}\n[defaults]\nbuild_timeout = \"1h\"\nretries = 5\nenv = {{ A = \"1\", B = \"2\" }}\n",
        node("build_timeout = \"6m 32s\"\nenv = { B = \"3\" }")
    );
    let fleet = Inventory::parse("nodes.toml", &text).unwrap();
    let one = &fleet.nodes[0];
    assert_eq!(one.limits.build_timeout.as_secs(), 392);
    assert_eq!(one.limits.retries, 5);
    assert_eq!(one.limits.silence_timeout.as_secs(), 1800);
    assert_eq!(
        one.env,
        BTreeMap::from([("A".into(), "1".into()), ("B".into(), "3".into())])
    );
}

#[test]
fn an_unknown_node_gets_the_nearest_name() {
    let fleet = Inventory::parse("nodes.toml", &node("")).unwrap();
    assert_eq!(
        fleet.node("oen").unwrap_err().to_string(),
        "no node `oen`; did you mean `one`?"
    );
    assert_eq!(
        fleet.node("freebsd").unwrap_err().to_string(),
        "no node `freebsd`; the nodes are one"
    );
}

#[test]
fn cargo_binstall_is_told_the_names_that_the_store_has() {
    let fleet = Inventory::parse("nodes.toml", include_str!("../../../nodes.toml")).unwrap();
    let manifest: toml::Table = include_str!("../../../ballistics-engine/Cargo.toml")
        .parse()
        .unwrap();
    let overrides = manifest["package"]["metadata"]["binstall"]["overrides"]
        .as_table()
        .unwrap();
    let base_url = fleet.publish.base_url.unwrap();
    let version = Version::parse("1.2.3").unwrap();
    let mut platforms = Vec::new();
    for (triple, entry) in overrides {
        let platform = Target::parse(triple).unwrap().platform();
        let file = crate::words::artifact_file(&fleet.project.binary, &version, platform);
        let url = entry["pkg-url"]
            .as_str()
            .unwrap()
            .replace("{ version }", "1.2.3");
        assert_eq!(url, format!("{base_url}/1.2.3/{file}"), "{triple}");
        platforms.push(platform);
    }
    platforms.sort();
    assert_eq!(platforms, Platform::all().collect::<Vec<_>>());
}
