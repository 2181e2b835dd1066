//! The monthly cost of the stack: every billed quantity times its price.
//!
//! The quantities follow from the code and the template; `prices` has the prices and their sources.
//! The free tier is not included, so a small fleet in a new account pays less. Nothing is rounded
//! before it is printed.

mod prices;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::Serialize;

use crate::architecture::Architecture;
use prices::{AS_OF, PRICES, Prices};

/// The basis of the cost: the number of servers, and the stack's parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workload {
    /// How many servers deliver one log a day.
    pub servers: u32,
    /// The functions' architecture.
    pub architecture: Architecture,
    /// After how many days logs expire; `None` keeps them.
    pub raw_keep_days: Option<u32>,
    /// The same of results.
    pub analyzed_keep_days: Option<u32>,
    /// How many more days expired objects are kept; `None`: logs for the same time again, results
    /// for `RESULT_VERSION_DAYS`.
    pub noncurrent_keep_days: Option<u32>,
    /// For how many days the functions' own logs are kept.
    pub log_keep_days: u32,
    /// Whether each chart is kept as SVG.
    pub svg: bool,
    /// Whether each chart is kept as PNG.
    pub png: bool,
}

impl Workload {
    /// Servers under the template's defaults.
    pub fn of(servers: u32) -> Self {
        Self {
            servers,
            architecture: Architecture::X86_64,
            raw_keep_days: None,
            analyzed_keep_days: None,
            noncurrent_keep_days: None,
            log_keep_days: 90,
            svg: true,
            png: true,
        }
    }
}

/// The cost of one month.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The region.
    pub region: String,
    /// How many servers share the cost.
    pub servers: u32,
    /// Each billed thing.
    pub lines: Vec<Line>,
    /// Sentences that explain the figures.
    pub notes: Vec<String>,
}

/// One billed thing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Its category on the bill, e.g. `S3 requests`.
    pub service: &'static str,
    /// What is billed.
    pub what: String,
    /// The quantity per month.
    pub quantity: f64,
    /// The unit of the quantity.
    pub unit: &'static str,
    /// The cost.
    pub usd: f64,
}

impl Estimate {
    /// US dollars a month.
    pub fn total(&self) -> f64 {
        self.lines.iter().map(|line| line.usd).sum()
    }

    /// US dollars a month per server; 0 without servers.
    pub fn per_server(&self) -> f64 {
        if self.servers == 0 { 0.0 } else { self.total() / f64::from(self.servers) }
    }

    /// US dollars a month for all lines of one service.
    pub fn of_service(&self, service: &str) -> f64 {
        self.lines.iter().filter(|line| line.service == service).map(|line| line.usd).sum()
    }
}

impl fmt::Display for Estimate {
    /// A table, its total, and the notes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers = if self.servers == 1 { "server" } else { "servers" };
        writeln!(f, "USD a month for {} {servers} in {}", self.servers, self.region)?;
        let wide = self.lines.iter().map(|line| line.what.chars().count()).max().unwrap_or(0);
        for line in &self.lines {
            let Line { service, what, quantity, unit, usd } = line;
            writeln!(f, "  {service:<18} {what:<wide$} {quantity:>14.2} {unit:<9} {usd:>10.2}")?;
        }
        let (total, each) = (self.total(), self.per_server());
        writeln!(f, "  {:<18} {:<wide$} {:>14} {:<9} {total:>10.2}", "total", "", "", "")?;
        writeln!(f, "  {:<18} {:<wide$} {:>14} {:<9} {each:>10.4}", "per server", "", "", "")?;
        self.notes.iter().try_for_each(|note| writeln!(f, "  - {note}"))
    }
}

// ---- What one server's day takes ------------------------------------------------------------------

/// Days of a mean month.
const DAYS: f64 = 365.0 / 12.0;

/// S3, CloudWatch and data transfer bill the binary gigabyte.
const GIB: f64 = 1_073_741_824.0;

/// Storage is that of the end of the first year.
const YEAR_DAYS: u32 = 365;

/// A day of 144 lines (`testdata/day.log`) and its results, in bytes.
const RAW_BYTES: u32 = 21_776;
const CSV_BYTES: u32 = 17_849;
const SUMMARY_BYTES: u32 = 3_800;
/// The two forms of the chart.
const SVG_BYTES: u32 = 24_300;
const PNG_BYTES: u32 = 263_000;

