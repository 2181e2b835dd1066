//! The calendar's size, its links, its cells.

use std::sync::Arc;

use std::io::Write as _;

use log2aws_core::chart::Language;

use super::state::PER_PAGE;
use super::totals::progress_messages;
use super::*;
use crate::i18n;
use crate::index::Delivered;
use crate::query::Query;
use crate::store_index::Progress;

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn state(query: &str) -> CalendarState {
    let query = Query::parse(query).unwrap();
    let today = day("2026-11-24");
    let (state, errors) = CalendarState::read(&query, today, today, i18n::of(Language::En));
    assert_eq!(errors, []);
    state
}

/// Pseudo-random numbers below a bound.
fn dice() -> impl FnMut(u32) -> u32 {
    let mut seed = 1_u32;
    move |below| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) % below
    }
}

/// A page on which every value differs from its neighbours. One day in `trouble` is not complete.
fn page_of(state: &CalendarState, servers: usize, trouble: u32) -> Calendar {
    let mut random = dice();
    let cell = |random: &mut dyn FnMut(u32) -> u32| {
        let delivered = Delivered {
            health: Health::Complete,
            samples: 144,
            expected: 144,
            missing: 0,
            missing_off: 0,
            rejects: 0,
            reboots: 0,
        };
        if random(trouble) > 0 {
            return Cell::Delivered(delivered);
        }
        let absences = [Absence::Off, Absence::Ran, Absence::Silent];
        let healths = [Health::Complete, Health::Off, Health::Rejects, Health::Gaps];
        let health = healths[random(4) as usize];
        let missing = if health == Health::Complete { 0 } else { random(140) };
        match random(5) {
            0 => Cell::Empty(absences[random(3) as usize]),
            _ => Cell::Delivered(Delivered {
                health,
                samples: 144 - missing,
                missing,
                missing_off: if health == Health::Off { missing } else { missing / 3 },
                rejects: if health == Health::Rejects { 1 + random(900) } else { 0 },
                reboots: random(3),
                ..delivered
            }),
        }
    };
    let days: Vec<_> = (0..state::days(state.days)).map(|n| shifted(state.from(), n)).collect();
    let row = |number: usize| {
        // Values as a server has them: around a level of its own.
        let usual = 1 + random(24);
        let value = |random: &mut dyn FnMut(u32) -> u32| {
            let value = u16::try_from(usual * (60 + random(80))).unwrap();
            let level = u8::try_from(value / 300).unwrap().min(5);
            LensValue { value: f32::from(value) / 900.0, level, cores: Some(8) }
        };
        CalendarRow {
            server: format!("app{number:04}.rack{}.tokyo.example.co.jp", number * 7 % 40)
                .parse()
                .unwrap(),
            note: number.is_multiple_of(3).then(|| format!("本番 AP サーバー {number} 号機")),
            reboots: random(5),
            last: days.get(7).copied(),
            retired: None,
            cells: days.iter().map(|_| cell(&mut random)).collect(),
            values: days
                .iter()
                .map(|_| Some(value(&mut random)).filter(|_| state.lens != Lens::Complete))
                .collect(),
        }
    };
    let rows: Vec<_> = (0..servers).map(row).collect();
    let all = servers * 25;
    let counts = DayCounts {
        arrived: all.saturating_sub(40),
        silent: 3,
        missing: 37,
        ..DayCounts::default()
    };
    Calendar {
        counts: vec![counts; days.len()],
        state_of: (day("2026-11-23"), counts),
        today: day("2026-11-24"),
        days,
        rows,
        servers: all,
        matching: all,
        troubled: all,
        retired_before: 0,
        page: state.page,
        pages: 25,
    }
}

/// The largest page.
fn worst(state: &CalendarState, servers: usize) -> Calendar {
    page_of(state, servers, 1)
}

fn page(state: &CalendarState, calendar: &Calendar, language: Language) -> String {
    let layout = PageLayout {
        w: i18n::of(language),
        title: "Calendar".to_owned(),
        here: "calendar",
        back: "/ui/",
        live: true,
        chart: None,
        revision: 7,
        loading: false,
        viewer: None,
        source: "this machine",
        version: "0.1.0",
        alerts: Arc::default(),
    };
    render(&layout, (state, &[]), calendar, day("2026-11-24"), Vec::new()).unwrap()
}

