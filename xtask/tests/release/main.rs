//! The real `xtask`, run on a small real project in a temporary directory: what a release does, refuses and survives.

mod checker;
mod damage;
mod disk;
mod failures;
mod fleets;
mod fresh_clone;
mod joint_call;
mod kills;
mod plans;
mod processes;
mod project;
mod races;
mod refusals;
mod run;
mod signals;
mod signatures;
mod sources;
mod stores;
mod tree;
