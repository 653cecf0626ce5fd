//! The files that ship: accepted, complete, and what they say they are.

use super::*;
use crate::domain::price::ItemKind;

#[test]
fn the_commented_example_is_accepted_and_shows_every_key() {
    let config = load_with(Some(FilePath::new(SAMPLE)), &Overrides::default(), &env).unwrap();
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    let text = fs::read_to_string(SAMPLE).unwrap();
    let mut keys = BTreeSet::new();
    all_keys(&schema(), &mut keys);
    for key in &keys {
        let shown = regex::Regex::new(&format!(r"\b{key}: ?")).unwrap();
        assert!(shown.is_match(&text), "{key} is not shown");
    }
    assert!(keys.len() > 40, "{keys:?}");

    // What it calls defaults are the defaults.
    let bare = judged(SOUND).unwrap();
    let (shown, default) = (region(&config.sources[0]), region(&bare.sources[0]));
    let tuned = |o: &OpenStack| {
        let numbers = (
            o.interval_s,
            o.full_interval_s,
            o.concurrency,
            o.page_size,
            o.timeout_s,
            o.body_max_bytes,
        );
        (numbers, o.interface.clone(), o.gpu_alias.clone())
    };
    assert_eq!(tuned(shown), tuned(default));
    assert_eq!(config.http.listen, bare.http.listen);
    assert_eq!(
        format!("{:?}", config.store.at),
        format!("{:?}", bare.store.at)
    );
    assert_eq!(config.tenancy.rules[0], bare.tenancy.rules[0]);
    assert_eq!(
        bare.store.data_dir,
        FilePath::new("deploy/data"),
        "beside the file"
    );
    assert_eq!(bare.meters.time_zone, chrono_tz::UTC);
    assert!(!format!("{config:?}").contains("hunter2"));
}

fn all_keys(schema: &Value, keys: &mut BTreeSet<String>) {
    match schema {
        Value::Object(map) => {
            keys.extend(
                map.get("properties")
                    .and_then(Value::as_object)
                    .into_iter()
                    .flat_map(|p| p.keys().cloned()),
            );
            map.values().for_each(|v| all_keys(v, keys));
        }
        Value::Array(items) => items.iter().for_each(|v| all_keys(v, keys)),
        _ => {}
    }
}

#[test]
fn the_quickstart_needs_no_environment() {
    let overrides = Overrides {
        data_dir: Some("elsewhere".into()),
    };
    let config = load_with(
        Some(FilePath::new("deploy/quickstart.yaml")),
        &overrides,
        &|_| None,
    )
    .unwrap();
    assert_eq!(
        config.store.data_dir,
        FilePath::new("elsewhere"),
        "as the command line says, from the working directory"
    );
    let sim = region(&config.sources[0]);
    let Credentials::Password {
        password, username, ..
    } = &sim.credentials
    else {
        panic!("{sim:?}")
    };
    assert_eq!(
        (
            sim.name.as_str(),
            username.as_str(),
            password.expose(),
            sim.interval_s
        ),
        ("sim", "plimsoll", "simulated", 10)
    );
    assert_eq!(config.tenancy.contracts["CO-003"], "aurora-health");
    assert_eq!(config.prices.unwrap().prices().count(), 46);
}

#[test]
fn schemas_on_disk_are_those_of_the_types() {
    for (file, schema) in [
        ("schemas/config.schema.json", schema()),
        ("schemas/prices.schema.json", price_book_schema()),
        ("schemas/credits.schema.json", credits_schema()),
    ] {
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            fs::write(file, &text).unwrap();
        }
        assert!(
            fs::read_to_string(file).unwrap_or_default() == text,
            "{file} is old: UPDATE_SCHEMAS=1 cargo test config"
        );
    }
}

