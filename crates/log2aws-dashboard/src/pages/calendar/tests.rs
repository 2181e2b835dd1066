//! The calendar's size, its links, its cells.

use std::io::Write as _;

use log2aws_core::chart::Language;

use super::*;
use crate::i18n;
use crate::index::{Absence, CalendarRow, Delivered, Health};

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn state(query: &str) -> CalendarState {
    let query = Query::parse(query).unwrap();
    CalendarState::read(&query, day("2026-11-24"), i18n::of(Language::En)).unwrap()
}

/// The largest page: every cell differs from its neighbours.
fn worst(state: &CalendarState, servers: usize) -> Calendar {
    let mut seed = 1_u32;
    let mut random = |below: u32| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) % below
    };
    let mut cell = || {
        let health =
            [Health::Complete, Health::Off, Health::Rejects, Health::Gaps][random(4) as usize];
        let missing = if health == Health::Complete { 0 } else { random(140) };
        let delivered = Delivered {
            health,
            samples: 144 - missing,
            expected: 144,
            missing,
            missing_off: if health == Health::Off { missing } else { missing / 3 },
            rejects: if health == Health::Rejects { 1 + random(900) } else { 0 },
            reboots: random(3),
        };
        match random(5) {
            0 => Cell::Empty([Absence::Off, Absence::Ran, Absence::Silent][random(3) as usize]),
            _ => Cell::Delivered(delivered),
        }
    };
    let days: Vec<_> = (0..days(state.days)).map(|n| shifted(state.from(), n)).collect();
    let row = |number: usize| CalendarRow {
        server: format!("app{number:04}.rack{}.tokyo.example.co.jp", number * 7 % 40)
            .parse()
            .unwrap(),
        cells: days.iter().map(|_| cell()).collect(),
    };
    let rows: Vec<_> = (0..servers).map(row).collect();
    let all = servers * 25;
    Calendar { days, rows, servers: all, matching: all, troubled: all, page: state.page, pages: 25 }
}

fn page(state: &CalendarState, calendar: &Calendar, language: Language) -> String {
    let layout = PageLayout {
        w: i18n::of(language),
        title: "Calendar".to_owned(),
        here: "calendar",
        back: "/ui/",
        live: true,
        chart: false,
        revision: 7,
        loading: false,
        viewer: None,
        source: "this machine",
        version: "0.1.0",
    };
    render(&layout, state, calendar, day("2026-11-24"), Vec::new()).unwrap()
}

fn gzipped(text: &str) -> usize {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap().len()
}

#[test]
fn the_worst_page_of_200_servers_stays_below_80_kb() {
    let state = state("");
    let calendar = worst(&state, PER_PAGE);
    for language in [Language::En, Language::Ja] {
        let size = gzipped(&page(&state, &calendar, language));
        assert!(size <= 80_000, "{} {size}", language.as_str());
    }
}

#[test]
fn every_cell_says_what_it_is_in_a_sign_and_in_words() {
    let state = state("days=13");
    let mut calendar = worst(&state, 1);
    calendar.rows[0].cells = cells::all();
    let html = page(&state, &calendar, Language::En);
    let row = html.split("<tbody>").nth(1).unwrap().split("</tbody>").next().unwrap();
    let found: Vec<_> = row.split("<td class=").skip(1).collect();
    assert_eq!(found.len(), calendar.rows[0].cells.len());
    for (cell, html) in calendar.rows[0].cells.iter().zip(found) {
        assert!(html.starts_with(cells::class(cell)), "{html}");
        if !matches!(cell, Cell::Delivered(_)) {
            let words = cells::short(cell, i18n::of(Language::En));
            assert!(html.contains(&format!(" title=\"{words}\">")), "{html}");
            let sign = cells::sign(cell);
            assert!(!sign.is_empty() && html.contains(&format!(">{sign}<i>{words}</i>")), "{html}");
        }
    }
    let classes: std::collections::BTreeSet<_> = cells::all().iter().map(cells::class).collect();
    assert_eq!(classes.len(), cells::all().len(), "each kind of cell has a look of its own");
}

#[test]
fn the_state_is_in_the_url_and_every_link_keeps_it() {
    let query = "to=2026-11-20&days=14&q=web*&only=troubled&page=3";
    let state = state(query);
    assert_eq!(state.link(), format!("/ui/?{}", query.replace('*', "%2A")));
    assert_eq!(state.from(), day("2026-11-07"));
    let html = page(&state, &worst(&state, 2), Language::En);
    let kept = "days=14&#38;q=web%2A&#38;only=troubled";
    for link in [
        format!("/ui/?to=2026-11-06&#38;{kept}\" rel=\"prev\""),
        format!("/ui/?{kept}\" rel=\"next\""),
        format!("/ui/?to=2026-11-20&#38;{kept}&#38;page=2\""),
        format!("/ui/?to=2026-11-20&#38;{kept}&#38;page=4\""),
    ] {
        assert!(html.contains(&link), "{link}");
    }
}

#[test]
fn progress_and_failure_are_told() {
    let w = i18n::of(Language::En);
    let progress = Progress {
        loading: true,
        listed: 12_000,
        read: 800,
        failed: Some("403".into()),
        ..Progress::default()
    };
    let said = progress_messages(&progress, w);
    assert_eq!(said.len(), 2);
    assert_eq!(said[0].detail.as_deref(), Some("403"));
    assert!(said[1].text.contains("12000") && said[1].text.contains("800"));
    assert_eq!(progress_messages(&Progress::default(), w), []);
}
