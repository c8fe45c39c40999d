//! A step of a release: whether what was built may be published, and if not, what its owner can do.

use crate::console::Ending;
use crate::ui::Row;
use crate::words::{Absence, Outcome};
use anyhow::{bail, Result};

/// Required nodes hold a release back, optional ones are missing from it.
pub fn judge(rows: &[Row]) -> Result<Ending> {
    let lost = |absence| {
        rows.iter()
            .filter(move |row| row.outcome.artifact().is_none() && row.absence == absence)
    };
    let (skipped, failed): (Vec<&Row>, Vec<&Row>) =
        lost(Absence::HoldsBack).partition(|row| matches!(row.outcome, Outcome::Skipped(_)));
    if !skipped.is_empty() || !failed.is_empty() {
        bail!(
            "required nodes are missing: {}; what was built stays in dist/, nothing was published{}",
            names(failed.iter().chain(&skipped)),
            ways_out(&failed, &skipped)
        );
    }
    if rows.iter().all(|row| row.outcome.artifact().is_none()) {
        bail!("nothing was built");
    }
    match lost(Absence::IsSaid).next() {
        Some(_) => Ok(Ending::WithoutOptional),
        None => Ok(Ending::Done),
    }
}

/// Trying again helps a node that failed, and not one that this machine cannot build.
fn ways_out(failed: &[&Row], skipped: &[&Row]) -> String {
    let mut text = String::new();
    if !failed.is_empty() {
        text += &format!("; the same command tries {} again", names(failed.iter()));
    }
    if !skipped.is_empty() {
        text += &format!("; {} cannot be built here, as the table says: release from a machine that can, choose others with --node, or set `required = false`", names(skipped.iter()));
    }
    text
}

fn names<'a>(rows: impl Iterator<Item = &'a &'a Row>) -> String {
    let names: Vec<&str> = rows.map(|row| row.node.as_str()).collect();
    names.join(", ")
}
