//! The cost model against hand calculations, the template, the test data and the manuals.

use super::*;

const TEMPLATE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/template.yml"));
const DAY_CSV: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/day.csv"));
const DAY_LOG: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/day.log"));
const ENGLISH: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/aws.md"));
const JAPANESE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/aws.ja.md"));

fn near(got: f64, expected: f64) {
    assert!((got - expected).abs() < 1e-9, "{got} is not {expected}");
}

#[test]
fn a_server_in_tokyo_costs_what_a_pocket_calculator_says() {
    // By hand, for 12 servers: 365 server-days a month.
    let estimate = estimate("ap-northeast-1", &Workload::of(12));
    near(estimate.of_service("API Gateway"), 365.0 * 4.25 / 1e6);
    near(
        estimate.of_service("Lambda"),
        730.0 * 0.2 / 1e6 + 365.0 * (0.0125 + 0.4) * 0.000_016_666_7,
    );
    near(estimate.of_service("S3 requests"), 365.0 * (5.0 * 4.7 + 7.0 * 0.37) / 1e6);
    let year = 12.0 * 365.0 * (21_776.0 + 17_849.0 + 24_300.0 + 263_000.0 + 3_800.0) / GIB;
    near(estimate.of_service("S3 storage"), year * 0.025);
    let logged = 365.0 * 5_000.0 / GIB;
    let kept = 12.0 * 90.0 * 5_000.0 / GIB;
    near(estimate.of_service("CloudWatch Logs"), logged * 0.76 + kept * 0.033);
    near(estimate.of_service("CloudWatch metrics"), 1.8);
    near(estimate.of_service("CloudWatch alarms"), 1.1);
    near(estimate.of_service("data transfer"), 365.0 * 6_144.0 / GIB * 0.114);
    near(estimate.per_server() * 12.0, estimate.total());
    near(estimate.total(), estimate.lines.iter().map(|line| line.usd).sum());
}

#[test]
fn what_expires_costs_until_its_bytes_are_gone() {
    let storage = |keep, noncurrent_keep_days| {
        let workload = Workload {
            raw_keep_days: keep,
            analyzed_keep_days: keep,
            noncurrent_keep_days,
            ..Workload::of(1_000)
        };
        estimate("us-east-1", &workload).of_service("S3 storage")
    };
    near(storage(Some(31), Some(90)), storage(None, Some(90)) * 121.0 / 365.0);
    near(storage(Some(31), Some(1)), storage(None, Some(90)) * 32.0 / 365.0);
    // Logs 31 days and 31 more, results 31 and 90.
    let (log, results) = (21_776.0, 17_849.0 + 24_300.0 + 263_000.0 + 3_800.0);
    let bytes = 1_000.0 * (log * 62.0 + results * 121.0);
    near(storage(Some(31), None), bytes / GIB * 0.023);
    // The first year has no more days.
    near(storage(Some(400), None), storage(None, None));
    near(storage(Some(u32::MAX), Some(u32::MAX)), storage(None, None));
    near(storage(Some(u32::MAX), None), storage(None, None));
}

#[test]
fn growth_is_told_of_where_there_is_any() {
    let workload = Workload::of(5_000);
    let notes = estimate("ap-northeast-1", &workload).notes.join("\n");
    // The same storage once more.
    let storage = estimate("ap-northeast-1", &workload).of_service("S3 storage");
    assert!(notes.contains(&format!("each further year adds {storage:.2} a month")), "{notes}");
    let short = Workload { raw_keep_days: Some(30), analyzed_keep_days: Some(30), ..workload };
    assert!(!estimate("ap-northeast-1", &short).notes.join("\n").contains("further year"));
}

