//! Judges the section `delivery`: what files look like that others are given.

use super::{checker::Checker, problem::Path, raw, shape, types::Delivery};
use crate::domain::{
    money::{Rational, Rounding, parse_decimal},
    profile::{Cell, Column, FORMS, Files, LineEnd, Lines, Number, Profile, Text},
};

/// Judges the section.
pub(super) fn delivery(c: &mut Checker<'_>, raw: raw::Delivery) -> Delivery {
    let path = Path::default().key("delivery").key("profiles");
    let mut profiles: Vec<Profile> = Vec::new();
    for (i, part) in raw.profiles.into_iter().enumerate() {
        let path = path.index(i);
        let Some(raw) = c.part(part, &path) else {
            continue;
        };
        let name = raw.name.clone();
        if FORMS.contains(&name.as_str()) {
            let what = format!("`{name}` is a form that plimsoll has already");
            c.error(&path.key("name"), what, "give the profile another name");
        } else if profiles.iter().any(|p| p.name == name) {
            let what = format!("`{name}` is the name of two profiles");
            c.error(&path.key("name"), what, "keep one of them");
        }
        profiles.extend(profile(c, raw, &path));
    }
    let own = profiles.iter().any(|p| p.name == shipped().name);
    if !own {
        profiles.push(shipped());
    }
    let path = Path::default().key("delivery").key("close");
    let close = c.part(raw.close, &path).unwrap_or_default();
    let coverage = parse_decimal(&close.coverage.0).unwrap_or_default();
    if coverage > Rational::from_integer(100.into()) {
        let what = format!("{} is more than all of it", close.coverage.0);
        c.error(&path.key("coverage"), what, "from 0 to 100 per cent");
    }
    for (i, word) in close.keep.iter().enumerate() {
        let path = path.key("keep").index(i);
        let own = profiles.iter().map(|p| p.name.as_str());
        if !FORMS.into_iter().chain(own.clone()).any(|f| f == word) {
            let hint = shape::unknown_hint(word, FORMS.into_iter().chain(own));
            c.error(&path, format!("there is no form `{word}`"), hint);
        } else if word.starts_with("focus") && raw.provider.is_none() {
            let what = "names the provider in every line";
            c.error(&path, what, "give delivery.provider");
        } else if close.keep[..i].contains(word) {
            c.error(&path, "stands there twice", "keep one of them");
        }
    }
    Delivery {
        provider: raw.provider,
        profiles,
        coverage,
        keep: close.keep,
    }
}

fn profile(c: &mut Checker<'_>, raw: raw::RawProfile, path: &Path) -> Option<Profile> {
    let decimal = match raw.decimal {
        raw::DecimalSign::Point => '.',
        raw::DecimalSign::Comma => ',',
    };
    let separator = separator(c, &raw.separator, decimal, &path.key("separator"));
    let path = path.key("columns");
    if raw.columns.is_empty() {
        c.error(&path, "is empty", "name at least one column");
    }
    let mut columns = Vec::new();
    for (i, part) in raw.columns.into_iter().enumerate() {
        let path = path.index(i);
        if let Some(raw) = c.part(part, &path) {
            let cell = cell(c, &raw, &path);
            columns.extend(cell.map(|cell| Column {
                name: raw.name,
                cell,
            }));
        }
    }
    Some(Profile {
        name: raw.name,
        files: match raw.files {
            raw::ProfileFiles::Contract => Files::Contract,
            raw::ProfileFiles::One => Files::One,
        },
        extension: raw.extension,
        lines: match raw.lines {
            raw::ProfileLines::Each => Lines::Each,
            raw::ProfileLines::Summed => Lines::Summed,
        },
        unsold: raw.unsold,
        header: raw.header,
        separator: separator?,
        decimal,
        bom: raw.bom,
        line_end: match raw.line_end {
            raw::LineEnd::Crlf => LineEnd::Crlf,
            raw::LineEnd::Lf => LineEnd::Lf,
        },
        rounding: match raw.rounding {
            raw::Halves::HalfUp => Rounding::HalfUp,
            raw::Halves::HalfEven => Rounding::HalfEven,
        },
        columns,
    })
}

fn separator(c: &mut Checker<'_>, text: &str, decimal: char, path: &Path) -> Option<u8> {
    let hint = "a comma, a semicolon, a tab (\"\\t\") or `|`";
    let [one] = text.as_bytes() else {
        c.error(path, format!("`{text}` is not one ASCII character"), hint);
        return None;
    };
    // What may stand in a number, or in quotes, tells no cells apart.
    let bad = one.is_ascii_alphanumeric() || b"\"'+-./ \r\n".contains(one) || !one.is_ascii();
    if bad {
        c.error(path, format!("`{text}` cannot stand between cells"), hint);
        return None;
    }
    if char::from(*one) == decimal {
        let what = "is the sign before decimals too";
        c.error(
            path,
            what,
            "choose a semicolon here, or a point for `decimal`",
        );
        return None;
    }
    Some(*one)
}

fn cell(c: &mut Checker<'_>, raw: &raw::RawColumn, path: &Path) -> Option<Cell> {
    let cell = match (&raw.field, &raw.dimension, &raw.text) {
        (Some(word), None, None) => {
            let number = Number::ALL.iter().find(|(_, w)| w == word);
            let text = Text::ALL.iter().find(|(_, w)| w == word);
            match (number, text) {
                (Some((number, _)), _) => return Some(Cell::Number(*number, raw.decimals)),
                (None, Some((text, _))) => Cell::Text(*text),
                (None, None) => {
                    let texts = Text::ALL.iter().map(|(_, w)| *w);
                    let known = texts.chain(Number::ALL.iter().map(|(_, w)| *w));
                    let hint = shape::unknown_hint(word, known);
                    c.error(
                        &path.key("field"),
                        format!("`{word}` is no field of a line"),
                        hint,
                    );
                    return None;
                }
            }
        }
        (None, Some(dimension), None) => Cell::Dimension(dimension.clone()),
        (None, None, Some(text)) => Cell::Constant(text.clone()),
        _ => {
            let what = "does not say what it holds";
            c.error(path, what, "give one of `field`, `dimension` and `text`");
            return None;
        }
    };
    if raw.decimals.is_some() {
        let what = "stands beside a text";
        c.error(
            &path.key("decimals"),
            what,
            "only numbers have decimals: leave it out",
        );
    }
    Some(cell)
}

/// The profile that ships: a line for each project and kind of thing, as portals of Nordic providers write them.
#[must_use]
pub fn shipped() -> Profile {
    let column = |name: &str, cell| Column {
        name: name.to_owned(),
        cell,
    };
    Profile {
        name: "contracts".to_owned(),
        files: Files::Contract,
        extension: "csv".to_owned(),
        lines: Lines::Summed,
        unsold: false,
        header: true,
        separator: b';',
        decimal: '.',
        bom: true,
        line_end: LineEnd::Crlf,
        rounding: Rounding::HalfUp,
        columns: vec![
            column("# Customer", Cell::Text(Text::Tenant)),
            column("ContractNumber", Cell::Text(Text::Contract)),
            column("Project", Cell::Text(Text::Project)),
            column("ResourceType", Cell::Text(Text::Sku)),
            column("Quantity", Cell::Number(Number::PricedQuantity, None)),
            column("Unit", Cell::Text(Text::PricedUnit)),
            column("Cost", Cell::Number(Number::Amount, None)),
        ],
    }
}
