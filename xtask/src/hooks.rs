//! A step of a release: the owner's `start` and `stop` commands. Whatever was started is stopped, also after a failure or a signal.

use crate::inventory::{Hooks, Inventory, Machine, Node};
use crate::process::Timed;
use crate::ui::Ui;
use crate::words::MachineName;
use anyhow::{bail, Result};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// The machines of a release that have hooks, with how many jobs still need each.
pub struct MachineHooks<'a> {
    machines: BTreeMap<MachineName, Mutex<Shared<'a>>>,
    ui: &'a Ui,
}

struct Shared<'a> {
    machine: &'a Machine,
    jobs_left: usize,
    started: Option<Instant>,
}

/// What one job has started. Stops it when dropped, the machine with its last job.
pub struct Started<'s, 'a> {
    hooks: &'s MachineHooks<'a>,
    node: &'s Node,
    node_started: bool,
    machine: Option<&'s Mutex<Shared<'a>>>,
    /// Until when the first connection may fail for want of a node that is still booting.
    pub ready_by: Option<Instant>,
}

impl<'a> MachineHooks<'a> {
    /// `nodes` has one node per job that will connect.
    pub fn new(inventory: &'a Inventory, nodes: &[&Node], ui: &'a Ui) -> MachineHooks<'a> {
        let hooked = inventory
            .machines
            .iter()
            .filter(|machine| machine.hooks.start.is_some() || machine.hooks.stop.is_some());
        let shared = hooked.map(|machine| {
            let jobs_left = nodes
                .iter()
                .filter(|node| node.machine.as_ref() == Some(&machine.name))
                .count();
            (
                machine.name.clone(),
                Mutex::new(Shared {
                    machine,
                    jobs_left,
                    started: None,
                }),
            )
        });
        MachineHooks {
            machines: shared.collect(),
            ui,
        }
    }

    /// The machine first, then the node. What was started before a failure is stopped by the value's drop.
    pub fn start<'s>(&'s self, node: &'s Node) -> (Started<'s, 'a>, Result<()>) {
        let machine = node
            .machine
            .as_ref()
            .and_then(|name| self.machines.get(name));
        let mut started = Started {
            hooks: self,
            node,
            node_started: false,
            machine,
            ready_by: None,
        };
        let result = started.start();
        (started, result)
    }
}

impl Started<'_, '_> {
    fn start(&mut self) -> Result<()> {
        if let Some(machine) = self.machine {
            let mut shared = lock(machine);
            let hooks = &shared.machine.hooks;
            // Held while it starts: the other nodes of the machine wait for it.
            if shared.started.is_none() && hooks.start.is_some() {
                self.hooks.ui.say(&format!(
                    "[{}] starting machine {}",
                    self.node.name, shared.machine.name
                ));
                run(hooks.start.as_deref(), hooks.ready_timeout)?;
                shared.started = Some(Instant::now());
            }
            self.ready_by = shared
                .started
                .map(|started| started + shared.machine.hooks.ready_timeout);
        }
        let hooks = &self.node.hooks;
        if hooks.start.is_some() {
            self.hooks.ui.say(&format!("[{}] starting", self.node.name));
            // Before it runs: a start that fails half-way is stopped too.
            self.node_started = true;
            run(hooks.start.as_deref(), hooks.ready_timeout)?;
            self.ready_by = Some(Instant::now() + hooks.ready_timeout);
        }
        Ok(())
    }

    fn stop(&self, hooks: &Hooks, what: &str) {
        if let Err(error) = run(hooks.stop.as_deref(), hooks.ready_timeout) {
            self.hooks
                .ui
                .warn(&format!("{what} was not stopped: {error:#}"));
        }
    }
}

impl Drop for Started<'_, '_> {
    fn drop(&mut self) {
        if self.node_started {
            self.stop(&self.node.hooks, &format!("node {}", self.node.name));
        }
        if let Some(machine) = self.machine {
            let mut shared = lock(machine);
            shared.jobs_left = shared.jobs_left.saturating_sub(1);
            if shared.jobs_left == 0 && shared.started.is_some() {
                self.stop(
                    &shared.machine.hooks,
                    &format!("machine {}", shared.machine.name),
                );
            }
        }
    }
}

fn lock<'a, 'b>(machine: &'b Mutex<Shared<'a>>) -> MutexGuard<'b, Shared<'a>> {
    machine
        .lock()
        .expect("no thread panics while it holds a machine")
}

fn run(command: Option<&[String]>, deadline: Duration) -> Result<()> {
    let Some([program, arguments @ ..]) = command else {
        return Ok(());
    };
    let output = Timed::new(program, deadline).args(arguments).run()?;
    if !output.status.success() {
        bail!(
            "`{program}` ended with {}: {}",
            output.status,
            output.complaint()
        );
    }
    Ok(())
}