fn gzipped(text: &str) -> usize {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap().len()
}

#[test]
fn a_page_of_200_servers_stays_below_40_kb_whatever_the_lens() {
    for lens in Lens::ALL {
        let state = state(&format!("lens={}", lens::id(lens)));
        let calendar = page_of(&state, PER_PAGE, 20);
        for language in [Language::En, Language::Ja] {
            let size = gzipped(&page(&state, &calendar, language));
            assert!((8_000..=40_000).contains(&size), "{lens:?} {} {size}", language.as_str());
        }
    }
}

#[test]
fn the_worst_page_of_200_servers_stays_below_80_kb() {
    for lens in [Lens::Load, Lens::Complete] {
        let state = state(&format!("lens={}", lens::id(lens)));
        let calendar = worst(&state, PER_PAGE);
        for language in [Language::En, Language::Ja] {
            let size = gzipped(&page(&state, &calendar, language));
            assert!(size <= 80_000, "{lens:?} {} {size}", language.as_str());
        }
    }
}

#[test]
fn every_cell_says_what_it_is_in_a_sign_and_in_words() {
    let w = i18n::of(Language::En);
    let state = state("days=14&lens=complete");
    let mut calendar = page_of(&state, 1, 20);
    calendar.rows[0].cells = cells::all();
    let html = page(&state, &calendar, Language::En);
    let found = cells_of(&html);
    assert_eq!(found.len(), calendar.rows[0].cells.len());
    for (cell, html) in calendar.rows[0].cells.iter().zip(found) {
        assert!(html.starts_with(cells::class(cell)), "{html}");
        if let Cell::Delivered(delivered) = cell {
            let complete = delivered.health == Health::Complete;
            let percent = cells::percent(delivered).to_string();
            let share = if complete { "✓" } else { &percent };
            let words = cells::delivered(delivered, w);
            assert!(
                words.contains(" of 144 samples") && html.contains(&format!(">{share}")),
                "{html}"
            );
            assert!(html.contains(&format!(" title=\"{words}\">")), "{html}");
            continue;
        }
        let silent = *cell == Cell::Empty(Absence::Silent);
        let words = if silent { "silent since 2026-11-18" } else { &cells::short(cell, w) };
        assert!(html.contains(&format!(" title=\"{words}\">")), "{html}");
        let sign = cells::sign(cell);
        let shown = format!(">{sign}<i>{words}</i>");
        assert!(!sign.is_empty() && html.contains(&shown), "{html}");
    }
    let classes: BTreeSet<_> = cells::all().iter().map(cells::class).collect();
    assert_eq!(classes.len(), cells::all().len(), "each kind of cell has a look of its own");
}

/// The cells of a page, each from its class on.
fn cells_of(html: &str) -> Vec<&str> {
    let body = html.split("<tbody>").nth(1).unwrap().split("</tbody>").next().unwrap();
    body.split("<td><a href=").skip(1).map(|cell| cell.split_once(" class=").unwrap().1).collect()
}

#[test]
fn a_lens_colours_what_was_delivered_and_leaves_what_is_missing_in_sight() {
    let state = state("days=5");
    let mut calendar = page_of(&state, 1, 1_000_000);
    let row = &mut calendar.rows[0];
    row.cells = vec![cells::all()[0], cells::all()[3], cells::all()[0], cells::all()[0]];
    row.cells.push(Cell::Empty(Absence::Ran));
    let value = |value, level, cores| Some(LensValue { value, level, cores });
    row.values = vec![value(0.42, 1, Some(8)), value(2.5, 5, Some(4)), value(38.0, 5, None)];
    row.values.extend([None, None]);
    let html = page(&state, &calendar, Language::En);
    let starts: Vec<_> = cells_of(&html)
        .iter()
        .map(|cell| {
            let (class, text) = cell.split_once('>').unwrap();
            let class = class.split(' ').next().unwrap();
            format!("{class} {}", text.split("</a>").next().unwrap())
        })
        .collect();
    let expected = [
        "v1 0.4",
        "w5 2.5<i>incomplete</i>",
        "v5 (38)",
        "vn –",
        "x ×<i>missing although it ran</i>",
    ];
    assert_eq!(starts, expected);
    for words in ["In parentheses: the number of cores is unknown", "Corner: samples are missing"] {
        assert!(html.contains(words), "{words}");
    }
    assert!(html.contains("class=\"cell v5\">from 2</span>"), "the scale is on the page");
    // The legend has the signs that occur, and no others.
    assert!(html.contains(i18n::of(Language::En).say_ran));
    assert!(!html.contains(i18n::of(Language::En).say_silent));
}

