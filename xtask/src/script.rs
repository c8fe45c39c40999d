//! What a node runs: one POSIX shell script for every node, local or remote, and the marks that it answers with.
//!
//! The script is `script/node.sh` below a head generated here. Everything in the head is a quoted literal: this is the one
//! place that writes shell, and its tests run what it writes.

mod marks;

pub use marks::{find_binaries, is_mark, Framed, Mark, Marks, RemoteFile};

use crate::inventory::{Address, Node, Project, Transfer};
use crate::words::{Digest, Target, Version};
use std::collections::BTreeMap;
use std::fmt::Write;

const NODE_SH: &str = include_str!("script/node.sh");

/// Seconds without a heartbeat after which a node gives up on us.
pub const HEARTBEAT_WINDOW: u32 = 20;

/// What one session builds: one node, or all local nodes that share one call of cargo.
pub struct Job<'a> {
    pub project: &'a Project,
    pub version: &'a Version,
    pub nodes: Vec<&'a Node>,
    /// The work directory's name on the node.
    pub directory: &'a str,
    pub archive_size: u64,
    pub archive_sha256: &'a Digest,
    pub fresh: bool,
    /// Seconds without a heartbeat after which the node ends the build.
    pub heartbeat_window: u32,
}

impl Job<'_> {
    fn first(&self) -> &Node {
        self.nodes[0]
    }

    /// The whole script. `nonce` marks this session's lines in the log and in the stream of binaries.
    pub fn script(&self, nonce: &str) -> String {
        let mut script = self.head(nonce);
        script.push_str(NODE_SH);
        script.push_str("main\nexit 125\n");
        script
    }

    /// Only the probe; and, with an installer's text, one run of it into a place that goes away.
    pub fn check_script(&self, nonce: &str, installer: Option<&str>) -> String {
        let installer = quote(installer.unwrap_or_default());
        format!("{}{NODE_SH}check {installer}\nexit 125\n", self.head(nonce))
    }

    /// The build as a person would type it.
    pub fn command_line(&self) -> String {
        if let Some(command) = &self.first().build_command {
            return fill(command, self.version, &self.first().target)
                .trim()
                .to_string();
        }
        let mut line = format!(
            "cargo build --release {} --bin {}",
            self.strictness(),
            self.project.binary
        );
        for node in &self.nodes {
            let _ = write!(line, " --target {}", node.target);
        }
        for argument in &self.first().cargo_args {
            let _ = write!(line, " {}", quote(argument));
        }
        line
    }

    /// An archive that carries its dependencies is built without a look at any registry.
    fn strictness(&self) -> &'static str {
        match self.project.vendor {
            true => "--locked --offline",
            false => "--locked",
        }
    }

    fn head(&self, nonce: &str) -> String {
        let targets: Vec<&str> = self.nodes.iter().map(|node| node.target.as_str()).collect();
        let unproven = self
            .nodes
            .iter()
            .filter(|node| !node.prove)
            .map(|node| node.target.as_str());
        let values = BTreeMap::from([
            ("nonce", nonce.to_string()),
            ("project", self.project.package.to_string()),
            ("package", self.project.package.to_string()),
            ("binary", self.project.binary.to_string()),
            ("version", self.version.to_string()),
            ("job", self.directory.to_string()),
            ("archive_size", self.archive_size.to_string()),
            ("archive_sha256", self.archive_sha256.to_string()),
            ("targets", targets.join(" ")),
            ("unproven", unproven.collect::<Vec<_>>().join(" ")),
            (
                "own_build",
                u8::from(self.first().build_command.is_some()).to_string(),
            ),
            ("fresh", u8::from(self.fresh).to_string()),
            ("transfer", self.transfer().to_string()),
            ("window", self.heartbeat_window.to_string()),
        ]);
        let mut head = String::new();
        for (name, value) in values {
            let _ = writeln!(head, "{name}={}", quote(&value));
        }
        head.push_str(&self.functions());
        head
    }

    fn transfer(&self) -> &'static str {
        match self.first().transfer {
            Transfer::Session => "session",
            Transfer::Scp => "scp",
        }
    }

    fn functions(&self) -> String {
        let path = match self.first().host {
            // The user's own PATH decides on the user's own machine.
            Address::Local => {
                "PATH=$PATH:${HOME-}/.cargo/bin:/usr/local/bin:/usr/pkg/bin:/opt/homebrew/bin"
            }
            Address::Ssh(_) => {
                "PATH=${HOME-}/.cargo/bin:/usr/local/bin:/usr/pkg/bin:/opt/homebrew/bin:$PATH"
            }
        };
        let mut text = function("set_path", &[path.into(), "export PATH".into()]);
        text += &function("in_environment", &[self.environment()]);
        text += &function("build", &[self.build_line()]);
        let places = self.nodes.iter().map(|node| {
            let path = self.binary_path(node);
            format!("{}) printf '%s\\n' {path} ;;", quote(node.target.as_str()))
        });
        let mut cases = vec!["case $1 in".to_string()];
        cases.extend(places);
        cases.push("esac".into());
        text += &function("binary_of", &cases);
        text += &function("prove", &self.proofs());
        text
    }

    /// Never variables of the shell's own: the script has some of these names, and some a shell evaluates.
    fn environment(&self) -> String {
        if self.first().env.is_empty() {
            return "\"$@\"".into();
        }
        let set = |(name, value): (&String, &String)| quote(&format!("{name}={value}"));
        let settings: Vec<String> = self.first().env.iter().map(set).collect();
        format!("env {} \"$@\"", settings.join(" "))
    }

    /// `"$@"` holds a `--target` for each target of the call.
    fn build_line(&self) -> String {
        if let Some(command) = &self.first().build_command {
            let command = fill(command, self.version, &self.first().target);
            // -e: a line that fails is a build that failed.
            let run = format!("sh -ec {}", quote(&command));
            // Who says where the binary will be does not expect it elsewhere.
            return match self.first().binary_path {
                Some(_) => format!("in_environment {run}"),
                None => format!("in_environment env CARGO_TARGET_DIR=\"$work/target\" {run}"),
            };
        }
        let mut line = format!(
            "in_environment cargo build --release {} --bin {} --target-dir \"$work/target\" \"$@\"",
            self.strictness(),
            quote(self.project.binary.as_str())
        );
        for argument in &self.first().cargo_args {
            let _ = write!(line, " {}", quote(argument));
        }
        line
    }

    fn binary_path(&self, node: &Node) -> String {
        match &node.binary_path {
            Some(path) => {
                let path = fill(path, self.version, &node.target);
                // Without a slash in it a shell would look for the binary in PATH.
                let beside = if path.starts_with('/') { "" } else { "./" };
                quote(&format!("{beside}{path}"))
            }
            None => {
                let path = format!("/target/{}/release/{}", node.target, self.project.binary);
                format!("\"$work\"{}", quote(&path))
            }
        }
    }

    fn proofs(&self) -> Vec<String> {
        let mut runs = vec!["prove_version \"$1\"".to_string()];
        for arguments in self.project.prove.iter().skip(1) {
            let words: Vec<String> = arguments.iter().map(|word| quote(word)).collect();
            runs.push(format!("prove_run \"$1\" {}", words.join(" ")));
        }
        vec![runs.join(" && ")]
    }
}

