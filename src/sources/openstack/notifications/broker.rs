//! The broker: a connection to one RabbitMQ, our own queue there, and what it holds. AMQP 0.9.1.
//!
//! The queue is ours alone, durable, bound by topic to the services' exchanges; a message is acknowledged when we say so, not when it was sent. Never
//! consumed: the queues `notifications.info` and the like, which other readers share.

use super::super::super::SourceError;
use crate::{config, net::tls};
use amqprs::{
    Cancel, Close, CloseChannel, FieldTable, FieldValue,
    callbacks::{ChannelCallback, ConnectionCallback},
    channel::{
        BasicAckArguments, BasicConsumeArguments, BasicQosArguments, Channel, ConsumerMessage,
        ExchangeDeclareArguments, QueueBindArguments, QueueDeclareArguments,
    },
    connection::{Connection, OpenConnectionArguments},
    tls::TlsAdaptor,
};
use async_trait::async_trait;
use std::{
    collections::BTreeMap,
    fmt::Display,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_rustls::TlsConnector;

/// Of each topic, what is read: the priorities that services notify of changes with.
const PRIORITIES: [&str; 2] = ["info", "error"];
/// Messages under way to us that we have not acknowledged: bounds our memory.
pub(super) const PREFETCH: u16 = 400;
/// The broker answers what it is asked within this, or the connection is given up.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Seconds without a sign of life, after which either side gives the connection up.
const HEARTBEAT_S: u16 = 30;

/// Why the broker closed the connection or the channel, in its own words.
#[derive(Debug, Clone, Default)]
struct Words(Arc<Mutex<String>>);

impl Words {
    fn note(&self, words: impl Into<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = words.into();
    }

    fn said(&self) -> String {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[async_trait]
impl ConnectionCallback for Words {
    async fn close(&mut self, _: &Connection, close: Close) -> Result<(), amqprs::error::Error> {
        self.note(close.to_string());
        Ok(())
    }
    async fn blocked(&mut self, _: &Connection, reason: String) {
        tracing::debug!(reason, "the broker takes no messages; it still gives them");
    }
    async fn unblocked(&mut self, _: &Connection) {}
    async fn secret_updated(&mut self, _: &Connection) {}
}

#[async_trait]
impl ChannelCallback for Words {
    async fn close(
        &mut self,
        _: &Channel,
        close: CloseChannel,
    ) -> Result<(), amqprs::error::Error> {
        self.note(close.to_string());
        Ok(())
    }
    async fn cancel(&mut self, _: &Channel, _: Cancel) -> Result<(), amqprs::error::Error> {
        self.note("the queue was deleted");
        Ok(())
    }
    async fn flow(&mut self, _: &Channel, active: bool) -> Result<bool, amqprs::error::Error> {
        Ok(active)
    }
    async fn publish_ack(&mut self, _: &Channel, _: amqprs::Ack) {}
    async fn publish_nack(&mut self, _: &Channel, _: amqprs::Nack) {}
    async fn publish_return(
        &mut self,
        _: &Channel,
        _: amqprs::Return,
        _: amqprs::BasicProperties,
        _: Vec<u8>,
    ) {
    }
}

/// One message, not yet acknowledged.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) tag: u64,
    pub(super) body: Vec<u8>,
}

/// A connection to the broker.
pub(super) struct Broker {
    conf: config::Notifications,
    connection: Connection,
    words: Words,
}

impl Broker {
    /// Connects and logs in.
    ///
    /// # Errors
    /// [`SourceError::Broker`], with the way out.
    pub(super) async fn connect(
        conf: &config::Notifications,
        source: &str,
    ) -> Result<Self, SourceError> {
        let fail = |why: String| SourceError::Broker {
            address: conf.address(),
            why,
        };
        let host = if conf.host.contains(':') {
            format!("[{}]", conf.host)
        } else {
            conf.host.clone()
        };
        let mut args =
            OpenConnectionArguments::new(&host, conf.port, &conf.username, conf.password.expose());
        args.virtual_host(&conf.vhost)
            .heartbeat(HEARTBEAT_S)
            .connection_name(&format!("plimsoll {source}"));
        if conf.tls {
            let tls = tls::client_config(conf.ca_file.as_deref()).map_err(fail)?;
            args.tls_adaptor(TlsAdaptor::new(
                TlsConnector::from(Arc::new(tls)),
                conf.host.clone(),
            ));
        }
        let opened = within(Connection::open(&args)).await.map_err(|why| {
            let remedy = if why.contains("certificate") {
                "is the name in `url` that of its certificate, and is its CA among the system's or in `ca_file`?"
            } else {
                "is it running there, and are user, password and virtual host right? (RabbitMQ says no more than closing the connection; its log does)"
            };
            fail(format!(
                "no connection as {}: {why}; {remedy}",
                conf.username
            ))
        })?;
        let broker = Self {
            conf: conf.clone(),
            connection: opened,
            words: Words::default(),
        };
        within(broker.connection.register_callback(broker.words.clone()))
            .await
            .map_err(|why| broker.error("registering", &why))?;
        Ok(broker)
    }

    /// What went wrong, in the broker's words where it said any.
    fn error(&self, what: &str, why: &str) -> SourceError {
        let said = self.words.said();
        SourceError::Broker {
            address: self.conf.address(),
            why: match said.as_str() {
                "" => format!("{what}: {why}"),
                said => format!("{what}: {said}"),
            },
        }
    }

    async fn channel(&self) -> Result<Channel, SourceError> {
        let failed = |why: String| self.error("opening a channel", &why);
        let channel = within(self.connection.open_channel(None))
            .await
            .map_err(failed)?;
        within(channel.register_callback(self.words.clone()))
            .await
            .map_err(failed)?;
        Ok(channel)
    }

    /// Messages that wait in our queue; `None`: there is no such queue. On a channel of its own, for the broker closes it where there is none.
    pub(super) async fn depth(&self) -> Result<Option<u32>, SourceError> {
        let channel = self.channel().await?;
        let mut args = QueueDeclareArguments::new(&self.conf.queue);
        let asked = within(channel.queue_declare(args.passive(true).finish())).await;
        match asked {
            Ok(answer) => {
                let _ = within(channel.close()).await;
                Ok(answer.map(|(_, messages, _)| messages))
            }
            Err(_) if self.words.said().contains("NOT_FOUND") => {
                self.words.note("");
                Ok(None)
            }
            Err(why) => Err(self.error("asking for our queue", &why)),
        }
    }

    /// True where the exchange is there. The broker closes the channel where it is not, so each is asked for on one of its own.
    pub(super) async fn has_exchange(&self, exchange: &str) -> Result<bool, SourceError> {
        let channel = self.channel().await?;
        let mut args = ExchangeDeclareArguments::new(exchange, "topic");
        match within(channel.exchange_declare(args.passive(true).finish())).await {
            Ok(()) => {
                let _ = within(channel.close()).await;
                Ok(true)
            }
            Err(_) if self.words.said().contains("NOT_FOUND") => {
                self.words.note("");
                Ok(false)
            }
            Err(why) => Err(self.error(&format!("asking for the exchange {exchange}"), &why)),
        }
    }

    /// Binds our queue to an exchange by every topic; on a channel of its own, so that a right that is missing for one does not stop the others.
    async fn bind(&self, exchange: &str) -> Result<(), SourceError> {
        let channel = self.channel().await?;
        for topic in &self.conf.topics {
            for priority in PRIORITIES {
                let key = format!("{topic}.{priority}");
                let args = QueueBindArguments::new(&self.conf.queue, exchange, &key);
                within(channel.queue_bind(args))
                    .await
                    .map_err(|why| self.error(&format!("binding to {exchange}"), &why))?;
            }
        }
        let _ = within(channel.close()).await;
        Ok(())
    }

    /// Makes the queue where it is not there, binds it to the exchanges that are, and begins to read.
    ///
    /// # Errors
    /// [`SourceError::Broker`]; also when not one of the exchanges is there.
    pub(super) async fn consume(self) -> Result<Link, SourceError> {
        let channel = self.channel().await?;
        let mut limits = FieldTable::new();
        let bytes = i64::try_from(self.conf.queue_max_bytes).unwrap_or(i64::MAX);
        if let Ok(name) = "x-max-length-bytes".try_into() {
            limits.insert(name, FieldValue::l(bytes));
        }
        let mut args = QueueDeclareArguments::durable_client_named(&self.conf.queue);
        within(channel.queue_declare(args.arguments(limits).finish())).await.map_err(|why| {
            let why = self.error(&format!("declaring the queue {}", self.conf.queue), &why).to_string();
            let hint = if why.contains("PRECONDITION") {
                "; it was made with another `queue_max`: delete it once it is empty, or name another `queue`"
            } else {
                ""
            };
            SourceError::Broker { address: self.conf.address(), why: format!("{}{hint}", unprefixed(&why)) }
        })?;
        let failed = |why: String| self.error("consuming", &why);
        within(channel.basic_qos(BasicQosArguments::new(0, PREFETCH, false)))
            .await
            .map_err(failed)?;
        let missing = self
            .conf
            .exchanges
            .iter()
            .map(|e| (e.clone(), String::new()))
            .collect();
        let mut link = Link {
            broker: self,
            channel,
            deliveries: None,
            missing,
        };
        link.bind_missing().await?;
        if link.missing.len() == link.broker.conf.exchanges.len() {
            return Err(link.broker.error(
                "binding",
                &format!(
                    "none of the exchanges {} can be bound: {}; see `exchanges`, and whether the services notify at all (docs/notifications.md)",
                    link.broker.conf.exchanges.join(", "),
                    link.missing.values().next().map_or("", String::as_str),
                ),
            ));
        }
        let args = BasicConsumeArguments::new(&link.broker.conf.queue, "plimsoll");
        let consuming = within(link.channel.basic_consume_rx(args)).await;
        let (_, deliveries) = consuming.map_err(|why| link.broker.error("consuming", &why))?;
        link.deliveries = Some(deliveries);
        Ok(link)
    }
}

/// Drops what [`SourceError::Broker`] will say again.
fn unprefixed(why: &str) -> &str {
    why.split_once(": ").map_or(why, |(_, rest)| rest)
}

/// A connection that reads our queue.
pub(super) struct Link {
    broker: Broker,
    channel: Channel,
    deliveries: Option<UnboundedReceiver<ConsumerMessage>>,
    /// Exchanges that our queue is not bound to, and why.
    missing: BTreeMap<String, String>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("broker", &self.broker.conf.address())
            .field("missing", &self.missing)
            .finish_non_exhaustive()
    }
}

impl Link {
    /// Tries the exchanges again that our queue is not bound to. What one of them lacks harms none of the others.
    pub(super) async fn bind_missing(&mut self) -> Result<(), SourceError> {
        for (exchange, before) in std::mem::take(&mut self.missing) {
            let why = match self.broker.has_exchange(&exchange).await {
                Ok(true) => match self.broker.bind(&exchange).await {
                    Ok(()) => continue,
                    Err(e) => {
                        self.broker.words.note("");
                        e.to_string()
                    }
                },
                Ok(false) => format!("there is no exchange {exchange}"),
                Err(e) => return Err(e),
            };
            if why != before {
                tracing::info!(why, "not bound; it is tried again");
            }
            self.missing.insert(exchange, why);
        }
        Ok(())
    }

    /// Up to `max` messages; waits for the first one no longer than `wait`.
    ///
    /// # Errors
    /// [`SourceError::Broker`] once the connection is lost; what was read and not acknowledged comes again.
    pub(super) async fn take(
        &mut self,
        max: usize,
        wait: Duration,
    ) -> Result<Vec<Delivery>, SourceError> {
        let mut taken = Vec::new();
        let Some(deliveries) = &mut self.deliveries else {
            return Err(self.lost());
        };
        match tokio::time::timeout(wait, deliveries.recv()).await {
            Err(_) => {}
            Ok(None) => return Err(self.lost()),
            Ok(Some(first)) => {
                taken.extend(delivery(first));
                while taken.len() < max
                    && let Ok(next) = deliveries.try_recv()
                {
                    taken.extend(delivery(next));
                }
            }
        }
        if taken.is_empty() && !(self.channel.is_open() && self.broker.connection.is_open()) {
            return Err(self.lost());
        }
        Ok(taken)
    }

    fn lost(&self) -> SourceError {
        self.broker.error("reading", "the connection was lost")
    }

    /// Messages that wait in our queue, besides those that are under way to us.
    pub(super) async fn depth(&self) -> Result<u32, SourceError> {
        let depth = self.broker.depth().await?;
        depth.ok_or_else(|| self.broker.error("reading", "the queue was deleted"))
    }

    /// Tells the broker to forget this message and all before it.
    pub(super) async fn acknowledge(&self, tag: u64) -> Result<(), SourceError> {
        within(self.channel.basic_ack(BasicAckArguments::new(tag, true)))
            .await
            .map_err(|why| self.broker.error("acknowledging", &why))
    }
}

fn delivery(message: ConsumerMessage) -> Option<Delivery> {
    Some(Delivery {
        tag: message.deliver?.delivery_tag(),
        body: message.content.unwrap_or_default(),
    })
}

/// What the broker answers, if it does so in time.
async fn within<T, E: Display>(asked: impl Future<Output = Result<T, E>>) -> Result<T, String> {
    match tokio::time::timeout(ANSWER_MAX, asked).await {
        Ok(answer) => answer.map_err(|e| e.to_string()),
        Err(_) => Err(format!("no answer within {} s", ANSWER_MAX.as_secs())),
    }
}
