//! Programs that a test starts on loopback and ends, an Alertmanager among them.

use plimsoll::net::{Client, Clock, Options, Request, Tally};
use serde_json::Value as Json;
use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// Turns of a tenth of a second that anything may take: far more than it does.
const TURNS: u32 = 1_800;

/// A program that ends with the test.
pub(super) struct Ended(Child);

impl Ended {
    pub(super) fn start(command: &mut Command) -> Self {
        let program = command.get_program().to_owned();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(
            child.unwrap_or_else(|e| panic!("{}: {e}; `make test` installs it", program.display())),
        )
    }

    pub(super) fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Starts a program and reads its log up to a line with this in it.
pub(super) fn until(command: &mut Command, said: &str) -> (Ended, String) {
    command.env("PLIMSOLL_LOG", "info").stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let child = Ended(child);
    let mut heard = lines.by_ref().map(Result::unwrap);
    let line = heard.find(|l| l.contains(said)).unwrap();
    // Read on, so that a full pipe never holds it up.
    std::thread::spawn(move || lines.for_each(drop));
    (child, line)
}

/// An address on loopback where nobody listens.
pub(super) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

fn client() -> Client {
    let options = Options::new(Duration::from_secs(30), 16 << 20);
    Client::new(options, Clock::System).unwrap()
}

/// Tells a server to do something.
pub(super) async fn post(url: &str) {
    let request = Request::post_json(url.parse().unwrap(), &Json::Null);
    let reply = client().send(&request, &Tally::default()).await.unwrap();
    assert!(reply.is_ok(), "{url}: {}", reply.status);
}

/// A page, once it is there and as it should be.
pub(super) async fn text_where(url: &str, right: impl Fn(&str) -> bool) -> String {
    let client = client();
    let request = Request::get(url.parse().unwrap());
    let mut last = String::new();
    for _ in 0..TURNS {
        match client.send(&request, &Tally::default()).await {
            Ok(reply) if reply.is_ok() => {
                last = String::from_utf8(reply.body.to_vec()).unwrap();
                if right(&last) {
                    return last;
                }
            }
            Ok(reply) => last = reply.error("").to_string(),
            Err(e) => last = e.to_string(),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{url} is not as it should be:\n{last}");
}

/// An Alertmanager that tells nobody.
pub(super) struct Server {
    pub(super) child: Ended,
    pub(super) address: SocketAddr,
    _dir: tempfile::TempDir,
}

impl Server {
    pub(super) async fn alertmanager() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (conf, address) = (dir.path().join("alertmanager.yml"), free_address());
        fs::write(
            &conf,
            "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n",
        )
        .unwrap();
        let child = Ended::start(
            Command::new("prometheus-alertmanager")
                .arg(format!("--config.file={}", conf.display()))
                .arg(format!("--storage.path={}", dir.path().display()))
                .arg(format!("--web.listen-address={address}"))
                .args(["--cluster.listen-address=", "--log.level=error"]),
        );
        text_where(&format!("http://{address}/-/ready"), |_| true).await;
        Self {
            child,
            address,
            _dir: dir,
        }
    }

    /// Its name in plimsoll's metrics.
    pub(super) fn name(&self) -> String {
        self.address.to_string()
    }

    /// What is not resolved.
    pub(super) async fn alerts(&self) -> Vec<Json> {
        self.wait("alerts", |_| true).await
    }

    /// What is not resolved, once it is as it should be.
    pub(super) async fn wait(&self, what: &str, right: impl Fn(&[Json]) -> bool) -> Vec<Json> {
        let read = |text: &str| serde_json::from_str::<Vec<Json>>(text).unwrap();
        println!("waiting for {what}");
        let url = format!("http://{}/api/v2/alerts", self.address);
        read(&text_where(&url, |text| right(&read(text))).await)
    }
}
