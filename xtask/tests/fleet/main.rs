//! The real `xtask` against real sshds on loopback: what a fleet of nodes does when all is well, and what becomes of every fault.
//!
//! Needs Linux and openssh-server, as `cargo xtask ci` installs it. Tests that mount something say so, and need root.

mod builds;
mod connections;
mod cuts;
mod deaths;
mod fleet;
mod locks;
mod project;
mod run;
mod shells;
mod sshd;
