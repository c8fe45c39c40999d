//! Signatures.

use crate::project::Project;
use std::fs;

/// A new ed25519 key beside the project: its path, and its public half as `release_keys` has it.
pub fn new_key(project: &Project, name: &str) -> (String, String) {
    let path = project.beside(name).to_str().unwrap().to_string();
    let arguments = ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", &path];
    project
        .ran(project.command("ssh-keygen", arguments))
        .exits(0);
    let public = fs::read_to_string(format!("{path}.pub")).unwrap();
    (path, public.trim_end().to_string())
}
