//! What is asked of months that are closed, and of objectives.

use super::{BillFormat, TableFormat, as_of};
use crate::domain::Ts;
use clap::Subcommand;

/// What `corrections` does.
#[derive(Debug, Clone, Subcommand)]
pub enum CorrectionsCommand {
    /// What is proposed.
    List {
        /// The closed month.
        #[arg(long, value_name = "YYYY-MM")]
        month: String,
        /// With what was declined.
        #[arg(long)]
        all: bool,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        format: BillFormat,
    },
    /// Bill some: they count as billed from then on.
    Approve {
        /// Which.
        #[command(flatten)]
        which: Which,
        /// Why.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Leave some as they are: not proposed again, unless more becomes known.
    Decline {
        /// Which.
        #[command(flatten)]
        which: Which,
        /// Why.
        #[arg(long)]
        reason: String,
    },
}

impl CorrectionsCommand {
    /// The closed month.
    #[must_use]
    pub fn month(&self) -> &str {
        match self {
            Self::List { month, .. } => month,
            Self::Approve { which, .. } | Self::Decline { which, .. } => &which.month,
        }
    }
}

/// Which corrections, and who decides.
#[derive(Debug, Clone, clap::Args)]
#[command(group(clap::ArgGroup::new("which").required(true).args(["ids", "contract", "all"])))]
pub struct Which {
    /// The closed month.
    #[arg(long, value_name = "YYYY-MM")]
    pub month: String,
    /// Who decides; kept with the decision.
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub by: String,
    /// These.
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// All of a contract.
    #[arg(long)]
    pub contract: Option<String>,
    /// All of the month.
    #[arg(long)]
    pub all: bool,
}

/// What `slo` does.
#[derive(Debug, Clone, Subcommand)]
pub enum SloCommand {
    /// The objectives of the configuration, and how many events an hour their alerts need.
    List {
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        format: TableFormat,
    },
    /// Attained, budget, bounds for gaps, with and without exclusions: of objectives that facts tell of.
    #[command(after_help = "Example: plimsoll slo report --month 2026-10 --format csv")]
    Report {
        /// Which month and objectives.
        #[command(flatten)]
        of: SloMonth,
        /// From what was stored until then; default: now.
        #[arg(long, value_name = "TIME", value_parser = as_of)]
        as_of: Option<Ts>,
    },
    /// Which alerts would have fired in a month, with today's targets, and why.
    #[command(after_help = "Example: plimsoll slo backtest --month 2026-10 --slo server-boot")]
    Backtest {
        /// Which month and objectives.
        #[command(flatten)]
        of: SloMonth,
    },
}

/// A month of objectives.
#[derive(Debug, Clone, clap::Args)]
pub struct SloMonth {
    /// The month, in the provider's time zone.
    #[arg(long, value_name = "YYYY-MM")]
    pub month: String,
    /// Only this objective.
    #[arg(long, value_name = "NAME")]
    pub slo: Option<String>,
    /// Only this tenant.
    #[arg(long)]
    pub tenant: Option<String>,
    /// How to print.
    #[arg(long, value_enum, default_value = "table")]
    pub format: TableFormat,
}
