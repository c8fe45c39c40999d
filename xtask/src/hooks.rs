//! A step of a release: the owner's `start` and `stop` commands. Whatever was used is stopped, also after a failure or a signal.
//!
//! What they say goes to `logs/<name>.hooks.log`.

use crate::dist::Dist;
use crate::host::Watch;
use crate::inventory::{Hooks, Inventory, Machine, Node};
use crate::process::Logged;
use crate::ui::Ui;
use crate::words::{show_time, MachineName};
use anyhow::{anyhow, bail, Context, Error, Result};
use camino::Utf8PathBuf;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

/// The machines of a release that have hooks, with how many jobs still need each.
pub struct MachineHooks<'a> {
    machines: BTreeMap<MachineName, Mutex<Shared<'a>>>,
    dist: &'a Dist,
    ui: &'a Ui,
}

struct Shared<'a> {
    machine: &'a Machine,
    jobs_left: usize,
    /// Once one of its nodes was used: until when they may still be booting, where it was started; or why that failed.
    start: Option<Result<Option<Instant>, String>>,
}

/// The hooks of one job. What it has used is stopped when this value is dropped, the machine with its last job.
pub struct JobHooks<'s, 'a> {
    all: &'s MachineHooks<'a>,
    node: &'s Node,
    node_used: Cell<bool>,
    machine: Option<&'s Mutex<Shared<'a>>>,
}

impl<'a> MachineHooks<'a> {
    /// `nodes` has one node per job that will connect.
    pub fn new(
        inventory: &'a Inventory,
        nodes: &[&Node],
        dist: &'a Dist,
        ui: &'a Ui,
    ) -> MachineHooks<'a> {
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
            dist,
            ui,
        }
    }

    pub fn of<'s>(&'s self, node: &'s Node) -> JobHooks<'s, 'a> {
        let name = node.machine.as_ref();
        JobHooks {
            all: self,
            node,
            node_used: Cell::new(false),
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
        // Already here: a start that fails half-way is stopped too, and so is what somebody else has started.
        self.node_used.set(true);
        let Node { name, hooks, .. } = self.node;
        let Some(command) = &hooks.start else {
            return Ok(machine_ready);
        };
        self.all.ui.say(&format!("[{name}] starting"));
        let commands = self.commands(hooks, name.as_str());
        commands.run(command, || watch.called_off())?;
        Ok(Some(Instant::now() + hooks.ready_timeout))
    }

    /// Once for all its nodes: the others wait here while it starts, and share what came of it.
    fn start_machine(&self, shared: &mut Shared, watch: &Watch) -> Result<Option<Instant>> {
        let Machine { name, hooks, .. } = shared.machine;
        let outcome = shared.start.get_or_insert_with(|| {
            let Some(command) = &hooks.start else {
                return Ok(None);
            };
            let node = &self.node.name;
            self.all
                .ui
                .say(&format!("[{node}] starting machine {name}"));
            let commands = self.commands(hooks, &machine_log(name));
            match commands.run(command, || watch.called_off()) {
                Ok(()) => Ok(Some(Instant::now() + hooks.ready_timeout)),
                Err(error) => Err(format!("machine {name}: {error:#}")),
            }
        });
        outcome.clone().map_err(Error::msg)
    }

    fn commands<'h>(&self, hooks: &'h Hooks, log: &str) -> Commands<'h> {
        Commands {
            hooks,
            log: self.all.dist.hooks_log(log),
        }
    }

    fn stop(&self, commands: &Commands, what: &str) {
        let Some(command) = &commands.hooks.stop else {
            return;
        };
        let ui = self.all.ui;
        ui.say(&format!("[{}] stopping {what}", self.node.name));
        if let Err(error) = commands.run(command, || None) {
            ui.warn(&format!("{what} was not stopped: {error:#}"));
        }
    }
}

impl Drop for JobHooks<'_, '_> {
    fn drop(&mut self) {
        if self.node_used.get() {
            let name = &self.node.name;
            let commands = self.commands(&self.node.hooks, name.as_str());
            self.stop(&commands, &format!("node {name}"));
        }
        let Some(machine) = self.machine else { return };
        let mut shared = lock(machine);
        shared.jobs_left = shared.jobs_left.saturating_sub(1);
        if shared.jobs_left == 0 && shared.start.is_some() {
            let Machine { name, hooks, .. } = shared.machine;
            let commands = self.commands(hooks, &machine_log(name));
            self.stop(&commands, &format!("machine {name}"));
        }
    }
}

fn lock<'a, 'b>(machine: &'b Mutex<Shared<'a>>) -> MutexGuard<'b, Shared<'a>> {
    // A panic elsewhere must not leave the machine running.
    machine.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A node may be called as its machine is.
fn machine_log(name: &MachineName) -> String {
    format!("machine-{name}")
}

/// What brings one node or machine up and down.
struct Commands<'h> {
    hooks: &'h Hooks,
    log: Utf8PathBuf,
}

impl Commands<'_> {
    fn run(&self, command: &[String], called_off: impl Fn() -> Option<&'static str>) -> Result<()> {
        let [program, arguments @ ..] = command else {
            return Ok(());
        };
        let mut output = self.open_log()?;
        let time = show_time(SystemTime::now());
        let _ = writeln!(output, "{time} $ {}", command.join(" "));
        let begun = output.metadata().map_or(0, |log| log.len());
        let logged = Logged {
            program,
            arguments,
            output,
            deadline: self.hooks.ready_timeout,
        };
        let ended = logged.run_unless(called_off).and_then(|status| {
            if !status.success() {
                bail!(
                    "`{program}` ended with {status}: {}",
                    self.last_words(begun)
                );
            }
            Ok(())
        });
        ended.map_err(|error| anyhow!("{error:#}; all it said: {}", self.log))
    }

    /// Without a log a disk that is full would keep a machine running.
    fn open_log(&self) -> Result<File> {
        let log = File::options().create(true).append(true).open(&self.log);
        log.or_else(|_| File::options().write(true).open("/dev/null"))
            .context("/dev/null")
    }

    /// The last line that was written since.
    fn last_words(&self, begun: u64) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let new = log.get(begun as usize..).unwrap_or_default();
        let text = String::from_utf8_lossy(new);
        let line = text.lines().rev().find(|line| !line.trim().is_empty());
        let line = line.unwrap_or("without a word").chars();
        line.filter(|c| !c.is_control()).take(300).collect()
    }
}