/// One request for a URL, one event.
const INVOCATIONS: u32 = 2;

/// The response to a request for a URL as it leaves AWS: a URL with a session token, headers, and
/// the share of a TLS handshake.
const ANSWER_BYTES: u32 = 6 * 1024;

/// The log, CSV and summary; one or two charts are added.
const PUTS: u32 = 3;

/// The requests of `analyze` for an allowed put of a new log without rejects: the newest log three
/// times, the absent rejects, the present CSV, the log itself; and, as at every start of a
/// function, the existence of the bucket. A chart format that is not kept is requested too, to
/// remove an existing one.
const READS: u32 = 7;

/// What Lambda logs about an invocation in JSON (start, done, report, and the start of the
/// function), our line, and the line of metrics, in bytes; a generous estimate.
const LOG_BYTES: u32 = 2_500;

/// As in the template, in GB.
const GENERATE_URL_GB: f64 = 0.125;
const ANALYZE_LOG_GB: f64 = 0.5;

/// A generous estimate, as if every invocation had a cold start, which is billed too: settings over
/// a new TLS connection; for analyze-log ten requests to S3 one after the other. Neither was
/// measured on AWS.
const GENERATE_URL_SECONDS: f64 = 0.1;
const ANALYZE_LOG_SECONDS: f64 = 0.6;

/// Drawing the PNG with the third of a core that this memory buys, and one more request; a generous
/// estimate.
const PICTURE_SECONDS: f64 = 0.2;

/// A request for a URL to a warm function; a generous estimate.
const WARM_SECONDS: f64 = 0.02;

/// As `log2aws_lambda::metrics` names them, for one environment.
const METRICS: u32 = 6;

/// As in the template.
const ALARMS: u32 = 11;

/// As in the template, which keeps older results for this long by default.
pub(crate) const RESULT_VERSION_DAYS: u32 = 90;

// ---- The sum --------------------------------------------------------------------------------------

/// The cost of a month at the end of the first year.
pub fn estimate(region: &str, workload: &Workload) -> Estimate {
    let (prices, known) = prices::of(region);
    let servers = f64::from(workload.servers);
    let days = servers * DAYS;
    let mut lines = Vec::new();
    let mut bill = |service, what: &str, quantity: f64, unit, price: f64| {
        let usd = quantity * price;
        lines.push(Line { service, what: what.to_owned(), quantity, unit, usd });
    };

    bill("API Gateway", "requests for a URL", days, "requests", prices.api_request);
    let gb_second = gb_second(&prices, workload.architecture);
    let invocations = days * f64::from(INVOCATIONS);
    bill("Lambda", "invocations", invocations, "requests", prices.lambda_request);
    let memory_time = days * GENERATE_URL_GB * GENERATE_URL_SECONDS;
    bill("Lambda", "generate-url", memory_time, "GB-s", gb_second);
    let picture = if workload.png { PICTURE_SECONDS } else { 0.0 };
    let memory_time = days * ANALYZE_LOG_GB * (ANALYZE_LOG_SECONDS + picture);
    bill("Lambda", "analyze-log", memory_time, "GB-s", gb_second);

    let puts = f64::from(PUTS + u32::from(workload.svg) + u32::from(workload.png));
    let reads = f64::from(READS + u32::from(!workload.svg) + u32::from(!workload.png));
    bill("S3 requests", "PUT", days * puts, "requests", prices.s3_put);
    bill("S3 requests", "HEAD and GET", days * reads, "requests", prices.s3_get);
    let results = result_bytes(workload);
    let stored = |bytes, keep_days| servers * f64::from(bytes) * f64::from(keep_days) / GIB;
    let logs = stored(RAW_BYTES, raw_days(workload).map_or(YEAR_DAYS, of_the_first_year));
    bill("S3 storage", "logs", logs, "GB-month", prices.s3_gb_month);
    let held = analyzed_days(workload).map_or(YEAR_DAYS, of_the_first_year);
    let results = stored(results, held);
    bill("S3 storage", "results", results, "GB-month", prices.s3_gb_month);

    let written = INVOCATIONS * LOG_BYTES;
    let logged = days * f64::from(written) / GIB;
    bill("CloudWatch Logs", "ingestion", logged, "GB", prices.log_gb);
    let kept = stored(written, workload.log_keep_days.min(YEAR_DAYS));
    bill("CloudWatch Logs", "storage", kept, "GB-month", prices.log_gb_month);
    bill("CloudWatch metrics", "counts", f64::from(METRICS), "metrics", prices.metric_month);
    bill("CloudWatch alarms", "alarms", f64::from(ALARMS), "alarms", prices.alarm_month);

    let out = days * f64::from(ANSWER_BYTES) / GIB;
    bill("data transfer", "answers to servers", out, "GB", prices.out_gb);

    let notes = notes(region, known, workload, &prices);
    Estimate { region: region.to_owned(), servers: workload.servers, lines, notes }
}

