//! `state.json` of a version in `dist/`: what is built and proven, recorded as it happens, so that a killed run is repaired by the same command.
//!
//! The file carries a digest of itself: one that was cut short or edited is noticed, and then nothing in it is believed.

use crate::manifest::SourceRecord;
use crate::words::{Artifact, Digest, Platform};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub source: Option<SourceRecord>,
    pub artifacts: BTreeMap<Platform, Record>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What decides whether this artifact may be used again: source, node settings, script. One that was adopted has none, and always may.
    pub key: Option<Digest>,
    pub artifact: Artifact,
}

#[derive(Deserialize, Serialize)]
struct Sealed {
    digest: Digest,
    state: serde_json::Value,
}

impl State {
    pub const FILE: &'static str = "state.json";

    /// `None` when the text is not what `to_bytes` wrote.
    pub fn parse(text: &[u8]) -> Option<State> {
        let sealed: Sealed = serde_json::from_slice(text).ok()?;
        let state: State = serde_json::from_value(sealed.state).ok()?;
        (state.digest() == sealed.digest).then_some(state)
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let state = serde_json::to_value(self).expect("a state has only string keys");
        let sealed = Sealed {
            digest: self.digest(),
            state,
        };
        let mut text = serde_json::to_string_pretty(&sealed).expect("a state has only string keys");
        text.push('\n');
        text.into_bytes()
    }

    fn digest(&self) -> Digest {
        Digest::of(&serde_json::to_vec(self).expect("a state has only string keys"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Version;

    #[test]
    fn a_state_that_was_edited_or_cut_is_not_believed() {
        let source = SourceRecord {
            version: Version::parse("0.14.0").unwrap(),
            commit: "c0ffee".into(),
            tagged: false,
            dirty: false,
            file: "p-0.14.0.crate".into(),
            sha256: Digest::of(b"x"),
            size: 1,
            cargo: "cargo 1.95.0".into(),
            rust_version: None,
            vendored: false,
        };
        let state = State {
            source: Some(source),
            artifacts: BTreeMap::new(),
        };
        let text = state.to_bytes();
        assert_eq!(State::parse(&text), Some(state));
        for cut in 0..text.len() - 2 {
            assert_eq!(State::parse(&text[..cut]), None, "cut at {cut}");
        }
        let edited = String::from_utf8(text).unwrap().replace("c0ffee", "c0ffef");
        assert_eq!(State::parse(edited.as_bytes()), None);
    }

    #[test]
    fn any_number_of_seconds_is_read_back_as_it_was_written() {
        // A parser that is off by one bit in one of them calls the whole file damaged.
        let mut seconds = 1.0;
        for _ in 0..1000 {
            seconds *= 1.000_123_456_789;
            let text = serde_json::to_string(&seconds).unwrap();
            assert_eq!(
                serde_json::from_str::<f64>(&text).unwrap(),
                seconds,
                "{text}"
            );
        }
    }
}
