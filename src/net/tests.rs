//! The client against a server that misbehaves.

use super::*;
use crate::domain::Ts;
use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Response},
};
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use url::Url;

/// 64 KiB of zeros in 96 bytes of gzip.
const ZEROS_GZ: &str = "1f8b0800000000000203edc101010000008090feafee080a0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000006aeb8e97d700000100";

type Answer = Response<Body>;

/// A server that gives these answers, one after the other, then 200; and the headers it was sent.
async fn server(answers: Vec<Answer>) -> (Url, Arc<Mutex<Vec<HeaderMap>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let answers = Arc::new(Mutex::new(answers.into_iter()));
    let log = Arc::clone(&asked);
    let app = Router::new().fallback(move |headers: HeaderMap| {
        log.lock().unwrap().push(headers);
        let next = answers.lock().unwrap().next();
        async move { next.unwrap_or_else(|| Response::new(Body::from("fine"))) }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "http://{}/path?token=hidden",
        listener.local_addr().unwrap()
    )
    .parse()
    .unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, asked)
}

fn reply(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
    headers
        .iter()
        .fold(Response::builder().status(status), |b, (n, v)| {
            b.header(*n, *v)
        })
        .body(body.into())
        .unwrap()
}

fn client(cap: u64) -> Client {
    let mut options = Options::new(Duration::from_secs(5), cap);
    options.backoff_min = Duration::from_millis(1);
    options.retry_after_max = Duration::from_millis(300);
    Client::new(options, Clock::System).unwrap()
}

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap())
        .collect()
}

#[tokio::test]
async fn what_passes_by_itself_is_tried_again_and_counted() {
    let (url, asked) = server(vec![
        reply(502, &[], "x"),
        reply(429, &[], ""),
        reply(500, &[], ""),
    ])
    .await;
    let tally = Tally::default();
    let answer = client(1 << 20)
        .send(&Request::get(url), &tally)
        .await
        .unwrap();
    assert_eq!((answer.status, &answer.body[..]), (200, &b"fine"[..]));
    assert_eq!(
        (tally.requests(), tally.retries(), tally.bytes()),
        (4, 3, 5)
    );
    assert!(
        asked.lock().unwrap()[0]["user-agent"]
            .to_str()
            .unwrap()
            .starts_with("plimsoll/")
    );
    assert!(
        asked.lock().unwrap()[0]["accept-encoding"]
            .to_str()
            .unwrap()
            .contains("gzip")
    );
}

#[tokio::test]
async fn it_gives_up_after_three_retries_with_the_last_answer() {
    let (url, asked) = server((0..9).map(|_| reply(503, &[], "down")).collect()).await;
    let answer = client(1 << 20)
        .send(&Request::get(url), &Tally::default())
        .await
        .unwrap();
    assert_eq!((answer.status, asked.lock().unwrap().len()), (503, 4));
    let text = answer.error("wait").to_string();
    assert!(
        text.starts_with("GET http://127.0.0.1:")
            && text.ends_with("/path?token=%5Bsecret%5D: status 503: down; wait"),
        "{text}"
    );
}

