//! `nodes.toml`, read into types that admit no bad state. Text in, values out: finding and reading the file is for others.
//!
//! Every error names the file, the line, the thing and the way out.

mod mistake;
mod raw;
mod safety;
mod ssh_options;

use crate::words::{
    nearest, parse_duration, refuse, Absence, MachineName, NodeName, Platform, ProgramName, Target,
    Version,
};
use anyhow::Result;
use raw::Located;
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Inventory {
    pub project: Project,
    pub publish: Publish,
    pub defaults: Limits,
    /// `[defaults] env`, also for the built-in node of this machine.
    pub env: BTreeMap<String, String>,
    pub machines: Vec<Machine>,
    pub nodes: Vec<Node>,
}

#[derive(Clone, Debug)]
pub struct Project {
    pub package: ProgramName,
    pub binary: ProgramName,
    pub repository: String,
    /// Argument lists that the binary is run with where it was built; `--version` is always the first.
    pub prove: Vec<Vec<String>>,
    /// The source archive carries the package's dependencies, and nodes build without a registry.
    pub vendor: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Publish {
    pub store: Option<String>,
    pub base_url: Option<String>,
    pub public: PublicReading,
    pub signing_key: Option<String>,
    pub release_keys: Vec<String>,
    pub signed_since: Option<Version>,
}

/// How everybody may read a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PublicReading {
    /// The bucket's own policy says so.
    #[default]
    BucketIam,
    /// Each object says so, in a bucket without uniform access.
    ObjectAcl,
}

#[derive(Clone, Debug)]
pub struct Machine {
    pub name: MachineName,
    pub host: Option<Address>,
    /// How many of its nodes build at once; without it, all of them.
    pub slots: Option<usize>,
    pub hooks: Hooks,
}

/// Commands of the owner's that bring a guest or a box up for a release, and down after it.
#[derive(Clone, Debug, Default)]
pub struct Hooks {
    pub start: Option<Vec<String>>,
    pub stop: Option<Vec<String>>,
    /// How long after `start` the first connection may take.
    pub ready_timeout: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Local,
    /// `user@name` or an alias of the user's ssh configuration.
    Ssh(String),
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Address::Local => "local",
            Address::Ssh(destination) => destination,
        })
    }
}

#[derive(Clone, Debug)]
pub struct Node {
    pub name: NodeName,
    pub host: Address,
    pub target: Target,
    pub machine: Option<MachineName>,
    pub required: bool,
    pub enabled: bool,
    pub prove: bool,
    pub env: BTreeMap<String, String>,
    pub cargo_args: Vec<String>,
    pub build_command: Option<String>,
    pub binary_path: Option<String>,
    pub max_glibc: Option<String>,
    pub ssh_options: Vec<String>,
    pub transfer: Transfer,
    pub hooks: Hooks,
    pub limits: Limits,
}

impl Node {
    pub fn platform(&self) -> Platform {
        self.target.platform()
    }

    pub fn absence(&self) -> Absence {
        match self.required {
            true => Absence::HoldsBack,
            false => Absence::IsSaid,
        }
    }

    /// The box whose sshd a connection meets: the node's machine, or its own name.
    pub fn box_name(&self) -> String {
        match &self.machine {
            Some(machine) => machine.to_string(),
            None => self
                .host
                .to_string()
                .rsplit('@')
                .next()
                .unwrap_or_default()
                .to_string(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// Source and binary travel in the one ssh session.
    Session,
    Scp,
}

/// Every wait has an end.
#[derive(Clone, Debug)]
pub struct Limits {
    pub connect_timeout: Duration,
    pub build_timeout: Duration,
    pub silence_timeout: Duration,
    pub prove_timeout: Duration,
    pub retries: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connect_timeout: Duration::from_secs(10),
            build_timeout: Duration::from_secs(2 * 3600),
            silence_timeout: Duration::from_secs(30 * 60),
            prove_timeout: Duration::from_secs(5 * 60),
            retries: 2,
        }
    }
}

impl Inventory {
    /// Reads the text of the file called `file`; errors are refusals (exit code 2).
    pub fn parse(file: &str, text: &str) -> Result<Inventory> {
        let source = raw::Source { file, text };
        let raw = raw::read(&source)?;
        let project = project(&source, raw.project)?;
        let publish = publish(&source, raw.publish)?;
        let defaults = defaults(&source, &raw.defaults)?;
        let machines = machines(&source, &raw.machine)?;
        let mut nodes: Vec<Node> = Vec::new();
        for entry in &raw.node {
            let node = node(&source, entry, &defaults, &machines)?;
            check_against_earlier(&source, entry, &node, &nodes)?;
            nodes.push(node);
        }
        Ok(Inventory {
            project,
            publish,
            defaults: defaults.limits,
            env: defaults.env,
            machines,
            nodes,
        })
    }

