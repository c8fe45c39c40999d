//! `cargo xtask node list`: every node and machine of nodes.toml.

use crate::inventory::{Inventory, Transfer};
use crate::ui::Ui;
use serde_json::json;

pub fn run(inventory: &Inventory, ui: &Ui) {
    for machine in &inventory.machines {
        let host = machine.host.as_ref().map(ToString::to_string);
        ui.event(
            "machine",
            json!({"name": machine.name, "host": host, "slots": machine.slots}),
        );
    }
    let width = inventory
        .nodes
        .iter()
        .map(|node| node.name.as_str().len())
        .max()
        .unwrap_or(0);
    for node in &inventory.nodes {
        let machine = node
            .machine
            .as_ref()
            .map(|machine| machine.to_string())
            .unwrap_or_default();
        ui.event("node", json!({
            "name": node.name, "host": node.host.to_string(), "target": node.target, "platform": node.platform(),
            "machine": node.machine, "ssh_options": node.ssh_options, "scp": node.transfer == Transfer::Scp,
            "start": node.hooks.start, "stop": node.hooks.stop, "required": node.required, "enabled": node.enabled, "prove": node.prove,
        }));
        let state = match (node.enabled, node.required) {
            (false, _) => "disabled",
            (true, false) => "optional",
            (true, true) => "required",
        };
        let line = format!(
            "{:width$}  {:16}  {state}  {:32}  {machine}",
            node.name,
            node.platform(),
            node.host
        );
        ui.show(line.trim_end());
    }
}
