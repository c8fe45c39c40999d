//! A bucket of Google Cloud Storage in this process, stricter than any emulator: it checks logins, hashes, access modes,
//! preconditions and the pace of writes as the real one does, and it can lose requests and answers on the way.

use base64::engine::general_purpose::STANDARD as BASE64;
use base64::Engine as _;
use serde_json::{json, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

pub const BUCKET: &str = "releases";

/// What is asked of it, as a test sees it.
#[derive(Clone, Debug)]
pub struct Asked {
    pub token: Option<String>,
    pub method: String,
    pub path: String,
    pub query: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn is_write(&self) -> bool {
        self.method == "POST" && self.path.starts_with("/upload/")
    }
}

/// What becomes of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    Served,
    /// Not done; this is the answer.
    Refused(u16, &'static str),
    /// The connection goes before anything is done.
    LostBefore,
    /// It is done, and the connection goes.
    LostAfter,
    /// It is done, and this is the answer.
    DoneButRefused(u16, &'static str),
    /// The answer ends in the middle of its body.
    CutInHalf,
    /// The answer comes in two pieces, with this in between.
    Slow(Duration),
    /// It comes byte by byte, with this between two of them.
    Drip(Duration),
}

pub struct Rules {
    /// The logins that may write; empty: an emulator, which wants none.
    pub tokens: BTreeSet<String>,
    /// Permissions that nobody has.
    pub lacks: BTreeSet<&'static str>,
    pub uniform_access: bool,
    /// Everybody may read the whole bucket.
    pub public_bucket: bool,
    pub one_write_a_second: bool,
    pub page_size: usize,
    /// Names (by their end) whose preconditions are not checked: a protocol without them.
    pub unguarded: fn(&str) -> bool,
    /// Forgets every `index-serial`: a protocol without them.
    pub forget_serials: bool,
    /// Names that an account may overwrite, by a condition on its role.
    pub may_overwrite: Arc<dyn Fn(&str) -> bool + Send + Sync>,
    pub public_access_prevention: &'static str,
    /// Names under which other bytes are kept than those that came.
    pub damages: fn(&str) -> bool,
    /// Names that appear only after the next of another kind: a protocol that sends them in the other order.
    pub late: fn(&str) -> bool,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            tokens: BTreeSet::new(),
            lacks: BTreeSet::new(),
            uniform_access: true,
            public_bucket: true,
            one_write_a_second: false,
            page_size: 3,
            unguarded: |_| false,
            forget_serials: false,
            may_overwrite: Arc::new(|_| true),
            public_access_prevention: "inherited",
            damages: |_| false,
            late: |_| false,
        }
    }
}

impl Rules {
    /// As many names a page as Google gives, for tests that count.
    pub fn roomy() -> Rules {
        Rules {
            page_size: 1000,
            ..Rules::default()
        }
    }
}

#[derive(Clone)]
pub struct Stored {
    pub bytes: Vec<u8>,
    pub generation: u64,
    pub content_type: String,
    pub cache_control: String,
    pub metadata: BTreeMap<String, String>,
    pub public: bool,
    written: Instant,
}

type Before = Arc<dyn Fn(&Asked) -> Fate + Send + Sync>;
type Extra = Arc<dyn Fn(&Asked, &BTreeMap<String, String>) -> (u16, String) + Send + Sync>;
type After = Arc<dyn Fn(&Asked) + Send + Sync>;

struct Inner {
    rules: Rules,
    objects: Mutex<BTreeMap<String, Stored>>,
    generation: Mutex<u64>,
    asked: Mutex<Vec<Asked>>,
    /// By login; for whoever has no rule of its own, the one without.
    before: Mutex<BTreeMap<Option<String>, Before>>,
    after: Mutex<After>,
    over: AtomicBool,
    /// What other paths answer: `/token`, the metadata server.
    extra: Mutex<Option<Extra>>,
    late: Mutex<Vec<(String, Stored)>>,
}

pub struct Fake {
    address: SocketAddr,
    inner: Arc<Inner>,
}

struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Fake {
    pub fn start(rules: Rules) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Inner {
            rules,
            objects: Mutex::default(),
            generation: Mutex::new(1_000),
            asked: Mutex::default(),
            before: Mutex::default(),
            after: Mutex::new(Arc::new(|_| ())),
            over: AtomicBool::new(false),
            extra: Mutex::new(None),
            late: Mutex::default(),
        });
        let served = inner.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                if served.over.load(Ordering::SeqCst) {
                    return;
                }
                let inner = served.clone();
                thread::spawn(move || {
                    if let Ok(stream) = stream {
                        inner.connection(stream);
                    }
                });
            }
        });
        Fake { address, inner }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Decides about each request before it is done. Called without any lock held: it may publish itself.
    pub fn before(&self, before: impl Fn(&Asked) -> Fate + Send + Sync + 'static) {
        lock(&self.inner.before).insert(None, Arc::new(before));
    }

    /// The same, for one login alone.
    pub fn before_of(&self, token: &str, before: impl Fn(&Asked) -> Fate + Send + Sync + 'static) {
        lock(&self.inner.before).insert(Some(token.into()), Arc::new(before));
    }

    /// No rule for this login any more.
    pub fn leave_alone(&self, token: &str) {
        lock(&self.inner.before).remove(&Some(token.into()));
    }

    /// Called after each request was done and before it is answered.
    pub fn after(&self, after: impl Fn(&Asked) + Send + Sync + 'static) {
        *lock(&self.inner.after) = Arc::new(after);
    }

    pub fn extra(
        &self,
        extra: impl Fn(&Asked, &BTreeMap<String, String>) -> (u16, String) + Send + Sync + 'static,
    ) {
        *lock(&self.inner.extra) = Some(Arc::new(extra));
    }

    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.inner.asked).clone()
    }

    pub fn forget_asked(&self) {
        lock(&self.inner.asked).clear();
    }

    pub fn objects(&self) -> BTreeMap<String, Stored> {
        lock(&self.inner.objects).clone()
    }

    /// Puts an object there as another tool would.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        let stored = Stored {
            bytes: bytes.to_vec(),
            generation: self.inner.next_generation(),
            content_type: "application/octet-stream".into(),
            cache_control: String::new(),
            metadata: BTreeMap::new(),
            public: true,
            written: Instant::now() - Duration::from_secs(60),
        };
        lock(&self.inner.objects).insert(name.into(), stored);
    }

    pub fn remove(&self, name: &str) {
        lock(&self.inner.objects).remove(name);
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.inner.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

impl Inner {
    fn connection(&self, stream: TcpStream) {
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        stream.set_nodelay(true).unwrap();
        let mut writer = stream.try_clone().unwrap();
        let mut reader = BufReader::new(stream);
        while let Some((asked, headers)) = self.receive(&mut reader) {
            let before = {
                let rules = lock(&self.before);
                rules.get(&asked.token).or(rules.get(&None)).cloned()
            };
            let fate = before.map_or(Fate::Served, |before| before(&asked));
            let (reply, goes_on) = match fate {
                Fate::LostBefore => (None, false),
                Fate::Refused(status, message) => (Some(error(status, message)), true),
                _ => {
                    let reply = self.serve(&asked, &headers);
                    let after = lock(&self.after).clone();
                    after(&asked);
                    self.let_the_late_come(&asked);
                    match fate {
                        Fate::LostAfter => (None, false),
                        Fate::DoneButRefused(status, message) => {
                            (Some(error(status, message)), true)
                        }
                        Fate::CutInHalf => {
                            let text = reply.to_bytes();
                            let _ =
                                writer.write_all(&text[..text.len() - reply.body.len() / 2 - 1]);
                            (None, false)
                        }
                        Fate::Drip(pause) => {
                            for byte in reply.to_bytes() {
                                if writer.write_all(&[byte]).is_err() {
                                    return;
                                }
                                thread::sleep(pause);
                            }
                            continue;
                        }
                        Fate::Slow(pause) => {
                            let text = reply.to_bytes();
                            let (head, tail) = text.split_at(text.len() - reply.body.len() / 2);
                            let _ = writer.write_all(head);
                            thread::sleep(pause);
                            let _ = writer.write_all(tail);
                            continue;
                        }
                        _ => (Some(reply), true),
                    }
                }
            };
            let sent = reply.map(|reply| writer.write_all(&reply.to_bytes()));
            if !goes_on || !matches!(sent, Some(Ok(()))) {
                let _ = writer.shutdown(Shutdown::Both);
                return;
            }
        }
    }

    fn receive(
        &self,
        reader: &mut BufReader<TcpStream>,
    ) -> Option<(Asked, BTreeMap<String, String>)> {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|size| *size > 0)?;
        let mut words = line.split_whitespace();
        let (method, target) = (words.next()?.to_string(), words.next()?.to_string());
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            headers.insert(name.to_lowercase(), value.trim().to_string());
        }
        assert!(
            !headers.contains_key("transfer-encoding"),
            "a body of unknown size"
        );
        let size = headers
            .get("content-length")
            .map_or(0, |size| size.parse().unwrap());
        let mut body = vec![0; size];
        reader.read_exact(&mut body).ok()?;
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let mut log = lock(&self.asked);
        let asked = Asked {
            token: headers
                .get("authorization")
                .and_then(|value| value.strip_prefix("Bearer "))
                .map(String::from),
            method,
            path: path.to_string(),
            query: query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .map(|(name, value)| (name.to_string(), decode(value)))
                .collect(),
            body,
        };
        // Bodies are large, and the log is for counting.
        log.push(Asked {
            body: Vec::new(),
            ..asked.clone()
        });
        Some((asked, headers))
    }

    fn serve(&self, asked: &Asked, headers: &BTreeMap<String, String>) -> Reply {
        let extra = lock(&self.extra).clone();
        let api = format!("/storage/v1/b/{BUCKET}");
        if let Some(name) = asked.path.strip_prefix(&format!("/{BUCKET}/")) {
            return self.anonymous(&decode(name));
        }
        if let Some(extra) = extra.filter(|_| !asked.path.contains("/storage/v1/")) {
            let (status, text) = extra(asked, headers);
            return Reply::new(status, text.into_bytes());
        }
        if !self.rules.tokens.is_empty() {
            match &asked.token {
                None => return error(401, "Anonymous caller does not have storage access."),
                Some(token) if !self.rules.tokens.contains(token) => {
                    return error(401, "Invalid Credentials")
                }
                Some(_) => {}
            }
        } else if asked.token.is_some() {
            return error(400, "an emulator was sent a login");
        }
        if asked.path == format!("/upload{api}/o") && asked.method == "POST" {
            return self.upload(asked, headers);
        }
        let Some(rest) = asked.path.strip_prefix(&api) else {
            return error(404, "The specified bucket does not exist.");
        };
        match rest.strip_prefix('/').unwrap_or(rest) {
            "" => Reply::json(json!({"name": BUCKET, "iamConfiguration": {
                "uniformBucketLevelAccess": {"enabled": self.rules.uniform_access},
                "publicAccessPrevention": self.rules.public_access_prevention,
            }})),
            // A name that no condition can be about.
            "iam/testPermissions" => self.permissions(&asked.query["permissions"], "*"),
            "o" => self.list(asked),
            path => match path.strip_prefix("o/") {
                Some(path) if path.ends_with("/iam/testPermissions") => {
                    let name = decode(path.trim_end_matches("/iam/testPermissions"));
                    self.permissions(&asked.query["permissions"], &name)
                }
                Some(name) => self.object(&decode(name), asked),
                None => error(404, "Not Found"),
            },
        }
    }

    /// A repeated parameter keeps its last value in `query`, so every known permission is looked at.
    fn permissions(&self, last: &str, object: &str) -> Reply {
        let all = [
            "storage.objects.create",
            "storage.objects.get",
            "storage.objects.list",
            "storage.objects.delete",
            "storage.buckets.get",
        ];
        let asked_for_all = last == "storage.buckets.get";
        let granted: Vec<&str> = all
            .into_iter()
            .filter(|name| asked_for_all || *name == last)
            .filter(|name| !self.rules.lacks.contains(name))
            .filter(|name| *name != "storage.objects.delete" || (self.rules.may_overwrite)(object))
            .collect();
        match granted.is_empty() {
            true => Reply::json(json!({"kind": "storage#testIamPermissionsResponse"})),
            false => Reply::json(json!({ "permissions": granted })),
        }
    }

    fn lacks(&self, permission: &str) -> Option<Reply> {
        let lacks = self.rules.lacks.contains(permission);
        lacks.then(|| {
            let message = format!("publisher@test does not have {permission} access to the Google Cloud Storage object.");
            error(403, &message)
        })
    }

    fn list(&self, asked: &Asked) -> Reply {
        if let Some(refusal) = self.lacks("storage.objects.list") {
            return refusal;
        }
        let prefix = &asked.query["prefix"];
        let from = asked.query.get("pageToken").cloned().unwrap_or_default();
        let objects = lock(&self.objects);
        let mut names = objects
            .keys()
            .filter(|name| name.starts_with(prefix) && **name > from);
        let page: Vec<&String> = names.by_ref().take(self.rules.page_size).collect();
        let items: Vec<Value> = page
            .iter()
            .map(|name| self.resource(name, &objects[*name]))
            .collect();
        let mut answer = json!({ "kind": "storage#objects" });
        if !items.is_empty() {
            answer["items"] = items.into();
        }
        if let (Some(last), true) = (page.last(), names.next().is_some()) {
            answer["nextPageToken"] = json!(last);
        }
        Reply::json(answer)
    }

    fn object(&self, name: &str, asked: &Asked) -> Reply {
        if let Some(refusal) = self.lacks("storage.objects.get") {
            return refusal;
        }
        let objects = lock(&self.objects);
        let Some(stored) = objects.get(name) else {
            return error(404, &format!("No such object: {BUCKET}/{name}"));
        };
        match asked.query.get("alt").map(String::as_str) {
            Some("media") => stored.media(),
            _ => Reply::json(self.resource(name, stored)),
        }
    }

    fn resource(&self, name: &str, stored: &Stored) -> Value {
        let mut metadata = stored.metadata.clone();
        if self.rules.forget_serials {
            metadata.remove("index-serial");
        }
        json!({
            "name": name, "bucket": BUCKET, "generation": stored.generation.to_string(), "size": stored.bytes.len().to_string(),
            "crc32c": crc32c(&stored.bytes), "contentType": stored.content_type, "cacheControl": stored.cache_control, "metadata": metadata,
        })
    }

    fn anonymous(&self, name: &str) -> Reply {
        match lock(&self.objects).get(name) {
            Some(stored) if self.rules.public_bucket || stored.public => stored.media(),
            Some(_) => error(
                403,
                "Anonymous caller does not have storage.objects.get access.",
            ),
            None if self.rules.public_bucket => error(404, "NoSuchKey"),
            None => error(
                403,
                "Anonymous caller does not have storage.objects.list access.",
            ),
        }
    }

    fn upload(&self, asked: &Asked, headers: &BTreeMap<String, String>) -> Reply {
        match self.accept(asked, headers) {
            Ok(reply) => reply,
            Err((status, message)) => error(status, &message),
        }
    }

    fn accept(
        &self,
        asked: &Asked,
        headers: &BTreeMap<String, String>,
    ) -> Result<Reply, (u16, String)> {
        let bad = |message: &str| (400, message.to_string());
        if asked.query.get("uploadType").map(String::as_str) != Some("multipart") {
            return Err(bad("only multipart uploads are known here"));
        }
        let expected = asked.query.get("ifGenerationMatch");
        let expected: u64 = expected
            .and_then(|number| number.parse().ok())
            .ok_or_else(|| bad("a write without a precondition"))?;
        let (resource, part_type, bytes) = parts(asked, headers).map_err(|error| bad(&error))?;
        let text = |key: &str| resource[key].as_str().unwrap_or_default().to_string();
        let name = text("name");
        if text("contentType") != part_type || part_type.is_empty() {
            return Err(bad("The part's Content-Type is not the metadata's."));
        }
        if text("cacheControl").is_empty() {
            return Err(bad("no cacheControl: caches would keep it for an hour"));
        }
        if text("crc32c") != crc32c(&bytes) {
            return Err(bad("Provided CRC32C does not match calculated CRC32C."));
        }
        let public = asked.query.get("predefinedAcl").map(String::as_str) == Some("publicRead");
        if public && self.rules.uniform_access {
            return Err(bad("Cannot insert legacy ACL for an object when uniform bucket-level access is enabled. Read more at https://cloud.google.com/storage/docs/uniform-bucket-level-access"));
        }
        let mut objects = lock(&self.objects);
        let there = objects.get(&name);
        let needed = if there.is_some() {
            "storage.objects.delete"
        } else {
            "storage.objects.create"
        };
        let is_conditioned = there.is_some() && !(self.rules.may_overwrite)(&name);
        if self.rules.lacks.contains(needed) || is_conditioned {
            let message = format!(
                "publisher@test does not have {needed} access to the Google Cloud Storage object."
            );
            return Err((403, message));
        }
        let now = there.map_or(0, |there| there.generation);
        if now != expected && !(self.rules.unguarded)(&name) {
            return Err((
                412,
                "At least one of the pre-conditions you specified did not hold.".into(),
            ));
        }
        let recent = |there: &Stored| there.written.elapsed() < Duration::from_secs(1);
        if self.rules.one_write_a_second && there.is_some_and(recent) {
            return Err((429, format!("The object {BUCKET}/{name} exceeded the rate limit for object mutation operations (create, update, and delete).")));
        }
        let metadata = resource["metadata"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        let kept = match (self.rules.damages)(&name) {
            true => b"damaged".to_vec(),
            false => bytes,
        };
        let stored = Stored {
            bytes: kept,
            generation: self.next_generation(),
            content_type: part_type,
            cache_control: text("cacheControl"),
            metadata: metadata
                .into_iter()
                .map(|(key, value)| (key, value.as_str().unwrap_or_default().to_string()))
                .collect(),
            public,
            written: Instant::now(),
        };
        let reply = Reply::json(self.resource(&name, &stored));
        match (self.rules.late)(&name) {
            true => lock(&self.late).push((name, stored)),
            false => drop(objects.insert(name, stored)),
        }
        Ok(reply)
    }

    /// After whatever they should have come before.
    fn let_the_late_come(&self, asked: &Asked) {
        let is_late = |(name, _): &(String, Stored)| find(&asked.body, name.as_bytes()).is_some();
        let mut late = lock(&self.late);
        if asked.is_write() && !late.iter().any(is_late) {
            lock(&self.objects).extend(late.drain(..));
        }
    }

    fn next_generation(&self) -> u64 {
        let mut generation = lock(&self.generation);
        *generation += 1;
        *generation
    }
}

