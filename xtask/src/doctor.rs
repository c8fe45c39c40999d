//! `cargo xtask doctor`: whether the store could be published to from here, by whom, and what is in it. Writes nothing.

use crate::console::{Console, Ending};
use crate::destination::{base_url, NO_STORE};
use crate::flags;
use crate::store::Store;
use crate::words::{counted, refuse, Version};
use crate::workspace::Workspace;
use anyhow::Result;
use serde_json::json;

pub fn run(workspace: &Workspace, flags: flags::Doctor, console: &Console) -> Result<Ending> {
    let publish = &workspace.inventory.publish;
    let location = flags.to.or_else(|| publish.store.clone());
    let store = Store::open(&location.ok_or_else(|| refuse(NO_STORE))?, console.access)?;
    let ui = console.ui;
    ui.show(&format!("store    {}", store.location()));
    ui.show(&format!("readers  {}", base_url(publish, &store)));
    if let Store::Gcs(bucket) = &store {
        ui.show(&format!("login    {}", bucket.login()));
        for (permission, state) in bucket.diagnosis()? {
            ui.show(&format!("  {permission:24} {state}"));
            ui.event(
                "permission",
                json!({"permission": permission, "state": state}),
            );
        }
    }
    if let Store::Gsutil(bucket) = &store {
        ui.show(&format!("login    that of {}", bucket.version()?));
    }
    match &store {
        Store::Dir(directory) => ui.show(&format!(
            "login    none; the directory {}",
            directory.condition()?
        )),
        Store::Gcs(_) | Store::Gsutil(_) => store.preflight()?,
    }
    let index = store.index()?;
    let latest = index
        .latest
        .as_ref()
        .map_or("nothing".into(), Version::to_string);
    let count = index.versions.len();
    ui.show(&format!(
        "index    serial {}, {}, latest {latest}",
        index.serial,
        counted(count, "version")
    ));
    ui.event("store", json!({"store": store.location(), "serial": index.serial, "versions": count, "latest": index.latest}));
    Ok(Ending::Done)
}
