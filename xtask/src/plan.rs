//! What a release would do: which nodes build in which job, which are skipped and why. Facts about this machine come in as values.

use crate::inventory::{Address, Hooks, Inventory, Limits, Node, Transfer};
use crate::words::{refuse, Absence, NodeName, Platform, Target};
use anyhow::Result;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What the user chose on the command line.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    pub nodes: Vec<String>,
    pub platforms: Vec<Platform>,
    pub local: bool,
}

/// What this machine can build.
#[derive(Clone, Debug)]
pub struct ThisMachine {
    pub host: Target,
    /// Targets whose standard library is installed, the host's included.
    pub installed: BTreeSet<Target>,
}

#[derive(Debug)]
pub struct Plan {
    pub jobs: Vec<PlannedJob>,
    pub skipped: Vec<Skipped>,
    /// Nodes with `enabled = false`.
    pub drained: Vec<NodeName>,
    /// Required platforms: enabled and required nodes, whatever was selected.
    pub required: BTreeSet<Platform>,
}

/// The nodes that one session builds.
#[derive(Debug)]
pub struct PlannedJob {
    /// The job's name on the screen and its work directory's on the node.
    pub directory: String,
    pub host: Address,
    pub nodes: Vec<Node>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Skipped {
    pub node: NodeName,
    pub platform: Platform,
    pub reason: String,
    pub absence: Absence,
}

impl Plan {
    pub fn make(inventory: &Inventory, selection: &Selection, here: &ThisMachine) -> Result<Plan> {
        let chosen = choose(inventory, selection)?;
        let mut skipped = Vec::new();
        let mut buildable: Vec<Node> = Vec::new();
        for node in chosen {
            match obstacle(node, here) {
                None => buildable.push(node.clone()),
                Some(reason) => skipped.push(Skipped {
                    node: node.name.clone(),
                    platform: node.platform(),
                    reason,
                    absence: match selection.local {
                        true => Absence::IsNothing,
                        false => node.absence(),
                    },
                }),
            }
        }
        if selection.local && buildable.is_empty() && selection.nodes.is_empty() {
            buildable.extend(built_in(inventory, selection, here));
        }
        let required = match selection.local {
            true => required_of(buildable.iter()),
            false => Plan::required(inventory),
        };
        let drained = inventory
            .nodes
            .iter()
            .filter(|node| !node.enabled)
            .map(|node| node.name.clone())
            .collect();
        Ok(Plan {
            jobs: group(buildable),
            skipped,
            drained,
            required,
        })
    }

    /// What has to be in before a version is promoted by itself.
    pub fn required(inventory: &Inventory) -> BTreeSet<Platform> {
        required_of(enabled(inventory))
    }

    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.jobs.iter().flat_map(|job| &job.nodes)
    }
}

fn required_of<'a>(nodes: impl Iterator<Item = &'a Node>) -> BTreeSet<Platform> {
    let required = nodes.filter(|node| node.required);
    required.map(Node::platform).collect()
}

fn enabled(inventory: &Inventory) -> impl Iterator<Item = &Node> {
    inventory.nodes.iter().filter(|node| node.enabled)
}

fn choose<'a>(inventory: &'a Inventory, selection: &Selection) -> Result<Vec<&'a Node>> {
    for name in &selection.nodes {
        let node = inventory.node(name)?;
        if !node.enabled {
            return Err(refuse(format!(
                "node `{name}` has `enabled = false` in nodes.toml; set it to true to build there"
            )));
        }
        if selection.local && node.host != Address::Local {
            return Err(refuse(format!("node `{name}` is on {}, and --local builds on this machine only; leave one of them out", node.host)));
        }
    }
    for platform in &selection.platforms {
        if !selection.local && !enabled(inventory).any(|node| node.platform() == *platform) {
            return Err(refuse(format!(
                "no enabled node builds {platform}; `cargo xtask node list` shows the fleet"
            )));
        }
    }
    let wanted = |node: &&Node| {
        let named = selection.nodes.is_empty()
            || selection
                .nodes
                .iter()
                .any(|name| name == node.name.as_str());
        let of_platform =
            selection.platforms.is_empty() || selection.platforms.contains(&node.platform());
        named && of_platform && (!selection.local || node.host == Address::Local)
    };
    Ok(enabled(inventory).filter(wanted).collect())
}

