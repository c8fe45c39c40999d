//! How a node is reached: the argument vectors of ssh and scp, and what their complaints mean. Values in, values out.
//!
//! The user's own ssh configuration decides about aliases, ports, keys, jump hosts and host keys; nothing here weakens it.

use crate::inventory::{Node, Transfer};
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
        let mut command = vec![self.programs.ssh.clone(), "-T".into()];
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

    /// The line with which a person looks for themselves.
    pub fn visit(&self, directory: &str) -> String {
        let options: String = self
            .options
            .iter()
            .map(|option| format!("-o {} ", crate::script::quote(option)))
            .collect();
        format!(
            "ssh {options}-t -- {} 'cd {directory} && exec sh'",
            self.destination
        )
    }
}

/// What ssh said when the script's own last word is missing. ssh ends with 255 for all of these, and so may a build.
pub fn classify(complaint: &str, answered: bool) -> FailureClass {
    let has = |words: &[&str]| words.iter().any(|word| complaint.contains(word));
    if has(&[
        "Host key verification failed",
        "HOST IDENTIFICATION HAS CHANGED",
        "host key is known",
    ]) {
        FailureClass::HostKey
    } else if !answered && has(&["Permission denied", "Too many authentication failures"]) {
        FailureClass::Auth
    } else if answered {
        FailureClass::Lost
    } else if has(&[
        "kex_exchange_identification",
        "banner exchange: Connection reset",
        "Connection closed by",
        "Connection reset by",
    ]) {
        FailureClass::Dropped
    } else {
        FailureClass::Unreachable
    }
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
            "ssh -T -o Port=2222 -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=15 -o ServerAliveCountMax=4 \
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
    fn complaints_are_told_apart() {
        for (complaint, answered, class) in [
            (
                "ssh: connect to host x port 22: Connection refused",
                false,
                FailureClass::Unreachable,
            ),
            (
                "ssh: Could not resolve hostname x: Name or service not known",
                false,
                FailureClass::Unreachable,
            ),
            (
                "ssh: connect to host x port 22: Connection timed out",
                false,
                FailureClass::Unreachable,
            ),
            (
                "kex_exchange_identification: Connection closed by remote host",
                false,
                FailureClass::Dropped,
            ),
            (
                "Host key verification failed.",
                false,
                FailureClass::HostKey,
            ),
            (
                "root@x: Permission denied (publickey).",
                false,
                FailureClass::Auth,
            ),
            ("cp: Permission denied", true, FailureClass::Lost),
            (
                "client_loop: send disconnect: Broken pipe",
                true,
                FailureClass::Lost,
            ),
            ("", true, FailureClass::Lost),
        ] {
            assert_eq!(classify(complaint, answered), class, "{complaint}");
        }
    }
}
