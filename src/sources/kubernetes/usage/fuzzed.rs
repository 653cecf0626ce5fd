//! Entry to the parsers of what kubelets send, for fuzzing: it takes any bytes, must neither panic nor hang, and checks what it accepted.

use super::summary::{resource, summary};
use crate::domain::Ts;

/// A kubelet's page, in either form, each read as of when the recorded one was made. What it tells is of about then, and nothing is below zero.
#[must_use]
pub fn kubelet(bytes: &[u8]) -> bool {
    let (of_summary, of_resource) = (
        Ts::from_second(1_782_468_885),
        Ts::from_second(1_633_253_820),
    );
    let pages = [
        (summary(bytes, of_summary), of_summary),
        (resource(bytes, of_resource), of_resource),
    ];
    let mut told = false;
    for (page, date) in pages {
        let Ok(page) = page else { continue };
        assert_eq!(page.unread == 0, page.first.is_empty());
        for point in page.samples.iter().flat_map(|s| s.points.iter().flatten()) {
            let age = date.second() - point.at.second();
            assert!((-60..=3_600).contains(&age) && point.values.iter().all(|v| *v >= 0));
            told = true;
        }
    }
    told
}
