//! `cargo xtask promote`, `yank` and `rollback`: they move pointers. No byte of a release is touched.

use crate::console::{Console, Ending};
use crate::destination::{self, base_url};
use crate::flags;
use crate::index::Index;
use crate::inventory::Project;
use crate::pointers::Pointers;
use crate::store::Store;
use crate::words::{refuse, Version};
use crate::workspace::Workspace;
use anyhow::{Context, Result};

pub fn promote(workspace: &Workspace, flags: flags::Promote, console: &Console) -> Result<Ending> {
    let version = parse(&flags.version)?;
    let moving = Moving::open(workspace, flags.to, console)?;
    moving.run(&|index| index.promote(&version))
}

pub fn yank(workspace: &Workspace, flags: flags::Yank, console: &Console) -> Result<Ending> {
    let version = parse(&flags.version)?;
    let moving = Moving::open(workspace, flags.to, console)?;
    moving.run(&|index| match flags.undo {
        true => index.restore(&version),
        false => index.yank(&version),
    })
}

pub fn rollback(
    workspace: &Workspace,
    flags: flags::Rollback,
    console: &Console,
) -> Result<Ending> {
    let version = parse(&flags.version)?;
    let moving = Moving::open(workspace, flags.to, console)?;
    moving.run(&|index| index.roll_back(&version))
}

fn parse(text: &str) -> Result<Version> {
    Version::parse(text).map_err(|error| refuse(error.to_string()))
}

struct Moving<'a> {
    store: Store,
    project: &'a Project,
    readers: String,
    console: &'a Console<'a>,
}

impl Moving<'_> {
    fn open<'a>(
        workspace: &'a Workspace,
        to: Option<String>,
        console: &'a Console,
    ) -> Result<Moving<'a>> {
        let publish = &workspace.inventory.publish;
        let location = to.or_else(|| publish.store.clone());
        let location = location.ok_or_else(|| refuse(destination::NO_STORE))?;
        let store = Store::open(&location, console.access)?;
        Ok(Moving {
            project: &workspace.inventory.project,
            readers: base_url(publish, &store),
            store,
            console,
        })
    }

    fn run(&self, edit: &dyn Fn(&mut Index) -> Result<()>) -> Result<Ending> {
        let Console { ui, interrupt, .. } = self.console;
        self.store.preflight()?;
        let pointers = Pointers {
            store: &self.store,
            project: self.project,
            base_url: &self.readers,
            ui,
            interrupt,
        };
        let change = pointers
            .change(edit)
            .with_context(|| self.store.location().to_string())?;
        let index = pointers.follow(&change)?;
        let show = |latest: &Option<Version>| match latest {
            Some(version) => version.to_string(),
            None => "nothing".into(),
        };
        ui.result(&format!(
            "{}: latest is {} (was {})",
            self.readers,
            show(&index.latest),
            show(&change.before.latest)
        ));
        Ok(Ending::Done)
    }
}
