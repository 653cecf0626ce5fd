//! A close that is killed at any of its points, and done again.

use super::{MONTH, simulated};
use crate::harness::{self, json};
use plimsoll::{
    app::close::{POINTS, Wanted, close_in},
    config::{self, Overrides},
    domain::digest::sha256_hex,
    store::{StepKind, Store},
};
use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Command, Stdio},
};

fn loaded(p: &Path, data: &Path) -> config::Config {
    let overrides = Overrides {
        data_dir: Some(data.to_owned()),
    };
    config::load(Some(p), &overrides).unwrap_or_else(|e| panic!("{e:?}"))
}

fn wanted() -> Wanted {
    Wanted {
        month: MONTH.to_owned(),
        contract: None,
        accept: Some("a test".to_owned()),
    }
}

/// The process that is killed: closes the month, and ends itself by SIGKILL at the point it is told on stdin. Started by the test below.
#[test]
#[ignore = "a part of slow_a_close_killed_anywhere_closes_once"]
fn child() {
    let mut told = String::new();
    std::io::stdin().read_to_string(&mut told).unwrap();
    let [config, data, point] = told.lines().collect::<Vec<_>>()[..] else {
        panic!("{told}")
    };
    let config = loaded(Path::new(config), Path::new(data));
    let at = |name: &'static str| {
        if name == point {
            let own = std::process::id().to_string();
            Command::new("kill").args(["-KILL", &own]).status().unwrap();
            std::thread::sleep(std::time::Duration::from_secs(30));
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = Store::open_with(&config.store, harness::program())
            .await
            .unwrap();
        close_in(&config, &store, &wanted(), &at).await.unwrap();
    });
    panic!("it was to be killed at {point}");
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(status.unwrap().success());
}

/// What is kept of the month: the closing's manifest, and the hash of each file as the store has it.
async fn kept(store: &Store) -> BTreeMap<String, String> {
    let counted = "SELECT count() AS n, uniqExact(id) AS ids FROM closings WHERE step = 'closed'";
    let counted = store.json(counted).await.unwrap();
    assert_eq!(counted[0]["n"], "1", "closed once");
    let steps = store.steps(MONTH, StepKind::Closed).await.unwrap();
    let step = &steps[0];
    let sealed = json(&step.body);
    let mut hashes = BTreeMap::new();
    for m in sealed["manifests"].as_array().unwrap() {
        let form = m["format"].as_str().unwrap();
        let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let mut parts = store.file_parts(&step.id, form).unwrap();
        while let Some(part) = parts.next().await.unwrap() {
            files.entry(part.name).or_default().extend(part.body);
        }
        for f in m["files"].as_array().unwrap() {
            let name = f["name"].as_str().unwrap();
            let sha256 = sha256_hex(&files[name]);
            assert_eq!(f["sha256"], sha256, "{name}");
            hashes.insert(format!("{form}/{name}"), sha256);
        }
    }
    let closing = [step.id.clone()];
    let lines = store.charges(MONTH, &closing).await.unwrap();
    assert_eq!(sealed["manifests"][0]["rows"], lines.len());
    let ids: Vec<&str> = lines.iter().map(|c| c.id.as_str()).collect();
    hashes.insert("lines".to_owned(), sha256_hex(ids.join("\n").as_bytes()));
    hashes
}

/// Kill -9 at each of the named points, then again without: closed once, the same lines, the same bytes as if nothing had happened.
#[tokio::test(flavor = "multi_thread")]
async fn slow_a_close_killed_anywhere_closes_once() {
    let p = simulated("small", "{close: {keep: [csv, jsonl]}}");
    let config = p.dir().join("plimsoll.yaml");
    let mut want = None;
    for point in std::iter::once(None).chain(POINTS.into_iter().map(Some)) {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        copy(&p.data(), &data);
        if let Some(point) = point {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args([
                    "--exact",
                    "closing::killed::child",
                    "--ignored",
                    "--nocapture",
                ])
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            let told = format!("{}\n{}\n{point}", config.display(), data.display());
            child
                .stdin
                .take()
                .unwrap()
                .write_all(told.as_bytes())
                .unwrap();
            let status = child.wait().unwrap();
            assert_eq!(status.signal(), Some(9), "{point}: {status}");
        }
        let config = loaded(&config, &data);
        let store = Store::open_with(&config.store, harness::program())
            .await
            .unwrap();
        let code = close_in(&config, &store, &wanted(), &|_| ()).await.unwrap();
        assert_eq!(code, 0, "{point:?}");
        let got = kept(&store).await;
        assert!(!data.join("closing").exists() || point == Some("month closed"));
        store.close().await.unwrap();
        match &want {
            None => want = Some(got),
            Some(want) => assert_eq!(&got, want, "{point:?}"),
        }
    }
}
