//! Publishing to a bucket that others have written: fake-gcs-server, with our own client and with Google's gsutil.
//!
//! Both come by `cargo xtask ci --step packages`. gsutil speaks only TLS, so socat stands before the server with a certificate of
//! the test's own. The server checks no login, and no precondition but that of an upload in one request, which is all we send.

#[path = "release/project.rs"]
#[allow(dead_code, reason = "the release tests use more of it")]
mod project;
#[path = "release/run.rs"]
#[allow(dead_code, reason = "the release tests use more of it")]
mod run;
#[path = "release/tree.rs"]
#[allow(dead_code, reason = "the release tests use more of it")]
mod tree;

use project::{host_platform, host_target, node, write, Project};
use run::{wait_until, Ran, Running};
use serde_json::Value;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;

const NODES: &str = "[publish]\nstore = \"gs://releases\"\n";

struct Emulator {
    project: Project,
    port: u16,
    _server: Running,
    _tls: Running,
}

impl Emulator {
    fn start() -> Emulator {
        let project = Project::new();
        let here = node("here", host_target(), "");
        project.write_nodes(&format!("{NODES}{here}"));
        project.commit("nodes");
        project.git("tag v0.14.0");
        project
            .shell(
                "cd ../home && openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=test &&
                 openssl req -newkey rsa:2048 -nodes -keyout tls.key -out tls.csr -subj /CN=localhost &&
                 echo subjectAltName=DNS:localhost >tls.ext &&
                 openssl x509 -req -in tls.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out tls.pem -days 2 -extfile tls.ext &&
                 cat tls.pem tls.key >both.pem",
            )
            .exits(0);
        let (port, tls_port) = (free_port(), free_port());
        let server = tool("fake-gcs-server");
        let public = format!("127.0.0.1:{port}");
        let server = project.started(project.command(
            server.to_str().unwrap(),
            [
                "-scheme",
                "http",
                "-host",
                "127.0.0.1",
                "-port",
                &port.to_string(),
                "-public-host",
                &public,
                "-backend",
                "memory",
            ],
        ));
        let listen = format!(
            "OPENSSL-LISTEN:{tls_port},bind=127.0.0.1,cert={},verify=0,fork,reuseaddr",
            project.beside("home/both.pem").display()
        );
        let tls =
            project.started(project.command("socat", [&listen, &format!("TCP:{public}")[..]]));
        for port in [port, tls_port] {
            wait_until("a server listens", || {
                TcpStream::connect(("127.0.0.1", port)).is_ok()
            });
        }
        write(
            &project.beside("home/boto"),
            &format!(
                "[Credentials]\ngs_json_host = localhost\ngs_json_port = {tls_port}\n\
                 [Boto]\nnum_retries = 2\nca_certificates_file = {home}/ca.pem\n\
                 [GSUtil]\nsoftware_update_check_period = 0\nprefer_api = json\nstate_dir = {home}/gsutil\n",
                home = project.beside("home").display()
            ),
        );
        let emulator = Emulator {
            project,
            port,
            _server: server,
            _tls: tls,
        };
        for bucket in ["releases", "others"] {
            let made = format!("curl -sSf -X POST -H 'Content-Type: application/json' -d '{{\"name\":\"{bucket}\"}}' '{}/storage/v1/b?project=test'", emulator.url());
            emulator.project.shell(&made).exits(0);
        }
        emulator
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn xtask(&self, arguments: &str) -> Ran {
        let command = self
            .project
            .command(env!("CARGO_BIN_EXE_xtask"), arguments.split(' '));
        self.project.ran(self.with_tools(command))
    }

    fn gsutil(&self, arguments: &str) -> Ran {
        let gsutil = tool("gsutil");
        let command = self
            .project
            .command(gsutil.to_str().unwrap(), arguments.split(' '));
        self.project.ran(self.with_tools(command))
    }

    fn with_tools(&self, mut command: Command) -> Command {
        let tools = tool("gsutil").parent().unwrap().display().to_string();
        let path = format!("{tools}:{}", std::env::var("PATH").unwrap());
        command
            .env("PATH", path)
            .env("BOTO_CONFIG", self.project.beside("home/boto"))
            .env("STORAGE_EMULATOR_HOST", self.url());
        command
    }

    /// What the server has of each object that a reader could tell apart, and what the publisher said of it.
    fn objects(&self, bucket: &str) -> Vec<Value> {
        let url = format!("{}/storage/v1/b/{bucket}/o", self.url());
        let listing = self.project.shell(&format!("curl -sSf {url}")).exits(0);
        let listing: Value = serde_json::from_str(&listing.stdout).unwrap();
        let mut objects = listing["items"].as_array().unwrap().clone();
        for object in &mut objects {
            object
                .as_object_mut()
                .unwrap()
                .retain(|key, _| KEPT.contains(&key.as_str()));
        }
        objects
    }
}

const KEPT: [&str; 5] = ["name", "contentType", "cacheControl", "crc32c", "metadata"];

fn tool(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../target/gcs-tools/bin")
        .join(name);
    assert!(
        path.exists(),
        "{} is missing; `cargo xtask ci --step packages` installs it",
        path.display()
    );
    path
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[test]
fn a_bucket_of_anothers_making_takes_releases_from_both_clients_alike() {
    let emulator = Emulator::start();
    emulator
        .xtask("release")
        .exits(0)
        .says(&["install.sh put ballistics 0.14.0 into a temporary prefix, and it runs"]);
    let binary = format!("0.14.0/ballistics-0.14.0-{}", host_platform());
    // As Google's own tool sees it.
    let stat = emulator
        .gsutil(&format!("stat gs://releases/{binary}"))
        .exits(0);
    for line in [
        "Cache-Control:          public, max-age=31536000, immutable",
        "Content-Type:           application/octet-stream",
    ] {
        assert!(stat.stdout.contains(line), "{line}\n{}", stat.stdout);
    }

    // The same release again, through gsutil: every object is the same, with the same headers and the same serials.
    emulator
        .xtask("publish --to gs://others --via gsutil")
        .exits(0)
        .says(&["Published 0.14.0 for 1 platform to gs://others (latest now)"]);
    let by_bucket = |bucket: &str| -> Vec<Value> {
        let mut objects = emulator.objects(bucket);
        // Both say where they are read.
        objects.retain(|object| {
            !matches!(
                object["name"].as_str().unwrap(),
                "install.sh" | "ballistics.rb"
            )
        });
        objects
    };
    assert_eq!(by_bucket("others"), by_bucket("releases"));
    assert_eq!(emulator.objects("others").len(), 12);

    // What one of them has published the other one keeps.
    emulator
        .xtask("publish --via gsutil")
        .exits(0)
        .says(&["Published 0.14.0 for 1 platform to gs://releases (latest is 0.14.0)"]);
    emulator.xtask("yank 0.14.0 --to gs://others").exits(0);
    let ran = emulator
        .xtask("yank 0.14.0 --undo --to gs://others --via gsutil")
        .exits(0);
    assert!(
        ran.stdout.contains("latest is 0.14.0 (was nothing)"),
        "{}",
        ran.stdout
    );

    // gsutil refuses to write over a name as our own client does.
    emulator.project.write_version("0.15.0");
    emulator.project.commit("raise");
    emulator.project.git("tag v0.15.0");
    let sidecar = format!("0.15.0/ballistics-0.15.0-{}.sha256", host_platform());
    let rival = emulator.project.beside("home/rival");
    write(&rival, "somebody else's\n");
    emulator
        .gsutil(&format!("cp {} gs://releases/{sidecar}", rival.display()))
        .exits(0);
    for via in ["api", "gsutil"] {
        emulator
            .xtask(&format!("release --via {via}"))
            .exits(1)
            .says(&[&format!("gs://releases/{sidecar} holds other bytes")]);
    }
    emulator
        .xtask("publish --via gsutil --to gs://nowhere")
        .exits(1)
        .says(&["gs://nowhere: looking at the bucket: gsutil says: ", "404"]);
}
