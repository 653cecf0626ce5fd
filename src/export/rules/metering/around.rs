//! Alerts on what metering is told to tell, and on what it finds that is nobody's.

use super::{Made, Shown};
use crate::slo::Severity;

/// Whether those who are to be told of burning budgets can be.
pub(super) fn posts(made: &mut Made) {
    let of = |alertmanager: &str, outcome: &str| {
        format!(
            "plimsoll_alertmanager_posts_total{{alertmanager=\"{alertmanager}\",outcome=\"{outcome}\"}}"
        )
    };
    let (a_ok, a_failed) = (of("a:9093", "ok"), of("a:9093", "failed"));
    let (b_ok, b_failed) = (of("b:9093", "ok"), of("b:9093", "failed"));
    // Posts of nothing count too, so that one which is away is found out before there is something to tell.
    let (failed, ok) = (
        "increase(plimsoll_alertmanager_posts_total{outcome=\"failed\"}[10m])",
        "increase(plimsoll_alertmanager_posts_total{outcome=\"ok\"}[10m])",
    );
    made.alert(
        "PlimsollAlertmanagerAway",
        Severity::Ticket,
        5,
        &format!("{failed} > 0 unless ignoring (outcome) {ok} > 0"),
        [
            "Alertmanager {{ $labels.alertmanager }} takes no alerts",
            "No post of alerts to it succeeded for 10 minutes. If there are others, they are told.",
        ],
        &[Shown {
            name: "one of two is away from 3 m to 30 m",
            series: &[
                (&a_ok, "0+1x2 2x27 3+1x30"),
                (&a_failed, "0x2 1+1x26 27x31"),
                (&b_ok, "0+1x60"),
                (&b_failed, "0x9 1x50"),
            ],
            fires_at: &[20, 30],
            quiet_at: &[10, 33],
            labels: &[("alertmanager", "a:9093"), ("outcome", "failed")],
            value: "",
        }],
    );
    made.alert(
        "PlimsollAlertsUntold",
        Severity::Page,
        5,
        &format!(
            "sum without (alertmanager, outcome) ({failed}) > 0\nunless sum without (alertmanager, outcome) ({ok}) > 0"
        ),
        [
            "No Alertmanager takes alerts of burning budgets",
            "No post of alerts to any of them succeeded for 10 minutes: a budget that burns now wakes nobody.",
        ],
        &[
            Shown {
                name: "both are away from 3 m to 30 m",
                series: &[
                    (&a_ok, "0+1x2 2x27 3+1x30"),
                    (&a_failed, "0x2 1+1x26 27x31"),
                    (&b_ok, "0+1x2 2x60"),
                    (&b_failed, "0x2 1+1x60"),
                ],
                fires_at: &[20, 30],
                quiet_at: &[10, 33],
                labels: &[],
                value: "",
            },
            Shown {
                name: "one of two is away",
                series: &[(&a_ok, "0+1x60"), (&b_ok, "0x60"), (&b_failed, "0+1x60")],
                fires_at: &[],
                quiet_at: &[30],
                labels: &[],
                value: "",
            },
        ],
    );
}

/// Whether what is stored is anybody's.
pub(super) fn storage(made: &mut Made) {
    made.alert(
        "PlimsollStorageGhosts",
        Severity::Ticket,
        24 * 60,
        "plimsoll_storage_ghosts > 0",
        [
            "Images of {{ $labels.source }} are no volume's: {{ $labels.cause }}",
            "For a day {{ $value }} images and more were named after Cinder volumes and were no volume's. They hold space that nobody pays for.",
        ],
        &[Shown {
            name: "three from 3 m on; of another cause one for twenty hours, while a volume moves",
            series: &[
                ("plimsoll_storage_ghosts{source=\"a\",cause=\"volume_deleted\"}", "0x2 3x1500"),
                ("plimsoll_storage_ghosts{source=\"a\",cause=\"volume_unknown\"}", "1x1200 0x300"),
            ],
            fires_at: &[1443, 1500],
            quiet_at: &[2, 1442],
            labels: &[("source", "a"), ("cause", "volume_deleted")],
            value: "3",
        }],
    );
}

/// Whether the usage log of object gateways tells all.
pub(super) fn gateways(made: &mut Made) {
    made.alert(
        "PlimsollGatewayRestarted",
        Severity::Ticket,
        0,
        "increase(plimsoll_gateway_restarts_total[1h]) > 0",
        [
            "An object gateway of {{ $labels.source }} was started anew",
            "If it was killed, requests that it had not yet written to its usage log are lost, and that hour is short. One that is stopped in order loses nothing.",
        ],
        &[Shown {
            name: "one of two sources at 10 m; an hour later it is over",
            series: &[
                ("plimsoll_gateway_restarts_total{source=\"a\"}", "0x9 1x80"),
                ("plimsoll_gateway_restarts_total{source=\"b\"}", "3x89"),
            ],
            fires_at: &[11, 60],
            quiet_at: &[9, 75],
            labels: &[("source", "a")],
            value: "",
        }],
    );
    made.alert(
        "PlimsollUsageLogTrimmed",
        Severity::Ticket,
        0,
        "increase(plimsoll_usage_log_trims_total[1h]) > 0",
        [
            "The usage log of {{ $labels.source }} was trimmed while it was read",
            "Of an hour that is not final something was removed. What was read of it is kept; what was counted between the last reading and the trim is lost.",
        ],
        &[Shown {
            name: "an hour of one source is trimmed at 10 m; an hour later it is over",
            series: &[
                ("plimsoll_usage_log_trims_total{source=\"a\"}", "0x9 1x80"),
                ("plimsoll_usage_log_trims_total{source=\"b\"}", "0x89"),
            ],
            fires_at: &[11, 60],
            quiet_at: &[9, 75],
            labels: &[("source", "a")],
            value: "",
        }],
    );
}
