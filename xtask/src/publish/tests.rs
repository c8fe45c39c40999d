//! The publish protocol, under kills and rivals, on both stores: the real client against the strict fake, and the directory.
//!
//! A kill stops a publisher before or after one of its requests, for good. A rival publishes, whole, between any two requests of
//! another. A reader looks after every request, and everything that it can see must be whole.

mod actor;
mod reader;
mod world;

use crate::fake::Rules;
use actor::{version, Actor, Cargo};
use anyhow::Result;
use std::sync::{mpsc, Arc, Mutex};
use std::thread;
use world::{kill_at, Meddle, Meddling, Shape, World};

const BOTH: &str = "linux-x86_64 netbsd-x86_64";

const LINUX: Cargo = Cargo {
    version: "0.14.0",
    required: BOTH,
    built: "linux-x86_64",
    salt: "",
    signed: false,
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
/// Every signature is a process or two, so only some are signed.
const SIGNED: Cargo = Cargo {
    signed: true,
    ..WHOLE
};
const RIVAL: Cargo = Cargo {
    salt: "other bytes",
    ..WHOLE
};

/// Bytes of somebody who is dead for good.
const LEFT: Cargo = Cargo {
    salt: "left behind",
    ..WHOLE
};

const BOTH_KINDS: [Shape; 2] = [Shape::Bucket, Shape::Directory];

/// Somebody who is killed, at every point in turn, and somebody who comes after.
struct Death {
    victim: Arc<Actor>,
    /// Done before.
    before: Vec<Arc<Actor>>,
    /// What it has was left by a publisher that died before its commit.
    left: Option<Arc<Actor>>,
    repair: Arc<Actor>,
    listed: Vec<&'static str>,
}

impl Death {
    fn of(victim: &Arc<Actor>, repair: &Arc<Actor>) -> Death {
        Death {
            victim: victim.clone(),
            before: Vec::new(),
            left: None,
            repair: repair.clone(),
            listed: TWO.to_vec(),
        }
    }

    fn ground(&self, kind: Shape) -> World {
        let mut world = World::new(kind);
        if let Some(left) = &self.left {
            world = world.that_reclaims();
            world.leave(left);
        }
        for before in &self.before {
            world.act_alone(before).unwrap();
        }
        world
    }

    /// Returns the number of kills.
    fn everywhere(&self, kind: Shape) -> usize {
        let total = self.ground(kind).act_alone(&self.victim).unwrap();
        let mut kills = 0;
        for how in [Meddle::KillBefore, Meddle::KillAfter] {
            for point in 0..total {
                let (world, when) = (self.ground(kind), format!("{kind:?}: {how:?} {point}"));
                let (result, _) = world.act(&self.victim, kill_at(point, how));
                // Nobody notices the loss of the last answer of all.
                assert!(result.is_err(), "{when} of {total} did not kill");
                world.act_alone(&self.repair).unwrap();
                assert_eq!(world.violations(), [""; 0], "{when} of {total}");
                let now = world.listed();
                let is_listed = |wanted: &&str| now.iter().any(|have| have == wanted);
                assert!(self.listed.iter().all(is_listed), "{when}: {now:?}");
                kills += 1;
            }
        }
        kills
    }
}

#[test]
fn a_publisher_that_is_killed_anywhere_is_repaired_by_running_it_again() {
    let publisher = Actor::publishing("a", SIGNED);
    for kind in BOTH_KINDS {
        let kills = Death::of(&publisher, &publisher).everywhere(kind);
        println!("{kind:?}: {kills} kills, each repaired by the same publish");
    }
}

#[test]
fn a_publisher_that_is_killed_anywhere_is_repaired_by_anybody_elses_publish() {
    for kind in BOTH_KINDS {
        let death = Death {
            listed: vec!["0.15.0 linux-x86_64"],
            ..Death::of(
                &Actor::publishing("a", WHOLE),
                &Actor::publishing("b", NEXT),
            )
        };
        let kills = death.everywhere(kind);
        println!("{kind:?}: {kills} kills, each repaired by another version's publish");
    }
}

#[test]
fn a_reclaim_that_is_killed_anywhere_is_repaired_by_running_it_again() {
    let reclaim = Actor::reclaiming("a", RIVAL);
    for kind in BOTH_KINDS {
        let death = Death {
            left: Some(Actor::publishing("c", WHOLE)),
            ..Death::of(&reclaim, &reclaim)
        };
        println!("{kind:?}: {} kills of a reclaim", death.everywhere(kind));
    }
}

#[test]
fn a_move_of_the_pointers_that_is_killed_anywhere_is_repaired_by_running_it_again() {
    let moves = [
        ("yank", Actor::yanking("a", "0.15.0")),
        (
            "rollback",
            Actor::moving("a", |index| index.roll_back(&version("0.14.0"))),
        ),
        (
            "promote",
            Actor::moving("a", |index| index.promote(&version("0.16.0"))),
        ),
    ];
    let unfinished = Cargo {
        version: "0.16.0",
        ..LINUX
    };
    let before = [WHOLE, NEXT, unfinished].map(|cargo| Actor::publishing("c", cargo));
    for (what, mover) in moves {
        for kind in BOTH_KINDS {
            let death = Death {
                before: before.to_vec(),
                ..Death::of(&mover, &mover)
            };
            println!("{kind:?}: {} kills of a {what}", death.everywhere(kind));
        }
    }
}

/// An edit in `dist/` while a publish runs goes nowhere.
#[test]
fn a_file_that_is_edited_meanwhile_is_not_published() {
    for kind in BOTH_KINDS {
        let total = World::new(kind)
            .act_alone(&Actor::publishing("a", WHOLE))
            .unwrap();
        let mut refused = 0;
        for point in 0..total {
            let (world, publisher) = (World::new(kind), Actor::publishing("a", WHOLE));
            let edited = publisher.clone();
            let edit = once_at(point, move || {
                for (_, path) in edited.files() {
                    std::fs::write(path, "edited").unwrap();
                }
            });
            let (result, _) = world.act(&publisher, edit);
            refused += usize::from(result.is_err());
            let wrong = world.violations();
            // One that was stopped need not have finished.
            let ended = result.is_ok() || wrong.iter().any(|what| what.contains("after"));
            assert!(!ended || wrong.is_empty(), "{kind:?} {point}: {wrong:?}");
        }
        println!("{kind:?}: edited at {total} points, refused at {refused}");
        assert!(refused > 5, "{kind:?}: refused at {refused} of {total}");
    }
}

/// Somebody cleans up in the store while a publish runs. Between the last look and the commit nothing helps.
#[test]
fn what_is_gone_before_the_last_look_is_not_committed() {
    let publisher = Actor::publishing("a", WHOLE);
    // The last that is looked at.
    let binary = "0.14.0/ballistics-0.14.0-netbsd-x86_64";
    for ground in [
        || World::bucket(Rules::roomy()),
        || World::new(Shape::Directory),
    ] {
        let total = ground().act_alone(&publisher).unwrap();
        let mut committed = 0;
        for point in 0..total {
            let world = ground();
            let (inner, gone) = (world.clone(), Arc::new(Mutex::new(false)));
            let told = gone.clone();
            let clean_up = once_at(point, move || {
                *told.lock().unwrap() = inner.remove(binary) && inner.listed().is_empty();
            });
            let _ = world.act(&publisher, clean_up);
            committed += usize::from(*gone.lock().unwrap() && !world.listed().is_empty());
        }
        assert!(committed <= 1, "committed at {committed} of {total} points");
    }
}

/// The first signed release comes while an unsigned one is on its way: whichever is first, the installer keeps its keys from then on.
#[test]
fn the_first_signed_release_is_not_undone_by_an_unsigned_one_on_its_way() {
    let signed = Cargo {
        version: "0.15.0",
        ..SIGNED
    };
    let earlier = Actor::publishing(
        "a",
        Cargo {
            version: "0.13.0",
            ..WHOLE
        },
    );
    let fresh = |kind| {
        let world = World::new(kind);
        world.act_alone(&earlier).unwrap();
        world
    };
    let (unsigned, signed) = (
        Actor::publishing("a", WHOLE),
        Actor::publishing("b", signed),
    );
    for kind in BOTH_KINDS {
        let total = fresh(kind).act_alone(&unsigned).unwrap();
        let (mut met, mut refused) = (0, 0);
        for point in 0..total {
            let world = fresh(kind);
            let (inner, second) = (world.clone(), signed.clone());
            let came = Arc::new(Mutex::new(false));
            let told = came.clone();
            let comes = once_at(point, move || {
                *told.lock().unwrap() = inner.act_alone(&second).is_ok();
            });
            let (result, _) = world.act(&unsigned, comes);
            if !*came.lock().unwrap() {
                continue;
            }
            met += 1;
            refused += usize::from(result.is_err());
            let installer = world.text("install.sh");
            assert!(
                !installer.contains("release_keys=''"),
                "{kind:?} {point}: {result:?}"
            );
            if let Err(error) = result {
                assert!(
                    error.to_string().contains("holds signed releases (0.15.0)"),
                    "{error:#}"
                );
            }
        }
        println!("{kind:?}: {met} meetings, {refused} refused");
        assert!(refused > 3 && refused < met, "{kind:?}: {refused} of {met}");
    }
}

/// What two actors do at once, and what must be there when both are done.
struct Meeting {
    what: &'static str,
    first: Arc<Actor>,
    second: Arc<Actor>,
    /// Done before they meet.
    before: Option<Arc<Actor>>,
    /// What it has was left by a publisher that died before its commit.
    left: Option<Arc<Actor>>,
    /// Names that nothing lists may be taken over.
    reclaims: bool,
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
    let (whole, signed, rival) = (publish(WHOLE), publish(SIGNED), publish(RIVAL));
    let reclaim = |name| Actor::reclaiming(name, RIVAL);
    let other_reclaim = |name| Actor::reclaiming(name, WHOLE);
    vec![
        Meeting::of("two platforms", &linux, &netbsd),
        Meeting::of("two platforms, the other first", &netbsd, &linux),
        Meeting::of("the same twice", &signed, &signed),
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
        Meeting::of("other bytes", &whole, &rival).rivals(),
        Meeting::of("a slow publisher and a reclaim", &whole, &reclaim).reclaims(),
        Meeting::of("a reclaim and a publisher", &reclaim, &whole).reclaims(),
        Meeting::of("a reclaim and the one who left it", &reclaim, &whole)
            .reclaims()
            .left(WHOLE),
        Meeting::of("the one who left it and a reclaim", &whole, &reclaim)
            .reclaims()
            .left(WHOLE),
        Meeting::of("two reclaims", &reclaim, &other_reclaim)
            .reclaims()
            .left(LEFT),
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
            left: None,
            reclaims: false,
            rivals: false,
            listed: TWO.to_vec(),
            latest: "0.14.0\n",
        }
    }

    fn rivals(self) -> Meeting {
        Meeting {
            rivals: true,
            ..self
        }
    }

    /// One of them takes over what the other has there, or fails.
    fn reclaims(self) -> Meeting {
        Meeting {
            reclaims: true,
            ..self.rivals()
        }
    }

    fn left(self, left: Cargo) -> Meeting {
        Meeting {
            left: Some(Actor::publishing("c", left)),
            ..self
        }
    }

    fn ground(&self, world: &dyn Fn() -> World) -> World {
        let mut world = world();
        if self.reclaims {
            world = world.that_reclaims();
        }
        if let Some(left) = &self.left {
            world.leave(left);
        }
        if let Some(before) = &self.before {
            world.act_alone(before).unwrap();
        }
        world
    }

    /// What is wrong when both are done.
    fn judge(&self, world: &World, results: [Result<()>; 2]) -> Vec<String> {
        let mut found = world.violations();
        let failures: Vec<String> = results
            .into_iter()
            .filter_map(|result| result.err().map(|error| format!("{error:#}")))
            .collect();
        if failures.len() != usize::from(self.rivals) {
            found.push(format!("these failed: {failures:?}"));
        }
        if world.listed() != self.listed {
            found.push(format!("listed is {:?}", world.listed()));
        }
        let latest = world.text("latest-version.txt");
        if latest != self.latest {
            found.push(format!("latest is {latest:?}"));
        }
        found
    }

    /// 0.14.0 is there already, and one of them yanks it.
    fn yanked(self) -> Meeting {
        Meeting {
            before: Some(Actor::publishing("c", WHOLE)),
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

/// Does something at one of an actor's requests, and does not stop it.
fn once_at(point: usize, deed: impl FnOnce() + Send + 'static) -> Meddling {
    let deed = Mutex::new(Some(deed));
    Arc::new(move |number| {
        if number == point {
            let deed = deed.lock().unwrap().take();
            deed.into_iter().for_each(|deed| deed());
        }
        Meddle::Nothing
    })
}

/// Lets the second come, whole, between any two requests of the first. Returns the number of meetings and everything that was wrong.
fn meet_everywhere(world: &dyn Fn() -> World, meeting: &Meeting) -> (usize, Vec<String>) {
    let fresh = || meeting.ground(world);
    let total = fresh().act_alone(&meeting.first).unwrap();
    let (mut met, mut wrong) = (0, Vec::new());
    for point in 0..total {
        let world = fresh();
        let outcome: Arc<Mutex<Option<Result<()>>>> = Arc::default();
        let (inner, told, second) = (world.clone(), outcome.clone(), meeting.second.clone());
        let second_comes = once_at(point, move || {
            *told.lock().unwrap() = Some(inner.act_alone(&second).map(drop));
        });
        let (first, _) = world.act(&meeting.first, second_comes);
        // A directory's inner steps are not for meeting at.
        let Some(second) = outcome.lock().unwrap().take() else {
            continue;
        };
        met += 1;
        let found = meeting.judge(&world, [first, second]);
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
            World::bucket(Rules {
                unguarded,
                forget_serials,
                ..Rules::default()
            })
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
    caught("binaries before their sidecars", &|| {
        World::bucket(Rules {
            late: |name| name.ends_with(".sha256"),
            ..Rules::default()
        })
    });
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

/// Lets the first stop at one of its requests, the second come up to one of its own, the first end, and the second go on. `None`:
/// they did not meet.
fn meet_twice(meeting: &Meeting, world: &World, at: usize, until: usize) -> Option<Vec<String>> {
    let (begin, begun) = mpsc::channel();
    let (arrive, arrived) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    let arrives = arrive.clone();
    let first_stops = once_at(at, move || {
        begin.send(()).unwrap();
        arrived.recv().unwrap();
    });
    let second_stops = once_at(until, move || {
        arrives.send(()).unwrap();
        // Nothing is ever sent: the first has ended when its end of this is gone.
        let _ = ended.recv();
    });
    thread::scope(|scope| {
        let second = scope.spawn(move || {
            begun.recv().ok()?;
            let (result, _) = world.act(&meeting.second, second_stops);
            // It may have ended before it came so far.
            let _ = arrive.send(());
            Some(result)
        });
        let (first, _) = world.act(&meeting.first, first_stops);
        drop(end);
        let second = second.join().unwrap()?;
        Some(meeting.judge(world, [first, second]))
    })
}

/// One stop is not enough to find everything: between a look and a write of each there is room for the other.
#[test]
fn a_reclaim_and_a_publisher_that_interrupt_each_other_end_whole() {
    let reclaims = meetings().into_iter().filter(|meeting| meeting.reclaims);
    for meeting in reclaims {
        let ground = || meeting.ground(&|| World::new(Shape::Bucket));
        let totals = [&meeting.first, &meeting.second].map(|it| ground().act_alone(it).unwrap());
        let pairs = totals[0] * totals[1];
        let mut met = 0;
        // Evenly over all of them: an odd step comes to every request of both.
        for pair in (0..pairs).step_by((pairs / 100) | 1) {
            let (at, until) = (pair / totals[1], pair % totals[1]);
            if let Some(wrong) = meet_twice(&meeting, &ground(), at, until) {
                assert_eq!(wrong, [""; 0], "{}: {at}, {until}", meeting.what);
                met += 1;
            }
        }
        println!("{}: {met} double meetings", meeting.what);
    }
}

#[test]
fn a_publish_of_n_artifacts_asks_at_most_3n_and_24_times() {
    let four = "linux-x86_64 netbsd-x86_64 freebsd-x86_64 openbsd-x86_64";
    for (built, count) in [(BOTH, 2), (four, 4)] {
        let world = World::bucket(Rules::roomy());
        for version in ["0.14.0", "0.15.0"] {
            let cargo = Cargo {
                version,
                built,
                ..SIGNED
            };
            let asked = world.act_alone(&Actor::publishing("a", cargo)).unwrap();
            println!("{version}, {count} signed artifacts: {asked} requests");
            assert!(asked <= 3 * count + 24, "{count} artifacts: {asked}");
        }
    }
}
