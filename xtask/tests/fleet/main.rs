//! The real `xtask` against real sshds on loopback: what a fleet of nodes does when all is well, and what becomes of every fault.
//!
//! Needs Linux and openssh-server, as `cargo xtask ci` installs it. Tests that mount something say so, and need root.

mod again;
mod article;
mod builds;
mod check;
mod connections;
mod cuts;
mod deaths;
mod disk;
mod endings;
mod fleet;
mod hooks;
mod injection;
mod install;
mod locks;
mod project;
mod real_cargo;
mod run;
mod schedule;
mod scp;
mod screens;
mod shells;
mod sshd;