#[test]
fn charts_and_arm64_change_what_they_should() {
    let plain = estimate("us-east-1", &Workload::of(100));
    // Without it there is one PUT less and one HEAD more.
    let request = DAYS * (0.000_005 - 0.000_000_4);
    let stored = |bytes: f64| 365.0 * bytes / GIB * 0.023;
    let drawn = DAYS * 0.5 * 0.2 * 0.000_016_666_7;
    let svg = estimate("us-east-1", &Workload { png: false, ..Workload::of(100) });
    near(plain.total() - svg.total(), 100.0 * (request + stored(263_000.0) + drawn));
    let png = estimate("us-east-1", &Workload { svg: false, ..Workload::of(100) });
    near(plain.total() - png.total(), 100.0 * (request + stored(24_300.0)));
    let arm = Workload { architecture: Architecture::Arm64, ..Workload::of(100) };
    let saved = 100.0 * DAYS * 0.4125 * (0.000_016_666_7 - 0.000_013_333_4);
    near(plain.total() - estimate("us-east-1", &arm).total(), saved);
}

#[test]
fn an_unknown_region_is_counted_dearly_and_says_so() {
    let unknown = estimate("eu-west-1", &Workload::of(5_000));
    for (region, _) in PRICES {
        let known = estimate(region, &Workload::of(5_000));
        assert!(!known.notes.join("\n").contains("no prices"), "{region}");
        for (dear, line) in unknown.lines.iter().zip(&known.lines) {
            assert!(dear.usd >= line.usd, "{region}: {line:?}");
        }
    }
    assert!(unknown.notes.join("\n").contains("no prices of eu-west-1 are known here"));
}

#[test]
fn a_flood_costs_what_the_throttle_lets_through() {
    // By hand: 50 a second are 4,320,000 a day.
    let each = 4.25e-6 + 0.2e-6 + 0.0025 * 0.000_016_666_7;
    let bytes = 2_500.0 / GIB * 0.76 + 6_144.0 / GIB * 0.114;
    let flood = |rate| denied_requests_day("ap-northeast-1", rate, Architecture::X86_64);
    near(flood(50), 4_320_000.0 * (each + bytes));
    near(flood(5) * 10.0, flood(50));
    near(flood(0), 0.0);
    assert!(denied_requests_day("us-east-1", 50, Architecture::Arm64) < flood(50));
}

#[test]
fn no_server_costs_the_fixed_things_alone() {
    let none = estimate("us-east-1", &Workload::of(0));
    near(none.total(), 2.9);
    near(none.per_server(), 0.0);
    let most = estimate("us-east-1", &Workload::of(u32::MAX));
    assert!(most.total().is_finite());
}

#[test]
fn it_prints_a_table_with_its_total() {
    let printed = estimate("ap-northeast-1", &Workload::of(1)).to_string();
    assert!(printed.starts_with("USD a month for 1 server in ap-northeast-1\n"), "{printed}");
    let of = |word| printed.lines().find(|line| line.trim_start().starts_with(word));
    assert!(of("total").unwrap().ends_with(" 2.90"), "{printed}");
    assert!(of("per server").unwrap().ends_with(" 2.9041"), "{printed}");
    assert!(of("CloudWatch alarms").unwrap().ends_with("11.00 alarms          1.10"));
}

#[test]
fn the_assumptions_are_those_of_template_and_testdata() {
    assert_eq!(usize::try_from(RAW_BYTES).unwrap(), DAY_LOG.len());
    assert_eq!(usize::try_from(CSV_BYTES).unwrap(), DAY_CSV.len());
    let count = |text: &str| u32::try_from(TEMPLATE.matches(text).count()).unwrap();
    assert_eq!(count("Type: AWS::CloudWatch::Alarm"), ALARMS);
    for gb in [GENERATE_URL_GB, ANALYZE_LOG_GB] {
        assert_eq!(count(&format!("MemorySize: {}\n", gb * 1024.0)), 1);
    }
    let default = |parameter: &str| {
        let from = TEMPLATE.find(&format!("\n  {parameter}:\n")).unwrap();
        let rest = TEMPLATE[from..].split_once("    Default: ").unwrap().1;
        rest.lines().next().unwrap().trim_matches('"').to_owned()
    };
    let of = Workload::of(1);
    assert_eq!((default("NoncurrentKeepDays").as_str(), of.noncurrent_keep_days), ("0", None));
    assert_eq!(count(&format!("[KeepsVersionsAsLogs, {RESULT_VERSION_DAYS},")), 1);
    assert_eq!(default("LogKeepDays"), of.log_keep_days.to_string());
    assert_eq!(default("RawKeepDays"), "0");
    assert_eq!(default("AnalyzedKeepDays"), "0");
    assert_eq!(default("Architecture"), "x86_64");
    let charts = default("Charts");
    assert_eq!(charts.split(',').map(|format| format == "png").collect::<Vec<_>>(), [false, true]);
    assert!(of.svg && of.png && charts.starts_with("svg,"));
}

