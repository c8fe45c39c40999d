//! Signals, at requests, at moments, at each command and at single system calls: nothing may be left behind, and whoever looks at
//! the exit code must see that it was a signal.

use super::case::{case, After};
use super::server::Fault;
use super::tools::{Downloader, NETWORK, SHELLS};
use super::{newest, run, turn};
use std::collections::HashMap;
use std::fs;
use std::sync::Mutex;

/// Once in a hundred times zsh keeps a TERM that comes just before `wait` until the wait is over: until this deadline.
const ZSH_AT_LATEST: &str = "3";

#[test]
fn a_signal_leaves_nothing_behind() {
    let mut cases = vec![];
    for shell in SHELLS {
        // versions.txt, latest-version.txt, the catalog, the sidecar, its signature, the program.
        for request in 1..=6 {
            let whole = case(format!("TERM at request {request} in {shell}"))
                .shell(shell)
                .downloader(Downloader::Curl)
                .fault(newest("linux-x86_64"), Fault::Drip)
                .env("BALLISTICS_TIMEOUT", ZSH_AT_LATEST)
                .terminate_at(request);
            cases.push(whole.terminated());
        }
    }
    for (row, downloader) in NETWORK.into_iter().enumerate() {
        for shell in [turn(row), turn(row + 6)] {
            cases.push(
                case(format!(
                    "TERM when {downloader:?} in {shell} asks for the program"
                ))
                .shell(shell)
                .downloader(downloader)
                .fault(newest(downloader.home().platform), Fault::Drip)
                .env("BALLISTICS_TIMEOUT", ZSH_AT_LATEST)
                .terminate_at(6)
                .terminated(),
            );
        }
    }
    for shell in SHELLS {
        // Moments that are nothing's boundary: all or nothing must be there.
        for milliseconds in [2, 13, 37, 71, 113] {
            cases.push(
                case(format!("TERM after {milliseconds} ms in {shell}"))
                    .shell(shell)
                    .terminate_after(milliseconds)
                    .terminated_or_done(),
            );
        }
    }
    run("signals", cases);
}

#[test]
fn a_reader_that_goes_away_leaves_nothing_behind() {
    let cases = SHELLS
        .into_iter()
        .map(|shell| {
            case(format!("a closed pipe in {shell}"))
                .shell(shell)
                .wrapper(["/bin/sh", "-c", "\"$@\" | /bin/true", "sh"])
                .loosely()
                .leaves(After::AllOrNothing)
        })
        .collect();
    run("closed pipes", cases);
}

#[test]
fn a_hang_up_has_its_own_exit_code() {
    let cases = SHELLS
        .into_iter()
        .map(|shell| {
            case(format!("HUP in {shell}"))
                .shell(shell)
                .downloader(Downloader::Curl)
                // Under nohup it would be ignored.
                .wrapper(["/usr/bin/env", "--default-signal=HUP"])
                .signal_at(3, "-HUP")
                .ends(129)
                .leaves(After::Nothing)
        })
        .collect();
    run("hang-ups", cases);
}

/// What can be read in the room of an undisturbed run.
fn learnt<T: Send + 'static>(
    case: super::Case,
    read: impl Fn(&super::Room) -> T + Send + Sync + 'static,
) -> T {
    let (sender, receiver) = std::sync::mpsc::channel();
    let sender = Mutex::new(sender);
    let case = case.after(move |room| {
        let sender = sender.lock().expect("no holder panics");
        sender.send(read(room)).expect("somebody listens");
    });
    case.run(&super::Site::new())
        .expect("an undisturbed run installs");
    receiver.recv().expect("the case has run")
}

#[test]
fn a_signal_at_any_command_leaves_nothing_behind() {
    let mut cases = vec![];
    for (row, shell) in SHELLS.into_iter().enumerate() {
        let counted = case(format!("{shell} counted")).shell(shell);
        let mut calls: Vec<String> = learnt(counted.counting_commands(), |room| {
            let entries = fs::read_dir(room.counted()).expect("the case made it");
            let names = entries.map(|entry| entry.expect("it is readable").file_name());
            names
                .map(|name| name.to_string_lossy().into_owned())
                .collect()
        });
        assert!(calls.len() > 40, "{shell} ran {calls:?}");
        // A third for one shell, so that every call meets four of the twelve.
        calls.sort();
        for call in calls.into_iter().skip(row % 3).step_by(3) {
            let (command, number) = call.split_once(' ').expect("a name and a number");
            cases.push(
                case(format!("TERM at {call} in {shell}"))
                    .shell(shell)
                    .terminate_at_command(command, number)
                    .terminated_anywhere(),
            );
        }
    }
    run("commands", cases);
}

/// The last calls of a shell, in which it tidies up; and for ksh93, which runs command substitutions in its own process, a sample
/// of all since the work directory was made.
#[test]
fn a_signal_at_a_system_call_leaves_nothing_behind() {
    let mut cases = vec![];
    for shell in SHELLS {
        // From a pipe most shells read byte by byte, and strace stops at each.
        let traced = case(format!("{shell} traced"))
            .shell(shell)
            .read_from_file()
            .wrapper(["/usr/bin/strace", "-qq", "-o", "{room}/store.trace"]);
        let calls: Vec<(String, usize)> = learnt(traced, |room| {
            let file = room.place.join("store.trace");
            let text = fs::read_to_string(&file).expect("strace wrote it");
            fs::remove_file(file).expect("the room is ours");
            numbered(&text)
        });
        let last = calls.len().saturating_sub(24);
        let chosen = calls.iter().enumerate().filter(|(number, _)| {
            (*number >= last && number % 12 == 0)
                || (shell == "ksh93" && number % (calls.len() / 8) == 0)
        });
        for (_, (call, number)) in chosen {
            cases.push(
                case(format!("TERM at {call} {number} in {shell}"))
                    .shell(shell)
                    .read_from_file()
                    .terminate_at_call(call, *number)
                    .terminated_or_done(),
            );
        }
    }
    run("system calls", cases);
}

/// Each system call of a trace by its name and its number among those of that name. What does not come back takes no signal.
fn numbered(trace: &str) -> Vec<(String, usize)> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let names = trace.lines().filter_map(|line| line.split_once('('));
    let calls = names.filter(|(name, _)| {
        name.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            && !["execve", "exit_group", "rt_sigreturn"].contains(name)
    });
    calls
        .map(|(name, _)| {
            let count = seen.entry(name.to_string()).or_default();
            *count += 1;
            (name.to_string(), *count)
        })
        .collect()
}
