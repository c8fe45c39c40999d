//! A node that is no pretence: an emulated arm64 Linux guest, whose program cannot run here and is proven there.
//!
//! `cargo xtask ci --step packages` makes the guest, by xtask/scripts/arm64-node.sh; this test boots it and ends it.

#[path = "release/project.rs"]
#[allow(dead_code, reason = "the release tests use more of it")]
mod project;
#[path = "release/run.rs"]
#[allow(dead_code, reason = "the release tests use more of it")]
mod run;
#[path = "release/tree.rs"]
#[allow(dead_code, reason = "the release tests use more of it")]
mod tree;

use project::Project;
use run::Ran;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

struct Guest {
    folder: PathBuf,
    port: u16,
}

impl Guest {
    fn boot() -> Guest {
        let folder = root().join("target/arm64-node");
        assert!(
            folder.join("disk.img").exists(),
            "{} is missing; `cargo xtask ci --step packages` makes it",
            folder.display()
        );
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let guest = Guest { folder, port };
        assert!(guest.script("boot"), "the guest does not boot");
        guest
    }

    fn script(&self, verb: &str) -> bool {
        let mut command = Command::new(root().join("xtask/scripts/arm64-node.sh"));
        command
            .arg(verb)
            .arg(&self.folder)
            .arg(self.port.to_string());
        command.status().unwrap().success()
    }

    fn name(&self) -> String {
        format!("arm64-node-{}", self.port)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.script("stop");
    }
}

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

#[test]
fn a_program_for_another_processor_is_built_and_proven_on_its_own_node() {
    let guest = Guest::boot();
    let project = Project::new();
    project.write_nodes(&format!(
        "\n[[node]]\nname = \"linux-aarch64\"\nhost = \"{}\"\ntarget = \"aarch64-unknown-linux-gnu\"\n",
        guest.name()
    ));
    project.commit("nodes");
    let xtask = |arguments: &str| -> Ran {
        let mut command = project.command(env!("CARGO_BIN_EXE_xtask"), arguments.split(' '));
        let config = guest.folder.join(format!("ssh_config-{}", guest.port));
        for program in ["ssh", "scp"] {
            let wrapper = project.beside(&format!("bin/{program}"));
            project::write(
                &wrapper,
                &format!("#!/bin/sh\nexec {program} -F {} \"$@\"\n", config.display()),
            );
            project
                .shell(&format!("chmod +x {}", wrapper.display()))
                .exits(0);
            command.env(format!("XTASK_{}", program.to_uppercase()), wrapper);
        }
        project.ran(command)
    };
    let store = project.beside("store");
    let release = format!("--json release --to {}", store.display());
    let ran = xtask(&release).exits(0);
    assert_eq!(ran.outcome("linux-aarch64")["outcome"], "built");

    let manifest = std::fs::read_to_string(store.join("0.14.0/release.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let artifact = &manifest["artifacts"][0];
    assert_eq!(artifact["platform"], "linux-aarch64");
    assert_eq!(artifact["proven"], true);
    assert_eq!(artifact["facts"]["arch"], "aarch64");
    assert_eq!(artifact["facts"]["triple"], "aarch64-unknown-linux-gnu");
    let floor = artifact["floor"].as_str().unwrap();
    assert!(floor.starts_with("glibc-2."), "{floor}");
    let program = std::fs::read(store.join("0.14.0/ballistics-0.14.0-linux-aarch64")).unwrap();
    // EM_AARCH64 in the header of an ELF file.
    assert_eq!((&program[..4], program[18]), (&b"\x7fELF"[..], 183));

    // Nothing is left to do, and nobody is asked.
    assert!(guest.script("stop"));
    let ran = xtask(&release).exits(0);
    assert_eq!(ran.outcome("linux-aarch64")["outcome"], "reused");
}
