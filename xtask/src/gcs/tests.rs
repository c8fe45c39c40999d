//! The client against the strict fake: what it sends, what it does when an answer is lost, and what it says when it is refused.

use super::*;
use crate::fake::{crc32c, Fake, Fate, Rules, BUCKET};
use crate::process::Interrupted;
use crate::words::Version;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn patience() -> Patience {
    Patience {
        first_pause: Duration::from_millis(1),
        between_writes: Duration::ZERO,
        silence: Duration::from_secs(20),
        ..Patience::new(&Interrupt::none())
    }
}

fn with_patience(fake: &Fake, patience: Patience) -> Bucket {
    let public = PublicReading::BucketIam;
    Bucket::for_test(&fake.endpoint(), Some("secret"), public, patience).unwrap()
}

fn strict() -> Rules {
    Rules {
        tokens: BTreeSet::from(["secret".to_string()]),
        ..Rules::default()
    }
}

fn open(fake: &Fake, token: Option<&str>) -> Bucket {
    Bucket::for_test(
        &fake.endpoint(),
        token,
        PublicReading::BucketIam,
        patience(),
    )
    .unwrap()
}

fn binary() -> ObjectName {
    ObjectName::of_version(
        &Version::parse("0.14.0").unwrap(),
        "ballistics-0.14.0-linux-x86_64",
    )
}

struct Room {
    _directory: xshell::TempDir,
    path: Utf8PathBuf,
}

fn file(text: &[u8]) -> Room {
    let directory = xshell::Shell::new().unwrap().create_temp_dir().unwrap();
    let path = Utf8PathBuf::from_path_buf(directory.path().join("file")).unwrap();
    std::fs::write(&path, text).unwrap();
    Room {
        _directory: directory,
        path,
    }
}

fn create(bucket: &Bucket, text: &[u8]) -> Result<Written> {
    bucket.create(&binary(), &file(text).path, &Fingerprint::of(text), &|_| {})
}

/// The first so many writes meet this fate.
fn for_the_first(fake: &Fake, count: usize, fate: Fate) -> Arc<AtomicUsize> {
    let met = Arc::new(AtomicUsize::new(0));
    let counted = met.clone();
    fake.before(move |asked| {
        if asked.is_write() && counted.fetch_add(1, Ordering::SeqCst) < count {
            return fate.clone();
        }
        Fate::Served
    });
    met
}

#[test]
fn an_object_is_created_once_with_its_headers_and_hash() {
    let fake = Fake::start(strict());
    let bucket = open(&fake, Some("secret"));
    let sent = AtomicUsize::new(0);
    let room = file(b"bytes");
    let count = |bytes| {
        sent.fetch_add(bytes as usize, Ordering::SeqCst);
    };
    let written = bucket.create(&binary(), &room.path, &Fingerprint::of(b"bytes"), &count);
    assert_eq!(written.unwrap(), Written::Done);
    assert_eq!(sent.into_inner(), 5);
    assert_eq!(create(&bucket, b"others").unwrap(), Written::Refused);
    let stored = &fake.objects()[binary().as_str()];
    assert_eq!(stored.bytes, b"bytes");
    assert_eq!(stored.cache_control, "public, max-age=31536000, immutable");
    assert_eq!(stored.content_type, "application/octet-stream");
    assert_eq!(stored.metadata["sha256"], Digest::of(b"bytes").as_str());
    assert_eq!(
        bucket.digest(&binary()).unwrap(),
        Some(Digest::of(b"bytes"))
    );
}

#[test]
fn a_file_that_is_not_what_was_checked_is_refused() {
    let fake = Fake::start(strict());
    let bucket = open(&fake, Some("secret"));
    for edited in ["edited ", "edited, and longer"] {
        let room = file(edited.as_bytes());
        let written = bucket.create(&binary(), &room.path, &Fingerprint::of(b"checked"), &|_| {});
        let error = written.unwrap_err().to_string();
        assert!(
            error.contains("was changed while it was published"),
            "{error}"
        );
    }
    assert_eq!(bucket.read(&binary()).unwrap().map(|_| ()), None);
}

#[test]
fn a_replacement_of_what_has_changed_is_refused() {
    let fake = Fake::start(strict());
    let bucket = open(&fake, Some("secret"));
    let name = ObjectName::view("versions.txt");
    let replace = |text: &[u8], expected: &Generation, serial| {
        bucket.replace(&name, text, expected, serial).unwrap()
    };
    assert_eq!(replace(b"1", &Generation::NOTHING, 7), Written::Done);
    assert_eq!(replace(b"2", &Generation::NOTHING, 8), Written::Refused);
    let read = bucket.read(&name).unwrap().unwrap();
    assert_eq!(read.bytes, b"1");
    let stat = bucket.stat(&name, b"1").unwrap().unwrap();
    assert_eq!(
        (&stat.generation, stat.serial, stat.same),
        (&read.generation, 7, true)
    );
    assert_eq!(replace(b"2", &read.generation, 8), Written::Done);
    assert_eq!(replace(b"3", &read.generation, 9), Written::Refused);
    assert_eq!(
        fake.objects()["versions.txt"].cache_control,
        "no-cache, max-age=0"
    );
}

