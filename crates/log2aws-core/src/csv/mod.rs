//! The CSV of a day log: its columns, and a reader.

mod cells;
mod reader;
#[cfg(test)]
mod tests;

pub use reader::{CsvFault, CsvReader, CsvTotals, MAX_FAULTS, MAX_ROW, is_csv};

/// The header of every CSV, without its line end: the 23 columns of the document that first
/// specified log2aws.
pub const CSV_HEADER: &str = "datetime,past-times,users,load-average01,load-average05,load-average15,\
procs-r,procs-b,mem-swpd,mem-free,mem-buff,mem-cache,swap-in,swap-out,buff-in,buff-out,\
system-in,system-cs,cpu-us,cpu-sy,cpu-id,cpu-wa,cpu-st";

/// The number of cells in every row.
pub const CSV_COLUMNS: usize = 23;

/// The columns of `vmstat` as its heading names them; the last, `gu`, is not in the CSV.
pub const VMSTAT_NAMES: [&str; 18] = [
    "r", "b", "swpd", "free", "buff", "cache", "si", "so", "bi", "bo", "in", "cs", "us", "sy",
    "id", "wa", "st", "gu",
];

/// The numeric columns of the CSV in its order. `past-times` is in seconds.
pub const SERIES: [&str; CSV_COLUMNS - 1] = [
    "past-times",
    "users",
    "load-average01",
    "load-average05",
    "load-average15",
    "procs-r",
    "procs-b",
    "mem-swpd",
    "mem-free",
    "mem-buff",
    "mem-cache",
    "swap-in",
    "swap-out",
    "buff-in",
    "buff-out",
    "system-in",
    "system-cs",
    "cpu-us",
    "cpu-sy",
    "cpu-id",
    "cpu-wa",
    "cpu-st",
];
