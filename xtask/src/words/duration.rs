//! Durations as the fleet's owner writes them, `45s`, `6m 32s`, `2h`, and as the article prints them; moments as logs have them.

use anyhow::{bail, Result};
use std::time::{Duration, SystemTime};

/// An `Instant` this far away can still be reckoned with.
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

pub fn parse_duration(text: &str) -> Result<Duration> {
    match humantime::parse_duration(text) {
        // A capital M is a month there, which nobody here means.
        Ok(duration) if !duration.is_zero() && duration < YEAR && !text.contains('M') => {
            Ok(duration)
        }
        _ => bail!(
            "`{}` is no duration above zero and below a year; write 45s, 6m 32s or 2h",
            text.escape_debug()
        ),
    }
}

/// As in `2026-11-26T03:41:14Z`.
pub fn show_time(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}

pub fn show_duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 10.0 {
        return format!("{seconds:.1}s");
    }
    let seconds = seconds.round() as u64;
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, _) => format!("{minutes}m {rest:02}s"),
        _ => format!("{hours}h {minutes:02}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_articles_times_read_as_they_are_written() {
        for (text, seconds) in [
            ("45s", 45),
            ("6m 32s", 392),
            ("15m37s", 937),
            ("2h", 7200),
            ("1.5h", 5400),
            ("1h 5s", 3605),
        ] {
            assert_eq!(parse_duration(text).unwrap().as_secs(), seconds, "{text}");
        }
        for text in ["", "10", "0s", "s", "-1s", "99999999h", "5M", "3 moons"] {
            assert!(parse_duration(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn moments_are_universal_time() {
        let day = SystemTime::UNIX_EPOCH + Duration::from_secs(86_400 + 61);
        assert_eq!(show_time(day), "1970-01-02T00:01:01Z");
    }

    #[test]
    fn durations_print_as_the_article_prints_them() {
        let shown = |seconds| show_duration(Duration::from_secs_f64(seconds));
        assert_eq!(shown(0.34), "0.3s");
        assert_eq!(shown(45.2), "45s");
        assert_eq!(shown(59.7), "1m 00s");
        assert_eq!(shown(937.0), "15m 37s");
        assert_eq!(shown(5960.0), "1h 39m");
    }
}
