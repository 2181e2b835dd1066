//! Any bytes in any blocks: every line is accounted for, every row has its cells, the summary and
//! the chart can be built, and the result does not depend on where the blocks are split.
#![cfg_attr(fuzzing, no_main)]

use log2aws_core::chart::ChartBuilder;
use log2aws_core::convert::{Converter, Sink, Totals};
use log2aws_core::csv::CSV_COLUMNS;
use log2aws_core::day::Day;
use log2aws_core::line::Row;
use log2aws_core::metadata::Metadata;
use log2aws_core::reject::Reject;
use log2aws_core::summary::{Rejects, SummaryBuilder};
use log2aws_fuzz::fuzz_target;

struct Everything {
    csv: Vec<u8>,
    rejects: u64,
    summary: SummaryBuilder,
    chart: ChartBuilder,
}

impl Sink for Everything {
    fn row(&mut self, row: &Row<'_>) {
        assert_eq!(row.csv().split(|b| *b == b',').count(), CSV_COLUMNS);
        self.csv.extend_from_slice(row.csv());
        self.csv.push(b'\n');
        let sample = row.sample();
        self.summary.sample(&sample);
        self.chart.sample(&sample);
    }

    fn reject(&mut self, _: Reject) {
        self.rejects += 1;
    }

    fn metadata(&mut self, metadata: &Metadata) {
        self.summary.metadata(metadata);
        self.chart.metadata(metadata);
    }
}

fn convert(day: Day, blocks: &[&[u8]]) -> (Everything, Totals) {
    let mut all = Everything {
        csv: Vec::new(),
        rejects: 0,
        summary: SummaryBuilder::new(day),
        chart: ChartBuilder::new(day),
    };
    let mut converter = Converter::new();
    for block in blocks {
        converter.push(block, &mut all);
    }
    let totals = converter.finish(&mut all);
    (all, totals)
}

fuzz_target!(|input: (u16, &[u8])| {
    let (cut, log) = input;
    let Ok(day) = "2019-08-01".parse::<Day>() else { return };
    let (head, tail) = log.split_at(usize::from(cut).min(log.len()));
    let (all, totals) = convert(day, &[head, tail]);
    let handled = totals.rows + totals.rejects + totals.comments + totals.blanks;
    assert_eq!(totals.lines + totals.torn, handled);
    assert_eq!(totals.rejects_kept, all.rejects);
    assert!(totals.rounded <= totals.rows && totals.nul_bytes <= totals.bytes);
    let (whole, same) = convert(day, &[log]);
    assert_eq!((&whole.csv, &same), (&all.csv, &totals));
    // Zeros before a log of text change nothing but their count and where its lines stand.
    if totals.stopped.is_none() && !log.starts_with(&[0x1f, 0x8b]) {
        let (behind, counted) = convert(day, &[&[0; 5], head, tail]);
        assert_eq!(behind.csv, all.csv);
        assert_eq!((counted.rows, counted.rejects), (totals.rows, totals.rejects));
        assert_eq!(counted.nul_bytes, totals.nul_bytes + 5);
    }

    let mut summary = all.summary;
    summary.totals(&totals);
    let rejects = Rejects::from(totals);
    let summary = summary.finish(rejects);
    let Ok(server) = "web01".parse() else { return };
    let svg = all.chart.finish(&server, &summary).to_svg();
    assert!(svg.starts_with(b"<svg"));
});
