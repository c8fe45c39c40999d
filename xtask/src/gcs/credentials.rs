//! Who publishes: the first login that exists, and a token from it, renewed before it runs out.
//!
//! A secret is read from a file or the environment and leaves this process only in a request to Google, never in argv, a log or `Debug`.

use super::http::{require_private, Answer, Body, Client, Patience, Request};
use crate::process::{is_installed, Timed};
use crate::words::refuse;
use anyhow::{anyhow, bail, Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use pkcs8::ObjectIdentifier;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::PrivateKeyDer;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A word that must not be seen.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

pub struct Credentials {
    login: Login,
    patience: Patience,
    token: Mutex<Option<Token>>,
}

#[derive(Clone, Debug)]
struct Token {
    text: Secret,
    renew_at: Instant,
}

#[derive(Debug)]
enum Login {
    TokenFile(Utf8PathBuf),
    Environment(Secret),
    ServiceAccount(Utf8PathBuf, ServiceAccount),
    User(Utf8PathBuf, User),
    /// A machine of Google's, which has an account of its own.
    Metadata(String),
    Gcloud,
}

#[derive(Debug, Deserialize)]
struct ServiceAccount {
    client_email: String,
    private_key: Secret,
    private_key_id: Option<String>,
    #[serde(default = "google_tokens")]
    token_uri: String,
}

#[derive(Debug, Deserialize)]
struct User {
    client_id: String,
    client_secret: Secret,
    refresh_token: Secret,
    #[serde(default = "google_tokens")]
    token_uri: String,
}

fn google_tokens() -> String {
    "https://oauth2.googleapis.com/token".into()
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'a str,
    aud: &'a str,
    iat: u64,
    exp: u64,
}

#[derive(Deserialize)]
struct Granted {
    access_token: Secret,
    expires_in: Option<u64>,
}

#[derive(Deserialize)]
struct Denied {
    error: String,
    #[serde(default)]
    error_description: String,
}

const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_write";
/// A token is renewed so long before it runs out.
const MARGIN: Duration = Duration::from_secs(300);
/// How long a token is used whose end nobody told us: others renew theirs themselves.
const UNKNOWN_LIFE: Duration = Duration::from_secs(600);
const GCLOUD_DEADLINE: Duration = Duration::from_secs(60);

impl Credentials {
    /// The first login that exists, as docs/publishing.md orders them. `variable` looks into the environment.
    pub fn find(
        token_file: Option<&Utf8Path>,
        variable: &dyn Fn(&str) -> Option<String>,
        patience: Patience,
    ) -> Result<Credentials> {
        Ok(Credentials {
            login: find(token_file, variable)?,
            patience,
            token: Mutex::new(None),
        })
    }

    /// Names the login, and no secret.
    pub fn describe(&self) -> String {
        match &self.login {
            Login::TokenFile(path) => format!("the token in {path} (--token-file)"),
            Login::Environment(_) => "the token in GOOGLE_OAUTH_ACCESS_TOKEN".into(),
            Login::ServiceAccount(path, key) => {
                format!("service account {} (key {path})", key.client_email)
            }
            Login::User(path, _) => {
                format!("the user of gcloud's application-default login ({path})")
            }
            Login::Metadata(host) => format!("this machine's service account ({host})"),
            Login::Gcloud => "`gcloud auth print-access-token`".into(),
        }
    }

    /// The value of an `Authorization` header.
    pub fn bearer(&self) -> Result<String> {
        let mut kept = self.lock();
        if let Some(token) = kept
            .as_ref()
            .filter(|token| Instant::now() < token.renew_at)
        {
            return Ok(format!("Bearer {}", token.text.0));
        }
        let token = self
            .fetch()
            .with_context(|| format!("login by {}", self.describe()))?;
        let bearer = format!("Bearer {}", token.text.0);
        *kept = Some(token);
        Ok(bearer)
    }

    /// The token was not accepted. True when another may be had.
    pub fn forget(&self) -> bool {
        *self.lock() = None;
        !matches!(self.login, Login::Environment(_))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Token>> {
        self.token
            .lock()
            .expect("no thread panics while it holds the token")
    }

    fn fetch(&self) -> Result<Token> {
        match &self.login {
            Login::TokenFile(path) => token(&read(path)?, UNKNOWN_LIFE),
            Login::Environment(secret) => token(&secret.0, UNKNOWN_LIFE),
            Login::ServiceAccount(path, key) => self.exchange(
                path,
                &key.token_uri,
                &[
                    ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
                    ("assertion", &assertion(key)?),
                ],
            ),
            Login::User(path, user) => self.exchange(
                path,
                &user.token_uri,
                &[
                    ("grant_type", "refresh_token"),
                    ("client_id", &user.client_id),
                    ("client_secret", &user.client_secret.0),
                    ("refresh_token", &user.refresh_token.0),
                ],
            ),
            Login::Metadata(host) => self.ask_machine(host),
            Login::Gcloud => ask_gcloud(),
        }
    }

    fn exchange(&self, path: &Utf8Path, uri: &str, form: &[(&str, &str)]) -> Result<Token> {
        require_private(uri, &format!("`token_uri` in {path}"))?;
        let text = encode_form(form);
        let request = Request {
            method: "POST",
            url: uri.into(),
            headers: vec![("content-type", "application/x-www-form-urlencoded".into())],
            body: Body::Bytes(text.as_bytes()),
        };
        granted(&self.client(uri).text(&request)?)
    }

    fn ask_machine(&self, host: &str) -> Result<Token> {
        let url =
            format!("http://{host}/computeMetadata/v1/instance/service-accounts/default/token");
        let request = Request {
            method: "GET",
            headers: vec![("metadata-flavor", "Google".into())],
            body: Body::None,
            url,
        };
        granted(&self.client(&request.url).text(&request)?)
    }

    fn client(&self, url: &str) -> Client {
        Client::new(url, self.patience.clone())
    }
}

fn find(token_file: Option<&Utf8Path>, variable: &dyn Fn(&str) -> Option<String>) -> Result<Login> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    if let Some(path) = token_file {
        token(
            &read(path).map_err(|error| refuse(format!("{error:#}")))?,
            UNKNOWN_LIFE,
        )?;
        return Ok(Login::TokenFile(path.to_owned()));
    }
    if let Some(secret) = set("GOOGLE_OAUTH_ACCESS_TOKEN") {
        token(&secret, UNKNOWN_LIFE)?;
        return Ok(Login::Environment(Secret(secret)));
    }
    if let Some(path) = set("GOOGLE_APPLICATION_CREDENTIALS") {
        return key_file(path.into(), "GOOGLE_APPLICATION_CREDENTIALS");
    }
    let home = set("HOME").map(|home| Utf8PathBuf::from(home).join(".config/gcloud"));
    if let Some(directory) = set("CLOUDSDK_CONFIG").map(Utf8PathBuf::from).or(home) {
        let path = directory.join("application_default_credentials.json");
        if path.is_file() {
            return key_file(path, "gcloud's application-default login");
        }
    }
    if let Some(host) = metadata_host(&set) {
        return Ok(Login::Metadata(host));
    }
    if is_installed("gcloud") {
        return Ok(Login::Gcloud);
    }
    Err(refuse("no login for Google Cloud Storage: set GOOGLE_APPLICATION_CREDENTIALS to the file of a service-account key, or run `gcloud auth application-default login`; docs/publishing.md lists the others"))
}

/// Google's own libraries look at the same places: a machine that is not Google's is not asked, for it would not answer.
fn metadata_host(set: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    if let Some(host) = set("GCE_METADATA_HOST") {
        return Some(host);
    }
    if set("NO_GCE_CHECK").is_some() {
        return None;
    }
    let product = std::fs::read_to_string("/sys/class/dmi/id/product_name").unwrap_or_default();
    let on_google = set("K_SERVICE").is_some() || product.starts_with("Google");
    on_google.then(|| "metadata.google.internal".into())
}

fn key_file(path: Utf8PathBuf, named_by: &str) -> Result<Login> {
    let text = read(&path).map_err(|error| refuse(format!("{named_by}: {error:#}")))?;
    #[derive(Deserialize)]
    struct Kind {
        #[serde(rename = "type")]
        kind: String,
    }
    // A parser's complaint may quote what it read, and what it read is a secret.
    let broken = |what: &str| refuse(format!("{named_by}: {path} is no {what}; make a new one"));
    let kind: Kind = serde_json::from_str(&text).map_err(|_| broken("key file of Google's"))?;
    match kind.kind.as_str() {
        "service_account" => {
            let key: ServiceAccount =
                serde_json::from_str(&text).map_err(|_| broken("whole service-account key"))?;
            encoding_key(&key).map_err(|_| broken("service-account key with an RSA private key"))?;
            require_private(&key.token_uri, &format!("`token_uri` in {path}"))?;
            Ok(Login::ServiceAccount(path, key))
        }
        "authorized_user" => {
            let user: User =
                serde_json::from_str(&text).map_err(|_| broken("whole user login"))?;
            require_private(&user.token_uri, &format!("`token_uri` in {path}"))?;
            Ok(Login::User(path, user))
        }
        other => Err(refuse(format!(
            "{named_by}: {path} is of type `{}`, and this program reads `service_account` and `authorized_user`; for others put a token into a file and name it with --token-file",
            other.escape_debug()
        ))),
    }
}

fn read(path: &Utf8Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{path} cannot be read"))
}

fn token(text: &str, life: Duration) -> Result<Token> {
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(refuse("the token is empty or holds blanks; it is one word, as `gcloud auth print-access-token` prints it"));
    }
    Ok(Token {
        text: Secret(text.into()),
        renew_at: Instant::now() + life.saturating_sub(MARGIN).max(life / 2),
    })
}

