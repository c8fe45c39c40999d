//! Logins against a token endpoint that checks signatures and claims. Keys are made for the test; no real login is ever read.

use super::*;
use crate::fake::{decode, Asked, Fake, Rules};
use crate::process::Interrupt;
use base64::engine::general_purpose::STANDARD as BASE64;
use base64::Engine as _;
use jsonwebtoken::{DecodingKey, Validation};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

struct Room {
    directory: xshell::TempDir,
}

impl Room {
    fn new() -> Room {
        let directory = xshell::Shell::new().unwrap().create_temp_dir().unwrap();
        Room { directory }
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8PathBuf::from_path_buf(self.directory.path().join(name)).unwrap()
    }

    fn write(&self, name: &str, text: &str) -> Utf8PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// An RSA key as Google hands it out, and its public half, in DER.
    fn key(&self) -> (String, Vec<u8>) {
        let private = self.key_in("PKCS8", "rsa");
        let public = keygen(&["-e", "-m", "PEM", "-f", self.path("key").as_str()]);
        let inner = public.lines().filter(|line| !line.starts_with('-'));
        let inner: String = inner.collect();
        (private, BASE64.decode(inner).unwrap())
    }

    fn key_in(&self, form: &str, kind: &str) -> String {
        let path = self.path("key");
        let _ = std::fs::remove_file(&path);
        keygen(&["-q", "-t", kind, "-m", form, "-N", "", "-f", path.as_str()]);
        std::fs::read_to_string(path).unwrap()
    }
}

fn keygen(arguments: &[&str]) -> String {
    let output = Timed::new("ssh-keygen", Duration::from_secs(120))
        .args(arguments.iter().copied())
        .run()
        .unwrap();
    assert!(output.status.success(), "{}", output.complaint());
    output.text()
}

fn patience() -> Patience {
    Patience {
        attempts: 2,
        first_pause: Duration::from_millis(1),
        ..Patience::new(&Interrupt::none())
    }
}

/// An environment of the test's own.
fn environment<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
    move |name| {
        let mut pairs = pairs.iter();
        let value = pairs.find(|(known, _)| *known == name);
        let no_google = (name == "NO_GCE_CHECK").then(|| "true".to_string());
        value.map(|(_, value)| value.to_string()).or(no_google)
    }
}

fn find_in(pairs: &[(&str, &str)]) -> Result<Credentials> {
    Credentials::find(None, &environment(pairs), patience())
}

fn form(asked: &Asked) -> BTreeMap<String, String> {
    let text = String::from_utf8(asked.body.clone()).unwrap();
    let pairs = text.split('&').map(|pair| pair.split_once('=').unwrap());
    pairs
        .map(|(name, value)| (name.to_string(), decode(value)))
        .collect()
}

fn service_account(private: &str, uri: &str) -> String {
    serde_json::json!({
        "type": "service_account", "client_email": "publisher@test", "private_key": private, "private_key_id": "k1", "token_uri": uri,
    })
    .to_string()
}

