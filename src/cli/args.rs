//! Arguments of every command. Their `--help` is part of the documentation.

mod months;

pub use months::{CorrectionsCommand, SloCommand, SloMonth, Which};

use crate::domain::{Ts, time::BadTime};
use clap::{Parser, Subcommand, ValueEnum};
use std::{net::SocketAddr, path::PathBuf};

/// plimsoll meters a cloud: what every tenant used, as facts that can be defended line by line.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done; 1 done in part, or refused by a stated rule; 2 wrong usage or configuration; 3 failed.\n\n\
    Start: plimsoll check --config plimsoll.yaml --online, then plimsoll run --config plimsoll.yaml"
)]
pub struct Args {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// Configuration file (YAML).
    #[arg(long, global = true, env = "PLIMSOLL_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Engine, spool and state of the embedded default; overrides the file.
    #[arg(long, global = true, env = "PLIMSOLL_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// What to log: error, warn, info, debug, trace, or a filter such as `plimsoll::sources=debug`.
    #[arg(
        long,
        global = true,
        env = "PLIMSOLL_LOG",
        default_value = "info",
        value_name = "LEVEL"
    )]
    pub log_level: String,
    /// How to log, on stderr.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "text",
        value_name = "FORMAT"
    )]
    pub log_format: LogFormat,
}

/// Forms of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Forms of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// For people: totals by tenant and meter.
    Table,
    /// Every row, RFC 4180.
    Csv,
    /// Every row, one JSON document.
    Json,
}

/// Forms of bills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BillFormat {
    /// For people: the lines of one price together.
    Table,
    /// Every line, one JSON document.
    Json,
}