/// Why this machine cannot build a local node. A remote node is asked when it is connected to.
fn obstacle(node: &Node, here: &ThisMachine) -> Option<String> {
    if node.host != Address::Local
        || here.installed.contains(&node.target)
        || node.build_command.is_some()
    {
        return None;
    }
    let (wanted, own) = (node.platform().os(), here.host.platform().os());
    Some(match wanted == own {
        true => format!(
            "the standard library of {} is not installed; `rustup target add {}` installs it",
            node.target, node.target
        ),
        false => format!("a {own} machine does not build {}", node.target),
    })
}

/// The node that a fresh clone builds on: this machine, with the fleet's defaults.
fn built_in(inventory: &Inventory, selection: &Selection, here: &ThisMachine) -> Option<Node> {
    let wanted =
        selection.platforms.is_empty() || selection.platforms.contains(&here.host.platform());
    wanted.then(|| Node {
        name: NodeName::parse("local").expect("a plain word"),
        host: Address::Local,
        target: here.host.clone(),
        machine: None,
        required: true,
        enabled: true,
        prove: true,
        env: inventory.env.clone(),
        cargo_args: Vec::new(),
        build_command: None,
        binary_path: None,
        max_glibc: None,
        ssh_options: Vec::new(),
        transfer: Transfer::Session,
        hooks: Hooks::default(),
        limits: Limits::clone(&inventory.defaults),
    })
}