/// A validator that is not ours must accept what we accept, so that editors do.
#[test]
fn the_schemas_accept_what_we_ship() {
    for (file, schema) in [
        (SAMPLE, schema()),
        ("deploy/quickstart.yaml", schema()),
        ("deploy/prices/nordic-2026.yaml", price_book_schema()),
        ("deploy/prices/credits-2026.yaml", credits_schema()),
    ] {
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let mut none = Vec::new();
        let tree = yaml::parse(
            FilePath::new(file),
            &fs::read_to_string(file).unwrap(),
            &mut none,
        )
        .unwrap();
        let value = shape::check(FilePath::new(file), &tree, &schema, &mut none).unwrap();
        assert!(none.is_empty(), "{none:?}");
        let errors: Vec<String> = validator
            .iter_errors(&value)
            .map(|e| e.to_string())
            .collect();
        assert!(errors.is_empty(), "{file}: {errors:?}");
        let mut wrong = value.clone();
        wrong["surprise"] = 1.into();
        assert!(
            !validator.is_valid(&wrong),
            "{file}: unknown keys are refused there too"
        );
    }
}

#[test]
fn definitions_can_be_read_back() {
    let config = load_with(Some(FilePath::new(SAMPLE)), &Overrides::default(), &env).unwrap();
    let definitions = config.definitions().unwrap();
    assert_eq!(
        definitions,
        config.clone().definitions().unwrap(),
        "the same text each time"
    );
    let [
        ("tenancy", tenancy),
        ("meters", meters),
        ("prices", prices),
        ("credits", credits),
    ] = definitions.as_slice()
    else {
        panic!("{definitions:?}")
    };
    assert_eq!(
        serde_json::from_str::<Tenancy>(tenancy).unwrap(),
        config.tenancy
    );
    let rules: MeterRules = serde_json::from_str(meters).unwrap();
    assert_eq!(rules.meters, config.meters().unwrap());
    assert_eq!(rules.time_zone, "Europe/Stockholm");
    let zone = config.meters.time_zone;
    let mut book = book::from_text("stored", prices, Some(zone)).unwrap();
    super::super::credits::from_text("stored", credits, zone, &mut book).unwrap();
    book.credits_text.clone_from(credits);
    assert_eq!(Some(book), config.prices);
    assert!(!credits.is_empty());
}

/// The book is the published list: every line of it, and nothing else.
#[test]
fn every_line_of_the_list_is_in_the_book() {
    let book = book::read(FilePath::new("deploy/prices/nordic-2026.yaml"), None).unwrap();
    let mut reader = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .from_path("deploy/prices/price-list-eur.csv")
        .unwrap();
    let rows: Vec<std::collections::BTreeMap<String, String>> =
        reader.deserialize().map(Result::unwrap).collect();
    assert_eq!((rows.len(), book.items.len()), (49, 49));
    for row in &rows {
        let item = book.items.iter().find(|i| i.sku == row["sku"]);
        let item = item.unwrap_or_else(|| panic!("{row:?}"));
        let (amount, unit, period) = match &item.kind {
            ItemKind::Usage(p) => {
                assert_eq!(p.per_quantity.to_string(), row["per_quantity"], "{row:?}");
                (p.amount_text.as_str(), p.unit.as_str(), p.period.as_str())
            }
            ItemKind::Fee(f) => (f.amount_text.as_str(), "subscription", f.period.as_str()),
            ItemKind::Percent(p) => {
                assert_eq!(p.minimum.as_ref().unwrap().to_string(), "150");
                (p.text.as_str(), "invoice", "month")
            }
        };
        let period = if period == "none" { "" } else { period };
        assert_eq!(
            (amount, unit, period),
            (&*row["amount"], &*row["unit"], &*row["period"]),
            "{row:?}"
        );
        if let Some(flavor) = row["sku"].strip_prefix("FLAVOR-") {
            let (_, price) = book.prices().find(|(i, _)| i.sku == row["sku"]).unwrap();
            assert_eq!(price.matches["flavor"], flavor);
        }
    }
}