/// Forms of answers for people or programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TextFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Collect, store and serve until stopped.
    #[command(
        after_help = "Example: plimsoll run --config deploy/quickstart.yaml, then open http://127.0.0.1:9469/"
    )]
    Run,
    /// One pass over every list of every source.
    #[command(
        after_help = "Exit codes: 0 every list complete; 1 some; 3 none.\n\nExample: plimsoll collect --config plimsoll.yaml --source stockholm"
    )]
    Collect {
        /// Only this source; may be given again.
        #[arg(long, value_name = "NAME")]
        source: Vec<String>,
        /// Vouch for a list whose passes are suspect: what it no longer shows has ended, however much it is; may be given again.
        #[arg(long, value_name = "LIST")]
        believe: Vec<String>,
    },
    /// CloudEvents of usage from elsewhere (backup, licences), one a line.
    #[command(
        after_help = "An event is known by its source and id: importing a file again, or two files with the same events, changes nothing.\n\nExample: plimsoll import --config plimsoll.yaml licences-2026-10.jsonl"
    )]
    Import {
        /// A file of CloudEvents in JSON, one a line; see docs/import.md.
        #[arg(value_name = "FILE.jsonl")]
        file: PathBuf,
    },
    /// Validate everything; with --online also reach every source and the store.
    #[command(after_help = "Example: plimsoll check --config plimsoll.yaml --online")]
    Check {
        /// Reach every source and the store.
        #[arg(long)]
        online: bool,
        /// How to print.
        #[arg(long, value_enum, default_value = "text")]
        format: TextFormat,
    },
    /// What tenants used in a month.
    #[command(
        after_help = "Examples:\n  plimsoll usage --month 2026-10\n  plimsoll usage --month 2026-10 --tenant norrland-kommun --format csv\n  \
        plimsoll usage --month 2026-10 --as-of 2026-11-01T06:00:00Z --format json"
    )]
    Usage {
        /// The month, in the provider's time zone.
        #[arg(long, value_name = "YYYY-MM")]
        month: String,
        /// Only this tenant.
        #[arg(long)]
        tenant: Option<String>,
        /// From what was stored until then; default: now.
        #[arg(long, value_name = "TIME", value_parser = as_of)]
        as_of: Option<Ts>,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        format: TableFormat,
    },
    /// What tenants have to pay for a month: so far, and projected.
    #[command(
        after_help = "Exit code 1: usage without a price; each flavor and project is named.\n\n\
        Examples:\n  plimsoll bill --month 2026-10\n  plimsoll bill --month 2026-10 --tenant norrland-kommun --format json\n  \
        plimsoll bill --month 2026-10 --draft prices-2027.yaml"
    )]
    Bill {
        /// The month, in the provider's time zone.
        #[arg(long, value_name = "YYYY-MM")]
        month: String,
        /// Only this tenant.
        #[arg(long)]
        tenant: Option<String>,
        /// Compare with this price book: who wins, who loses. Its validity does not matter, but that of its prices does.
        #[arg(long, value_name = "BOOK")]
        draft: Option<PathBuf>,
        /// From what was stored until then, by the book kept then; default: now.
        #[arg(long, value_name = "TIME", value_parser = as_of)]
        as_of: Option<Ts>,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        format: BillFormat,
    },
    /// Price books: compile one, print it, quote by it. Needs no configuration.
    #[command(subcommand)]
    Prices(Prices),
    /// From a line of usage, a bill or an export to spans, facts, passes and raw objects.
    #[command(after_help = "Example: plimsoll explain 3f0c6e... --month 2026-10 --raw")]
    Explain {
        /// Id of a line of usage, a bill or an export.
        id: String,
        /// The line's month; without it the last 24 months are searched, the latest first.
        #[arg(long, value_name = "YYYY-MM")]
        month: Option<String>,
        /// As of when the line was computed; default: now.
        #[arg(long, value_name = "TIME", value_parser = as_of)]
        as_of: Option<Ts>,
        /// Print the raw objects too, as the cloud sent them.
        #[arg(long)]
        raw: bool,
        /// How to print.
        #[arg(long, value_enum, default_value = "text")]
        format: TextFormat,
    },
    /// Write a month's lines to files, with a manifest; of a closed month, the files that were kept.
    #[command(
        after_help = "Exit code 1: usage without a price; nothing is written then, and each flavor and project is named.\n\n\
        Examples:\n  plimsoll export --month 2026-10 --format csv --out exports/2026-10\n  \
        plimsoll export --month 2026-10 --format contracts --out exports/2026-10\n\n\
        Forms and their columns: docs/exports.md"
    )]
    Export {
        /// The month, in the provider's time zone.
        #[arg(long, value_name = "YYYY-MM")]
        month: String,
        /// Form of the files: csv, jsonl, parquet, focus (FOCUS 1.2, CSV), focus-parquet, or a profile of the configuration (`contracts` ships).
        #[arg(long, value_name = "FORM")]
        format: String,
        /// Directory to write to; made if it is not there.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// From what was stored until then, whether the month is closed or not; default: the closed month, or now, after waiting out the insert
        /// timeout where others may be writing.
        #[arg(long, value_name = "TIME", value_parser = as_of)]
        as_of: Option<Ts>,
        /// Not the month, but the approved corrections to it.
        #[arg(long, conflicts_with = "as_of")]
        corrections: bool,
    },
    /// Freeze a month: lines and files are kept, and exports return them for ever.
    #[command(
        after_help = "Exit codes: 0 closed, also if it was; 1 it stays open: each blocker is named, with its size.\n\n\
        Examples:\n  plimsoll close --month 2026-10\n  plimsoll close --month 2026-10 --contract CO-001\n  \
        plimsoll close --month 2026-10 --status\n  \
        plimsoll close --month 2026-10 --accept 'the gap of the 12th is credited, INC-1042, Anna Berg'"
    )]
    Close {
        /// The month, in the provider's time zone; it has to be over.
        #[arg(long, value_name = "YYYY-MM")]
        month: String,
        /// Only this contract: what stands against others does not hold it up. Default: everyone who is not closed yet.
        #[arg(long, value_name = "CONTRACT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
        contract: Option<String>,
        /// Say which contracts of the month are closed, and change nothing.
        #[arg(long, conflicts_with_all = ["contract", "accept"])]
        status: bool,
        /// Close although something stands against it; the reason is kept with the month.
        #[arg(long, value_name = "REASON", value_parser = clap::builder::NonEmptyStringValueParser::new())]
        accept: Option<String>,
    },
    /// What became known after a close: recomputed lines less what was billed, for a person to decide.
    #[command(
        after_help = "Examples:\n  plimsoll corrections list --month 2026-10\n  \
        plimsoll corrections approve --month 2026-10 --contract CO-001 --by anna.berg\n  \
        plimsoll corrections decline --month 2026-10 --by anna.berg --reason 'below a cent' 3f0c6e...\n  \
        plimsoll export --month 2026-10 --corrections --format csv --out corrections/2026-10"
    )]
    Corrections {
        /// What to do.
        #[command(subcommand)]
        command: CorrectionsCommand,
    },
    /// An export against its manifest: offline, without a configuration.
    #[command(
        after_help = "Exit codes: 0 every file is what was exported; 1 not.\n\nExample: plimsoll verify exports/2026-10"
    )]
    Verify {
        /// Directory of an export.
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
    /// Compare a month as of two times, line by line.
    #[command(
        after_help = "Example: plimsoll diff --month 2026-10 --as-of 2026-11-01T06:00:00Z --as-of 2026-11-05T06:00:00Z"
    )]
    Diff {
        /// The month, in the provider's time zone.
        #[arg(long, value_name = "YYYY-MM")]
        month: String,
        /// Two times, the earlier one first; each with the rules and the book of its time.
        #[arg(long, value_name = "TIME", value_parser = as_of, required = true)]
        as_of: Vec<Ts>,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        format: BillFormat,
    },
    /// Ceph against what is known of it: images that are no volume's, volumes without an image, and what pools store and nobody counts.
    #[command(
        after_help = "Compares volumes with the images of sources of kind `ceph` that name their `openstack`, images with their pools, and buckets with the \
        pools of the `ceph` that their source names. See docs/metering-ceph.md.\n\n\
        Exit code 1: nothing is linked so, or a list was never read completely, and what needs it is not told.\n\n\
        Examples:\n  plimsoll reconcile\n  plimsoll reconcile --as-of 2026-11-01T06:00:00Z\n  \
        plimsoll reconcile --format json | jq '.clouds[].ghosts[] | select(.cause == \"volume_deleted\")'"
    )]
    Reconcile {
        /// From what was stored until then, by the book kept then; default: now.
        #[arg(long, value_name = "TIME", value_parser = as_of)]
        as_of: Option<Ts>,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        format: BillFormat,
    },
    /// Service level objectives: what they are, what is said of a month, what would have been alerted.
    #[command(
        after_help = "Examples:\n  plimsoll slo list\n  plimsoll slo report --month 2026-10 --tenant fjord-bank\n  plimsoll slo backtest --month 2026-10 --format json"
    )]
    Slo {
        /// What to do.
        #[command(subcommand)]
        command: SloCommand,
    },
    /// Prometheus rules for every SLO and for metering itself, with their tests.
    #[command(
        after_help = "Writes FILE and its tests beside it (x.yaml and x.test.yaml). What to do about each alert: docs/alerts.md\n\n\
        Example: plimsoll rules --config plimsoll.yaml --out /etc/prometheus/plimsoll.yaml && promtool test rules /etc/prometheus/plimsoll.test.yaml"
    )]
    Rules {
        /// File to write, for `rule_files` of Prometheus.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Clouds made up, on their real wire formats, with known truth.
    #[command(
        group(clap::ArgGroup::new("where").required(true)),
        after_help = "Examples:\n  plimsoll simulate --scenario deploy/scenarios/small.yaml --seed 1 --listen 127.0.0.1:9470\n  \
        plimsoll simulate --scenario deploy/scenarios/small.yaml --seed 1 --month 2026-10 --truth truth.json\n  \
        plimsoll simulate --scenario deploy/scenarios/small.yaml --seed 1 --command rbd ls --long --pool=volumes"
    )]
    Simulate {
        /// Scenario (YAML).
        #[arg(long, value_name = "FILE")]
        scenario: PathBuf,
        /// The same scenario and seed make the same cloud.
        #[arg(long)]
        seed: u64,
        /// Serve the cloud here, at the present time, until stopped.
        #[arg(long, value_name = "ADDR", group = "where")]
        listen: Option<SocketAddr>,
        /// Collect a whole made-up month into the store, by the same path as a real cloud's.
        #[arg(long, value_name = "YYYY-MM", group = "where")]
        month: Option<String>,
        /// Answer one command as `ceph` or `rbd` of its cluster would: all that follows is the command. For `command` and `rbd_command` of a source of kind ceph.
        #[arg(long, value_name = "COMMAND", group = "where", num_args = 1.., allow_hyphen_values = true)]
        command: Vec<String>,
        /// With --command: at this time. Default: now.
        #[arg(long, value_name = "TIME", value_parser = until, requires = "command")]
        at: Option<Ts>,
        /// With --month: only so far, `now` or a time; for a month that still goes on.
        #[arg(long, value_name = "TIME", value_parser = until, conflicts_with_all = ["listen", "command"])]
        until: Option<Ts>,
        /// Write the truth (events, usage) here as JSON.
        #[arg(long, value_name = "FILE")]
        truth: Option<PathBuf>,
    },
    /// The embedded ClickHouse in the foreground: for Grafana or a look with a client.
    #[command(
        after_help = "Other commands with the same data directory use it while it is up.\n\nExample: plimsoll engine --data-dir data"
    )]
    Engine(EngineArgs),
    /// Bring the store's schema up to this version. Every command that opens the store does so too.
    Migrate,
    /// Print a completion script.
    #[command(after_help = "Example: plimsoll completions bash > /etc/bash_completion.d/plimsoll")]
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
}

