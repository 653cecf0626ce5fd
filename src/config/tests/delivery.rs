//! The section `delivery`: profiles that are taken, and mistakes that are named.

use super::*;
use crate::domain::profile::{Cell, Number};

#[test]
fn the_sample_spells_the_shipped_profile_out() {
    let config = load_with(Some(FilePath::new(SAMPLE)), &Overrides::default(), &env).unwrap();
    let shipped = super::super::delivery::shipped();
    let [portal, own] = config.delivery.profiles.as_slice() else {
        panic!("{:?}", config.delivery)
    };
    assert_eq!(*own, shipped);
    let mut portal = portal.clone();
    assert_eq!(portal.name, "portal");
    portal.name.clone_from(&shipped.name);
    portal.columns[4].cell = Cell::Number(Number::PricedQuantity, None);
    assert_eq!(portal, shipped);
    let replaced =
        "delivery: {profiles: [{name: contracts, columns: [{name: c, field: amount}]}]}\n";
    let config = judged(&format!("{SOUND}{replaced}")).unwrap();
    assert_eq!(config.delivery.profiles.len(), 1);
    assert_eq!(config.delivery.profiles[0].separator, b',');
}

#[test]
fn mistakes_of_profiles_are_named() {
    let text = r#"delivery:
  profiles:
    - name: csv
      columns: [{name: a, field: tenat}, {name: b}, {name: c, field: sku, text: x}, {name: d, field: sku, decimals: 2}]
    - {name: twice, separator: ",", decimal: ",", columns: []}
    - {name: twice, separator: ";;", decimal: ";", columns: [{name: a, field: amount, decimals: 31}]}
    - {name: Other, separator: "a", colums: []}
    - {name: word, bom: yes, header: "true", unsold: [], columns: [{name: a, text: a}]}
"#;
    insta::assert_snapshot!(problems(&format!("{SOUND}{text}")).join("\n"));
}
