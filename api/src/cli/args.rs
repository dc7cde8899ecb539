//! Arguments and their help. A default stands where a newcomer would otherwise have to read the manual.

use super::output::Format;
use clap::{Args, Parser, Subcommand};
use engine::domain::{Timestamp, parse_time};
use std::path::PathBuf;

/// Forecasts and watches over wind, solar and load, on your own premises.
#[derive(Debug, Parser)]
#[command(
    name = "chergui",
    version,
    after_help = "Exit codes: 0 done, 1 failed while working, 2 wrong arguments, mapping, configuration or query, 3 rows refused under --strict, 4 verify found damage.\nStart with: chergui demo"
)]
pub struct Arguments {
    /// Where the store and the configuration are.
    #[command(flatten)]
    pub(super) place: Place,
    /// What to do.
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Where things are; the same for all commands that use a store.
#[derive(Debug, Clone, Args)]
pub(super) struct Place {
    /// Directory of the store (tables, log, ledger). Overrides the configuration's `data_dir`.
    #[arg(long, global = true, env = "CHERGUI_DATA_DIR", value_name = "DIR")]
    pub(super) data_dir: Option<PathBuf>,
    /// Configuration file (TOML). Every setting may also come as CHERGUI_… in the environment.
    #[arg(long, global = true, env = "CHERGUI_CONFIG", value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Fill a store with a year of a simulated Moroccan fleet, then play on with the dashboard open.
    Demo(Demo),
    /// Serve the API and the dashboard on a store, and keep forecasts and alerts up to date.
    Serve(Serve),
    /// Bring files or dataset directories into the store (CSV, CSV.gz, CSV.zst, Parquet), or the history of an InfluxDB 2,
    /// or weather forecasts (Open-Meteo JSON, GRIB2, CSV) with --weather.
    Import(Import),
    /// Ask the store in SQL (read-only).
    Sql(Sql),
    /// Make, list or withdraw API keys.
    Key(Key),
    /// Forecast one asset of the store and print it.
    Forecast(Forecast),
    /// Plan which crew goes where and when for the open alerts, against forecast, wind and risk.
    Plan(Plan),
    /// Forecast the past of a dataset directory, origin by origin, using only what was known then.
    Backtest(Backtest),
    /// Watch a dataset directory for faults: learn until a date, judge everything after it.
    Detect(Detect),
    /// Run the detectors on a public benchmark and print its score.
    Bench(super::bench::Bench),
    /// Write a simulated Moroccan fleet with labelled faults as a dataset directory, or play it as a plant with --serve.
    Simulate(super::simulate::Simulate),
    /// List the public data sets this program has mappings for.
    Datasets(Datasets),
    /// List what a plant offers (Modbus, OPC UA, IEC 104, MQTT, …) and write a points file with our quantities guessed.
    Discover(super::discover::Discover),
    /// Show what a live connection of the running server brings, as it comes.
    Tail(super::tail::Tail),
    /// Read the configuration and say what it means, or what is wrong with it.
    CheckConfig(CheckConfig),
    /// Copy the store, as it is at one moment, into a new directory.
    ///
    /// Tables, assets, alerts and keys go in; every row acknowledged before the start is there. The copy is complete or has no name:
    /// it is written beside, read back and compared, then renamed. It is an ordinary data directory with a manifest, so other programs
    /// read its tables too. A store that is being served is asked over HTTP: POST /api/v1/backup (see docs/operations.md).
    Backup(Backup),
    /// Make a store of a backup, in an empty --data-dir (and an empty bucket, when [storage] names one).
    ///
    /// Every file is compared with the manifest before anything is put in place.
    Restore(Restore),
    /// Read every file and log of a stopped store and say what is damaged, what it covered, and what to do.
    ///
    /// Exit code 0: sound. 4: rows are lost or wrong. Nothing is changed.
    Verify(Verify),
    /// Remove files that no table needs any more from a stopped store; a served one does it daily.
    Vacuum(Vacuum),
    /// Look over this machine and the store, and say what is amiss.
    Doctor,
}

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub(super) bind: String,
    /// Simulated seconds per second; 600 shows ten minutes of telemetry every second.
    #[arg(long, default_value_t = 120.0)]
    pub(super) speed: f64,
    /// Days of history to fill the store with before playing on.
    #[arg(long, default_value_t = 365)]
    pub(super) days: u32,
    /// Seed of the simulation; the same seed gives the same fleet, weather and faults.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// Number of wind turbines.
    #[arg(long)]
    pub(super) turbines: Option<usize>,
    /// Throw the demo store away and begin anew.
    #[arg(long)]
    pub(super) fresh: bool,
    /// Stop by itself after this many seconds (for tests and tours).
    #[arg(long, value_name = "SECONDS")]
    pub(super) stop_after: Option<u64>,
}

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Address to listen on; anything but loopback needs an API key. Overrides the configuration's `bind`.
    #[arg(long)]
    pub(super) bind: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Import {
    /// Dataset directories (with a dataset.toml) or files.
    #[arg(required_unless_present = "influx", value_name = "DIR|FILE")]
    pub(super) paths: Vec<PathBuf>,
    /// History of an InfluxDB 2 instead: the name of an [[influx]] of the configuration. Goes on where the last one ended.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["paths", "mapping", "dry_run"])]
    pub(super) influx: Option<String>,
    /// With --influx: read from its start, also what was read before. Rows that are the same change nothing.
    #[arg(long, requires = "influx")]
    pub(super) again: bool,
    /// The files are weather forecasts: Open-Meteo JSON, CSV in the columns of weather_forecast, or GRIB2 (regular grids best;
    /// 2t, 2d, 2r, 10u/v, 80u/v, 100u/v, 120u/v, sp, msl, tcc, ssrd or dswrf). Every asset with coordinates, its own or its
    /// parent's, gets the forecast of its place. Files of one run belong in one command: totals of radiation are taken apart
    /// from step to step.
    #[arg(long, conflicts_with_all = ["influx", "mapping"])]
    pub(super) weather: bool,
    /// With --weather: name of the source, for example icon_eu (default: the file's own, the centre that made it, or open_meteo).
    /// Several sources about the same hours are used together.
    #[arg(long, requires = "weather", value_name = "NAME")]
    pub(super) source: Option<String>,
    /// With --weather: from the start of a run to its first use, ISO 8601; a forecast issued earlier does not see it (default: PT6H).
    #[arg(long, requires = "weather", value_name = "DURATION")]
    pub(super) delay: Option<String>,
    /// With --weather: when the run of an Open-Meteo file began, which it does not say (default: --delay before the file was written).
    #[arg(long, requires = "weather", value_name = "TIME")]
    pub(super) init_time: Option<String>,
    /// With --weather: assets that get rows, a pattern such as tarfaya* (default: turbines, plants, regions and meters).
    #[arg(long, requires = "weather", value_name = "PATTERN")]
    pub(super) asset: Option<String>,
    /// Mapping of a vendor file: a TOML file, or the name of a known one (see `chergui datasets`).
    #[arg(long, value_name = "FILE|NAME")]
    pub(super) mapping: Option<String>,
    /// Where refused lines go, with line number and reason (default: rejects-<file>.csv in the data directory).
    #[arg(long, value_name = "FILE")]
    pub(super) rejects: Option<PathBuf>,
    /// End with exit code 3 when any row was refused.
    #[arg(long)]
    pub(super) strict: bool,
    /// Read and check everything, store nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct Backup {
    /// Directory to make; it must not be there, its parent must.
    #[arg(value_name = "DIR")]
    pub(super) to: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Restore {
    /// The backup.
    #[arg(value_name = "DIR")]
    pub(super) from: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Verify {
    /// How to print the findings: table, csv, json.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
pub(super) struct Vacuum {
    /// Keep what left its table within this time, ISO 8601: programs outside may still read it.
    #[arg(long, default_value = "PT1H", value_name = "DURATION")]
    pub(super) keep: String,
}

#[derive(Debug, Args)]
pub(super) struct Key {
    #[command(subcommand)]
    pub(super) action: KeyAction,
}

#[derive(Debug, Subcommand)]
pub(super) enum KeyAction {
    /// Make a key and print it, once.
    Add {
        /// Whose key; one key per name.
        name: String,
        /// What it may do: viewer reads, operator also acts on alerts and sends readings, admin everything.
        #[arg(long, default_value = "viewer")]
        role: String,
    },
    /// Names, roles and ages of the keys.
    List,
    /// Withdraw a key.
    Remove {
        /// Its name.
        name: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct Sql {
    /// One read-only statement, for example "SELECT * FROM assets" or "SHOW TABLES".
    pub(super) statement: String,
    /// How to print the rows.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(super) format: Format,
    /// Write to this file instead of standard output (needed for parquet).
    #[arg(long, short, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Memory the query may use, in MiB.
    #[arg(long, default_value_t = 2048, value_name = "MIB")]
    pub(super) memory_limit: usize,
    /// Seconds the query may take.
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    pub(super) timeout: u64,
}

#[derive(Debug, Args)]
pub(super) struct Forecast {
    /// Asset to forecast.
    #[arg(long)]
    pub(super) asset: String,
    /// Quantity; the asset's main one by default (load for regions and meters, active_power for plants).
    #[arg(long)]
    pub(super) quantity: Option<String>,
    /// Issue time, RFC 3339; by default the end of the asset's data.
    #[arg(long, value_parser = parse_time, value_name = "TIME")]
    pub(super) at: Option<Timestamp>,
    /// How far ahead, ISO 8601.
    #[arg(long, default_value = "PT48H")]
    pub(super) horizon: String,
    /// Probabilities, rising.
    #[arg(long, default_value = "0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9", value_delimiter = ',')]
    pub(super) quantiles: Vec<f64>,
    /// How to print the rows.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(super) format: Format,
    /// Write to this file instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Plan {
    /// First instant, RFC 3339; now by default. The plan begins with the next full hour.
    #[arg(long, value_parser = parse_time, value_name = "TIME")]
    pub(super) from: Option<Timestamp>,
    /// Days to plan, 1 to 14 (default: the configuration's, 7).
    #[arg(long)]
    pub(super) days: Option<usize>,
    /// Nobody climbs in more wind than this, m/s (default: the configuration's, 12).
    #[arg(long, value_name = "SPEED")]
    pub(super) wind_limit: Option<f64>,
    /// Write the visits to this file as well, as iCalendar.
    #[arg(long, value_name = "FILE")]
    pub(super) calendar: Option<PathBuf>,
    /// Language of the calendar: en, fr or ar.
    #[arg(long, default_value = "en")]
    pub(super) language: String,
    /// How to print the rows.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(super) format: Format,
    /// Write to this file instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Backtest {
    /// Dataset directory.
    pub(super) directory: PathBuf,
    /// Asset or pattern (`zone_*`); may be given several times.
    #[arg(long, required = true)]
    pub(super) asset: Vec<String>,
    /// Quantity to forecast.
    #[arg(long)]
    pub(super) quantity: String,
    /// First issue time, RFC 3339.
    #[arg(long, value_parser = parse_time, value_name = "TIME")]
    pub(super) first_origin: Timestamp,
    /// Last issue time, RFC 3339, included.
    #[arg(long, value_parser = parse_time, value_name = "TIME")]
    pub(super) last_origin: Timestamp,
    /// Time between issue times, ISO 8601.
    #[arg(long)]
    pub(super) every: String,
    /// How far ahead each forecast reaches, ISO 8601.
    #[arg(long)]
    pub(super) horizon: String,
    /// Probabilities, rising.
    #[arg(long, default_value = "0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9", value_delimiter = ',')]
    pub(super) quantiles: Vec<f64>,
    /// CSV to write (gzipped when it ends in .gz).
    #[arg(long, short)]
    pub(super) output: PathBuf,
    /// Also write the verdicts of the naive gate as JSON.
    #[arg(long, value_name = "FILE")]
    pub(super) verdicts: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Detect {
    /// Dataset directory.
    pub(super) directory: PathBuf,
    /// End of the period to learn from, RFC 3339.
    #[arg(long, value_parser = parse_time, value_name = "TIME")]
    pub(super) train_until: Timestamp,
    /// False alarms each asset may raise in a year; fewer mean later ones (detection_power.csv says how much later).
    #[arg(long, default_value_t = 0.5, value_parser = parse_budget, value_name = "NUMBER")]
    pub(super) false_alarms_per_asset_year: f64,
    /// Directory for points.csv, incidents.csv and detection_power.csv; of a directory that holds only controller logs, incidents.csv and episodes.csv.
    #[arg(long, value_name = "DIR")]
    pub(super) output_dir: PathBuf,
}

/// A budget of false alarms.
fn parse_budget(text: &str) -> Result<f64, String> {
    let given = text.parse::<f64>().ok().filter(|number| *number > 0.0 && number.is_finite());
    given.ok_or_else(|| format!("{text:?} is no number above 0, for example 0.5"))
}

#[derive(Debug, Args)]
pub(super) struct Datasets {
    /// Show one data set whole, with its mapping.
    pub(super) name: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct CheckConfig {
    /// File to check; by default the one given with --config.
    pub(super) file: Option<PathBuf>,
    /// Also try every [[connection]], and print a table of what answered.
    #[arg(long)]
    pub(super) connect: bool,
}
