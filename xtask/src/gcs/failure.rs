//! What Google says when it refuses, with the way out.

use serde::Deserialize;

/// Google's own reason, and what to do about it where that is known.
pub struct Refused<'a> {
    pub bucket: &'a str,
    /// What was asked for, as in `creating 0.14.0/ballistics-0.14.0-linux-x86_64`.
    pub doing: &'a str,
    /// Where the token came from.
    pub login: &'a str,
}

#[derive(Deserialize)]
struct Outer {
    error: Inner,
}

#[derive(Deserialize)]
struct Inner {
    message: String,
    #[serde(default)]
    errors: Vec<Detail>,
}

#[derive(Deserialize)]
struct Detail {
    reason: Option<String>,
}

impl Refused<'_> {
    pub fn error(&self, status: u16, complaint: &[u8]) -> anyhow::Error {
        let (message, reason) = read(complaint);
        let reason = reason
            .map(|reason| format!(", {reason}"))
            .unwrap_or_default();
        let way_out = self.way_out(status, &message);
        anyhow::anyhow!(
            "gs://{}: {}: Google answered {status}{reason}: {message}{way_out}",
            self.bucket,
            self.doing
        )
    }

    fn way_out(&self, status: u16, message: &str) -> String {
        let lower = message.to_lowercase();
        if lower.contains("uniform bucket-level access") {
            return "; set `public = \"bucket-iam\"` under [publish] in nodes.toml".into();
        }
        if lower.contains("public access prevention") {
            return "; the bucket enforces public access prevention: take it off, or its releases cannot be read".into();
        }
        match status {
            401 => format!("; the login is {}: log in again", self.login),
            403 => format!(
                "; the login is {}: `cargo xtask doctor` lists what it may do, docs/publishing.md what it needs",
                self.login
            ),
            404 => "; create the bucket, or correct `store` under [publish] in nodes.toml".into(),
            408 | 429 | 500..=599 => "; it was asked many times, run the same command again later".into(),
            _ => String::new(),
        }
    }
}

/// "Not found" is said of an object and of its bucket.
pub fn is_of_bucket(complaint: &[u8]) -> bool {
    read(complaint)
        .0
        .to_lowercase()
        .contains("bucket does not exist")
}

/// The message, and the reason's name. What is not the API's JSON is shown as it came, in one line.
fn read(complaint: &[u8]) -> (String, Option<String>) {
    if let Ok(Outer { error }) = serde_json::from_slice(complaint) {
        let reason = error.errors.into_iter().find_map(|detail| detail.reason);
        return (
            printable(&error.message),
            reason.map(|reason| printable(&reason)),
        );
    }
    let text = printable(&String::from_utf8_lossy(complaint));
    let text = if text.is_empty() {
        "no reason given".into()
    } else {
        text
    };
    (text, None)
}

fn printable(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line: String = words
        .join(" ")
        .chars()
        .filter(|c| !c.is_control())
        .collect();
    line.chars().take(500).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, complaint: &str) -> String {
        let refused = Refused {
            bucket: "b",
            doing: "creating x",
            login: "the key k.json",
        };
        refused.error(status, complaint.as_bytes()).to_string()
    }

    #[test]
    fn googles_reason_comes_with_the_way_out() {
        let uniform = r#"{"error":{"code":400,"message":"Cannot insert legacy ACL for an object when uniform bucket-level access is enabled.","errors":[{"reason":"invalid"}]}}"#;
        assert_eq!(said(400, uniform), "gs://b: creating x: Google answered 400, invalid: Cannot insert legacy ACL for an object when uniform bucket-level access is enabled.; set `public = \"bucket-iam\"` under [publish] in nodes.toml");
        let missing = r#"{"error":{"code":404,"message":"The specified bucket does not exist."}}"#;
        assert!(said(404, missing).ends_with("correct `store` under [publish] in nodes.toml"));
        let forbidden = r#"{"error":{"message":"a@b does not have storage.objects.create access.","errors":[{"reason":"forbidden"}]}}"#;
        assert!(said(403, forbidden).contains("403, forbidden: a@b does not have storage.objects.create access.; the login is the key k.json"));
    }

    #[test]
    fn what_is_not_json_is_shown_in_one_line_and_is_not_obeyed() {
        assert_eq!(
            said(502, "<html>\n\x1b[31mBad  gateway"),
            "gs://b: creating x: Google answered 502: <html> [31mBad gateway; it was asked many times, run the same command again later"
        );
        assert!(said(418, "").ends_with("418: no reason given"));
    }
}
