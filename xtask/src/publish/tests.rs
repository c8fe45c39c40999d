//! The publish protocol, under kills and rivals, on both stores: the real client against the strict fake, and the directory.
//!
//! A kill stops a publisher before or after one of its requests, for good. A rival publishes, whole, between any two requests of
//! another. A reader looks after every request, and everything that it can see must be whole.

mod reader;

use super::*;
use crate::dist::Dist;
use crate::fake::{Fake, Fate, Rules};
use crate::gcs::{Bucket, Patience};
use crate::inventory::{Inventory, PublicReading};
use crate::store::{Step, Watch};
use crate::ui::{Talk, Ui};
use crate::words::{Artifact, Facts, NodeName, Target};
use reader::Reader;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

const INVENTORY: &str = r#"
[project]
package = "ballistics-engine"
binary = "ballistics"
repository = "https://github.com/ajokela/ballistics-engine"
"#;

const BASE_URL: &str = "https://ballistics.zip";

fn inventory() -> &'static Inventory {
    static ONCE: OnceLock<Inventory> = OnceLock::new();
    ONCE.get_or_init(|| Inventory::parse("nodes.toml", INVENTORY).unwrap())
}

fn quiet() -> &'static Ui {
    static ONCE: OnceLock<Ui> = OnceLock::new();
    ONCE.get_or_init(|| Ui::new(Talk::Quiet, false))
}

fn interrupt() -> &'static Interrupt {
    static ONCE: OnceLock<Interrupt> = OnceLock::new();
    ONCE.get_or_init(Interrupt::none)
}

fn patience() -> Patience {
    Patience {
        first_pause: Duration::from_millis(1),
        between_writes: Duration::ZERO,
        ..Patience::new(interrupt())
    }
}

fn version(text: &str) -> Version {
    Version::parse(text).unwrap()
}

/// What a publisher has to publish.
#[derive(Clone, Copy)]
struct Cargo {
    version: &'static str,
    required: &'static str,
    built: &'static str,
    /// Makes its binaries differ from another's.
    salt: &'static str,
}

/// Somebody who changes the store: a release, or a yank.
struct Actor {
    name: &'static str,
    deed: Deed,
    parallel: usize,
}

enum Deed {
    Publish {
        _room: xshell::TempDir,
        dist: Box<Dist>,
        source: SourceRecord,
        required: BTreeSet<Platform>,
    },
    Yank(Version),
}

fn platforms(text: &str) -> BTreeSet<Platform> {
    text.split_whitespace()
        .map(|name| Platform::parse(name).unwrap())
        .collect()
}

impl Actor {
    fn yanking(name: &'static str, yanked: &str) -> Arc<Actor> {
        Arc::new(Actor {
            name,
            deed: Deed::Yank(version(yanked)),
            parallel: 1,
        })
    }

    fn publishing(name: &'static str, cargo: Cargo) -> Arc<Actor> {
        Arc::new(Actor {
            name,
            deed: deed(cargo),
            parallel: 1,
        })
    }

    fn hurried(name: &'static str, cargo: Cargo) -> Arc<Actor> {
        Arc::new(Actor {
            name,
            deed: deed(cargo),
            parallel: 4,
        })
    }

    fn act(&self, store: &Store) -> Result<()> {
        store.preflight()?;
        match &self.deed {
            Deed::Yank(version) => {
                let pointers = Pointers {
                    store,
                    project: &inventory().project,
                    base_url: BASE_URL,
                    ui: quiet(),
                    interrupt: interrupt(),
                };
                let change = pointers.change(&|index| index.yank(version, true))?;
                pointers.refresh(change.index).map(drop)
            }
            Deed::Publish {
                dist,
                source,
                required,
                ..
            } => {
                let publishing = Publishing {
                    store,
                    dist,
                    inventory: inventory(),
                    source,
                    required,
                    signer: None,
                    base_url: BASE_URL,
                    installer_template: Utf8Path::new(concat!(
                        env!("CARGO_MANIFEST_DIR"),
                        "/../install.sh"
                    )),
                    manner: Manner::Permanent,
                    refresh_installer: false,
                    reclaim: false,
                    allow_unproven: false,
                    parallel: self.parallel,
                    ui: quiet(),
                    interrupt: interrupt(),
                };
                publishing.run().map(drop)
            }
        }
    }
}

