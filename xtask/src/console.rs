//! What every verb is handed besides its flags, and what it answers with. The verbs do not import one another, so it is here.

use crate::gcs::Access;
use crate::process::Interrupt;
use crate::ui::Ui;

/// What the program's exit code says when nothing went wrong on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Done,
    /// Released, but an optional node is missing.
    WithoutOptional,
}

/// The screen and the signals, which every verb needs.
pub struct Console<'a> {
    pub ui: &'a Ui,
    pub interrupt: &'a Interrupt,
    /// How a bucket is reached.
    pub access: &'a Access,
}