#[test]
fn a_day_says_how_many_arrived_and_leads_to_those_that_did_not() {
    let state = state("days=2&lens=free&q=web");
    let mut calendar = page_of(&state, 2, 20);
    let counts = DayCounts {
        arrived: 37,
        not_due: 3,
        silent: 2,
        silent_since: Some(day("2026-11-05")),
        missing: 1,
        off: 1,
        retired: 2,
    };
    (calendar.counts, calendar.state_of) = (vec![counts; 2], (day("2026-11-23"), counts));
    let said = "37 arrived, 3 not yet (due 12:00), 1 missing, 2 silent, the longest since \
                2026-11-05, 1 off, 2 retired";
    let html = page(&state, &calendar, Language::En);
    assert!(html.contains(&format!("title=\"2026-11-23 (Mon): {said}\"")), "{html}");
    assert!(html.contains(&format!(" · 2026-11-23: {said}</p>")));
    let link = "/ui/?days=2&#38;q=web&#38;lens=free&#38;only=missing&#38;day=2026-11-23";
    assert!(html.contains(link));
    // Of today everything is due at noon of tomorrow.
    assert!(html.contains("3 not yet (due 2026-11-25 12:00)"));
    let ja = page(&state, &calendar, Language::Ja);
    assert!(
        ja.contains("到着 37、未到着 3（期限 12:00）、欠落 1、途絶 2（最も古い最終日 2026-11-05）")
    );
}

#[test]
fn nothing_wrong_is_not_said_while_logs_are_not_due() {
    let state = state("only=troubled");
    let mut calendar = page_of(&state, 0, 20);
    let said = |calendar: &Calendar, loading: bool| {
        let w = i18n::of(Language::En);
        let state = &state;
        let none = totals::none_listed(calendar, state, loading, w);
        (totals::totals(calendar, state, loading, w), none)
    };
    (calendar.servers, calendar.matching, calendar.troubled) = (40, 40, 0);
    calendar.state_of.1 = DayCounts { arrived: 37, not_due: 3, ..DayCounts::default() };
    let (totals, none) = said(&calendar, false);
    assert_eq!(totals, "40 servers · 2026-11-23: 37 arrived, 3 not yet (due 12:00)");
    assert!(none.contains("so far") && none.contains("3 not yet (due 12:00)"), "{none}");
    calendar.state_of.1 = DayCounts { arrived: 40, ..DayCounts::default() };
    let (totals, none) = said(&calendar, false);
    assert_eq!(totals, "40 servers · no problems in this period · 2026-11-23: 40 arrived");
    assert_eq!(none, i18n::of(Language::En).none_troubled);
    let (totals, none) = said(&calendar, true);
    assert_eq!((totals.as_str(), none.contains("so far")), ("40 servers", true));
}

#[test]
fn the_state_is_in_the_url_and_every_link_keeps_it() {
    let query = "to=2026-11-20&days=14&q=web*&lens=cpu&sort=name&only=troubled&page=3";
    let state = state(query);
    assert_eq!(state.link(), format!("/ui/?{}", query.replace('*', "%2A")));
    assert_eq!(state.from(), day("2026-11-07"));
    let html = page(&state, &worst(&state, 2), Language::En);
    let kept = "days=14&#38;q=web%2A&#38;lens=cpu&#38;sort=name&#38;only=troubled";
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