fn deed(cargo: Cargo) -> Deed {
    let room = xshell::Shell::new().unwrap().create_temp_dir().unwrap();
    let root = Utf8Path::from_path(room.path()).unwrap();
    let project = &inventory().project;
    let dist = Dist::open(root, &version(cargo.version), &project.binary).unwrap();
    let archive = format!("source of {}", cargo.version);
    let source = SourceRecord {
        version: version(cargo.version),
        commit: "c0ffee".repeat(7),
        tagged: true,
        dirty: false,
        file: format!("{}-{}.crate", project.package, cargo.version),
        sha256: Digest::of(archive.as_bytes()),
        size: archive.len() as u64,
        cargo: "cargo 1".into(),
        rust_version: None,
    };
    dist.take_source(&source, archive.as_bytes()).unwrap();
    for platform in platforms(cargo.built) {
        build(&dist, platform, cargo);
    }
    let required = platforms(cargo.required);
    seal::seal_version(&dist, project, &required, None).unwrap();
    Deed::Publish {
        _room: room,
        dist: Box::new(dist),
        source,
        required,
    }
}

fn build(dist: &Dist, platform: Platform, cargo: Cargo) {
    let bytes = format!("{platform} {} {}", cargo.version, cargo.salt);
    let partial = dist.partial("binary");
    fs::write(&partial, &bytes).unwrap();
    let triple = format!("{}-unknown-{}", platform.arch(), platform.os());
    let triple = triple.replace("linux", "linux-gnu");
    let artifact = Artifact {
        platform,
        targets: vec![Target::parse(&triple).unwrap()],
        node: NodeName::parse("node").unwrap(),
        host: "local".into(),
        file: dist.artifact_file(platform),
        sha256: Digest::of(bytes.as_bytes()),
        size: bytes.len() as u64,
        floor: "-".into(),
        needed: vec![],
        symbol_versions: vec![],
        proven: true,
        source: crate::words::SourceKind::Archive,
        facts: Facts::default(),
        seconds: 1.0,
    };
    dist.keep(&partial, Digest::zero(), artifact).unwrap();
}

/// Where it is published, with a reader who looks after every request.
#[derive(Clone)]
struct World(Arc<Place>);

struct Place {
    ground: Ground,
    reader: Mutex<Reader>,
    violations: Mutex<Vec<String>>,
}

enum Ground {
    Bucket(Fake),
    Directory(xshell::TempDir),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Bucket,
    Directory,
}

/// What happens when a publisher is about to send a request.
type Meddling = Arc<dyn Fn(usize) -> Meddle + Send + Sync>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meddle {
    Nothing,
    KillBefore,
    KillAfter,
}

impl World {
    fn new(kind: Shape) -> World {
        World::with(match kind {
            Shape::Bucket => Ground::Bucket(Fake::start(Rules {
                tokens: ["a", "b", "c"].map(String::from).into(),
                ..Rules::default()
            })),
            Shape::Directory => {
                Ground::Directory(xshell::Shell::new().unwrap().create_temp_dir().unwrap())
            }
        })
    }

    fn with(ground: Ground) -> World {
        let world = World(Arc::new(Place {
            ground,
            reader: Mutex::default(),
            violations: Mutex::default(),
        }));
        if let Ground::Bucket(fake) = &world.0.ground {
            // Weak: the fake is owned by what this looks at.
            let place = Arc::downgrade(&world.0);
            fake.after(move |asked| {
                if let (true, Some(place)) = (asked.is_write(), place.upgrade()) {
                    place.look(&asked.path);
                }
            });
        }
        world
    }

