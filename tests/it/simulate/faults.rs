//! Faults, tags and projects that change with the clock.

use super::{Served, window};
use reqwest::StatusCode;
use serde_json::json;

#[tokio::test]
async fn faults_come_and_go_with_the_clock() {
    let mut cloud = Served::start("awkward", window().0).await;
    let list = "/compute/v2.1/servers/detail?all_tenants=1";
    let after = |s| window().0.plus_seconds(s);
    let count = async |cloud: &Served, path: &str, of: &str| {
        cloud.json(path, "2.90").await[of].as_array().unwrap().len()
    };

    cloud.clock.set(after(3_600));
    assert_eq!(
        cloud.get(list, "2.90").await.status(),
        StatusCode::UNAUTHORIZED,
        "tokens are good for an hour"
    );
    for (seconds, lost) in [
        (5 * 86_400 + 3_599, false),
        (5 * 86_400 + 3_600, true),
        (5 * 86_400 + 7_200, false),
    ] {
        cloud.clock.set(after(seconds));
        cloud.log_in().await;
        assert_eq!(count(&cloud, list, "servers").await == 0, lost);
    }
    for (seconds, want) in [
        (9 * 86_400, StatusCode::SERVICE_UNAVAILABLE),
        (9 * 86_400 + 600, StatusCode::OK),
    ] {
        cloud.clock.set(after(9 * 86_400 - 1));
        cloud.log_in().await;
        cloud.clock.set(after(seconds));
        let answer = cloud.get(list, "2.90").await;
        assert_eq!(answer.status(), want);
        assert_eq!(
            answer.headers().get_all("date").iter().collect::<Vec<_>>(),
            [after(seconds).to_http_date().as_str()]
        );
    }
    cloud.clock.set(after(16 * 86_400 + 3 * 3_600 - 1));
    cloud.log_in().await;
    assert_eq!(cloud.get(list, "2.90").await.status(), StatusCode::OK);
    cloud.clock.set(after(16 * 86_400 + 3 * 3_600));
    assert_eq!(
        cloud.get(list, "2.90").await.status(),
        StatusCode::UNAUTHORIZED,
        "revoked"
    );
    cloud.log_in().await;
    assert_eq!(cloud.get(list, "2.90").await.status(), StatusCode::OK);
    let projects = "/identity/v3/projects";
    for (hours, want) in [(9 * 24 + 12, 500), (14 * 24, 200), (18 * 24, 200)] {
        cloud.clock.set(after(hours * 3_600 - 1));
        cloud.log_in().await;
        cloud.clock.set(after(hours * 3_600));
        assert_eq!(cloud.get(projects, "2.1").await.status(), want);
        assert_eq!(
            cloud.get(list, "2.90").await.status(),
            200,
            "the other service is well"
        );
    }
    assert_eq!(
        count(&cloud, projects, "projects").await,
        0,
        "the role is lost"
    );
    cloud.clock.set(after(14 * 86_400));
    let asked = std::time::Instant::now();
    cloud.get(list, "2.90").await;
    assert!(asked.elapsed().as_millis() >= 300);
    // Tags change, and a project goes, at their seconds.
    let tags = async |cloud: &Served, name: &str| {
        cloud
            .json(&format!("/identity/v3/projects?name={name}"), "2.1")
            .await["projects"]
            .clone()
    };
    for (seconds, contract) in [
        (12 * 86_400 + 34_199, "contract:CO-003"),
        (12 * 86_400 + 34_200, "contract:CO-002"),
    ] {
        cloud.clock.set(after(seconds));
        cloud.log_in().await;
        assert_eq!(
            tags(&cloud, "handed-over").await[0]["tags"],
            json!([contract])
        );
    }
    for (seconds, left) in [(20 * 86_400 - 1, 1), (20 * 86_400, 0)] {
        cloud.clock.set(after(seconds));
        cloud.log_in().await;
        assert_eq!(
            tags(&cloud, "closing-down").await.as_array().unwrap().len(),
            left
        );
    }
    cloud.end().await;
}
