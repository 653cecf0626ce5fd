//! Glance, as it was recorded.

use super::{Cloud, complete, of, recorded, size, ts};
use plimsoll::{
    domain::{Aspect, Evidence, Outcome, Value},
    sources::Verdict,
};
use serde_json::{Value as Json, json};

const SNAPSHOT: &str = "90391ad8-54f2-47bc-b094-fa9329ef35d3";
const WINDOWS: &str = "a241b27a-b2ee-4646-9975-559b84217ed5";
const SHOWN: &str = "/image/v2/images?visibility=all&os_hidden=false&limit=1000";
const HIDDEN: &str = "/image/v2/images?visibility=all&os_hidden=true&limit=1000";

/// A cloud with Glance as it was recorded; one image is hidden, as its list shows it then.
pub(super) async fn glance() -> Cloud {
    let cloud = Cloud::start(&[("image", "/image")]).await;
    let (mut hidden, mut shown): (Vec<Json>, Vec<Json>) = images()
        .into_iter()
        .partition(|image| image["id"] == WINDOWS);
    hidden[0]["os_hidden"] = json!(true);
    shown[0]["visibility"] = json!("community");
    cloud.answers(SHOWN, 200, json!({"images": shown}));
    cloud.answers(HIDDEN, 200, json!({"images": hidden}));
    cloud.answers("/image/v2/tasks", 200, json!({"tasks": []}));
    cloud
}

fn images() -> Vec<Json> {
    let list = recorded("glance/images-all");
    list["images"].as_array().unwrap().clone()
}

#[tokio::test]
async fn images_of_every_visibility_are_read_hidden_ones_too() {
    let mut cloud = glance().await;
    complete(&cloud.collect().await["images"], 8);
    assert_eq!(
        size(&cloud.facts, WINDOWS, "capacity_bytes"),
        (String::new(), 4_194_304)
    );
    // The snapshot of a server is an image of the server's project; it has no size before it has data, and is not metered.
    assert!(of(&cloud.facts, SNAPSHOT, Aspect::Flavor).is_empty());
    let states = of(&cloud.facts, SNAPSHOT, Aspect::State);
    assert!(states.iter().all(|f| f.value == Value::label("queued")));
    assert_eq!(
        of(&cloud.facts, SNAPSHOT, Aspect::Owner)[0].value,
        Value::label("cae8fa6fe0f146489adb9f4e4f403fcf")
    );
    cloud.later(300);
    complete(&cloud.collect().await["images"], 8);
    assert!(cloud.facts.is_empty(), "{:?}", cloud.facts);
}

#[tokio::test]
async fn an_image_has_a_size_from_when_it_has_data_and_ends_with_a_404() {
    let mut cloud = glance().await;
    cloud.collect().await;
    cloud.later(300);
    let mut list = images();
    list.retain(|i| i["id"] != WINDOWS);
    let snapshot = list.iter_mut().find(|i| i["id"] == SNAPSHOT).unwrap();
    snapshot["status"] = json!("active");
    snapshot["size"] = json!(1_048_576);
    snapshot["updated_at"] = json!("2026-11-23T09:02:00Z");
    cloud.answers(SHOWN, 200, json!({"images": list}));
    cloud.answers(HIDDEN, 200, json!({"images": []}));
    complete(&cloud.collect().await["images"], 7);
    let active = of(&cloud.facts, SNAPSHOT, Aspect::State)[0];
    assert_eq!(
        (&active.value, active.at),
        (&Value::label("active"), ts("2026-11-23T09:02:00Z"))
    );
    assert_eq!(size(&cloud.facts, SNAPSHOT, "capacity_bytes").1, 1_048_576);
    // Glance answers 404 to whatever is deleted.
    let end = of(&cloud.facts, WINDOWS, Aspect::State)[0];
    assert_eq!(
        (end.evidence, &end.value),
        (Evidence::Missing, &Value::Gone)
    );
    // Its data sent again is no other image; marked to be deleted, it has ended.
    cloud.later(300);
    let mut shown = images();
    shown.retain(|i| i["id"] != WINDOWS && i["id"] != SNAPSHOT);
    cloud.answers(SHOWN, 200, json!({"images": shown}));
    let mut marked = images().into_iter().find(|i| i["id"] == SNAPSHOT).unwrap();
    marked["status"] = json!("pending_delete");
    cloud.answers(&format!("/image/v2/images/{SNAPSHOT}"), 200, marked);
    complete(&cloud.collect().await["images"], 6);
    assert_eq!(
        of(&cloud.facts, SNAPSHOT, Aspect::State)[0].value,
        Value::Gone
    );
}

#[tokio::test]
async fn a_member_is_shown_public_images_and_not_believed() {
    let mut cloud = glance().await;
    let refused = "<html><head><title>403 Forbidden</title></head></html>";
    cloud.tells("/image/v2/tasks", 403, "", refused);
    let pass = &cloud.collect().await["images"];
    assert_eq!(pass.outcome, Outcome::Suspect);
    assert!(pass.error.contains("tasks_api_access"), "{}", pass.error);
    let findings = cloud.check().await;
    assert!(
        findings
            .iter()
            .any(|f| f.verdict == Verdict::Error && f.what.contains("image may show a part only"))
    );
}
