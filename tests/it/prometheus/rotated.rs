//! A token's file that is written anew while it is read.

use super::{config, page, page::Exporter};
use plimsoll::{
    config::{self, Overrides},
    domain::{Memory, Outcome, Pass, PassMode},
    net::Clock,
    sources::Source,
};
use std::fs;
use tokio::sync::mpsc;

#[tokio::test]
async fn a_tokens_file_is_read_anew_for_each_request() {
    let exporter = Exporter::start();
    exporter.show(
        "Thu, 01 Oct 2026 00:00:00 GMT",
        &super::shown(["1", "2"], "3"),
    );
    let dir = tempfile::tempdir().unwrap();
    let token = dir.path().join("token");
    let file = dir.path().join("plimsoll.yaml");
    let text = config(&exporter, "").replace("{env: TOKEN}", "{file: token}");
    fs::write(&file, text).unwrap();
    fs::write(&token, "of-yesterday\n").unwrap();
    let config = config::load(Some(&file), &Overrides::default()).unwrap();
    let mut reader = Source::open(
        &config.sources[0],
        &Clock::System,
        &Memory::default(),
        "test",
    )
    .unwrap()
    .remove(0);
    let mut read = async || -> Pass {
        let (out, mut parcels) = mpsc::channel(16);
        let passes = reader.collect(PassMode::Full, &out).await;
        parcels.close();
        passes.into_iter().next().unwrap()
    };
    assert!(read().await.error.contains("status 401"));
    // Rotated, as a mounted secret is: another file takes its place.
    let next = dir.path().join("next");
    fs::write(&next, format!("{}\n", page::TOKEN)).unwrap();
    fs::rename(&next, &token).unwrap();
    let pass = read().await;
    assert_eq!((pass.outcome, pass.error.as_str()), (Outcome::Complete, ""));
    for (broken, why) in [(Some(""), "is empty"), (None, "cannot be read")] {
        match broken {
            Some(text) => fs::write(&token, text).unwrap(),
            None => fs::remove_file(&token).unwrap(),
        }
        let said = read().await.error;
        assert!(
            said.contains(why) && said.contains("token") && !said.contains(page::TOKEN),
            "{said}"
        );
    }
}
