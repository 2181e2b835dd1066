//! The formats in which charts are kept, and charts that cannot be rendered.

use log2aws_core::key::RawKey;
use log2aws_service::analyze::{AnalyzeApp, ChartFormats, RecordFailure, analyze, needs_analysis};
use log2aws_store::MemoryStore;

use crate::world::{KEY, MIXED, allowed, app, memory, picture, put, results};

fn keeping(store: &MemoryStore, charts: ChartFormats) -> AnalyzeApp {
    AnalyzeApp { charts, ..app(store.clone()) }
}

/// The existing results among CSV and charts.
fn kinds(store: &MemoryStore) -> Vec<String> {
    let results = results(store);
    let kinds = results.keys().filter_map(|key| key.strip_prefix("web01/2019-08-01."));
    kinds.filter(|kind| ["csv", "svg", "png"].contains(kind)).map(str::to_owned).collect()
}

#[test]
fn a_chart_is_kept_in_the_formats_of_the_setting_alone() {
    let every = [
        (ChartFormats::Svg, vec!["csv", "svg"]),
        (ChartFormats::Png, vec!["csv", "png"]),
        (ChartFormats::SvgAndPng, vec!["csv", "png", "svg"]),
    ];
    for (before, stood) in &every {
        for (charts, expected) in &every {
            let store = memory();
            let version = put(&store, MIXED.as_bytes());
            analyze(&keeping(&store, *before), &allowed(&version)).unwrap();
            assert_eq!(kinds(&store), *stood);
            analyze(&keeping(&store, *charts), &allowed(&version)).unwrap();
            assert_eq!(kinds(&store), *expected, "{before} before {charts}");
        }
    }
}

#[test]
fn the_picture_is_that_of_the_drawing_whether_that_is_kept_or_not() {
    let (both, alone) = (memory(), memory());
    for (store, charts) in [(&both, ChartFormats::SvgAndPng), (&alone, ChartFormats::Png)] {
        let version = put(store, MIXED.as_bytes());
        analyze(&keeping(store, charts), &allowed(&version)).unwrap();
    }
    let (both, alone) = (results(&both), results(&alone));
    let (svg, png) = ("web01/2019-08-01.svg", "web01/2019-08-01.png");
    assert_eq!(both[png].0, picture(&both[svg].0).unwrap());
    assert_eq!(both[png], alone[png]);
}

#[test]
fn a_picture_that_cannot_be_made_costs_nothing_else_and_is_told() {
    let store = memory();
    let first = put(&store, b"# nothing\n");
    analyze(&app(store.clone()), &allowed(&first)).unwrap();
    let version = put(&store, MIXED.as_bytes());
    let broken = AnalyzeApp { rasterizer: |_| Err("no ink".to_owned()), ..app(store.clone()) };
    let error = analyze(&broken, &allowed(&version)).unwrap_err();
    let told = error.failed[0].error.to_string();
    assert_eq!(told, "the chart of web01/2019-08-01.log could not be made a PNG: no ink");
    assert!(matches!(error.failed[0].error, RecordFailure::Picture { .. }));
    // The event may be repeated: this version is not done.
    let key = RawKey::parse(KEY).unwrap();
    let needed = || needs_analysis(&app(store.clone()), &key).unwrap();
    assert!(needed());
    // Everything else is of the new version, and no picture of the old one is left.
    let left = results(&store);
    assert_eq!(kinds(&store), ["csv", "svg"]);
    analyze(&app(store.clone()), &allowed(&version)).unwrap();
    assert!(!needed());
    let whole = results(&store);
    for kind in ["csv", "svg", "rejects.jsonl"] {
        let key = format!("web01/2019-08-01.{kind}");
        assert_eq!(left[&key], whole[&key]);
    }
}