/// The rows of the manuals' table: how each begins in English and in Japanese.
const ROWS: [(&str, &str); 8] = [
    ("API Gateway", "API Gateway"),
    ("Lambda", "Lambda"),
    ("S3 requests", "S3 リクエスト"),
    ("S3 storage", "S3 保存"),
    ("CloudWatch Logs", "CloudWatch Logs"),
    ("CloudWatch metrics", "CloudWatch メトリクス"),
    ("CloudWatch alarms", "CloudWatch アラーム"),
    ("data transfer", "データ転送"),
];

/// Six figures: the known regions, and in each 10, 100 and 5,000 servers.
fn row(
    name: &str,
    change: fn(Workload) -> Workload,
    figure: impl Fn(&Estimate) -> String,
) -> String {
    let cells = PRICES.iter().flat_map(|(region, _)| {
        [10, 100, 5_000].map(|servers| figure(&estimate(region, &change(Workload::of(servers)))))
    });
    format!("| {name} | {} |", cells.collect::<Vec<_>>().join(" | "))
}

#[test]
fn the_manuals_figures_are_the_models() {
    let same = |workload| workload;
    let month: fn(Workload) -> Workload =
        |workload| Workload { raw_keep_days: Some(31), analyzed_keep_days: Some(31), ..workload };
    let arm: fn(Workload) -> Workload =
        |workload| Workload { architecture: Architecture::Arm64, ..workload };
    let svg: fn(Workload) -> Workload = |workload| Workload { png: false, ..workload };
    let total = |estimate: &Estimate| format!("{:.2}", estimate.total());
    let growth = |estimate: &Estimate| format!("{:.2}", estimate.of_service("S3 storage"));
    let mut rows = Vec::new();
    for (english, japanese) in ROWS {
        let cost = |estimate: &Estimate| format!("{:.2}", estimate.of_service(english));
        rows.push((row(english, same, cost), row(japanese, same, cost)));
    }
    let mut both = |english, japanese, change, figure: &dyn Fn(&Estimate) -> String| {
        rows.push((row(english, change, figure), row(japanese, change, figure)));
    };
    both("**total**", "**合計**", same, &total);
    both("per server", "1 台あたり", same, &|e| format!("{:.4}", e.per_server()));
    both("each further year adds", "2 年目以降、1 年ごとの増加", same, &growth);
    both(
        "total, `RawKeepDays=31 AnalyzedKeepDays=31`",
        "合計（`RawKeepDays=31 AnalyzedKeepDays=31`）",
        month,
        &total,
    );
    both("total on arm64", "合計（arm64）", arm, &total);
    both("total, `Charts=svg`", "合計（`Charts=svg`）", svg, &total);
    let mut wrong = Vec::new();
    for (english, japanese) in &rows {
        for (page, text, row) in [("aws.md", ENGLISH, english), ("aws.ja.md", JAPANESE, japanese)] {
            if text.lines().filter(|line| line == row).count() != 1 {
                wrong.push(format!("docs/{page} lacks: {row}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let flood = PRICES.map(|(region, _)| denied_requests_day(region, 50, Architecture::X86_64));
    for text in [ENGLISH, JAPANESE] {
        assert!(text.contains(&format!("{:.0} USD", flood[0])), "{flood:?}");
    }
    // Every service on the bill has its row.
    let bill = estimate("us-east-1", &Workload::of(1));
    assert!(bill.lines.iter().all(|line| ROWS.iter().any(|(name, _)| *name == line.service)));
    for text in [ENGLISH, JAPANESE] {
        assert!(AS_OF.iter().all(|day| text.contains(*day)));
    }
}