/// The metadata, the content type of the second part, and its bytes.
fn parts(
    asked: &Asked,
    headers: &BTreeMap<String, String>,
) -> Result<(Value, String, Vec<u8>), String> {
    let content_type = headers.get("content-type").ok_or("no content type")?;
    let boundary = content_type
        .strip_prefix("multipart/related; boundary=")
        .ok_or("not multipart/related")?;
    let rest = asked
        .body
        .strip_prefix(format!("--{boundary}\r\n").as_bytes())
        .ok_or("Multipart body is malformed.")?;
    let end = format!("\r\n--{boundary}--\r\n");
    let rest = rest
        .strip_suffix(end.as_bytes())
        .ok_or("Multipart body does not end.")?;
    let middle = format!("\r\n--{boundary}\r\n");
    let split = find(rest, middle.as_bytes()).ok_or("Multipart body has one part.")?;
    let (first, second) = (&rest[..split], &rest[split + middle.len()..]);
    let (_, resource) = head_and_body(first)?;
    let (head, bytes) = head_and_body(second)?;
    let part_type = head
        .strip_prefix("content-type: ")
        .ok_or("a part without a type")?;
    let resource = serde_json::from_slice(resource).map_err(|error| error.to_string())?;
    Ok((resource, part_type.to_string(), bytes.to_vec()))
}

