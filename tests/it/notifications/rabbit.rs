//! A RabbitMQ of the test's own, on loopback ports of its own, in a directory that ends with it; and somebody who publishes to it.

use amqprs::{
    Ack, BasicProperties, Cancel, CloseChannel, DELIVERY_MODE_PERSISTENT, Nack, Return,
    callbacks::ChannelCallback,
    channel::{
        BasicPublishArguments, Channel, ConfirmSelectArguments, ExchangeDeclareArguments,
        QueueBindArguments, QueueDeclareArguments,
    },
    connection::{Connection, OpenConnectionArguments},
    error::Error,
};
use async_trait::async_trait;
use std::{
    collections::BTreeSet,
    fs,
    net::TcpListener,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

pub(super) const USER: &str = "meter";
pub(super) const PASSWORD: &str = "sesame";

const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
/// Erlang takes its time on a busy machine.
const UP_MAX: Duration = Duration::from_secs(180);

pub(super) struct Rabbit {
    dir: tempfile::TempDir,
    pub(super) port: u16,
    pub(super) tls_port: u16,
    dist: u16,
    epmd: u16,
    children: Vec<Child>,
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Rabbit {
    pub(super) async fn start() -> Self {
        assert!(
            Path::new(SERVER).exists(),
            "{SERVER} is missing: `make test` installs it (Debian's rabbitmq-server)"
        );
        let mut rabbit = Self {
            dir: tempfile::tempdir().unwrap(),
            port: free_port(),
            tls_port: free_port(),
            dist: free_port(),
            epmd: free_port(),
            children: Vec::new(),
        };
        rabbit.write("rabbit-env.conf", "");
        rabbit.write("plugins", "[].");
        rabbit.certify();
        let dir = rabbit.dir.path().display();
        rabbit.write(
            "rabbitmq.conf",
            &format!(
                "listeners.tcp.default = 127.0.0.1:{}\nlisteners.ssl.default = 127.0.0.1:{}\nssl_options.certfile = {dir}/broker.pem\n\
                 ssl_options.keyfile = {dir}/broker.key\nssl_options.verify = verify_none\ndefault_user = {USER}\ndefault_pass = {PASSWORD}\n\
                 default_permissions.configure = .*\ndefault_permissions.read = .*\ndefault_permissions.write = .*\n\
                 vm_memory_high_watermark.absolute = 1GB\ndisk_free_limit.absolute = 50MB\nlog.file = false\nlog.console = true\n\
                 log.console.level = warning\n",
                rabbit.port, rabbit.tls_port
            ),
        );
        let mut epmd = Command::new("/usr/bin/epmd");
        epmd.args(["-address", "127.0.0.1", "-port", &rabbit.epmd.to_string()]);
        rabbit.spawn(epmd);
        rabbit.up().await;
        rabbit
    }

    /// The certificates of whoever signed the broker's, in PEM.
    pub(super) fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// A CA, and the broker's certificate for 127.0.0.1.
    fn certify(&self) {
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
        let ca = "-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign";
        self.openssl(&format!(
            "req -x509 {key} -subj /CN=ca -keyout ca.key -out ca.pem {ca}"
        ));
        self.openssl(&format!(
            "req -x509 {key} -subj /CN=broker -keyout broker.key -out broker.pem -CA ca.pem -CAkey ca.key -addext basicConstraints=critical,CA:FALSE \
             -addext subjectAltName=IP:127.0.0.1"
        ));
    }

    fn openssl(&self, args: &str) {
        let mut openssl = Command::new("openssl");
        openssl.args(args.split(' ').filter(|a| !a.is_empty()));
        let made = openssl.current_dir(self.dir.path()).output().unwrap();
        assert!(
            made.status.success(),
            "openssl {args}: {}",
            String::from_utf8_lossy(&made.stderr)
        );
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.dir.path().join(name), text).unwrap();
    }

    fn spawn(&mut self, mut command: Command) {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.dir.path().join("log"))
            .unwrap();
        let child = command
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_PORT", self.epmd.to_string())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap();
        self.children.push(child);
    }

    /// Starts the server, and waits until it takes log-ins.
    pub(super) async fn up(&mut self) {
        let dir = self.dir.path();
        let at = |name: &str| dir.join(name);
        let mut server = Command::new(SERVER);
        server
            .env("HOME", dir)
            .env("RABBITMQ_NODENAME", format!("plimsoll{}@localhost", self.port))
            .env("RABBITMQ_DIST_PORT", self.dist.to_string())
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", self.port.to_string())
            .env("RABBITMQ_MNESIA_BASE", at("mnesia"))
            .env("RABBITMQ_LOG_BASE", dir)
            .env("RABBITMQ_LOGS", "-")
            .env("RABBITMQ_CONF_ENV_FILE", at("rabbit-env.conf"))
            .env("RABBITMQ_CONFIG_FILE", at("rabbitmq.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", at("plugins"))
            .env("RABBITMQ_PID_FILE", at("pid"))
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none",
            );
        self.spawn(server);
        let began = Instant::now();
        while self.connection().await.is_err() {
            assert!(
                began.elapsed() < UP_MAX,
                "RabbitMQ does not come up:\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// As the power goes.
    pub(super) fn kill(&mut self) {
        if let Some(server) = self.children.pop() {
            end(server);
        }
    }

    async fn connection(&self) -> Result<Connection, Error> {
        let args = OpenConnectionArguments::new("127.0.0.1", self.port, USER, PASSWORD);
        let opening = tokio::time::timeout(Duration::from_secs(5), Connection::open(&args));
        opening
            .await
            .unwrap_or_else(|_| Err(Error::NetworkError("no answer".into())))
    }

    pub(super) async fn publisher(&self) -> Publisher {
        let connection = self.connection().await.unwrap();
        let channel = connection.open_channel(None).await.unwrap();
        let confirmed = Confirmed::default();
        channel.register_callback(confirmed.clone()).await.unwrap();
        let confirm = ConfirmSelectArguments::default();
        channel.confirm_select(confirm).await.unwrap();
        Publisher {
            _connection: connection,
            channel,
            confirmed,
            sent: 0,
        }
    }
}

fn end(mut child: Child) {
    let group = rustix::process::Pid::from_child(&child);
    let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    let _ = child.wait();
}

impl Drop for Rabbit {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("RabbitMQ said:\n{}", self.log());
        }
        self.children.drain(..).rev().for_each(end);
    }
}

/// Tags that the broker has on disk.
#[derive(Clone, Default)]
struct Confirmed(Arc<Mutex<BTreeSet<u64>>>);

#[async_trait]
impl ChannelCallback for Confirmed {
    async fn close(&mut self, _: &Channel, _: CloseChannel) -> Result<(), Error> {
        Ok(())
    }
    async fn cancel(&mut self, _: &Channel, _: Cancel) -> Result<(), Error> {
        Ok(())
    }
    async fn flow(&mut self, _: &Channel, active: bool) -> Result<bool, Error> {
        Ok(active)
    }
    async fn publish_ack(&mut self, _: &Channel, ack: Ack) {
        let mut all = self.0.lock().unwrap();
        let last = ack.delivery_tag();
        let first = if ack.mutiple() { 1 } else { last };
        all.extend(first..=last);
    }
    async fn publish_nack(&mut self, _: &Channel, _: Nack) {}
    async fn publish_return(&mut self, _: &Channel, _: Return, _: BasicProperties, _: Vec<u8>) {}
}

/// A service that notifies.
pub(super) struct Publisher {
    _connection: Connection,
    channel: Channel,
    confirmed: Confirmed,
    sent: u64,
}

impl Publisher {
    pub(super) async fn exchange(&self, name: &str) {
        let mut args = ExchangeDeclareArguments::new(name, "topic");
        self.channel
            .exchange_declare(args.durable(true).finish())
            .await
            .unwrap();
    }

    /// A queue that others read, as oslo.messaging makes it.
    pub(super) async fn shared_queue(&self, name: &str, exchange: &str) {
        let queue = QueueDeclareArguments::durable_client_named(name);
        self.channel.queue_declare(queue).await.unwrap();
        let bind = QueueBindArguments::new(name, exchange, name);
        self.channel.queue_bind(bind).await.unwrap();
    }

    /// Messages that wait in a queue.
    pub(super) async fn depth(&self, queue: &str) -> u32 {
        let mut args = QueueDeclareArguments::new(queue);
        let passive = args.passive(true).finish();
        self.channel
            .queue_declare(passive)
            .await
            .unwrap()
            .unwrap()
            .1
    }

    pub(super) async fn publish(&mut self, exchange: &str, key: &str, body: &[u8]) {
        let properties = BasicProperties::default()
            .with_delivery_mode(DELIVERY_MODE_PERSISTENT)
            .with_content_type("application/json")
            .finish();
        let args = BasicPublishArguments::new(exchange, key);
        self.channel
            .basic_publish(properties, body.to_vec(), args)
            .await
            .unwrap();
        self.sent += 1;
    }

    /// Waits until the broker has all of it on disk: it confirms several at once by the last of them.
    pub(super) async fn confirmed(&self) {
        let began = Instant::now();
        let last = || self.confirmed.0.lock().unwrap().last().copied();
        while last().is_none_or(|tag| tag < self.sent) {
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "the broker confirms {:?} of {}",
                last(),
                self.sent
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // What no queue takes is confirmed at once, before what is written.
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}