/// What `prices` does.
#[derive(Debug, Subcommand)]
pub enum Prices {
    /// Compile a book: units, dimensions, overlaps, gaps, ties, tiers, and its worked examples.
    #[command(
        after_help = "Exit codes: 0 accepted; 2 refused, with every mistake at its line and column.\n\n\
        Example: plimsoll prices check deploy/prices/nordic-2026.yaml"
    )]
    Check {
        /// Price book (YAML).
        book: PathBuf,
        /// How to print.
        #[arg(long, value_enum, default_value = "text")]
        format: TextFormat,
    },
    /// Print the price list.
    #[command(after_help = "Example: plimsoll prices page deploy/prices/nordic-2026.yaml")]
    Page {
        /// Price book (YAML).
        book: PathBuf,
        /// With what this contract has agreed.
        #[arg(long)]
        contract: Option<String>,
    },
    /// Price a described usage.
    #[command(
        after_help = "A use is METER [DIMENSION=VALUE...] [QUANTITY [UNIT]] [for LENGTH]; by default one, all month.\n\n\
        Example: plimsoll prices quote deploy/prices/nordic-2026.yaml --month 2026-10 \\\n    \
        --use 'compute.instance flavor=b2.c2r4 3 instance' --use 'compute.instance flavor=b2.c8r32 for 48h' --subscribe SUPPORT-standard"
    )]
    Quote {
        /// Price book (YAML).
        book: PathBuf,
        /// What is used; may be given again.
        #[arg(long = "use", value_name = "USE")]
        uses: Vec<String>,
        /// The month, in the book's calendar; default: the present one.
        #[arg(long, value_name = "YYYY-MM")]
        month: Option<String>,
        /// By what this contract has agreed; default: the list.
        #[arg(long)]
        contract: Option<String>,
        /// A fee or percentage that is taken too, SKU or SKU=TIMES; may be given again.
        #[arg(long, value_name = "SKU", value_parser = subscription)]
        subscribe: Vec<(String, u32)>,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        format: BillFormat,
    },
}

