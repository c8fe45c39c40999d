//! A step of a release: the owner's `start` and `stop` commands. Whatever was started is stopped, also after a failure or a signal.

use crate::host::Watch;
use crate::inventory::{Hooks, Inventory, Machine, Node};
use crate::process::Timed;
use crate::ui::Ui;
use crate::words::MachineName;
use anyhow::{bail, Error, Result};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The machines of a release that have hooks, with how many jobs still need each.
pub struct MachineHooks<'a> {
    machines: BTreeMap<MachineName, Mutex<Shared<'a>>>,
    ui: &'a Ui,
}

struct Shared<'a> {
    machine: &'a Machine,
    jobs_left: usize,
    /// Until when its nodes may still be booting, once its `start` was run; or why that failed.
    start: Option<Result<Instant, String>>,
}

/// The hooks of one job. What it has started is stopped when this value is dropped, the machine with its last job.
pub struct JobHooks<'s, 'a> {
    all: &'s MachineHooks<'a>,
    node: &'s Node,
    node_started: Cell<bool>,
    machine: Option<&'s Mutex<Shared<'a>>>,
}

impl<'a> MachineHooks<'a> {
    /// `nodes` has one node per job that will connect.
    pub fn new(inventory: &'a Inventory, nodes: &[&Node], ui: &'a Ui) -> MachineHooks<'a> {
        let hooked = inventory
            .machines
            .iter()
            .filter(|machine| machine.hooks.start.is_some() || machine.hooks.stop.is_some());
        let shared = hooked.map(|machine| {
            let on_it = |node: &&&Node| node.machine.as_ref() == Some(&machine.name);
            let shared = Shared {
                machine,
                jobs_left: nodes.iter().filter(on_it).count(),
                start: None,
            };
            (machine.name.clone(), Mutex::new(shared))
        });
        MachineHooks {
            machines: shared.collect(),
            ui,
        }
    }

    pub fn of<'s>(&'s self, node: &'s Node) -> JobHooks<'s, 'a> {
        let name = node.machine.as_ref();
        JobHooks {
            all: self,
            node,
            node_started: Cell::new(false),
            machine: name.and_then(|name| self.machines.get(name)),
        }
    }
}

impl JobHooks<'_, '_> {
    /// The machine first, then the node. Until the time that comes back, a connection may fail for want of a node that is still booting.
    pub fn start(&self, watch: &Watch) -> Result<Option<Instant>> {
        let machine_ready = match self.machine {
            Some(machine) => self.start_machine(&mut lock(machine), watch)?,
            None => None,
        };
        let hooks = &self.node.hooks;
        if hooks.start.is_none() {
            return Ok(machine_ready);
        }
        self.all.ui.say(&format!("[{}] starting", self.node.name));
        // Before it runs: a start that fails half-way is stopped too.
        self.node_started.set(true);
        start(hooks, watch)?;
        Ok(Some(Instant::now() + hooks.ready_timeout))
    }

    /// Once for all its nodes: the others wait here while it starts, and share what came of it.
    fn start_machine(&self, shared: &mut Shared, watch: &Watch) -> Result<Option<Instant>> {
        let Machine { name, hooks, .. } = shared.machine;
        if hooks.start.is_none() {
            return Ok(None);
        }
        let outcome = shared.start.get_or_insert_with(|| {
            let node = &self.node.name;
            self.all
                .ui
                .say(&format!("[{node}] starting machine {name}"));
            match start(hooks, watch) {
                Ok(()) => Ok(Instant::now() + hooks.ready_timeout),
                Err(error) => Err(format!("machine {name}: {error:#}")),
            }
        });
        outcome.clone().map(Some).map_err(Error::msg)
    }

    fn stop(&self, hooks: &Hooks, what: &str) {
        let Some(command) = &hooks.stop else { return };
        self.all
            .ui
            .say(&format!("[{}] stopping {what}", self.node.name));
        if let Err(error) = run(command, hooks.ready_timeout, || None) {
            let warning = format!("{what} was not stopped: {error:#}");
            self.all.ui.warn(&warning);
        }
    }
}

impl Drop for JobHooks<'_, '_> {
    fn drop(&mut self) {
        if self.node_started.get() {
            self.stop(&self.node.hooks, &format!("node {}", self.node.name));
        }
        let Some(machine) = self.machine else { return };
        let mut shared = lock(machine);
        shared.jobs_left = shared.jobs_left.saturating_sub(1);
        if shared.jobs_left == 0 && shared.start.is_some() {
            let Machine { name, hooks, .. } = shared.machine;
            self.stop(hooks, &format!("machine {name}"));
        }
    }
}

fn lock<'a, 'b>(machine: &'b Mutex<Shared<'a>>) -> MutexGuard<'b, Shared<'a>> {
    // A panic elsewhere must not leave the machine running.
    machine.lock().unwrap_or_else(PoisonError::into_inner)
}

fn start(hooks: &Hooks, watch: &Watch) -> Result<()> {
    match &hooks.start {
        Some(command) => run(command, hooks.ready_timeout, || watch.called_off()),
        None => Ok(()),
    }
}

fn run(
    command: &[String],
    deadline: Duration,
    called_off: impl Fn() -> Option<&'static str>,
) -> Result<()> {
    let [program, arguments @ ..] = command else {
        return Ok(());
    };
    let output = Timed::new(program, deadline)
        .args(arguments)
        .run_unless(called_off)?;
    if !output.status.success() {
        let (status, complaint) = (output.status, output.complaint());
        bail!("`{program}` ended with {status}: {complaint}");
    }
    Ok(())
}
