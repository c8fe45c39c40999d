//! `cargo xtask`: releases this workspace's program from hardware its owner owns. Read `release.rs` next.
//!
//! Exit codes: 0 done; 1 a step failed; 2 usage or configuration; 3 released without an optional node; 128 + signal.

mod adopt;
mod build;
mod ci;
mod console;
mod destination;
mod dist;
mod doctor;
#[cfg(test)]
#[path = "../tests/publish/fake.rs"]
mod fake;
mod files;
mod flags;
mod formula;
mod gate;
mod gcs;
mod history;
mod hooks;
mod host;
mod import;
mod index;
mod installer;
mod inventory;
mod manifest;
mod node;
mod object_file;
mod parallel;
mod plan;
mod pointers;
mod probe;
mod process;
mod promote;
mod publish;
mod release;
mod schedule;
mod script;
mod seal;
mod show_plan;
mod sign;
mod source;
mod ssh;
mod state;
mod store;
mod toolchain;
mod ui;
mod universal;
mod upload;
mod vendor;
mod verdict;
mod verify;
mod words;
mod workspace;

use anyhow::Result;
use console::{Console, Ending};
use flags::{Xtask, XtaskCmd};
use gcs::Access;
use process::{Interrupt, Interrupted};
use std::process::ExitCode;
use ui::{Results, Talk, Ui};
use words::Refusal;
use workspace::Workspace;

fn main() -> ExitCode {
    let result = Xtask::read(std::env::args_os().skip(1)).and_then(|flags| match flags {
        Some(flags) => run(flags),
        None => Ok(Ending::Done),
    });
    match result {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::WithoutOptional) => ExitCode::from(3),
        Err(error) => {
            ui::talk(&format!("error: {error:#}"));
            exit_code(&error)
        }
    }
}

fn run(flags: Xtask) -> Result<Ending> {
    let talk = match (flags.quiet, flags.verbose) {
        (true, _) => Talk::Quiet,
        (false, true) => Talk::Verbose,
        (false, false) => Talk::Normal,
    };
    let results = match flags.json {
        true => Results::Events,
        false => Results::Text,
    };
    let ui = &Ui::new(talk, results);
    let interrupt = &Interrupt::install()?;
    let workspace = &Workspace::open(flags.nodes.as_deref(), interrupt)?;
    let access = &Access {
        public: workspace.inventory.publish.public,
        token_file: flags.token_file.map(Into::into),
        via: flags::via(flags.via.as_deref())?,
        interrupt: interrupt.clone(),
    };
    let console = &Console {
        ui,
        interrupt,
        access,
    };
    match flags.subcommand {
        XtaskCmd::Dist(flags) => return release::dist(workspace, flags, console),
        XtaskCmd::Checksum(flags) => return release::checksum(workspace, flags, console),
        XtaskCmd::Publish(flags) => return release::publish(workspace, flags, console),
        XtaskCmd::Release(flags) => return release::release(workspace, flags, console),
        XtaskCmd::Verify(flags) => return release::verify(workspace, flags, console),
        XtaskCmd::Doctor(flags) => return doctor::run(workspace, flags, console),
        XtaskCmd::Promote(flags) => return promote::promote(workspace, flags, console),
        XtaskCmd::Yank(flags) => return promote::yank(workspace, flags, console),
        XtaskCmd::Rollback(flags) => return promote::rollback(workspace, flags, console),
        XtaskCmd::Plan(plan) => show_plan::run(workspace, plan, console)?,
        XtaskCmd::Node(flags) => return node::run(workspace, flags, console),
        XtaskCmd::Ci(flags) => ci::run(workspace, flags, console)?,
    }
    Ok(Ending::Done)
}

fn exit_code(error: &anyhow::Error) -> ExitCode {
    if let Some(Interrupted(signal)) = error.downcast_ref() {
        return ExitCode::from(128 + *signal as u8);
    }
    ExitCode::from(if error.downcast_ref::<Refusal>().is_some() {
        2
    } else {
        1
    })
}