/// Answers with tokens t0, t1, ... and refuses what a real endpoint would.
fn token_endpoint(public: Vec<u8>, life: u64) -> (Fake, Arc<AtomicUsize>) {
    #[derive(Deserialize)]
    struct Claimed {
        scope: String,
        iat: u64,
        exp: u64,
    }
    let fake = Fake::start(Rules::default());
    let (count, uri) = (
        Arc::new(AtomicUsize::new(0)),
        format!("{}/token", fake.endpoint()),
    );
    let counted = count.clone();
    fake.extra(move |asked, headers| {
        assert_eq!(headers["content-type"], "application/x-www-form-urlencoded");
        let form = form(asked);
        assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
        let mut wanted = Validation::new(Algorithm::RS256);
        wanted.set_audience(&[&uri]);
        wanted.set_issuer(&["publisher@test"]);
        wanted.set_required_spec_claims(&["aud", "iss", "exp"]);
        let key = DecodingKey::from_rsa_der(&public);
        match jsonwebtoken::decode::<Claimed>(&form["assertion"], &key, &wanted) {
            Err(error) => (400, format!(r#"{{"error":"invalid_grant","error_description":"Invalid JWT Signature: {error}"}}"#)),
            Ok(token) => {
                assert_eq!(token.header.kid.as_deref(), Some("k1"));
                assert_eq!(token.claims.scope, SCOPE);
                assert_eq!(token.claims.exp - token.claims.iat, 3600);
                let number = counted.fetch_add(1, Ordering::SeqCst);
                (200, format!(r#"{{"access_token":"t{number}","expires_in":{life},"token_type":"Bearer"}}"#))
            }
        }
    });
    (fake, count)
}

#[test]
fn a_service_account_signs_for_a_token_and_keeps_it_until_it_runs_out() {
    let room = Room::new();
    let (private, public) = room.key();
    for (life, tokens) in [(3600, 1), (0, 3)] {
        let (fake, count) = token_endpoint(public.clone(), life);
        let path = room.write(
            "key.json",
            &service_account(&private, &format!("{}/token", fake.endpoint())),
        );
        let credentials = find_in(&[("GOOGLE_APPLICATION_CREDENTIALS", path.as_str())]).unwrap();
        assert_eq!(
            credentials.describe(),
            format!("service account publisher@test (key {path})")
        );
        let bearers: Vec<String> = (0..3).map(|_| credentials.bearer().unwrap()).collect();
        assert_eq!(bearers[0], "Bearer t0");
        assert_eq!(bearers[2], format!("Bearer t{}", tokens - 1));
        assert_eq!(count.load(Ordering::SeqCst), tokens);
        assert!(credentials.forget());
        assert_eq!(credentials.bearer().unwrap(), format!("Bearer t{tokens}"));
    }
}

#[test]
fn a_key_that_is_not_the_accounts_and_a_wrong_clock_are_told_apart() {
    let room = Room::new();
    let (private, _) = room.key();
    let other = Room::new();
    let (fake, _) = token_endpoint(other.key().1, 3600);
    let path = room.write(
        "key.json",
        &service_account(&private, &format!("{}/token", fake.endpoint())),
    );
    let said = || {
        let credentials = find_in(&[("GOOGLE_APPLICATION_CREDENTIALS", path.as_str())]).unwrap();
        format!("{:#}", credentials.bearer().unwrap_err())
    };
    let error = said();
    assert!(
        error.contains("invalid_grant (Invalid JWT Signature"),
        "{error}"
    );
    assert!(
        error.ends_with("the key was deleted or is another account's; make a new one"),
        "{error}"
    );
    fake.extra(|_, _| (400, r#"{"error":"invalid_grant","error_description":"Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim."}"#.into()));
    assert!(said().ends_with("this machine's clock is wrong; set it"));
    fake.extra(|_, _| (200, "<html>".into()));
    assert!(said().ends_with("answers something that is no token"));
    fake.extra(|_, _| (502, "<html>".into()));
    assert!(said().ends_with("the token endpoint answers 502"));
}

#[test]
fn a_user_of_gcloud_is_asked_for_a_token_with_what_gcloud_kept() {
    let room = Room::new();
    let fake = Fake::start(Rules::default());
    let uri = format!("{}/token", fake.endpoint());
    let login = serde_json::json!({
        "type": "authorized_user", "client_id": "id", "client_secret": "s&cret", "refresh_token": "r/1", "token_uri": uri,
    });
    room.write(
        ".config/gcloud/application_default_credentials.json",
        &login.to_string(),
    );
    fake.extra(|asked, _| {
        let expected = [
            ("client_id", "id"),
            ("client_secret", "s&cret"),
            ("grant_type", "refresh_token"),
            ("refresh_token", "r/1"),
        ];
        let expected = expected.map(|(name, value)| (name.to_string(), value.to_string()));
        assert_eq!(form(asked), BTreeMap::from(expected));
        (200, r#"{"access_token":"fresh","expires_in":3599}"#.into())
    });
    let credentials = find_in(&[("HOME", room.path("").as_str())]).unwrap();
    assert_eq!(credentials.bearer().unwrap(), "Bearer fresh");
    fake.extra(|_, _| {
        (
            400,
            r#"{"error":"invalid_grant","error_description":"Token has been expired or revoked."}"#
                .into(),
        )
    });
    credentials.forget();
    let error = format!("{:#}", credentials.bearer().unwrap_err());
    assert!(
        error.contains("expired or revoked.); log in again"),
        "{error}"
    );
}

#[test]
fn a_machine_of_googles_is_asked_for_its_own_account() {
    let fake = Fake::start(Rules::default());
    fake.extra(|asked, headers| {
        assert_eq!(headers["metadata-flavor"], "Google");
        assert_eq!(
            asked.path,
            "/computeMetadata/v1/instance/service-accounts/default/token"
        );
        (
            200,
            r#"{"access_token":"machine","expires_in":1800}"#.into(),
        )
    });
    let host = fake.endpoint().replace("http://", "");
    let credentials = find_in(&[("GCE_METADATA_HOST", &host)]).unwrap();
    assert_eq!(credentials.bearer().unwrap(), "Bearer machine");
}

#[test]
fn the_first_login_that_exists_is_used() {
    let room = Room::new();
    let (private, _) = room.key();
    let token_file = room.write("token", "from-file\n");
    let key = room.write(
        "key.json",
        &service_account(&private, "https://example.com/token"),
    );
    let adc =
        r#"{"type":"authorized_user","client_id":"i","client_secret":"s","refresh_token":"r"}"#;
    room.write(".config/gcloud/application_default_credentials.json", adc);
    let home = room.path("");
    let all = [
        ("GOOGLE_OAUTH_ACCESS_TOKEN", "from-environment"),
        ("GOOGLE_APPLICATION_CREDENTIALS", key.as_str()),
        ("HOME", home.as_str()),
        ("GCE_METADATA_HOST", "127.0.0.1:1"),
    ];
    let used = |file: Option<&Utf8Path>, skipped: usize| {
        Credentials::find(file, &environment(&all[skipped..]), patience())
            .unwrap()
            .describe()
    };
    assert_eq!(
        used(Some(&token_file), 0),
        format!("the token in {token_file} (--token-file)")
    );
    assert_eq!(used(None, 0), "the token in GOOGLE_OAUTH_ACCESS_TOKEN");
    assert!(used(None, 1).starts_with("service account publisher@test"));
    assert!(used(None, 2).starts_with("the user of gcloud's application-default login"));
    assert_eq!(
        used(None, 3),
        "this machine's service account (127.0.0.1:1)"
    );
    let from_file = Credentials::find(Some(&token_file), &environment(&all), patience()).unwrap();
    assert_eq!(from_file.bearer().unwrap(), "Bearer from-file");
}

#[test]
fn a_login_that_will_not_do_is_named_before_anything_is_built() {
    let room = Room::new();
    let said = |text: &str| {
        let path = room.write("key.json", text);
        let error = find_in(&[("GOOGLE_APPLICATION_CREDENTIALS", path.as_str())])
            .err()
            .unwrap();
        format!("{error:#}")
    };
    let missing = find_in(&[("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key.json")])
        .err()
        .unwrap();
    assert!(missing
        .to_string()
        .starts_with("GOOGLE_APPLICATION_CREDENTIALS: /nowhere/key.json cannot be read"));
    assert!(said("not json: hunter2").ends_with("is no key file of Google's; make a new one"));
    assert!(
        said(r#"{"type":"service_account","private_key":"hunter2"}"#)
            .contains("is no whole service-account key")
    );
    let unsigned = said(&service_account("hunter2", "https://example.com"));
    assert!(
        unsigned.contains("is no service-account key with an RSA private key"),
        "{unsigned}"
    );
    assert!(!unsigned.contains("hunter2"));
    assert!(said(r#"{"type":"external_account"}"#)
        .contains("is of type `external_account`, and this program reads"));
    let curve = said(&service_account(
        &room.key_in("PKCS8", "ecdsa"),
        "https://example.com",
    ));
    assert!(curve.contains("with an RSA private key"), "{curve}");
    let (private, _) = room.key();
    let open = said(&service_account(&private, "http://example.com/token"));
    assert!(
        open.contains("which is not https; a secret is not sent there"),
        "{open}"
    );
    let two_words = find_in(&[("GOOGLE_OAUTH_ACCESS_TOKEN", "a b")])
        .err()
        .unwrap();
    assert!(two_words.to_string().contains("it is one word"));
}

#[test]
fn no_secret_is_seen_in_debug() {
    let room = Room::new();
    let (private, _) = room.key();
    let key = room.write(
        "key.json",
        &service_account(&private, "https://example.com/token"),
    );
    let adc = room.write("adc.json", r#"{"type":"authorized_user","client_id":"i","client_secret":"hunter2","refresh_token":"hunter2"}"#);
    let shown = [
        format!(
            "{:?}",
            find(
                None,
                &environment(&[("GOOGLE_OAUTH_ACCESS_TOKEN", "hunter2")])
            )
            .unwrap()
        ),
        format!("{:?}", key_file(key, "-").unwrap()),
        format!("{:?}", key_file(adc, "-").unwrap()),
        format!("{:?}", token("hunter2", Duration::ZERO).unwrap()),
    ]
    .concat();
    assert!(shown.contains("(secret)") && shown.contains("publisher@test"));
    assert!(
        !shown.contains("hunter2") && !shown.contains("PRIVATE"),
        "{shown}"
    );
}
