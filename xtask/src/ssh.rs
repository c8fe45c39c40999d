//! How a node is reached: the argument vectors of ssh and scp, and what their complaints mean. Values in, values out.
//!
//! The user's own ssh configuration decides about aliases, ports, keys, jump hosts and host keys; nothing here weakens it.

use crate::inventory::{Node, Transfer};
use crate::script::{quote, quote_where_needed};
use crate::words::FailureClass;
use std::path::Path;
use std::time::Duration;

/// An ssh destination with what its `nodes.toml` entry says about reaching it.
#[derive(Clone, Debug)]
pub struct Remote {
    pub destination: String,
    pub options: Vec<String>,
    pub connect_timeout: Duration,
    pub transfer: Transfer,
    /// `XTASK_SSH` and `XTASK_SCP`: a wrapper, or another client.
    pub programs: Programs,
}

#[derive(Clone, Debug)]
pub struct Programs {
    pub ssh: String,
    pub scp: String,
}

impl Remote {
    pub fn new(destination: &str, node: &Node, programs: &Programs) -> Remote {
        Remote {
            destination: destination.to_string(),
            options: node.ssh_options.clone(),
            connect_timeout: node.limits.connect_timeout,
            transfer: node.transfer,
            programs: programs.clone(),
        }
    }

    /// Only `exec sh -s` ever meets the login shell: csh, fish and tcsh run anything longer wrongly and still answer 0.
    pub fn session(&self) -> Vec<String> {
        // The user's own forwardings and commands are for people, and no build gets to an agent. scp keeps to this by itself.
        let flags = "-T -a -x -o ClearAllForwardings=yes -o RemoteCommand=none";
        let mut command = vec![self.programs.ssh.clone()];
        command.extend(flags.split(' ').map(String::from));
        command.extend(self.settings());
        command.extend(["--".into(), self.destination.clone(), "exec sh -s".into()]);
        command
    }

    pub fn send(&self, local: &Path, remote: &str) -> Vec<String> {
        let target = format!("{}:{remote}", self.scp_destination());
        self.copy([local.to_string_lossy().into_owned(), target])
    }

    pub fn fetch(&self, remote: &str, local: &Path) -> Vec<String> {
        let source = format!("{}:{remote}", self.scp_destination());
        self.copy([source, local.to_string_lossy().into_owned()])
    }

    fn copy(&self, files: [String; 2]) -> Vec<String> {
        let mut command = vec![self.programs.scp.clone(), "-q".into()];
        command.extend(self.settings());
        command.push("--".into());
        command.extend(files);
        command
    }

    /// scp takes everything up to the first colon for a host, unless an address stands in brackets.
    fn scp_destination(&self) -> String {
        let (user, name) = self
            .destination
            .rsplit_once('@')
            .map_or(("", &self.destination[..]), |(user, name)| (user, name));
        let name = if name.contains(':') && !name.starts_with('[') {
            format!("[{name}]")
        } else {
            name.to_string()
        };
        if user.is_empty() {
            name
        } else {
            format!("{user}@{name}")
        }
    }

    fn settings(&self) -> Vec<String> {
        let own = [
            "BatchMode=yes".to_string(),
            format!("ConnectTimeout={}", self.connect_timeout.as_secs().max(1)),
            "ServerAliveInterval=15".into(),
            "ServerAliveCountMax=4".into(),
            "LogLevel=ERROR".into(),
        ];
        // ssh takes the first value of an option: the node's own come first.
        self.options
            .iter()
            .chain(&own)
            .flat_map(|option| ["-o".to_string(), option.clone()])
            .collect()
    }

    /// The line with which a person looks for themselves. The node chose the directory's name, and a person pastes it.
    pub fn visit(&self, directory: &str) -> String {
        let options: String = self
            .options
            .iter()
            .map(|option| format!("-o {} ", quote(option)))
            .collect();
        let command = format!("cd {} && exec sh", quote_where_needed(directory));
        format!(
            "ssh {options}-t -- {} {}",
            self.destination,
            quote(&command)
        )
    }
}

/// What ssh says when it does not reach a node, the first that is found counts: a jump host that is down drops our connection too.
const COMPLAINTS: [(FailureClass, &[&str]); 4] = [
    (
        FailureClass::Unreachable,
        &["ssh: connect to host ", "Could not resolve hostname "],
    ),
    (
        FailureClass::HostKey,
        &[
            "Host key verification failed",
            "HOST IDENTIFICATION HAS CHANGED",
            "host key is known",
        ],
    ),
    (
        FailureClass::Auth,
        &["Permission denied (", "Too many authentication failures"],
    ),
    (
        FailureClass::Dropped,
        &[
            "kex_exchange_identification",
            "banner exchange: Connection reset",
            "Connection closed by",
            "Connection reset by",
        ],
    ),
];

/// Why a node was not reached, and the line that says so; without one, the last that was said.
pub fn diagnose<'a>(lines: &[&'a str]) -> (FailureClass, Option<&'a str>) {
    for (class, words) in COMPLAINTS {
        for word in words {
            if let Some(line) = lines.iter().find(|line| line.contains(word)) {
                return (class, Some(line));
            }
        }
    }
    let last = lines.iter().rev().find(|line| !line.is_empty());
    (FailureClass::Unreachable, last.copied())
}