    /// Lets an actor act; `meddling` is asked before each of its requests. Returns what became of it and how many requests it sent.
    fn act(&self, actor: &Actor, meddling: Meddling) -> (Result<()>, usize) {
        let count = Arc::new(AtomicUsize::new(0));
        let dead = Arc::new(AtomicBool::new(false));
        let result = match &self.0.ground {
            Ground::Bucket(fake) => {
                let (counted, dead) = (count.clone(), dead.clone());
                fake.before_of(actor.name, move |_| {
                    if dead.load(Ordering::SeqCst) {
                        return Fate::Refused(403, "killed");
                    }
                    match meddling(counted.fetch_add(1, Ordering::SeqCst)) {
                        Meddle::Nothing => Fate::Served,
                        fatal => {
                            dead.store(true, Ordering::SeqCst);
                            match fatal {
                                Meddle::KillAfter => Fate::DoneButRefused(403, "killed"),
                                _ => Fate::Refused(403, "killed"),
                            }
                        }
                    }
                });
                let bucket = Bucket::for_test(
                    &fake.endpoint(),
                    Some(actor.name),
                    PublicReading::BucketIam,
                    patience(),
                );
                actor.act(&Store::Gcs(Box::new(bucket.unwrap())))
            }
            Ground::Directory(root) => {
                let store = Store::directory(root.path().to_str().unwrap()).unwrap();
                let Store::Dir(mut store) = store else {
                    unreachable!("a directory was opened")
                };
                let (place, counted) = (self.0.clone(), count.clone());
                store.watch = Watch::new(move |step, name| {
                    place.look(name);
                    anyhow::ensure!(!dead.load(Ordering::SeqCst), "killed");
                    // Within a change the lock is held, and only a kill can happen.
                    let number = counted.fetch_add(1, Ordering::SeqCst);
                    let meddle = meddling(if step == Step::Open {
                        number
                    } else {
                        number | INSIDE
                    });
                    if meddle != Meddle::Nothing {
                        dead.store(true, Ordering::SeqCst);
                        bail!("killed");
                    }
                    Ok(())
                });
                actor.act(&Store::Dir(store))
            }
        };
        if let Ground::Bucket(fake) = &self.0.ground {
            fake.leave_alone(actor.name);
        }
        self.0.look("the end");
        (result, count.load(Ordering::SeqCst))
    }

    fn act_alone(&self, actor: &Actor) -> Result<usize> {
        let (result, count) = self.act(actor, Arc::new(|_| Meddle::Nothing));
        result.map(|()| count)
    }

    /// Each actor in a thread of its own, killed at each point of its plan and started again.
    fn act_together(&self, actors: &[Arc<Actor>], plans: &[Vec<usize>]) {
        thread::scope(|scope| {
            for (actor, points) in actors.iter().zip(plans) {
                scope.spawn(move || {
                    for point in points {
                        // Killed, or done because it was shorter than that.
                        let _ = self.act(actor, kill_at(*point, Meddle::KillBefore));
                    }
                });
            }
        });
    }

    /// Everything that was seen on the way was whole, and the views say what the index says.
    fn violations(&self) -> Vec<String> {
        let mut violations = self.0.violations.lock().unwrap().clone();
        violations.extend(reader::unfinished(&self.0.objects()));
        violations
    }

    fn listed(&self) -> Vec<String> {
        let index = Index::parse(&self.0.objects()["index.json"]).unwrap();
        let versions = index.versions.iter();
        versions
            .flat_map(|(version, entry)| {
                entry
                    .platforms
                    .keys()
                    .map(move |platform| format!("{version} {platform}"))
            })
            .collect()
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8(self.0.objects()[name].clone()).unwrap()
    }
}

/// Marks a step at which a lock is held.
const INSIDE: usize = 1 << 40;