fn head_and_body(part: &[u8]) -> Result<(String, &[u8]), String> {
    let split = find(part, b"\r\n\r\n").ok_or("a part without headers")?;
    let head = String::from_utf8_lossy(&part[..split]).to_lowercase();
    Ok((head, &part[split + 4..]))
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len())
        .position(|window| window == wanted)
}

impl Stored {
    fn media(&self) -> Reply {
        let mut reply = Reply::new(200, self.bytes.clone());
        for (name, value) in [
            ("content-type", self.content_type.clone()),
            ("cache-control", self.cache_control.clone()),
            ("x-goog-generation", self.generation.to_string()),
            ("x-goog-hash", format!("crc32c={}", crc32c(&self.bytes))),
        ] {
            reply.headers.push((name.into(), value));
        }
        reply
    }
}

impl Reply {
    fn new(status: u16, body: Vec<u8>) -> Reply {
        Reply {
            status,
            headers: Vec::new(),
            body,
        }
    }

    fn json(value: Value) -> Reply {
        Reply::new(200, value.to_string().into_bytes())
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut head = format!(
            "HTTP/1.1 {} Of Course\r\ncontent-length: {}\r\n",
            self.status,
            self.body.len()
        );
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        [head.as_bytes(), b"\r\n", &self.body].concat()
    }
}

fn error(status: u16, message: &str) -> Reply {
    let reason = match status {
        401 => "authError",
        403 => "forbidden",
        404 => "notFound",
        412 => "conditionNotMet",
        429 => "rateLimitExceeded",
        500..=599 => "backendError",
        _ => "invalid",
    };
    let value = json!({"error": {"code": status, "message": message, "errors": [{"message": message, "domain": "global", "reason": reason}]}});
    Reply::new(status, value.to_string().into_bytes())
}

pub fn crc32c(bytes: &[u8]) -> String {
    BASE64.encode(crc32c::crc32c(bytes).to_be_bytes())
}

pub fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let hex: String = rest.by_ref().take(2).map(char::from).collect();
                bytes.push(u8::from_str_radix(&hex, 16).unwrap());
            }
            b'+' => bytes.push(b' '),
            _ => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).unwrap()
}