/// RFC 8017, appendix A.1: rsaEncryption.
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

fn encoding_key(key: &ServiceAccount) -> Result<EncodingKey> {
    let rsa = match PrivateKeyDer::from_pem_slice(key.private_key.0.as_bytes())? {
        PrivateKeyDer::Pkcs1(rsa) => rsa.secret_pkcs1_der().to_vec(),
        PrivateKeyDer::Pkcs8(wrapped) => {
            let key = pkcs8::PrivateKeyInfo::try_from(wrapped.secret_pkcs8_der())
                .map_err(|error| anyhow!("no PKCS #8: {error}"))?;
            key.algorithm
                .assert_algorithm_oid(RSA)
                .map_err(|_| anyhow!("no RSA key"))?;
            key.private_key.to_vec()
        }
        _ => bail!("no RSA key"),
    };
    Ok(EncodingKey::from_rsa_der(&rsa))
}

fn assertion(key: &ServiceAccount) -> Result<String> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("this machine's clock is before 1970; set it")?
        .as_secs();
    let claims = Claims {
        iss: &key.client_email,
        scope: SCOPE,
        aud: &key.token_uri,
        iat: now,
        exp: now + 3600,
    };
    let header = Header {
        kid: key.private_key_id.clone(),
        ..Header::new(Algorithm::RS256)
    };
    let signed = jsonwebtoken::encode(&header, &claims, &encoding_key(key)?);
    signed.context("the private key does not sign")
}