impl Place {
    fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        match &self.ground {
            Ground::Bucket(fake) => {
                let objects = fake.objects().into_iter();
                objects.map(|(name, stored)| (name, stored.bytes)).collect()
            }
            Ground::Directory(root) => reader::files(root.path()),
        }
    }

    fn serials(&self) -> BTreeMap<String, u64> {
        match &self.ground {
            Ground::Bucket(fake) => {
                let objects = fake.objects().into_iter();
                let serial = |metadata: &BTreeMap<String, String>| {
                    metadata
                        .get("index-serial")
                        .map_or(0, |text| text.parse().unwrap())
                };
                objects
                    .map(|(name, stored)| (name, serial(&stored.metadata)))
                    .collect()
            }
            Ground::Directory(root) => {
                let text =
                    fs::read(root.path().join(".views.json")).unwrap_or_else(|_| b"{}".to_vec());
                serde_json::from_slice(&text).unwrap()
            }
        }
    }

    fn look(&self, when: &str) {
        // One look at a time, so that "earlier" means earlier.
        let mut reader = self.reader.lock().unwrap();
        let (serials, objects) = (self.serials(), self.objects());
        let found = reader.look(&objects, &serials);
        let found = found
            .into_iter()
            .map(|what| format!("{what} (after {when})"));
        self.violations.lock().unwrap().extend(found);
    }
}

const BOTH: &str = "linux-x86_64 netbsd-x86_64";

const LINUX: Cargo = Cargo {
    version: "0.14.0",
    required: BOTH,
    built: "linux-x86_64",
    salt: "",
};
const NETBSD: Cargo = Cargo {
    built: "netbsd-x86_64",
    ..LINUX
};
const NEXT: Cargo = Cargo {
    version: "0.15.0",
    required: "linux-x86_64",
    ..LINUX
};
const WHOLE: Cargo = Cargo {
    built: BOTH,
    ..LINUX
};
const RIVAL: Cargo = Cargo {
    salt: "other bytes",
    ..WHOLE
};

const BOTH_KINDS: [Shape; 2] = [Shape::Bucket, Shape::Directory];

fn kill_at(point: usize, how: Meddle) -> Meddling {
    Arc::new(move |number| match number & !INSIDE == point {
        true => how,
        false => Meddle::Nothing,
    })
}

fn killed_everywhere(kind: Shape, repair: &Actor, listed: &[&str]) -> usize {
    let victim = Actor::publishing("a", WHOLE);
    let total = World::new(kind).act_alone(&victim).unwrap();
    let mut kills = 0;
    for how in [Meddle::KillBefore, Meddle::KillAfter] {
        for point in 0..total {
            let world = World::new(kind);
            let (result, _) = world.act(&victim, kill_at(point, how));
            // Nobody notices the loss of the last answer of all.
            assert!(
                result.is_err(),
                "{kind:?}: {how:?} {point} of {total} did not kill"
            );
            world.act_alone(repair).unwrap();
            assert_eq!(
                world.violations(),
                [""; 0],
                "{kind:?}: {how:?} {point} of {total}"
            );
            let now = world.listed();
            assert!(
                listed
                    .iter()
                    .all(|wanted| now.iter().any(|have| have == wanted)),
                "{kind:?} {how:?} {point}: {now:?}"
            );
            kills += 1;
        }
    }
    kills
}

#[test]
fn a_publisher_that_is_killed_anywhere_is_repaired_by_running_it_again() {
    for kind in BOTH_KINDS {
        let again = Actor::publishing("a", WHOLE);
        let kills = killed_everywhere(
            kind,
            &again,
            &["0.14.0 linux-x86_64", "0.14.0 netbsd-x86_64"],
        );
        println!("{kind:?}: {kills} kills, each repaired by the same publish");
    }
}

#[test]
fn a_publisher_that_is_killed_anywhere_is_repaired_by_anybody_elses_publish() {
    for kind in BOTH_KINDS {
        let other = Actor::publishing("b", NEXT);
        let kills = killed_everywhere(kind, &other, &["0.15.0 linux-x86_64"]);
        println!("{kind:?}: {kills} kills, each repaired by another version's publish");
    }
}

