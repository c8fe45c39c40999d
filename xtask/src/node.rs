//! `cargo xtask node`: the fleet's life cycle.

mod check;
mod list;

use crate::console::{Console, Ending};
use crate::flags::{Node, NodeCmd};
use crate::workspace::Workspace;
use anyhow::Result;

pub fn run(workspace: &Workspace, flags: Node, console: &Console) -> Result<Ending> {
    match flags.subcommand {
        NodeCmd::List(_) => {
            list::run(&workspace.inventory, console.ui);
            Ok(Ending::Done)
        }
        NodeCmd::Check(flags) => check::run(workspace, flags, console),
    }
}