/// The cost of one day of constant requests for a URL from listed addresses at the throttling rate,
/// including refused ones. Requests from other addresses are stopped by the API's policy and are
/// not billed.
pub fn denied_requests_day(
    region: &str,
    requests_per_second: u32,
    architecture: Architecture,
) -> f64 {
    let (prices, _) = prices::of(region);
    let requests = f64::from(requests_per_second) * 86_400.0;
    let memory_time = GENERATE_URL_GB * WARM_SECONDS * gb_second(&prices, architecture);
    let logged = f64::from(LOG_BYTES) / GIB * prices.log_gb;
    let sent = f64::from(ANSWER_BYTES) / GIB * prices.out_gb;
    requests * (prices.api_request + prices.lambda_request + memory_time + logged + sent)
}

fn gb_second(prices: &Prices, architecture: Architecture) -> f64 {
    match architecture {
        Architecture::X86_64 => prices.lambda_x86_gb_second,
        Architecture::Arm64 => prices.lambda_arm_gb_second,
    }
}

fn result_bytes(workload: &Workload) -> u32 {
    let chart = |kept, bytes| if kept { bytes } else { 0 };
    let charts = chart(workload.svg, SVG_BYTES) + chart(workload.png, PNG_BYTES);
    CSV_BYTES + charts + SUMMARY_BYTES
}

/// How many days the bytes of a log are stored; `None` is for ever. Expiry makes an object
/// noncurrent; its bytes are deleted later.
fn raw_days(workload: &Workload) -> Option<u32> {
    let keep = workload.raw_keep_days?;
    Some(keep.saturating_add(workload.noncurrent_keep_days.unwrap_or(keep)))
}

/// The same for results.
fn analyzed_days(workload: &Workload) -> Option<u32> {
    let noncurrent = workload.noncurrent_keep_days.unwrap_or(RESULT_VERSION_DAYS);
    Some(workload.analyzed_keep_days?.saturating_add(noncurrent))
}

fn of_the_first_year(days: u32) -> u32 {
    days.min(YEAR_DAYS)
}

/// What one more year of data kept for longer than a year adds to a month.
fn growth(workload: &Workload, prices: &Prices) -> f64 {
    let grows = |stored: Option<u32>| stored.is_none_or(|days| days > YEAR_DAYS);
    let logs = if grows(raw_days(workload)) { RAW_BYTES } else { 0 };
    let results = if grows(analyzed_days(workload)) { result_bytes(workload) } else { 0 };
    let bytes = f64::from(workload.servers) * f64::from(logs + results) * f64::from(YEAR_DAYS);
    bytes / GIB * prices.s3_gb_month
}

fn notes(region: &str, known: bool, workload: &Workload, prices: &Prices) -> Vec<String> {
    let [oldest, newest] = AS_OF;
    let mut notes = vec![format!(
        "list prices as of {oldest} to {newest}; no free tier, no tax: AWS's pages and the bill decide"
    )];
    if !known {
        let [(a, _), (b, _)] = PRICES;
        notes.push(format!(
            "no prices of {region} are known here: each is the dearer one of {a} and {b}; it may cost more"
        ));
    }
    let growth = growth(workload, prices);
    if growth > 0.0 {
        let adds = if growth < 0.01 { "less than 0.01".to_owned() } else { format!("{growth:.2}") };
        notes.push(format!(
            "storage as at the end of the first year; each further year adds {adds} a month"
        ));
    }
    let hour = f64::from(METRICS) * prices.metric_month / 24.0;
    notes.push(format!(
        "metrics are billed by the hour in which they are sent; counted is every hour. Servers that all ship within one hour of the day make them {hour:.2}"
    ));
    notes.push(
        "not counted: what you read and download, a KMS key, failed events; free of charge are uploads, standard parameters and CloudFormation".to_owned(),
    );
    notes
}
