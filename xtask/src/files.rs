//! Files that are written so that a reader, now or after a crash, finds the old text or the new one, whole; and the lock that
//! one process at a time holds. What the files mean is for others.

use crate::words::Fingerprint;
use anyhow::Context;
use camino::Utf8Path;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::thread;
use std::time::{Duration, Instant};

/// What the name of a file begins with that is not finished: whoever finds one after its writer died may remove it.
pub const PARTIAL: &str = ".partial-";

const LOCK_POLL: Duration = Duration::from_millis(5);

pub fn make_directory(path: &Utf8Path) -> anyhow::Result<()> {
    fs::create_dir_all(path).with_context(|| format!("{path} cannot be made"))
}

pub fn remove_if_there(path: &Utf8Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{path} cannot be removed"))
        }
        _ => Ok(()),
    }
}

pub fn fingerprint(path: &Utf8Path) -> anyhow::Result<Fingerprint> {
    File::open(path)
        .and_then(Fingerprint::of_reader)
        .with_context(|| format!("reading {path}"))
}

/// By rename, so that no reader ever sees half of it.
pub fn write_whole(path: &Utf8Path, bytes: &[u8]) -> anyhow::Result<()> {
    let directory = path.parent().expect("a file lies in a directory");
    let name = path.file_name().expect("a file has a name");
    let partial = directory.join(format!("{PARTIAL}{name}.{}", std::process::id()));
    let write = || {
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    let written = write().with_context(|| format!("{path} cannot be written"));
    if written.is_err() {
        let _ = fs::remove_file(&partial);
    }
    written?;
    sync_directory(directory)
}

/// Makes a rename in it outlast a power cut.
pub fn sync_directory(directory: &Utf8Path) -> anyhow::Result<()> {
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .with_context(|| format!("{directory} cannot be synced"))
}

/// Holds the lock of this open file until it is closed. False: somebody else had it all the while.
pub fn lock(file: &File, patience: Duration) -> io::Result<bool> {
    wait_for_lock(|| file.try_lock(), patience)
}

/// Beside other readers; the file may be open for reading only.
pub fn lock_to_read(file: &File, patience: Duration) -> io::Result<bool> {
    wait_for_lock(|| file.try_lock_shared(), patience)
}

fn wait_for_lock(
    attempt: impl Fn() -> Result<(), TryLockError>,
    patience: Duration,
) -> io::Result<bool> {
    let deadline = Instant::now() + patience;
    loop {
        match attempt() {
            Ok(()) => return Ok(true),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if Instant::now() > deadline => return Ok(false),
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_POLL),
        }
    }
}