#[test]
fn what_is_lost_on_the_way_is_sent_again_and_done_once() {
    for fate in [
        Fate::Refused(408, "slow"),
        Fate::Refused(429, "often"),
        Fate::Refused(500, "oops"),
        Fate::Refused(503, "busy"),
        Fate::LostBefore,
        Fate::LostAfter,
        Fate::DoneButRefused(503, "busy"),
        Fate::CutInHalf,
        Fate::Slow(Duration::from_millis(30)),
    ] {
        let fake = Fake::start(strict());
        for_the_first(&fake, 2, fate.clone());
        let bucket = open(&fake, Some("secret"));
        assert_eq!(
            create(&bucket, b"bytes").unwrap(),
            Written::Done,
            "{fate:?}"
        );
        assert_eq!(
            fake.objects()[binary().as_str()].bytes,
            b"bytes",
            "{fate:?}"
        );
    }
}

#[test]
fn after_a_lost_answer_other_bytes_are_not_taken_for_ours() {
    let fake = Fake::start(strict());
    let bucket = open(&fake, Some("secret"));
    fake.put(binary().as_str(), b"others");
    for_the_first(&fake, 1, Fate::LostAfter);
    assert_eq!(create(&bucket, b"bytes").unwrap(), Written::Refused);
    let name = ObjectName::view("versions.txt");
    fake.put("versions.txt", b"theirs");
    for_the_first(&fake, 1, Fate::LostBefore);
    let written = bucket.replace(&name, b"theirs", &Generation::NOTHING, 3);
    assert_eq!(
        written.unwrap(),
        Written::Refused,
        "the same text with another serial"
    );
}

#[test]
fn an_answer_that_is_cut_short_or_slow_is_not_taken_for_whole() {
    let fake = Fake::start(strict());
    let bucket = open(&fake, Some("secret"));
    let bytes = vec![7; 300_000];
    create(&bucket, &bytes).unwrap();
    for fate in [
        Fate::CutInHalf,
        Fate::Slow(Duration::from_millis(50)),
        Fate::LostAfter,
    ] {
        let (first, cut) = (AtomicUsize::new(0), fate.clone());
        fake.before(move |_| match first.fetch_add(1, Ordering::SeqCst) {
            0 => cut.clone(),
            _ => Fate::Served,
        });
        assert_eq!(
            bucket.digest(&binary()).unwrap(),
            Some(Digest::of(&bytes)),
            "{fate:?}"
        );
    }
}

#[test]
fn a_server_that_stays_silent_does_not_hold_a_release_up() {
    let fake = Fake::start(strict());
    fake.before(|_| Fate::Slow(Duration::from_secs(20)));
    let brief = Patience {
        silence: Duration::from_millis(100),
        attempts: 2,
        ..patience()
    };
    let bucket = with_patience(&fake, brief);
    let error = format!("{:#}", bucket.stat(&binary(), b"").err().unwrap());
    assert!(
        error.contains("did not answer") && error.contains("timeout"),
        "{error}"
    );
    assert_eq!(fake.asked().len(), 2);
}

#[test]
fn a_signal_ends_a_request_wherever_it_waits() {
    for fate in [
        Fate::Slow(Duration::from_secs(20)),
        Fate::Drip(Duration::from_millis(300)),
    ] {
        let fake = Fake::start(strict());
        fake.put(binary().as_str(), &[b'x'; 1000]);
        let interrupt = Interrupt::none();
        let signal = interrupt.clone();
        fake.before(move |_| fate.clone());
        fake.after(move |_| signal.raise(15));
        let impatient = Patience {
            interrupt,
            ..patience()
        };
        let started = Instant::now();
        let error = with_patience(&fake, impatient)
            .read(&binary())
            .err()
            .unwrap();
        assert!(error.is::<Interrupted>(), "{error:#}");
        assert!(started.elapsed() < Duration::from_secs(15));
        assert_eq!(fake.asked().len(), 1);
    }
}

#[test]
fn an_answer_that_drips_for_ever_ends() {
    let fake = Fake::start(strict());
    fake.put(binary().as_str(), &[b'x'; 1000]);
    fake.before(|_| Fate::Drip(Duration::from_millis(100)));
    let brief = Patience {
        whole: Duration::from_millis(500),
        attempts: 2,
        ..patience()
    };
    let error = with_patience(&fake, brief).read(&binary()).err().unwrap();
    let error = format!("{error:#}");
    assert!(error.contains("timeout"), "{error}");
    assert_eq!(fake.asked().len(), 2);
}