/// `{version}` and `{target}` are replaced; every other brace is left alone.
fn fill(template: &str, version: &Version, target: &Target) -> String {
    template
        .replace("{version}", &version.to_string())
        .replace("{target}", target.as_str())
}

fn function(name: &str, lines: &[String]) -> String {
    format!("{name}() {{\n\t{}\n}}\n", lines.join("\n\t"))
}

/// One shell word, whatever it holds.
pub fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The same in a line that a person reads and pastes.
pub fn quote_where_needed(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-+:@%,=".contains(&b);
    match !text.is_empty() && text.bytes().all(plain) {
        true => text.to_string(),
        false => quote(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Inventory;
    use std::process::Command;

    fn fleet(extra: &str) -> Inventory {
        let text = format!(
            "[project]\npackage = \"p\"\nbinary = \"b\"\nrepository = \"https://x.localnet/r\"\nprove = [\"--version\", \"selftest --quick\"]\n\
             [[node]]\nname = \"n\"\nhost = \"local\"\ntarget = \"x86_64-unknown-linux-gnu\"\n{extra}\n"
        );
        Inventory::parse("nodes.toml", &text).unwrap()
    }

    fn head(fleet: &Inventory) -> String {
        let job = Job {
            project: &fleet.project,
            version: &Version::parse("1.2.3").unwrap(),
            nodes: fleet.nodes.iter().collect(),
            directory: "n",
            archive_size: 5,
            archive_sha256: &Digest::of(b"hello"),
            fresh: false,
            heartbeat_window: 20,
        };
        job.head("N")
    }

    /// Runs the generated head and then `call` in a real shell, with `cargo` a function that prints its arguments.
    fn run(shell: &[&str], head: &str, call: &str) -> String {
        let script = format!("work=/w\n{head}\ncargo() {{ printf '<%s>' \"$@\"; }}\n{call}\n");
        let output = Command::new(shell[0])
            .args(&shell[1..])
            .arg("-c")
            .arg(script)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{shell:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    const SHELLS: [&[&str]; 3] = [&["sh"], &["bash", "--posix"], &["busybox", "sh"]];
    const NASTY: &str = "a'b \"c\" $HOME `id` $(id) \\ ! ~ * é";

    #[test]
    fn any_argument_arrives_as_it_was_written() {
        let argument = format!("'''{NASTY}'''");
        let head = head(&fleet(&format!("cargo_args = [{argument}]")));
        for shell in SHELLS {
            let printed = run(shell, &head, "build --target T");
            assert_eq!(printed, format!("<build><--release><--locked><--bin><b><--target-dir></w/target><--target><T><{NASTY}>"));
        }
    }

    #[test]
    fn any_environment_value_arrives_as_it_was_written() {
        let value = format!("'''{NASTY}'''");
        let head = head(&fleet(&format!("env = {{ NASTY = {value} }}")));
        for shell in SHELLS {
            let call = "in_environment sh -c 'printf %s \"$NASTY\"'; printf %s \"${NASTY-}\"";
            assert_eq!(run(shell, &head, call), NASTY);
        }
    }

    #[test]
    fn a_build_command_runs_as_it_was_written() {
        let head = head(&fleet("build_command = '''\nprintf '%s ' {version} {target} \"it's\" ${HOME:+home} | awk '{print $1, $2, $3}'\n'''"));
        for shell in SHELLS {
            assert_eq!(
                run(shell, &head, "build"),
                "1.2.3 x86_64-unknown-linux-gnu it's\n"
            );
        }
    }

    #[test]
    fn a_line_that_fails_ends_a_build_command() {
        let head = head(&fleet(
            "build_command = \'\'\'\nfalse\necho went on\n\'\'\'",
        ));
        for shell in SHELLS {
            assert_eq!(run(shell, &head, "build || echo failed"), "failed\n");
        }
    }

    /// Another process may have the owner's number by now. As long as a client is heard under it, it is the owner.
    #[test]
    fn a_lock_is_taken_over_when_its_owner_hears_nobody() {
        const BEATS: u64 = 12;
        let take_over = |shell: &[&str]| {
            let directory = xshell::Shell::new().unwrap().create_temp_dir().unwrap();
            let mut owner = Command::new("setsid")
                .args(["sleep", "600"])
                .spawn()
                .unwrap();
            let call = format!(
                "{NODE_SH}\nwork=\'{}\' owner={} window=1\nsession=$work/session.$$\nmkdir \"$session\" \"$work/session.$owner\"\n\
                 ln -s $owner \"$work/lock\"\n\
                 {{ beats=0; while [ $beats -lt {BEATS} ]; do touch \"$work/session.$owner/beat\"; sleep 1; beats=$((beats + 1)); done; }} &\n\
                 take_lock 2>/dev/null\n[ \"$(readlink \"$work/lock\")\" = $$ ] && echo taken",
                directory.path().display(),
                owner.id()
            );
            let started = std::time::Instant::now();
            assert_eq!(run(shell, &head(&fleet("")), &call), "taken\n");
            owner.kill().unwrap();
            owner.wait().unwrap();
            assert!(started.elapsed().as_secs() > BEATS, "{shell:?}");
        };
        std::thread::scope(|scope| {
            for shell in SHELLS {
                scope.spawn(|| take_over(shell));
            }
        });
    }

    #[test]
    fn binaries_are_where_cargo_puts_them_or_where_the_node_says() {
        let call = "binary_of x86_64-unknown-linux-gnu";
        assert_eq!(
            run(SHELLS[0], &head(&fleet("")), call),
            "/w/target/x86_64-unknown-linux-gnu/release/b\n"
        );
        let beside = head(&fleet("binary_path = \"out\""));
        assert_eq!(run(SHELLS[0], &beside, call), "./out\n");
        let named = head(&fleet("binary_path = \"/tmp/p-{version}/it's\""));
        assert_eq!(run(SHELLS[0], &named, call), "/tmp/p-1.2.3/it's\n");
    }

    #[test]
    fn every_proof_is_run_and_the_first_failure_ends_them() {
        let head = head(&fleet(""));
        let stub = "prove_version() { echo \"version of $1\"; }\nprove_run() { shift; echo \"run $*\"; }\nprove /x";
        assert_eq!(
            run(SHELLS[0], &head, stub),
            "version of /x\nrun selftest --quick\n"
        );
        let failing =
            "prove_version() { false; }\nprove_run() { echo ran; }\nprove /x || echo failed";
        assert_eq!(run(SHELLS[0], &head, failing), "failed\n");
    }
}