/// Local nodes whose settings agree share one call of cargo: two would only wait for each other's lock.
fn group(nodes: Vec<Node>) -> Vec<PlannedJob> {
    type Settings = (BTreeMap<String, String>, Vec<String>);
    let mut jobs: Vec<PlannedJob> = Vec::new();
    let mut shared: BTreeMap<Settings, usize> = BTreeMap::new();
    for node in nodes {
        let alone = node.host != Address::Local || node.build_command.is_some();
        let settings = (node.env.clone(), node.cargo_args.clone());
        match shared.get(&settings) {
            Some(&job) if !alone => jobs[job].nodes.push(node),
            _ => {
                if !alone {
                    shared.insert(settings, jobs.len());
                }
                jobs.push(PlannedJob {
                    directory: node.name.to_string(),
                    host: node.host.clone(),
                    nodes: vec![node],
                });
            }
        }
    }
    jobs
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLEET: &str = include_str!("../../nodes.toml");

    fn fleet(text: &str) -> Inventory {
        Inventory::parse("nodes.toml", text).unwrap()
    }

    fn machine(host: &str, others: &[&str]) -> ThisMachine {
        let host = Target::parse(host).unwrap();
        let others = others.iter().map(|target| Target::parse(target).unwrap());
        ThisMachine {
            installed: others.chain([host.clone()]).collect(),
            host,
        }
    }

    fn local() -> Selection {
        Selection {
            local: true,
            ..Selection::default()
        }
    }

    fn shape(plan: &Plan) -> Vec<String> {
        let names = |job: &PlannedJob| {
            job.nodes
                .iter()
                .map(|node| node.name.to_string())
                .collect::<Vec<_>>()
                .join("+")
        };
        plan.jobs
            .iter()
            .map(|job| format!("{} on {}", names(job), job.host))
            .collect()
    }

    #[test]
    fn on_a_mac_both_local_nodes_are_one_job() {
        let mac = machine("aarch64-apple-darwin", &["x86_64-apple-darwin"]);
        let plan = Plan::make(&fleet(FLEET), &local(), &mac).unwrap();
        assert_eq!(shape(&plan), ["macos-aarch64+macos-x86_64 on local"]);
        assert_eq!(plan.skipped, []);
        let required: Vec<String> = plan.required.iter().map(Platform::to_string).collect();
        assert_eq!(required, ["macos-x86_64", "macos-aarch64"]);
    }

    #[test]
    fn a_missing_rustup_target_is_named_with_its_remedy() {
        let plan = Plan::make(
            &fleet(FLEET),
            &local(),
            &machine("aarch64-apple-darwin", &[]),
        )
        .unwrap();
        assert_eq!(shape(&plan), ["macos-aarch64 on local"]);
        let [skipped] = &plan.skipped[..] else {
            panic!("{:?}", plan.skipped)
        };
        assert_eq!(skipped.reason, "the standard library of x86_64-apple-darwin is not installed; `rustup target add x86_64-apple-darwin` installs it");
        assert_eq!(skipped.absence, Absence::IsNothing);
    }

    #[test]
    fn nodes_whose_settings_differ_do_not_share_a_call() {
        let text = FLEET.replace(
            "target = \"x86_64-apple-darwin\"",
            "target = \"x86_64-apple-darwin\"\ncargo_args = [\"--features=x\"]",
        );
        let mac = machine("aarch64-apple-darwin", &["x86_64-apple-darwin"]);
        let plan = Plan::make(&fleet(&text), &local(), &mac).unwrap();
        assert_eq!(
            shape(&plan),
            ["macos-aarch64 on local", "macos-x86_64 on local"]
        );
    }

    #[test]
    fn a_fresh_clone_builds_on_the_machine_it_is_on() {
        let plan = Plan::make(
            &fleet(FLEET),
            &local(),
            &machine("x86_64-unknown-linux-gnu", &[]),
        )
        .unwrap();
        assert_eq!(shape(&plan), ["local on local"]);
        let reasons: Vec<&str> = plan
            .skipped
            .iter()
            .map(|skipped| skipped.reason.as_str())
            .collect();
        assert_eq!(
            reasons,
            [
                "a linux machine does not build aarch64-apple-darwin",
                "a linux machine does not build x86_64-apple-darwin"
            ]
        );
        assert_eq!(
            plan.nodes().next().unwrap().env["CARGO_PROFILE_RELEASE_LTO"],
            "fat"
        );
    }

    #[test]
    fn the_whole_fleet_is_planned_and_the_drained_node_named() {
        let plan = Plan::make(
            &fleet(FLEET),
            &Selection::default(),
            &machine("x86_64-unknown-linux-gnu", &[]),
        )
        .unwrap();
        assert_eq!(plan.jobs.len(), 7);
        assert_eq!(plan.skipped.len(), 2);
        assert!(plan
            .skipped
            .iter()
            .all(|skipped| skipped.absence == Absence::HoldsBack));
        assert_eq!(plan.required.len(), 9);
        assert_eq!(plan.drained, [NodeName::parse("openbsd-aarch64").unwrap()]);
    }

    #[test]
    fn a_selection_that_cannot_be_is_refused() {
        let mac = machine("aarch64-apple-darwin", &[]);
        let refused = |selection: Selection| {
            Plan::make(&fleet(FLEET), &selection, &mac)
                .unwrap_err()
                .to_string()
        };
        let named = |name: &str, local| Selection {
            nodes: vec![name.into()],
            local,
            ..Selection::default()
        };
        assert_eq!(
            refused(named("netbsd-x8664", false)),
            "no node `netbsd-x8664`; did you mean `netbsd-x86_64`?"
        );
        assert!(refused(named("openbsd-aarch64", false)).contains("enabled = false"));
        assert!(
            refused(named("netbsd-x86_64", true)).contains("--local builds on this machine only")
        );
        let platform = Platform::parse("linux-aarch64").unwrap();
        let unbuilt = Selection {
            platforms: vec![platform],
            ..Selection::default()
        };
        assert!(refused(unbuilt).contains("no enabled node builds linux-aarch64"));
    }
}