#[test]
fn a_token_that_is_not_accepted_any_more_is_renewed_once() {
    let fake = Fake::start(strict());
    let token = file(b"stale");
    let (path, first) = (token.path.clone(), AtomicUsize::new(0));
    // Somebody renews it while the release runs.
    fake.before(move |_| {
        if first.fetch_add(1, Ordering::SeqCst) == 0 {
            std::fs::write(&path, "secret").unwrap();
        }
        Fate::Served
    });
    let credentials = Credentials::find(Some(&token.path), &|_| None, patience()).unwrap();
    let bucket = open(&fake, None).with_login(credentials);
    assert_eq!(create(&bucket, b"bytes").unwrap(), Written::Done);
    let tokens: Vec<_> = fake
        .asked()
        .into_iter()
        .map(|asked| asked.token.unwrap())
        .collect();
    assert_eq!(tokens, ["stale", "secret"]);
}

#[test]
fn patience_ends() {
    let fake = Fake::start(strict());
    let met = for_the_first(
        &fake,
        100,
        Fate::Refused(503, "We encountered an internal error."),
    );
    let error = create(&open(&fake, Some("secret")), b"x")
        .unwrap_err()
        .to_string();
    assert_eq!(met.load(Ordering::SeqCst), 6);
    assert!(
        error.contains(
            "503, backendError: We encountered an internal error.; it was asked many times"
        ),
        "{error}"
    );
}

#[test]
fn what_will_not_work_later_is_not_tried_again() {
    for (rules, token, public, expected) in [
        (strict(), "wrong", PublicReading::BucketIam, "401, authError: Invalid Credentials; the login is the token in GOOGLE_OAUTH_ACCESS_TOKEN: log in again"),
        (strict(), "secret", PublicReading::ObjectAcl, "; set `public = \"bucket-iam\"` under [publish] in nodes.toml"),
        (
            Rules { lacks: BTreeSet::from(["storage.objects.create"]), ..strict() },
            "secret",
            PublicReading::BucketIam,
            "403, forbidden: publisher@test does not have storage.objects.create access to the Google Cloud Storage object.",
        ),
    ] {
        let fake = Fake::start(rules);
        let bucket = Bucket::for_test(&fake.endpoint(), Some(token), public, patience()).unwrap();
        let error = create(&bucket, b"x").unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(error.starts_with("gs://releases: writing 0.14.0/ballistics-0.14.0-linux-x86_64: "), "{error}");
        assert_eq!(fake.asked().len(), 1, "{expected}");
        assert!(fake.objects().is_empty());
    }
}

#[test]
fn preflight_names_what_is_missing_and_writes_nothing() {
    let said = |rules: Rules, location: &str, public| {
        let fake = Fake::start(rules);
        fake.put("index.json", b"{}");
        let bucket =
            Bucket::for_test(&fake.endpoint(), Some("secret"), public, patience()).unwrap();
        let bucket = Bucket {
            name: location.to_string(),
            ..bucket
        };
        let result = bucket.preflight();
        assert!(fake.asked().iter().all(|asked| !asked.is_write()));
        result
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    };
    let lacking = |name| Rules {
        lacks: BTreeSet::from([name]),
        ..strict()
    };
    let iam = PublicReading::BucketIam;
    assert_eq!(said(strict(), BUCKET, iam), "");
    assert!(said(strict(), "elsewhere", iam).contains("404, notFound: The specified bucket does not exist.; create the bucket, or correct `store`"));
    assert!(said(lacking("storage.objects.create"), BUCKET, iam)
        .contains("it lacks storage.objects.create; docs/publishing.md"));
    assert!(said(lacking("storage.objects.delete"), BUCKET, iam)
        .contains("may not overwrite gs://releases/index.json"));
    assert!(
        said(strict(), BUCKET, PublicReading::ObjectAcl).contains("uniform bucket-level access")
    );
    // Not seeing the bucket's settings is no reason to stop.
    assert_eq!(said(lacking("storage.buckets.get"), BUCKET, iam), "");
}

#[test]
fn a_listing_has_all_its_pages() {
    let fake = Fake::start(strict());
    for number in 0..8 {
        fake.put(&format!("0.14.0/{number} and & more"), b"x");
    }
    fake.put("0.15.0/other", b"x");
    let listed = open(&fake, Some("secret")).resources("0.14.0/").unwrap();
    let names: Vec<String> = listed.into_iter().map(|there| there.name).collect();
    assert_eq!(names.len(), 8);
    assert_eq!(names[7], "0.14.0/7 and & more");
    assert_eq!(fake.asked().len(), 3);
}

