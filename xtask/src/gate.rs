//! Permits: at most so many of something at once under one name; here, of handshakes per box.

use crate::process::Interrupt;
use anyhow::Result;
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// A stock sshd drops connections beyond ten that have not logged in; two are left for people.
pub const HANDSHAKES: usize = 8;

pub struct Gate {
    limit: usize,
    taken: Mutex<BTreeMap<String, usize>>,
    freed: Condvar,
}

/// Given back when it is dropped.
pub struct Permit<'a> {
    gate: &'a Gate,
    name: String,
}

impl Gate {
    pub fn new(limit: usize) -> Gate {
        Gate {
            limit,
            taken: Mutex::new(BTreeMap::new()),
            freed: Condvar::new(),
        }
    }

    pub fn enter(&self, name: &str, interrupt: &Interrupt) -> Result<Permit<'_>> {
        let mut taken = self.lock();
        while taken.get(name).copied().unwrap_or(0) >= self.limit {
            interrupt.check()?;
            // The timeout is for the interrupt, which does not notify.
            let waited = self.freed.wait_timeout(taken, Duration::from_millis(100));
            taken = waited.expect("no thread panics while it holds the gate").0;
        }
        *taken.entry(name.to_string()).or_default() += 1;
        Ok(Permit {
            gate: self,
            name: name.to_string(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        self.taken
            .lock()
            .expect("no thread panics while it holds the gate")
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if let Some(count) = self.gate.lock().get_mut(&self.name) {
            *count -= 1;
        }
        self.gate.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn no_more_than_the_limit_are_inside_and_all_get_in() {
        let (gate, interrupt) = (Gate::new(3), Interrupt::none());
        let (inside, most, served) = (
            AtomicUsize::new(0),
            AtomicUsize::new(0),
            AtomicUsize::new(0),
        );
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    let _permit = gate.enter("rig", &interrupt).unwrap();
                    most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::yield_now();
                    inside.fetch_sub(1, Ordering::SeqCst);
                    served.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        assert!(most.into_inner() <= 3);
        assert_eq!(served.into_inner(), 20);
    }

    #[test]
    fn names_do_not_wait_for_one_another() {
        let (gate, interrupt) = (Gate::new(1), Interrupt::none());
        let _first = gate.enter("rig", &interrupt).unwrap();
        let _other = gate.enter("pi", &interrupt).unwrap();
    }
}