fn granted(answer: &Answer<Vec<u8>>) -> Result<Token> {
    if let Some(body) = &answer.body {
        let Ok(granted) = serde_json::from_slice::<Granted>(body) else {
            bail!("the token endpoint answers something that is no token");
        };
        let life = granted.expires_in.map_or(UNKNOWN_LIFE, Duration::from_secs);
        return token(&granted.access_token.0, life);
    }
    let Ok(denied) = serde_json::from_slice::<Denied>(&answer.complaint) else {
        bail!("the token endpoint answers {}", answer.status);
    };
    let description = denied.error_description;
    let way_out = match (denied.error.as_str(), description.to_lowercase()) {
        ("invalid_grant", text) if text.contains("iat") || text.contains("short-lived") => {
            "this machine's clock is wrong; set it"
        }
        ("invalid_grant", text) if text.contains("signature") => {
            "the key was deleted or is another account's; make a new one"
        }
        ("invalid_grant", _) => "log in again, or make a new key",
        _ => "docs/publishing.md lists the logins",
    };
    bail!(
        "the token endpoint answers {} ({description}); {way_out}",
        denied.error
    )
}

fn ask_gcloud() -> Result<Token> {
    let output = Timed::new("gcloud", GCLOUD_DEADLINE)
        .args(["auth", "print-access-token"])
        .run()?;
    if !output.status.success() {
        bail!("{}; `gcloud auth login` logs in", output.complaint());
    }
    token(&output.text(), UNKNOWN_LIFE)
}

fn encode_form(form: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = form
        .iter()
        .map(|(name, value)| format!("{name}={}", super::escape(value)))
        .collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests;
