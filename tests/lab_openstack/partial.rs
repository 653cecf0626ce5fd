//! What an account may see: all that metering needs; or too little, which is a clear failure, and ends nothing that was known.

use crate::lab::{self, Plimsoll};

#[test]
fn an_account_that_may_see_is_found_good() {
    println!("{}", Plimsoll::empty().ok(&["check", "--online"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_may_not_see_ends_nothing() {
    let reader = Plimsoll::of("one").configured(|text| {
        text.replace("username: admin", "username: meter")
            .replace("project: admin", "project: service")
    });
    let store = reader.store().await;
    let (before, reached) = (lab::facts(&store).await, lab::reaches(&store).await);
    store.close().await.unwrap();

    let (code, found, err) = reader.run(&["check", "--online"]);
    assert_eq!(code, 1, "{found}{err}");
    assert!(found.contains("servers:detail"), "{found}");

    let (code, out, err) = reader.run(&["collect"]);
    println!("exit {code}\n{out}{err}");
    // Flavors may be listed by anybody: one list is complete, so it is 1 by the contract (0 all complete, 1 some, 3 none).
    assert_eq!(code, 1, "{out}{err}");
    for list in ["projects", "servers"] {
        let line = out
            .lines()
            .find(|l| l.starts_with(&format!("lab {list}: ")));
        let line = line.unwrap_or_else(|| panic!("nothing is said of {list}: {out}"));
        assert!(line.contains("FAILED") && line.contains("403"), "{line}");
        assert!(line.contains("the account needs the policy rule"), "{line}");
    }

    let store = reader.store().await;
    let (after, reaches) = (lab::facts(&store).await, lab::reaches(&store).await);
    let lists = store.lists().await.unwrap();
    store.close().await.unwrap();
    assert_eq!(before, after);
    assert_eq!(reached, reaches);
    let servers = lists.iter().find(|l| l.list == "servers").unwrap();
    assert!(servers.failed + servers.suspect > 0);
}