/// What two actors do at once, and what must be there when both are done.
struct Meeting {
    what: &'static str,
    first: Arc<Actor>,
    second: Arc<Actor>,
    /// Done before they meet.
    before: Option<Cargo>,
    /// Exactly one of them has to give up.
    rivals: bool,
    listed: &'static [&'static str],
    latest: &'static str,
}

fn meetings() -> Vec<Meeting> {
    const TWO: &[&str] = &["0.14.0 linux-x86_64", "0.14.0 netbsd-x86_64"];
    const THREE: &[&str] = &[
        "0.14.0 linux-x86_64",
        "0.14.0 netbsd-x86_64",
        "0.15.0 linux-x86_64",
    ];
    let meeting = |what, first, second, before, listed, latest| Meeting {
        what,
        first,
        second,
        before,
        rivals: what == "other bytes",
        listed,
        latest,
    };
    let publish = Actor::publishing;
    let yank = Actor::yanking;
    vec![
        meeting(
            "two platforms",
            publish("a", LINUX),
            publish("b", NETBSD),
            None,
            TWO,
            "0.14.0\n",
        ),
        meeting(
            "two platforms, the other first",
            publish("a", NETBSD),
            publish("b", LINUX),
            None,
            TWO,
            "0.14.0\n",
        ),
        meeting(
            "the same twice",
            publish("a", WHOLE),
            publish("b", WHOLE),
            None,
            TWO,
            "0.14.0\n",
        ),
        meeting(
            "two versions",
            publish("a", WHOLE),
            publish("b", NEXT),
            None,
            THREE,
            "0.15.0\n",
        ),
        meeting(
            "two versions, the newer first",
            publish("a", NEXT),
            publish("b", WHOLE),
            None,
            THREE,
            "0.15.0\n",
        ),
        meeting(
            "a rerun and a yank",
            publish("a", WHOLE),
            yank("b", "0.14.0"),
            Some(WHOLE),
            TWO,
            "",
        ),
        meeting(
            "a yank and a rerun",
            yank("a", "0.14.0"),
            publish("b", WHOLE),
            Some(WHOLE),
            TWO,
            "",
        ),
        meeting(
            "a yank and another version",
            yank("a", "0.14.0"),
            publish("b", NEXT),
            Some(WHOLE),
            THREE,
            "0.15.0\n",
        ),
        meeting(
            "another version and a yank",
            publish("a", NEXT),
            yank("b", "0.14.0"),
            Some(WHOLE),
            THREE,
            "0.15.0\n",
        ),
        meeting(
            "other bytes",
            publish("a", WHOLE),
            publish("b", RIVAL),
            None,
            TWO,
            "0.14.0\n",
        ),
    ]
}

/// Lets the second come, whole, between any two requests of the first. Returns the number of meetings and everything that was wrong.
fn meet_everywhere(world: &dyn Fn() -> World, meeting: &Meeting) -> (usize, Vec<String>) {
    let fresh = || {
        let world = world();
        if let Some(before) = meeting.before {
            world.act_alone(&Actor::publishing("c", before)).unwrap();
        }
        world
    };
    let total = fresh().act_alone(&meeting.first).unwrap();
    let (mut met, mut wrong) = (0, Vec::new());
    for point in 0..total {
        let world = fresh();
        let outcome: Arc<Mutex<Option<Result<usize>>>> = Arc::default();
        let (inner, told, second) = (world.clone(), outcome.clone(), meeting.second.clone());
        let meddling: Meddling = Arc::new(move |number| {
            if number == point {
                *told.lock().unwrap() = Some(inner.act_alone(&second));
            }
            Meddle::Nothing
        });
        let (first, _) = world.act(&meeting.first, meddling);
        // A directory's inner steps are not for meeting at.
        let Some(second) = outcome.lock().unwrap().take() else {
            continue;
        };
        met += 1;
        let mut found = world.violations();
        let failed = [first.err(), second.err()].into_iter().flatten().count();
        if failed != usize::from(meeting.rivals) {
            found.push(format!("{failed} of them failed"));
        }
        if world.listed() != meeting.listed {
            found.push(format!("listed is {:?}", world.listed()));
        }
        if world.text("latest-version.txt") != meeting.latest {
            found.push(format!("latest is {:?}", world.text("latest-version.txt")));
        }
        wrong.extend(
            found
                .into_iter()
                .map(|what| format!("{} at {point}: {what}", meeting.what)),
        );
    }
    (met, wrong)
}

