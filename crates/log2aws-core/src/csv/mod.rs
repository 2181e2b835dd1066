//! The CSV that a day log becomes: its columns, and how it is read back.

mod cells;
mod reader;
#[cfg(test)]
mod tests;

pub use reader::{CsvFault, CsvReader, CsvTotals, MAX_FAULTS, MAX_ROW, is_csv};

/// The header of every CSV, without its line end: the 23 columns of the document that log2aws
/// was asked for with.
pub const CSV_HEADER: &str = "datetime,past-times,users,load-average01,load-average05,load-average15,\
procs-r,procs-b,mem-swpd,mem-free,mem-buff,mem-cache,swap-in,swap-out,buff-in,buff-out,\
system-in,system-cs,cpu-us,cpu-sy,cpu-id,cpu-wa,cpu-st";

/// How many cells every row has.
pub const CSV_COLUMNS: usize = 23;

/// The columns of `vmstat` as its own heading names them; `gu`, the last, is in no CSV.
pub const VMSTAT_NAMES: [&str; 18] = [
    "r", "b", "swpd", "free", "buff", "cache", "si", "so", "bi", "bo", "in", "cs", "us", "sy",
    "id", "wa", "st", "gu",
];