/// Reads `--subscribe`: a SKU, or `SKU=TIMES`.
fn subscription(text: &str) -> Result<(String, u32), String> {
    let (sku, times) = text.split_once('=').unwrap_or((text, "1"));
    let times = times.parse().ok().filter(|n| *n > 0).ok_or_else(|| {
        format!("`{times}` is not how many: write SUPPORT-standard or BAAS-small.fixed=2")
    })?;
    Ok((sku.to_owned(), times))
}

/// Options of `engine`.
#[derive(Debug, Clone, clap::Args)]
pub struct EngineArgs {
    /// Be the engine itself, in this directory: what the parent process starts.
    #[arg(long, hide = true, value_name = "DIR", requires = "library")]
    pub dir: Option<PathBuf>,
    /// With this library.
    #[arg(long, hide = true, value_name = "FILE", requires = "dir")]
    pub library: Option<PathBuf>,
    /// Within this memory.
    #[arg(long, hide = true, value_name = "BYTES", default_value_t = 2 << 30)]
    pub memory_max_bytes: u64,
    /// And end with this process.
    #[arg(long, hide = true, value_name = "PID")]
    pub parent: Option<i32>,
}

/// Reads `--until`: `now`, or a time, RFC 3339.
fn until(text: &str) -> Result<Ts, BadTime> {
    if text == "now" {
        Ok(crate::net::Clock::System.now())
    } else {
        Ts::parse(text)
    }
}

/// Reads `--as-of`: a time, RFC 3339.
fn as_of(text: &str) -> Result<Ts, BadTime> {
    Ts::parse(text)
}