#[test]
fn two_publishers_lose_nothing_wherever_one_comes_between_the_others_requests() {
    for kind in BOTH_KINDS {
        for meeting in meetings() {
            let (met, wrong) = meet_everywhere(&|| World::new(kind), &meeting);
            assert!(met > 4, "{}: {met} meetings", meeting.what);
            assert_eq!(wrong, [""; 0], "{kind:?}");
            println!("{kind:?}, {}: {met} meetings", meeting.what);
        }
    }
}

/// The suite has teeth: a store that breaks one promise is caught by it.
#[test]
fn a_protocol_without_one_of_its_guards_is_caught() {
    let lax = |unguarded: fn(&str) -> bool, forget_serials| {
        move || {
            World::with(Ground::Bucket(Fake::start(Rules {
                tokens: ["a", "b", "c"].map(String::from).into(),
                unguarded,
                forget_serials,
                ..Rules::default()
            })))
        }
    };
    let caught = |what: &str, world: &dyn Fn() -> World| {
        let wrong = meetings()
            .iter()
            .find_map(|meeting| meet_everywhere(world, meeting).1.into_iter().next());
        let first = wrong.unwrap_or_else(|| panic!("{what}: not caught"));
        println!("{what}: caught as {first}");
    };
    caught(
        "an index without compare-and-swap",
        &lax(|name| name == "index.json", false),
    );
    caught("views without serials", &lax(|_| false, true));
    caught(
        "files that are not create-only",
        &lax(|name| name.contains("/ballistics"), false),
    );
    caught(
        "views without compare-and-swap",
        &lax(|name| name.ends_with(".txt"), false),
    );
}

/// xorshift: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

#[test]
fn three_at_once_with_kills_by_chance_end_whole() {
    for kind in BOTH_KINDS {
        for seed in 1..=12_u64 {
            let world = World::new(kind);
            let cargos = [("a", LINUX), ("b", NETBSD), ("c", NEXT)];
            let actors = cargos.map(|(name, cargo)| Actor::hurried(name, cargo));
            let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let plans: Vec<Vec<usize>> = actors
                .iter()
                .map(|_| (0..3).map(|_| dice.roll(45)).collect())
                .collect();
            world.act_together(&actors, &plans);
            for actor in &actors {
                world.act_alone(actor).unwrap();
            }
            assert_eq!(world.violations(), [""; 0], "{kind:?}, seed {seed}");
            assert_eq!(world.listed().len(), 3, "{kind:?}, seed {seed}");
            assert_eq!(world.text("latest-version.txt"), "0.15.0\n");
        }
    }
}

#[test]
fn a_publish_of_n_artifacts_asks_at_most_3n_and_24_times() {
    for (built, count) in [
        (BOTH, 2),
        (
            "linux-x86_64 netbsd-x86_64 freebsd-x86_64 openbsd-x86_64",
            4,
        ),
    ] {
        let world = World::new(Shape::Bucket);
        let cargo = Cargo { built, ..WHOLE };
        let asked = world.act_alone(&Actor::publishing("a", cargo)).unwrap();
        println!("{count} artifacts: {asked} requests");
        assert!(
            asked <= 3 * count + 24,
            "{count} artifacts: {asked} requests"
        );
    }
}
