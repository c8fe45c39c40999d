//! The publish protocol, under kills and rivals, on both stores: the real client against the strict fake, and the directory.
//!
//! A kill stops a publisher before or after one of its requests, for good. A rival publishes, whole, between any two requests of
//! another. A reader looks after every request, and everything that it can see must be whole.

mod actor;
mod reader;
mod world;

use crate::fake::{Fake, Rules};
use actor::{Actor, Cargo};
use anyhow::Result;
use std::sync::{Arc, Mutex};
use world::{kill_at, Ground, Meddle, Meddling, Shape, World};

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
    listed: Vec<&'static str>,
    latest: &'static str,
}

const TWO: [&str; 2] = ["0.14.0 linux-x86_64", "0.14.0 netbsd-x86_64"];

fn meetings() -> Vec<Meeting> {
    let publish = |cargo: Cargo| move |name| Actor::publishing(name, cargo);
    let yank = |name| Actor::yanking(name, "0.14.0");
    let (linux, netbsd, next) = (publish(LINUX), publish(NETBSD), publish(NEXT));
    let (whole, rival) = (publish(WHOLE), publish(RIVAL));
    vec![
        Meeting::of("two platforms", &linux, &netbsd),
        Meeting::of("two platforms, the other first", &netbsd, &linux),
        Meeting::of("the same twice", &whole, &whole),
        Meeting::of("two versions", &whole, &next).with_next(),
        Meeting::of("two versions, the newer first", &next, &whole).with_next(),
        Meeting::of("a rerun and a yank", &whole, &yank).yanked(),
        Meeting::of("a yank and a rerun", &yank, &whole).yanked(),
        Meeting::of("a yank and another version", &yank, &next)
            .yanked()
            .with_next(),
        Meeting::of("another version and a yank", &next, &yank)
            .yanked()
            .with_next(),
        Meeting {
            rivals: true,
            ..Meeting::of("other bytes", &whole, &rival)
        },
    ]
}

impl Meeting {
    fn of(
        what: &'static str,
        first: &dyn Fn(&'static str) -> Arc<Actor>,
        second: &dyn Fn(&'static str) -> Arc<Actor>,
    ) -> Meeting {
        Meeting {
            what,
            first: first("a"),
            second: second("b"),
            before: None,
            rivals: false,
            listed: TWO.to_vec(),
            latest: "0.14.0\n",
        }
    }

    /// 0.14.0 is there already, and one of them yanks it.
    fn yanked(self) -> Meeting {
        Meeting {
            before: Some(WHOLE),
            latest: "",
            ..self
        }
    }

    /// One of them publishes 0.15.0.
    fn with_next(mut self) -> Meeting {
        self.listed.push("0.15.0 linux-x86_64");
        Meeting {
            latest: "0.15.0\n",
            ..self
        }
    }
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
