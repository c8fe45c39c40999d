//! What `ssh_options` may set: where and how a node is reached. Nothing that runs a program here or decides which host is believed, since
//! `nodes.toml` may be edited by others than the one who runs it.
//!
//! A list of what is allowed: ssh gains options, and some of them run something.

use super::safety::ssh_destination;
use crate::words::nearest;
use anyhow::{bail, Result};

/// What an option's value may look like.
#[derive(Clone, Copy)]
enum Value {
    Word,
    /// It may have blanks in it.
    Path,
    /// A list that may begin with `-`, `+` or `^`.
    Algorithms,
    /// ssh starts another ssh with each of these.
    Hosts,
}

/// Each with ssh's own spelling; ssh itself does not care for the case.
const ALLOWED: [(&str, Value); 24] = [
    ("AddressFamily", Value::Word),
    ("BindAddress", Value::Word),
    ("BindInterface", Value::Word),
    ("CertificateFile", Value::Path),
    ("Ciphers", Value::Algorithms),
    ("Compression", Value::Word),
    ("ConnectionAttempts", Value::Word),
    ("HostKeyAlgorithms", Value::Algorithms),
    ("HostName", Value::Word),
    ("IPQoS", Value::Word),
    ("IdentitiesOnly", Value::Word),
    ("IdentityFile", Value::Path),
    ("KexAlgorithms", Value::Algorithms),
    ("MACs", Value::Algorithms),
    ("Port", Value::Word),
    ("PreferredAuthentications", Value::Word),
    ("ProxyJump", Value::Hosts),
    ("PubkeyAcceptedAlgorithms", Value::Algorithms),
    ("RekeyLimit", Value::Word),
    ("ServerAliveCountMax", Value::Word),
    ("ServerAliveInterval", Value::Word),
    ("TCPKeepAlive", Value::Word),
    ("Tag", Value::Word),
    ("User", Value::Word),
];

/// Those that people would like to set, and may not.
const FORBIDDEN: [&str; 16] = [
    "checkhostip",
    "globalknownhostsfile",
    "hostkeyalias",
    "knownhostscommand",
    "localcommand",
    "nohostauthenticationforlocalhost",
    "permitlocalcommand",
    "pkcs11provider",
    "proxycommand",
    "remotecommand",
    "securitykeyprovider",
    "smartcarddevice",
    "stricthostkeychecking",
    "userknownhostsfile",
    "verifyhostkeydns",
    "xauthlocation",
];

/// One `Key=value`.
pub fn check(text: &str) -> Result<()> {
    let Some((key, value)) = text.split_once('=') else {
        bail!("ssh option `{}` is no Key=value", text.escape_debug());
    };
    let known = |(name, _): &&(&str, Value)| name.eq_ignore_ascii_case(key);
    let Some((_, kind)) = ALLOWED.iter().find(known) else {
        return refuse_option(key);
    };
    if !is_plain(*kind, value) {
        bail!(
            "ssh option `{}` has a value that is not plain; the rest belongs in ~/.ssh/config",
            text.escape_debug()
        );
    }
    Ok(())
}

fn refuse_option(key: &str) -> Result<()> {
    let shown = key.escape_debug();
    if FORBIDDEN.contains(&key.to_ascii_lowercase().as_str()) {
        bail!("ssh option `{shown}` decides whom to trust or what to run; it belongs in ~/.ssh/config, not here");
    }
    if key.eq_ignore_ascii_case("ConnectTimeout") {
        bail!("ssh option `{shown}` is set by the node's `connect_timeout`; write that instead");
    }
    let names = ALLOWED.iter().map(|(name, _)| *name);
    match nearest(key, names.clone()) {
        Some(near) => bail!("ssh option `{shown}` does not belong here; did you mean `{near}`?"),
        None => bail!(
            "ssh option `{shown}` belongs in ~/.ssh/config; here may stand {}",
            names.collect::<Vec<_>>().join(", ")
        ),
    }
}

/// The user's own configuration may hand a value to a shell, as `ProxyCommand nc %h %p` does.
fn is_plain(kind: Value, value: &str) -> bool {
    let made_of = |others: &[u8]| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || others.contains(&b);
        !value.is_empty() && value.bytes().all(allowed)
    };
    match kind {
        Value::Word => made_of(b"-_.,:@%[]") && !value.starts_with('-'),
        Value::Path => made_of(b" -_.,:/+@%=~") && !value.starts_with('-'),
        Value::Algorithms => made_of(b"-_.,@+^*"),
        Value::Hosts => value.split(',').all(|host| ssh_destination(host).is_ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_says_where_and_how_a_node_is_reached() {
        for option in [
            "Port=2222",
            "hostname=10.1.1.23",
            "User=root",
            "IdentityFile=~/.ssh/key of the fleet",
            "ProxyJump=root@rig.localnet:2222,other",
            "KexAlgorithms=+diffie-hellman-group14-sha1",
            "Ciphers=-aes128-cbc",
            "BindAddress=fe80::1%eth0",
        ] {
            assert!(check(option).is_ok(), "{option}");
        }
    }

    #[test]
    fn an_option_that_runs_something_or_trusts_somebody_is_refused() {
        for option in [
            "ProxyCommand=nc x 22",
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "SmartcardDevice=/x.so",
            "PKCS11Provider=/x.so",
            "XAuthLocation=/x",
        ] {
            let message = check(option).unwrap_err().to_string();
            let end = "decides whom to trust or what to run; it belongs in ~/.ssh/config, not here";
            assert!(message.ends_with(end), "{option}: {message}");
        }
        for option in [
            "ForwardX11=yes",
            "ForwardAgent=yes",
            "ForkAfterAuthentication=yes",
            "StdinNull=yes",
            "SessionType=none",
            "ControlPath=/x",
            "SomethingNew=yes",
            "BatchMode=no",
            "Include=/x",
        ] {
            let message = check(option).unwrap_err().to_string();
            let key = option.split('=').next().unwrap();
            let start = format!(
                "ssh option `{key}` belongs in ~/.ssh/config; here may stand AddressFamily, "
            );
            assert!(message.starts_with(&start), "{option}: {message}");
        }
    }

    #[test]
    fn what_is_nearly_right_is_said() {
        for (option, expected) in [
            ("Prot=22", "ssh option `Prot` does not belong here; did you mean `Port`?"),
            ("ConnectTimeout=3", "ssh option `ConnectTimeout` is set by the node's `connect_timeout`; write that instead"),
            ("Port", "ssh option `Port` is no Key=value"),
        ] {
            assert_eq!(check(option).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn a_value_that_a_shell_or_ssh_would_obey_is_refused() {
        for option in [
            "HostName=-e /bin/sh x",
            "HostName=$(touch x)",
            "HostName=a b",
            "User=-x",
            "Port=",
            "ProxyJump=-oProxyCommand=touch x",
            "ProxyJump=a,-oProxyCommand=x",
            "ProxyJump=a;b",
            "IdentityFile=-x",
            "IdentityFile=x\nProxyCommand=y",
            "Ciphers=a b",
        ] {
            let message = check(option).unwrap_err().to_string();
            assert!(
                message.contains("has a value that is not plain"),
                "{option}: {message}"
            );
        }
    }
}
