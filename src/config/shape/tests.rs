//! Every keyword of our schemas is enforced, and a kind chooses its keys.

use super::*;

/// Keywords that `Shape` enforces, and those that only inform.
const KNOWN: [&str; 19] = [
    "$ref",
    "$defs",
    "$schema",
    "title",
    "description",
    "default",
    "examples",
    "type",
    "properties",
    "required",
    "items",
    "additionalProperties",
    "enum",
    "const",
    "anyOf",
    "oneOf",
    "pattern",
    "minimum",
    "maximum",
];

fn walk(schema: &Value, at: &str) {
    let Some(object) = schema.as_object() else {
        return;
    };
    for (key, value) in object {
        let at = format!("{at}/{key}");
        match key.as_str() {
            "properties" | "$defs" => value
                .as_object()
                .unwrap()
                .iter()
                .for_each(|(k, v)| walk(v, &format!("{at}/{k}"))),
            "anyOf" | "oneOf" => value.as_array().unwrap().iter().for_each(|v| walk(v, &at)),
            "items" | "additionalProperties" => walk(value, &at),
            "format" => {
                let format = value.as_str().unwrap();
                let enforced = leaf::check(format, "(\u{1}").is_err();
                assert!(
                    enforced || format == "uint32",
                    "{at}: {format} is not enforced"
                );
            }
            known => assert!(KNOWN.contains(&known), "{at} is not enforced"),
        }
    }
    if let Some(properties) = object.get("properties").and_then(Value::as_object) {
        assert_eq!(
            object["additionalProperties"],
            json!(false),
            "{at}: unknown keys are refused"
        );
        for (name, property) in properties {
            assert!(
                property["description"]
                    .as_str()
                    .is_some_and(|d| d.len() > 5),
                "{at}: {name} is not described"
            );
        }
    }
}

#[test]
fn every_keyword_of_our_schemas_is_enforced_and_every_key_described() {
    walk(&crate::config::schema(), "");
    walk(&crate::config::price_book_schema(), "");
}

/// What `sources` is like once there are two kinds.
fn two_kinds() -> Value {
    let of = |kind: &str, key: &str| {
        json!({"type": "object", "additionalProperties": false, "required": ["kind", key],
            "properties": {"kind": {"enum": [kind]}, key: {"type": "string", "description": "Where it is."}}})
    };
    json!({"anyOf": [of("cloud", "auth_url"), of("page", "url")]})
}

#[test]
fn the_kind_chooses_the_keys() {
    let judged = |text: &str| {
        let file = FilePath::new("x.yaml");
        let mut problems = Vec::new();
        let root = super::super::yaml::parse(file, text, &mut problems).unwrap();
        let value = check(file, &root, &two_kinds(), &mut problems);
        let said = problems
            .iter()
            .map(|p| format!("{} {}: {}", p.key, p.what, p.hint));
        (value, said.collect::<Vec<_>>())
    };
    let (value, said) = judged("{kind: page, url: here}");
    assert_eq!(
        (value, said),
        (Some(json!({"kind": "page", "url": "here"})), vec![])
    );
    let refused = [
        ("{url: here}", "kind is missing: known are cloud, page"),
        (
            "{kind: pge, url: 1}",
            "kind `pge` is not known: did you mean `page`?",
        ),
        // Its keys are those of its kind, however well they fit another.
        (
            "{kind: page, auth_url: here}",
            "auth_url is not a key here: known are kind, url",
        ),
        ("[kind]", " is a list, expected a mapping: "),
    ];
    for (text, wanted) in refused {
        let (_, said) = judged(text);
        assert_eq!(
            said.first().map(String::as_str),
            Some(wanted),
            "{text}: {said:?}"
        );
    }
}