#[tokio::test]
async fn a_post_is_sent_once_and_a_plain_refusal_too() {
    let (url, asked) = server(vec![reply(503, &[], ""), reply(404, &[], "")]).await;
    let post = Request::post_json(url.clone(), &serde_json::json!({}));
    assert_eq!(
        client(1 << 20)
            .send(&post, &Tally::default())
            .await
            .unwrap()
            .status,
        503
    );
    assert_eq!(
        client(1 << 20)
            .send(&Request::get(url), &Tally::default())
            .await
            .unwrap()
            .status,
        404
    );
    assert_eq!(asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn retry_after_is_seconds_or_a_date_and_has_a_limit() {
    let date = Ts::parse("2026-11-23T12:00:00Z").unwrap();
    for after in ["3600".to_owned(), date.plus_seconds(3600).to_http_date()] {
        let busy = reply(
            503,
            &[
                ("retry-after", after.as_str()),
                ("date", &date.to_http_date()),
            ],
            "",
        );
        let (url, _) = server(vec![busy]).await;
        let began = Instant::now();
        assert_eq!(
            client(1 << 20)
                .send(&Request::get(url), &Tally::default())
                .await
                .unwrap()
                .status,
            200
        );
        assert!(
            began.elapsed() >= Duration::from_millis(300)
                && began.elapsed() < Duration::from_secs(4),
            "{after}: {:?}",
            began.elapsed()
        );
    }
}

#[tokio::test]
async fn a_small_body_that_unpacks_to_a_huge_one_is_cut() {
    let packed = || reply(200, &[("content-encoding", "gzip")], unhex(ZEROS_GZ));
    let (url, _) = server(vec![packed(), packed()]).await;
    let whole = client(1 << 16)
        .send(&Request::get(url.clone()), &Tally::default())
        .await
        .unwrap();
    assert_eq!(whole.body.len(), 1 << 16);
    let e = client((1 << 16) - 1)
        .send(&Request::get(url), &Tally::default())
        .await
        .unwrap_err();
    assert!(matches!(e, NetError::TooLarge { cap: 65_535, .. }), "{e}");
}

#[tokio::test]
async fn a_broken_connection_and_a_hung_server_are_told_apart() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Url = format!("http://{}/", closed.local_addr().unwrap())
        .parse()
        .unwrap();
    drop(closed);
    let e = client(1)
        .send(&Request::get(url), &Tally::default())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        e.contains("tried 4 times") && e.to_lowercase().contains("connection refused"),
        "{e}"
    );

    let hung = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Url = format!("http://{}/", hung.local_addr().unwrap())
        .parse()
        .unwrap();
    let client = Client::new(Options::new(Duration::from_secs(1), 1), Clock::System).unwrap();
    let tally = Tally::default();
    let e = client.send(&Request::get(url), &tally).await.unwrap_err();
    assert!(matches!(e, NetError::Timeout { seconds: 1, .. }), "{e}");
    assert_eq!(tally.requests(), 1);
}

#[tokio::test]
async fn the_date_is_the_servers_or_else_ours() {
    let (url, _) = server(vec![
        reply(200, &[("date", "Mon, 23 Nov 2026 12:00:00 GMT")], ""),
        reply(200, &[("date", "soon")], ""),
    ])
    .await;
    let noon = Ts::parse("2026-11-23T12:00:00Z").unwrap();
    let ours = noon.plus_seconds(-7);
    let client = Client::new(
        Options::new(Duration::from_secs(5), 9),
        Clock::standing_at(ours),
    )
    .unwrap();
    let date = client
        .send(&Request::get(url.clone()), &Tally::default())
        .await
        .unwrap()
        .date;
    assert_eq!(
        date,
        Dated {
            at: noon,
            since: noon,
            skew_us: 7_500_000,
            by_server: true
        }
    );
    let date = client
        .send(&Request::get(url), &Tally::default())
        .await
        .unwrap()
        .date;
    assert_eq!(
        date,
        Dated {
            at: ours,
            since: ours,
            skew_us: 0,
            by_server: false
        }
    );
}

#[tokio::test]
async fn no_redirect_carries_the_token_away() {
    let (url, asked) = server(vec![reply(
        302,
        &[("location", "http://elsewhere.invalid/?t=sesame")],
        "",
    )])
    .await;
    let request = Request::get(url)
        .secret_header("x-auth-token", "sesame")
        .unwrap();
    let answer = client(9).send(&request, &Tally::default()).await.unwrap();
    assert_eq!(asked.lock().unwrap()[0]["x-auth-token"], "sesame");
    let text = answer.error("").to_string();
    assert!(
        text.contains("redirects are not followed")
            && text.contains("elsewhere.invalid/?t=[secret]"),
        "{text}"
    );
}

#[test]
fn what_cannot_be_sent_or_trusted_is_named_without_its_value() {
    let url: Url = "http://127.0.0.1/".parse().unwrap();
    let e = Request::get(url)
        .secret_header("x-auth-token", "line\nbreak")
        .err()
        .unwrap()
        .to_string();
    assert!(
        e.contains("x-auth-token") && !e.contains("line\nbreak"),
        "{e}"
    );
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ca.pem");
    let mut options = Options::new(Duration::from_secs(1), 1);
    options.ca_file = Some(path.clone());
    let e = Client::new(options.clone(), Clock::System)
        .unwrap_err()
        .to_string();
    assert!(e.contains("ca.pem") && e.contains("No such file"), "{e}");
    std::fs::write(&path, "not a certificate").unwrap();
    let e = Client::new(options, Clock::System).unwrap_err().to_string();
    assert!(e.contains("holds no certificate"), "{e}");
}