    pub fn node(&self, name: &str) -> Result<&Node> {
        self.nodes
            .iter()
            .find(|node| node.name.as_str() == name)
            .ok_or_else(|| {
                let known: Vec<&str> = self.nodes.iter().map(|node| node.name.as_str()).collect();
                let hint = match nearest(name, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the nodes are {}", known.join(", ")),
                };
                refuse(format!("no node `{}`; {hint}", name.escape_debug()))
            })
    }
}

fn project(source: &raw::Source, raw: raw::Project) -> Result<Project> {
    let thing = "[project]";
    let package = source.check(thing, &raw.package, ProgramName::parse)?;
    let binary = source.check(thing, &raw.binary, ProgramName::parse)?;
    let mut prove = Vec::new();
    for line in &raw.prove {
        prove.push(source.check(thing, line, safety::program_arguments)?);
    }
    prove.retain(|arguments| arguments != &["--version"]);
    prove.insert(0, vec!["--version".to_string()]);
    let repository = source.check(thing, &raw.repository, safety::https_url)?;
    Ok(Project {
        package,
        binary,
        repository,
        prove,
        vendor: raw.vendor,
    })
}

fn publish(source: &raw::Source, raw: Option<raw::Publish>) -> Result<Publish> {
    let Some(raw) = raw else {
        return Ok(Publish::default());
    };
    let thing = "[publish]";
    let release_keys = raw
        .release_keys
        .iter()
        .map(|key| source.check(thing, key, safety::ed25519_key))
        .collect::<Result<Vec<_>>>()?;
    if let (Some(key), true) = (&raw.signing_key, release_keys.is_empty()) {
        return Err(source.error(key, thing, "`signing_key` without `release_keys`; list its public half there, so that installers accept it"));
    }
    Ok(Publish {
        store: source.check_some(thing, &raw.store, safety::store)?,
        base_url: source.check_some(thing, &raw.base_url, safety::https_url)?,
        public: source
            .check_some(thing, &raw.public, public_reading)?
            .unwrap_or_default(),
        signing_key: raw.signing_key.map(Located::into_inner),
        release_keys,
        signed_since: source.check_some(thing, &raw.signed_since, Version::parse)?,
    })
}

/// What a node has that says nothing else.
struct Defaults {
    limits: Limits,
    env: BTreeMap<String, String>,
}

fn defaults(source: &raw::Source, raw: &raw::Defaults) -> Result<Defaults> {
    let thing = "[defaults]";
    Ok(Defaults {
        limits: limits(source, thing, raw.limits(), &Limits::default())?,
        env: environment(source, thing, &raw.env)?,
    })
}

fn limits(
    source: &raw::Source,
    thing: &str,
    raw: raw::Limits,
    defaults: &Limits,
) -> Result<Limits> {
    let read = |key: &str, value: &Option<Located<String>>, default: Duration| {
        anyhow::Ok(duration(source, thing, key, value)?.unwrap_or(default))
    };
    let Limits {
        connect_timeout,
        build_timeout,
        silence_timeout,
        prove_timeout,
        retries,
    } = *defaults;
    Ok(Limits {
        connect_timeout: read("connect_timeout", raw.connect_timeout, connect_timeout)?,
        build_timeout: read("build_timeout", raw.build_timeout, build_timeout)?,
        silence_timeout: read("silence_timeout", raw.silence_timeout, silence_timeout)?,
        prove_timeout: read("prove_timeout", raw.prove_timeout, prove_timeout)?,
        retries: raw.retries.unwrap_or(retries),
    })
}

fn duration(
    source: &raw::Source,
    thing: &str,
    key: &str,
    value: &Option<Located<String>>,
) -> Result<Option<Duration>> {
    source.check_some(&format!("{thing}: `{key}`"), value, parse_duration)
}

fn environment(
    source: &raw::Source,
    thing: &str,
    raw: &BTreeMap<Located<String>, String>,
) -> Result<BTreeMap<String, String>> {
    let mut env = BTreeMap::new();
    for (name, value) in raw {
        let checked = source.check(thing, name, safety::variable_name)?;
        if value.contains(['\n', '\r', '\0']) {
            return Err(source.error(
                name,
                thing,
                &format!("the value of `{checked}` holds a line break; put it on one line"),
            ));
        }
        env.insert(checked, value.clone());
    }
    Ok(env)
}

fn machines(source: &raw::Source, raw: &[raw::Machine]) -> Result<Vec<Machine>> {
    let mut machines: Vec<Machine> = Vec::new();
    for entry in raw {
        let thing = format!("machine `{}`", entry.name.as_ref().escape_debug());
        let name = source.check(&thing, &entry.name, MachineName::parse)?;
        if machines.iter().any(|machine| machine.name == name) {
            return Err(source.error(&entry.name, &thing, "is there twice; rename or remove one"));
        }
        let slots = match &entry.slots {
            None => None,
            Some(slots) if (1..=64).contains(slots.as_ref()) => Some(*slots.as_ref() as usize),
            Some(slots) => {
                return Err(source.error(
                    slots,
                    &thing,
                    "`slots` is how many of its nodes build at once: 1 to 64",
                ))
            }
        };
        let host = source.check_some(&thing, &entry.host, address)?;
        let hooks = hooks(source, &thing, entry.hooks())?;
        machines.push(Machine {
            name,
            host,
            slots,
            hooks,
        });
    }
    Ok(machines)
}

fn node(
    source: &raw::Source,
    raw: &raw::Node,
    defaults: &Defaults,
    machines: &[Machine],
) -> Result<Node> {
    let thing = &format!("node `{}`", raw.name.as_ref().escape_debug());
    let name = source.check(thing, &raw.name, NodeName::parse)?;
    let machine = source.check_some(thing, &raw.machine, |text| known_machine(text, machines))?;
    let mut env = defaults.env.clone();
    env.extend(environment(source, thing, &raw.env)?);
    for option in &raw.ssh_options {
        source.check(thing, option, ssh_options::check)?;
    }
    for argument in &raw.cargo_args {
        source.check(thing, argument, safety::cargo_argument)?;
    }
    let plain = |list: &[Located<String>]| list.iter().map(|text| text.as_ref().clone()).collect();
    let host = source.check(thing, &raw.host, address)?;
    Ok(Node {
        target: source.check(thing, &raw.target, Target::parse)?,
        required: raw.required.unwrap_or(true),
        enabled: raw.enabled.unwrap_or(true),
        prove: raw.prove.unwrap_or(true),
        cargo_args: plain(&raw.cargo_args),
        build_command: source.check_some(thing, &raw.build_command, safety::template)?,
        binary_path: source.check_some(thing, &raw.binary_path, safety::path_template)?,
        max_glibc: source.check_some(thing, &raw.max_glibc, safety::dotted_number)?,
        ssh_options: plain(&raw.ssh_options),
        transfer: source
            .check_some(thing, &raw.transfer, |text| transfer(text, &host))?
            .unwrap_or(Transfer::Session),
        host,
        hooks: hooks(source, thing, raw.hooks())?,
        limits: limits(source, thing, raw.limits(), &defaults.limits)?,
        name,
        machine,
        env,
    })
}

fn check_against_earlier(
    source: &raw::Source,
    raw: &raw::Node,
    node: &Node,
    earlier: &[Node],
) -> Result<()> {
    let thing = format!("node `{}`", node.name);
    if earlier.iter().any(|other| other.name == node.name) {
        return Err(source.error(&raw.name, &thing, "is there twice; rename or remove one"));
    }
    let rival = earlier
        .iter()
        .find(|other| other.enabled && node.enabled && other.platform() == node.platform());
    match rival {
        None => Ok(()),
        Some(rival) => Err(source.error(
            &raw.target,
            &thing,
            &format!(
                "builds {}, which node `{}` builds too; set `enabled = false` on one of them",
                node.platform(),
                rival.name
            ),
        )),
    }
}

const READY_TIMEOUT: Duration = Duration::from_secs(5 * 60);

fn hooks(source: &raw::Source, thing: &str, raw: raw::Hooks) -> Result<Hooks> {
    let ready_timeout = duration(source, thing, "ready_timeout", raw.ready_timeout)?;
    Ok(Hooks {
        start: hook(source, thing, raw.start)?,
        stop: hook(source, thing, raw.stop)?,
        ready_timeout: ready_timeout.unwrap_or(READY_TIMEOUT),
    })
}

fn hook(
    source: &raw::Source,
    thing: &str,
    raw: &Option<Located<Vec<String>>>,
) -> Result<Option<Vec<String>>> {
    match raw {
        Some(words) if words.as_ref().first().is_none_or(String::is_empty) => Err(source.error(
            words,
            thing,
            "an empty command; write it as a list, as in [\"ssh\", \"rig\", \"start-vm\"]",
        )),
        _ => Ok(raw.as_ref().map(|words| words.as_ref().clone())),
    }
}

fn address(text: &str) -> Result<Address> {
    match text {
        "local" => Ok(Address::Local),
        _ => safety::ssh_destination(text).map(Address::Ssh),
    }
}

fn public_reading(text: &str) -> Result<PublicReading> {
    match text {
        "bucket-iam" => Ok(PublicReading::BucketIam),
        "object-acl" => Ok(PublicReading::ObjectAcl),
        _ => anyhow::bail!(
            "public `{}` is neither `bucket-iam` nor `object-acl`",
            text.escape_debug()
        ),
    }
}

fn transfer(text: &str, host: &Address) -> Result<Transfer> {
    match text {
        "session" => Ok(Transfer::Session),
        "scp" if *host == Address::Local => {
            anyhow::bail!("transfer `scp` is for a node that ssh reaches; remove it")
        }
        "scp" => Ok(Transfer::Scp),
        _ => anyhow::bail!(
            "transfer `{}` is neither `session` nor `scp`",
            text.escape_debug()
        ),
    }
}

fn known_machine(text: &str, machines: &[Machine]) -> Result<MachineName> {
    let name = MachineName::parse(text)?;
    if machines.iter().any(|machine| machine.name == name) {
        return Ok(name);
    }
    match nearest(text, machines.iter().map(|machine| machine.name.as_str())) {
        Some(near) => anyhow::bail!("machine `{name}` does not exist; did you mean `{near}`?"),
        None => anyhow::bail!("machine `{name}` does not exist; add a [[machine]] of that name"),
    }
}

#[cfg(test)]
mod tests;