#[test]
fn what_a_bucket_holds_is_known_from_one_listing() {
    let fake = Fake::start(strict());
    let bucket = open(&fake, Some("secret"));
    create(&bucket, b"bytes").unwrap();
    fake.forget_asked();
    let held = |bytes: &[u8]| {
        bucket
            .held("0.14.0/", &[(binary(), Fingerprint::of(bytes))])
            .unwrap()
    };
    assert_eq!(held(b"bytes"), BTreeMap::from([(binary(), Held::Same)]));
    assert_eq!(fake.asked().len(), 1);
    let there = Held::Other(Digest::of(b"bytes"));
    assert_eq!(held(b"other"), BTreeMap::from([(binary(), there)]));
}

#[test]
fn an_object_may_be_public_by_itself() {
    let rules = Rules {
        uniform_access: false,
        public_bucket: false,
        ..strict()
    };
    let fake = Fake::start(rules);
    let web = Web::new(&format!("{}/{BUCKET}", fake.endpoint()), patience());
    create(&open(&fake, Some("secret")), b"private").unwrap();
    let error = web.read(&binary()).unwrap_err().to_string();
    assert!(
        error.contains("is not public (the answer is 403)"),
        "{error}"
    );
    fake.remove(binary().as_str());
    let acl = Bucket::for_test(
        &fake.endpoint(),
        Some("secret"),
        PublicReading::ObjectAcl,
        patience(),
    )
    .unwrap();
    create(&acl, b"bytes").unwrap();
    assert_eq!(web.read(&binary()).unwrap(), Some(b"bytes".to_vec()));
    assert_eq!(web.digest(&binary()).unwrap(), Some(Digest::of(b"bytes")));
}

#[test]
fn one_name_is_written_once_a_second() {
    let rules = Rules {
        one_write_a_second: true,
        ..strict()
    };
    let fake = Fake::start(rules);
    let slow = Patience {
        between_writes: Duration::from_millis(1050),
        attempts: 1,
        ..patience()
    };
    let bucket = Bucket::for_test(
        &fake.endpoint(),
        Some("secret"),
        PublicReading::BucketIam,
        slow,
    )
    .unwrap();
    let mut expected = Generation::NOTHING;
    for text in ["1", "2"] {
        let name = ObjectName::index();
        assert_eq!(
            bucket
                .replace(&name, text.as_bytes(), &expected, 1)
                .unwrap(),
            Written::Done
        );
        expected = bucket.stat(&name, b"1").unwrap().unwrap().generation;
    }
}

#[test]
fn an_emulator_gets_no_login() {
    let fake = Fake::start(Rules::default());
    let bucket = open(&fake, None);
    bucket.preflight().unwrap();
    assert_eq!(create(&bucket, b"bytes").unwrap(), Written::Done);
    assert!(fake.asked().iter().all(|asked| asked.token.is_none()));
    assert_eq!(bucket.public_url(), format!("{}/{BUCKET}", fake.endpoint()));
    assert_eq!(crc32c(b"hello\n"), "NT3Yvg==");
}

#[test]
fn names_of_buckets_and_emulators_are_read_as_people_write_them() {
    assert_eq!(
        bucket_name("gs://ballistics-releases").unwrap(),
        "ballistics-releases"
    );
    for wrong in [
        "gs://", "gs://ab", "gs://a/b", "gs://A-b", "s3://abc", "abc",
    ] {
        assert!(bucket_name(wrong).is_err(), "{wrong}");
    }
    assert_eq!(with_scheme("localhost:4443"), "http://localhost:4443");
    assert_eq!(
        with_scheme("https://127.0.0.1:4443/"),
        "https://127.0.0.1:4443"
    );
    assert_eq!(escape("0.14.0/a b+c"), "0.14.0%2Fa%20b%2Bc");
    assert!(http::is_loopback("http://[::1]:1/x") && http::is_loopback("http://127.0.0.1"));
    assert!(!http::is_loopback(
        "https://storage.googleapis.com/127.0.0.1"
    ));
}

#[test]
fn what_is_kept_is_compared_with_what_was_sent() {
    let fake = Fake::start(Rules {
        damages: |name| name.contains("/ballistics"),
        ..strict()
    });
    let bucket = open(&fake, Some("secret"));
    let error = create(&bucket, b"bytes").unwrap_err().to_string();
    assert!(error.contains("does not hold what was sent"), "{error}");
}

#[test]
fn a_bucket_that_nobody_may_read_is_refused() {
    let fake = Fake::start(Rules {
        public_access_prevention: "enforced",
        ..strict()
    });
    let bucket = open(&fake, Some("secret"));
    let error = bucket.preflight().unwrap_err().to_string();
    assert!(
        error.contains("gs://releases enforces public access prevention"),
        "{error}"
    );
}
