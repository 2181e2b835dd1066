//! Any bytes as a CSV, in any blocks: rows and faults do not depend on where the blocks are split,
//! and what was read can be summarised, drawn and written as values.
#![cfg_attr(fuzzing, no_main)]

use log2aws_core::chart::{ChartBuilder, Time, View, Window};
use log2aws_core::csv::{CSV_HEADER, CsvReader, CsvTotals, MAX_FAULTS};
use log2aws_core::day::Day;
use log2aws_core::summary::{Rejects, SummaryBuilder};
use log2aws_fuzz::fuzz_target;

fn draw(day: Day, blocks: &[&[u8]]) -> Option<(Vec<u8>, CsvTotals)> {
    let (mut summary, mut chart) = (SummaryBuilder::new(day), ChartBuilder::new(day));
    let mut reader = CsvReader::new();
    let mut take = |sample| {
        summary.sample(&sample);
        chart.sample(&sample);
    };
    for block in blocks {
        reader.push(block, &mut take);
    }
    let totals = reader.finish(&mut take);
    let log = summary.finish(Rejects::default());
    let window = Window::new(Time::START, "12:00".parse().ok()?).ok()?;
    let view = View { window: Some(window), ..View::default() };
    let drawing = chart.finish_view(&"web01".parse().ok()?, &log, &view);
    assert!(drawing.to_values_json().starts_with(b"{"));
    Some((drawing.to_svg(), totals))
}

fuzz_target!(|input: (bool, u16, &[u8])| {
    let (headed, cut, rest) = input;
    let Ok(day) = "2019-08-01".parse::<Day>() else { return };
    let header = if headed { format!("{CSV_HEADER}\n") } else { String::new() };
    let csv = [header.as_bytes(), rest].concat();
    let (head, tail) = csv.split_at(usize::from(cut).min(csv.len()));
    let whole = draw(day, &[&csv]);
    assert_eq!(whole, draw(day, &[head, tail]));
    let Some((_, totals)) = whole else { return };
    assert!(totals.rows <= totals.lines && totals.faults.len() <= MAX_FAULTS);
    assert!(totals.faults.len() as u64 <= totals.faults_total);
});
