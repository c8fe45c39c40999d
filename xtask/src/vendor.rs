//! A source archive that carries its dependencies, for nodes that reach no registry: `[project] vendor = true`.
//!
//! The archive is not written by the system's tar, whose options for "the same bytes whenever the files are the same" differ from system to system.

use crate::source::Tools;
use anyhow::{bail, Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// The date that cargo gives every file of an archive.
const DATE: u64 = 1_153_704_088;

/// `archive` unpacks to the directory `top`; the answer does too, with `vendor/` and a configuration of cargo's that names it.
pub fn vendor(tools: &Tools, archive: &Utf8Path, top: &str) -> Result<Vec<u8>> {
    let room = archive.with_extension("vendored");
    fs::create_dir(&room).with_context(|| format!("{room} cannot be made"))?;
    let unpacking = tools
        .program("tar", "-xzf")
        .args([archive.as_str(), "-C", room.as_str()]);
    tools.run(unpacking, || format!("unpacking {archive}"))?;
    let package = Tools {
        directory: room.join(top),
        ..*tools
    };
    // Told to be quiet, it would keep to itself what it has to say on stdout: the configuration.
    let vendoring = package.cargo("vendor --locked --versioned-dirs vendor");
    let configuration = package.run(vendoring, || format!("`cargo vendor` of {top}"))?;
    add_configuration(&package.directory, &configuration.stdout)?;
    let packing = tools.program("gzip", "-n -9 -c").input(&pack(&room, top)?);
    Ok(tools.run(packing, || format!("packing {top}"))?.stdout)
}

/// Below what the package has there already.
fn add_configuration(package: &Utf8Path, text: &[u8]) -> Result<()> {
    let path = package.join(".cargo/config.toml");
    fs::create_dir_all(path.with_file_name(""))?;
    let mut whole = fs::read(&path).unwrap_or_default();
    whole.extend([b"\n", text, b"\n"].concat());
    fs::write(&path, whole).with_context(|| format!("{path} cannot be written"))
}

/// A tar archive of the files in `room`, by name, with nothing in it of this machine or this hour.
fn pack(room: &Utf8Path, top: &str) -> Result<Vec<u8>> {
    let mut files = Vec::new();
    list(&room.join(top), &mut files)?;
    files.sort();
    let mut archive = tar::Builder::new(Vec::new());
    for path in files {
        let reading = || format!("reading {path}");
        let mode = path.metadata().with_context(reading)?.permissions().mode();
        let bytes = fs::read(&path).with_context(reading)?;
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(if mode & 0o111 == 0 { 0o644 } else { 0o755 });
        header.set_mtime(DATE);
        let name = path.strip_prefix(room)?;
        archive
            .append_data(&mut header, name, &bytes[..])
            .with_context(|| format!("packing {path}"))?;
    }
    Ok(archive.into_inner()?)
}

fn list(directory: &Utf8Path, files: &mut Vec<Utf8PathBuf>) -> Result<()> {
    for entry in directory.read_dir_utf8()? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            list(entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.into_path());
        } else {
            bail!(
                "{} is no plain file; an archive cannot carry it",
                entry.path()
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Timed;
    use std::time::Duration;

    #[test]
    fn tar_reads_what_is_packed_and_the_same_files_are_the_same_bytes() {
        let directory = xshell::Shell::new().unwrap().create_temp_dir().unwrap();
        let room = Utf8Path::from_path(directory.path()).unwrap();
        let long = format!("top/{}/{}", "d".repeat(90), "f".repeat(90));
        for (name, text) in [("top/b", ""), ("top/a", "x"), (&long, "long")] {
            let path = room.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        fs::set_permissions(room.join("top/a"), fs::Permissions::from_mode(0o711)).unwrap();
        let archive = pack(room, "top").unwrap();
        fs::write(room.join("top/b"), "").unwrap();
        assert_eq!(pack(room, "top").unwrap(), archive);

        fs::create_dir(room.join("out")).unwrap();
        let tar = Timed::new("tar", Duration::from_secs(60)).args(["-xf", "-", "-C"]);
        let output = tar
            .arg(room.join("out").as_str())
            .input(&archive)
            .run()
            .unwrap();
        assert!(output.status.success(), "{}", output.complaint());
        let read = |name: &str| fs::read_to_string(room.join("out").join(name)).unwrap();
        assert_eq!(
            [read("top/a"), read("top/b"), read(&long)],
            ["x", "", "long"]
        );
        let mode = |name: &str| {
            fs::metadata(room.join("out/top").join(name))
                .unwrap()
                .permissions()
                .mode()
                & 0o777
        };
        assert_eq!([mode("a"), mode("b")], [0o755, 0o644]);
    }
}
