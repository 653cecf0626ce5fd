//! Every form of export is added up again from its bytes, and what does not add up is named.

use super::*;
use crate::{config::delivery::shipped, export::verify};

fn forms() -> Vec<Format> {
    vec![
        Format::Csv,
        Format::Jsonl,
        Format::Parquet,
        Format::Focus("Nordic".into()),
        Format::FocusParquet("Nordic".into()),
        Format::Profile(shipped()),
    ]
}

/// The manifest of an export, changed by a hand that knows to leave hashes alone.
fn forged(dir: &Path, change: impl Fn(&mut Manifest)) {
    let path = dir.join(Manifest::NAME);
    let mut manifest: Manifest = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut manifest);
    fs::write(&path, manifest.bytes().unwrap()).unwrap();
}

fn money(manifest: &mut Manifest) -> &mut crate::export::Money {
    manifest.files[0].money.as_mut().unwrap()
}

#[test]
fn every_form_is_added_up_again() {
    for format in forms() {
        let told = |change: fn(&mut Manifest)| {
            let dir = tempfile::tempdir().unwrap();
            export(&usage(), true, &format, dir.path()).unwrap();
            forged(dir.path(), change);
            verify(dir.path()).faults
        };
        assert_eq!(told(|_| ()), [""; 0], "{}", format.as_str());
        let one = |faults: Vec<String>, what: &str| {
            assert!(
                matches!(&faults[..], [f] if f.contains(what)),
                "{}: {what}: {faults:?}",
                format.as_str()
            );
        };
        one(told(|m| money(m).amount = "18.21".into()), "sum to");
        // What was sold has an exact amount in every form but profiles, which round.
        if !matches!(format, Format::Profile(_)) {
            one(
                told(|m| money(m).exact = "1/3".into()),
                "its exact amounts sum to",
            );
            one(told(|m| money(m).exact = "1/0".into()), "is no fraction");
        }
        one(
            told(|m| {
                m.files[0].rows += 1;
                m.rows += 1;
            }),
            "lines, the manifest says",
        );
        one(told(|m| m.rows += 1), "are not those of the whole");
    }
}

#[test]
fn without_a_price_book_nothing_has_an_amount() {
    for format in forms() {
        let dir = tempfile::tempdir().unwrap();
        export(&usage(), false, &format, dir.path()).unwrap();
        assert_eq!(verify(dir.path()).faults, [""; 0], "{}", format.as_str());
        forged(dir.path(), |m| m.format = "other".into());
        let faults = verify(dir.path()).faults;
        let known = matches!(format, Format::Profile(_));
        assert_eq!(faults.is_empty(), known, "{faults:?}");
    }
}

/// Rounded once more for show, or not shown at all: then the lines are counted, and no sum is claimed.
#[test]
fn a_profile_is_added_up_where_it_shows_the_amounts() {
    use crate::domain::profile::{Cell, Number};
    let mut profile = shipped();
    profile.decimal = ',';
    profile.header = false;
    for decimals in [None, Some(0), Some(4)] {
        for column in &mut profile.columns {
            if matches!(column.cell, Cell::Number(Number::Amount, _)) {
                column.cell = Cell::Number(Number::Amount, decimals);
            }
        }
        let dir = tempfile::tempdir().unwrap();
        export(
            &usage(),
            true,
            &Format::Profile(profile.clone()),
            dir.path(),
        )
        .unwrap();
        assert_eq!(verify(dir.path()).faults, [""; 0], "{decimals:?}");
        forged(dir.path(), |m| money(m).amount = "18.21".into());
        assert_eq!(verify(dir.path()).faults.is_empty(), decimals == Some(0));
    }
}
