//! Where actors meet: a store of either kind, with somebody who meddles before each request and a reader who looks after it.

use super::actor::{patience, Actor};
use super::reader::{self, Reader};
use crate::fake::{Fake, Fate, Rules};
use crate::gcs::Bucket;
use crate::index::Index;
use crate::inventory::PublicReading;
use crate::store::{Step, Store, Watch};
use anyhow::{bail, Result};
use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// Where it is published, with a reader who looks after every request.
#[derive(Clone)]
pub struct World(Arc<Place>);

pub struct Place {
    ground: Ground,
    reader: Mutex<Reader>,
    violations: Mutex<Vec<String>>,
}

pub enum Ground {
    Bucket(Fake),
    Directory(xshell::TempDir),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Bucket,
    Directory,
}

/// What happens when a publisher is about to send a request.
pub type Meddling = Arc<dyn Fn(usize) -> Meddle + Send + Sync>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meddle {
    Nothing,
    KillBefore,
    KillAfter,
}

impl World {
    pub fn new(kind: Shape) -> World {
        match kind {
            Shape::Bucket => World::bucket(Rules::default()),
            Shape::Directory => {
                let room = xshell::Shell::new().unwrap().create_temp_dir();
                World::with(Ground::Directory(room.unwrap()))
            }
        }
    }

    /// With a login for each actor.
    pub fn bucket(rules: Rules) -> World {
        World::with(Ground::Bucket(Fake::start(Rules {
            tokens: ["a", "b", "c"].map(String::from).into(),
            ..rules
        })))
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

    /// A world in which names that nothing lists may be taken over.
    pub fn that_reclaims(self) -> World {
        self.0.reader.lock().unwrap().reclaims = true;
        self
    }

    /// What a publisher leaves that dies before its commit.
    pub fn leave(&self, dead: &Actor) {
        for (name, path) in dead.files() {
            let bytes = fs::read(path).unwrap();
            match &self.0.ground {
                Ground::Bucket(fake) => fake.put(&name, &bytes),
                Ground::Directory(root) => {
                    let path = root.path().join(name);
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    fs::write(path, bytes).unwrap();
                }
            }
        }
    }

    /// Lets an actor act; `meddling` is asked before each of its requests. Returns what became of it and how many requests it sent.
    pub fn act(&self, actor: &Actor, meddling: Meddling) -> (Result<()>, usize) {
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

    pub fn act_alone(&self, actor: &Actor) -> Result<usize> {
        let (result, count) = self.act(actor, Arc::new(|_| Meddle::Nothing));
        result.map(|()| count)
    }

    /// Each actor in a thread of its own, killed at each point of its plan and started again.
    pub fn act_together(&self, actors: &[Arc<Actor>], plans: &[Vec<usize>]) {
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
    pub fn violations(&self) -> Vec<String> {
        let mut violations = self.0.violations.lock().unwrap().clone();
        violations.extend(reader::unfinished(&self.0.objects()));
        violations
    }

    /// True if it was there.
    pub fn remove(&self, name: &str) -> bool {
        let was_there = self.0.objects().contains_key(name);
        match &self.0.ground {
            Ground::Bucket(fake) => fake.remove(name),
            Ground::Directory(root) => drop(fs::remove_file(root.path().join(name))),
        }
        was_there
    }

    pub fn listed(&self) -> Vec<String> {
        let objects = self.0.objects();
        let index = objects.get("index.json");
        let index = index.map(|text| Index::parse(text).unwrap());
        let index = index.unwrap_or_default();
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

    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.0.objects()[name].clone()).unwrap()
    }
}

/// Marks a step at which a lock is held.
const INSIDE: usize = 1 << 40;

impl Place {
    pub fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        match &self.ground {
            Ground::Bucket(fake) => {
                let objects = fake.objects().into_iter();
                objects.map(|(name, stored)| (name, stored.bytes)).collect()
            }
            Ground::Directory(root) => reader::files(root.path()),
        }
    }

    pub fn serials(&self) -> BTreeMap<String, u64> {
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

    pub fn look(&self, when: &str) {
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

pub fn kill_at(point: usize, how: Meddle) -> Meddling {
    Arc::new(move |number| match number & !INSIDE == point {
        true => how,
        false => Meddle::Nothing,
    })
}