/// How ssh's own words begin when an established connection breaks. Anything else in a log is the build's.
const FAREWELLS: [&str; 8] = [
    "client_loop: ",
    "Connection closed by ",
    "Connection reset by ",
    "Connection to ",
    "Read from remote host ",
    "Timeout, server ",
    "ssh_dispatch_run_fatal: ",
    "packet_write_wait: ",
];

/// What ssh said when the connection to a node that had answered broke.
pub fn farewell<'a>(lines: &[&'a str]) -> Option<&'a str> {
    let own = |line: &&&str| FAREWELLS.iter().any(|words| line.starts_with(words));
    lines.iter().rev().find(own).copied()
}

/// The way out of a failed connection.
pub fn remedy(class: FailureClass, destination: &str) -> String {
    match class {
        FailureClass::HostKey => format!(
            "check the host's key and correct ~/.ssh/known_hosts (`ssh {destination}` shows it)"
        ),
        FailureClass::Auth => format!("put your public key there: `ssh-copy-id {destination}`"),
        FailureClass::Dropped => {
            "its sshd drops connections (MaxStartups); the same command tries again".into()
        }
        FailureClass::Lost => "the link broke; the same command tries again".into(),
        _ => format!("see that it is up: `ssh {destination} true`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(destination: &str) -> Remote {
        Remote {
            destination: destination.into(),
            options: vec!["Port=2222".into()],
            connect_timeout: Duration::from_secs(10),
            transfer: Transfer::Session,
            programs: Programs {
                ssh: "ssh".into(),
                scp: "scp".into(),
            },
        }
    }

    #[test]
    fn the_session_is_one_ssh_that_can_never_prompt() {
        let line = remote("root@netbsd.localnet").session().join(" ");
        assert_eq!(
            line,
            "ssh -T -a -x -o ClearAllForwardings=yes -o RemoteCommand=none -o Port=2222 -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=15 -o ServerAliveCountMax=4 \
             -o LogLevel=ERROR -- root@netbsd.localnet exec sh -s"
        );
    }

    #[test]
    fn scp_gets_files_by_name_and_addresses_in_brackets() {
        let tail = |destination: &str| {
            remote(destination)
                .send(Path::new("a"), "/w/b")
                .split_off(14)
                .join(" ")
        };
        assert_eq!(tail("root@h.localnet"), "-- a root@h.localnet:/w/b");
        assert_eq!(tail("root@fe80::1%eth0"), "-- a root@[fe80::1%eth0]:/w/b");
        assert_eq!(tail("alias"), "-- a alias:/w/b");
    }

    #[test]
    fn the_line_to_paste_runs_nothing_that_the_node_chose() {
        let line = remote("root@netbsd.localnet").visit("/w/netbsd-x86_64");
        assert_eq!(
            line,
            "ssh -o 'Port=2222' -t -- root@netbsd.localnet 'cd /w/netbsd-x86_64 && exec sh'"
        );
        let directory = "/it's $(echo here); echo there/`echo too`";
        let line = remote("root@netbsd.localnet").visit(directory);
        // Here and there a shell reads it.
        let script = format!(
            "ssh() {{ shift 5; sh -c \"$1\"; }}\ncd() {{ printf '%s\\n' \"$1\"; exit; }}\n             sh() {{ eval \"$2\"; }}\n{line}"
        );
        let output = std::process::Command::new("sh")
            .args(["-c", &script])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(said, format!("{directory}\n"), "{line}");
    }

    #[test]
    fn complaints_are_told_apart() {
        let refused = "ssh: connect to host x port 22: Connection refused";
        let dropped = "kex_exchange_identification: Connection closed by remote host";
        let unknown = "ssh: Could not resolve hostname x: Name or service not known";
        let key = "Host key verification failed.";
        let denied = "root@x: Permission denied (publickey).";
        for (lines, class, said) in [
            (&[refused][..], FailureClass::Unreachable, Some(refused)),
            (&["motd", unknown], FailureClass::Unreachable, Some(unknown)),
            (&[dropped], FailureClass::Dropped, Some(dropped)),
            (
                &[refused, dropped, "Connection closed by UNKNOWN port 65535"],
                FailureClass::Unreachable,
                Some(refused),
            ),
            (&[key, dropped], FailureClass::HostKey, Some(key)),
            (&[denied], FailureClass::Auth, Some(denied)),
            (
                &["cp: Permission denied", ""],
                FailureClass::Unreachable,
                Some("cp: Permission denied"),
            ),
            (&[], FailureClass::Unreachable, None),
        ] {
            assert_eq!(diagnose(lines), (class, said), "{lines:?}");
        }
    }

    #[test]
    fn a_farewell_is_told_from_what_a_build_printed() {
        let own = "client_loop: send disconnect: Broken pipe";
        assert_eq!(farewell(&["   Compiling p", own, "done"]), Some(own));
        assert_eq!(
            farewell(&["Host key verification failed.", "   Compiling p"]),
            None
        );
    }
}
