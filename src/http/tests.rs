//! Routes over a real socket: what is answered, refused, kept and shut down.

use super::{
    AppState, Board,
    samples::{NOW, Told, config, figures, four_tenants, fresh, status},
    serve_within,
};
use crate::{
    domain::{Outcome, PassMode},
    net::Clock,
    store::ListStatus,
    telemetry::metrics::Metrics,
};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

/// A server on a port of its own; dropping the sender stops it.
async fn server(
    board: Arc<dyn Board>,
    started_ago_s: i64,
) -> (
    std::net::SocketAddr,
    oneshot::Sender<()>,
    tokio::task::JoinHandle<std::io::Result<()>>,
) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let clock = Clock::standing_at(NOW.plus_seconds(-started_ago_s));
    let state = AppState::new(
        board,
        Arc::new(config(&["north-1"], true)),
        clock.clone(),
        Arc::new(Metrics::new()),
        Arc::new(|m: &Metrics| m.spool(7, 1)),
    );
    clock.set(NOW);
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(serve_within(
        listener,
        state,
        async move { drop(stopped.await) },
        Duration::from_millis(300),
    ));
    (addr, stop, task)
}

/// Head and body of the answer to one request.
async fn ask(addr: std::net::SocketAddr, request: &str, headers: &str) -> (String, String) {
    let mut io = TcpStream::connect(addr).await.unwrap();
    io.write_all(
        format!("{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n")
            .as_bytes(),
    )
    .await
    .unwrap();
    let mut text = String::new();
    io.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

fn told() -> Arc<Told> {
    Arc::new(Told::new(figures(&four_tenants(), true), fresh()))
}

#[tokio::test]
async fn routes_answer_with_their_headers() {
    let (addr, _stop, _) = server(told(), 3600).await;
    for (request, code, must) in [
        ("GET /", 200, "Acme Shipping AB"),
        ("GET /?month=2026-09", 200, "September 2026"),
        ("GET /?month=2026-13", 400, "is not a month"),
        ("GET /?month=x&month=y", 400, "Write it as"),
        ("GET /?month=2031-01", 404, "has not begun"),
        ("GET /reconciliation", 200, "images that are no volume's"),
        ("GET /livez", 200, "ok"),
        ("GET /metrics", 200, "plimsoll_spool_bytes 7"),
        (
            "GET /nowhere%3Cb%3E",
            404,
            "There is nothing at /nowhere%3Cb%3E.",
        ),
        ("GET /assets/plimsoll.css", 200, "--ground"),
        ("GET /assets/plimsoll.svg", 200, "<svg"),
        ("POST /", 405, "GET and HEAD"),
        ("DELETE /nowhere", 405, "GET and HEAD"),
        ("HEAD /", 200, ""),
    ] {
        let (head, body) = ask(addr, request, "").await;
        assert!(
            head.starts_with(&format!("http/1.1 {code}")),
            "{request}: {head}"
        );
        assert!(body.contains(must), "{request}: {body}");
        for header in [
            "content-security-policy: default-src 'none'; style-src 'self'",
            "frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
        ] {
            assert!(head.contains(header), "{request} lacks {header}: {head}");
        }
        assert_eq!(
            head.contains("cache-control: no-store"),
            !request.contains("/assets/"),
            "{request}: {head}"
        );
        assert_eq!(
            head.contains("allow: get, head"),
            code == 405,
            "{request}: {head}"
        );
        if request.starts_with("HEAD") {
            assert!(body.is_empty());
        }
    }
}

#[tokio::test]
async fn metrics_come_in_the_form_asked_for_and_count_requests_by_route() {
    let (addr, _stop, _) = server(told(), 3600).await;
    let (head, body) = ask(addr, "GET /metrics", "").await;
    assert!(
        head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"),
        "{head}"
    );
    assert!(body.contains("# TYPE plimsoll_build_info gauge") && !body.contains("# EOF"));
    drop(ask(addr, "GET /?month=2026-09", "").await);
    drop(ask(addr, "GET /somebody/s/path", "").await);
    drop(ask(addr, "POST /", "").await);
    let prometheus = "Accept: application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2\r\n";
    let (head, body) = ask(addr, "GET /metrics", prometheus).await;
    assert!(
        head.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8")
            && body.ends_with("# EOF\n"),
        "{head}"
    );
    for (route, status) in [("/metrics", 200), ("/", 200), ("(none)", 404), ("/", 405)] {
        let sample =
            format!("plimsoll_http_requests_total{{route=\"{route}\",status=\"{status}\"}} 1");
        assert!(body.lines().any(|l| l == sample), "{sample}: {body}");
    }
    assert!(!body.contains("somebody"));
}

#[tokio::test]
async fn bodies_and_foreign_hosts_are_refused() {
    let (addr, _stop, _) = server(told(), 3600).await;
    let (head, _) = ask(addr, "GET /", "Content-Length: 3\r\n\r\nabc").await;
    assert!(head.starts_with("http/1.1 413"), "{head}");
    let mut io = TcpStream::connect(addr).await.unwrap();
    io.write_all(b"GET / HTTP/1.1\r\nHost: evil.example:9469\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut text = String::new();
    io.read_to_string(&mut text).await.unwrap();
    assert!(
        text.starts_with("HTTP/1.1 421") && !text.contains("Acme"),
        "{text}"
    );
}

#[tokio::test]
async fn assets_are_kept_by_their_hash() {
    let (addr, _stop, _) = server(told(), 3600).await;
    let (_, page) = ask(addr, "GET /", "").await;
    let href = page
        .split("rel=\"stylesheet\" href=\"")
        .nth(1)
        .and_then(|s| s.split('"').next())
        .unwrap();
    let (head, _) = ask(addr, &format!("GET {href}"), "").await;
    assert!(
        head.contains("immutable") && head.contains("content-type: text/css"),
        "{head}"
    );
    let etag = head.lines().find_map(|l| l.strip_prefix("etag: ")).unwrap();
    let (head, body) = ask(
        addr,
        "GET /assets/plimsoll.css",
        &format!("If-None-Match: {etag}\r\n"),
    )
    .await;
    assert!(
        head.starts_with("http/1.1 304") && head.contains("no-cache") && body.is_empty(),
        "{head}"
    );
}

#[tokio::test]
async fn a_burst_of_reloads_computes_once() {
    let board = told();
    let (addr, _stop, _) = server(board.clone(), 3600).await;
    let answers = futures::future::join_all((0..20).map(|_| ask(addr, "GET /", ""))).await;
    assert!(
        answers
            .iter()
            .all(|(head, _)| head.starts_with("http/1.1 200"))
    );
    assert_eq!(board.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn too_many_waiting_are_told_to_come_back() {
    let (addr, _stop, _) = server(told(), 3600).await;
    let paths: Vec<String> = (0..60)
        .map(|i| format!("GET /?month={}-05", 1960 + i))
        .collect();
    let answers = futures::future::join_all(paths.iter().map(|p| ask(addr, p, ""))).await;
    let busy = answers
        .iter()
        .filter(|(head, _)| head.starts_with("http/1.1 503") && head.contains("retry-after"))
        .count();
    assert!(busy > 0 && busy < 60, "{busy}");
}

#[tokio::test]
async fn a_store_that_fails_is_a_page_and_not_ready() {
    let board = Told {
        figures: Err("clickhouse: connection refused".into()),
        lists: Err("clickhouse: connection refused".into()),
        asked: 0.into(),
    };
    let (addr, _stop, _) = server(Arc::new(board), 3600).await;
    let (head, body) = ask(addr, "GET /", "").await;
    assert!(
        head.starts_with("http/1.1 503")
            && body.contains("connection refused")
            && body.contains("spool"),
        "{body}"
    );
    let (head, body) = ask(addr, "GET /readyz", "").await;
    assert!(head.starts_with("http/1.1 503"), "{head}");
    assert_eq!(
        body,
        "[-]store: clickhouse: connection refused\nnot ready\n"
    );
    let (head, _) = ask(addr, "GET /livez", "").await;
    assert!(head.starts_with("http/1.1 200"), "alive all the same");
}

/// Readiness of some lists, so many seconds after the start.
async fn readyz(lists: Vec<ListStatus>, started_ago_s: i64) -> (bool, String) {
    let (addr, _stop, _) = server(
        Arc::new(Told::new(figures(&[], false), lists)),
        started_ago_s,
    )
    .await;
    let (head, body) = ask(addr, "GET /readyz", "").await;
    (head.starts_with("http/1.1 200"), body)
}

#[tokio::test]
async fn readiness_is_three_intervals_of_every_list() {
    let (ready, body) = readyz(fresh(), 7200).await;
    assert!(ready, "{body}");
    assert_eq!(body.lines().next(), Some("[+]store ok"));
    assert!(
        body.contains("[+]source north-1: servers: last complete pass 12 s ago\n"),
        "{body}"
    );

    for (age, want) in [(180, true), (181, false)] {
        let (ready, body) = readyz(
            vec![status("servers", PassMode::Full, Outcome::Complete, age)],
            7200,
        )
        .await;
        assert_eq!(ready, want, "{body}");
    }
    let mut late = status("servers", PassMode::Full, Outcome::Failed, 720);
    late.last.error = "401 Unauthorized".into();
    let (ready, body) = readyz(vec![late.clone()], 7200).await;
    assert!(
        !ready
            && body.contains(
                "[-]source north-1: servers: last complete pass 12 min ago: 401 Unauthorized\n"
            ),
        "{body}"
    );
    let (ready, body) = readyz(vec![late], 30).await;
    assert!(
        ready && body.contains("first interval"),
        "a restart after a pause is given an interval: {body}"
    );
    let (ready, body) = readyz(vec![], 30).await;
    assert!(
        ready && body.contains("[+]source north-1: first pass under way"),
        "{body}"
    );
    let (ready, body) = readyz(vec![], 61).await;
    assert!(
        !ready && body.contains("[-]source north-1: no list was read yet"),
        "{body}"
    );
    // Read once, at the start: it has no next pass to be late for. Flavors come with the full lists.
    for (list, mode, outcome, want) in [
        (
            "servers.deleted",
            PassMode::Deleted,
            Outcome::Complete,
            true,
        ),
        ("servers.deleted", PassMode::Deleted, Outcome::Failed, false),
        ("flavors", PassMode::Full, Outcome::Complete, true),
        ("projects", PassMode::Full, Outcome::Complete, false),
    ] {
        let (ready, body) = readyz(vec![status(list, mode, outcome, 7000)], 90_000).await;
        assert_eq!(ready, want, "{body}");
    }
    let never = ListStatus {
        watermark: None,
        ..status("projects", PassMode::Full, Outcome::Suspect, 10)
    };
    let (ready, body) = readyz(vec![never], 3601).await;
    assert!(
        !ready && body.contains("[-]source north-1: projects: no complete pass yet"),
        "{body}"
    );
}

#[tokio::test]
async fn shutdown_lets_a_request_finish() {
    let (addr, stop, task) = server(told(), 3600).await;
    let under_way = tokio::spawn(async move { ask(addr, "GET /", "").await });
    tokio::time::sleep(Duration::from_millis(10)).await;
    drop(stop);
    let (head, _) = under_way.await.unwrap();
    assert!(head.starts_with("http/1.1 200"), "{head}");
    task.await.unwrap().unwrap();
    assert!(
        TcpStream::connect(addr).await.is_err(),
        "nobody listens any more"
    );
}

#[tokio::test]
async fn shutdown_does_not_wait_for_ever() {
    let (addr, stop, task) = server(told(), 3600).await;
    let mut io = TcpStream::connect(addr).await.unwrap();
    io.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(stop);
    task.await.unwrap().unwrap();
}
