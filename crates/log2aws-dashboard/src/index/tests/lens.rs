//! The calendar's lenses, orders and counts.

use super::*;

const GIB: f32 = 1024.0 * 1024.0;

/// A complete day with a load and a number of cores.
fn busy(load: f32, cores: Option<u32>) -> DayStats {
    let figures = Figures { load_p95: Some(load), cores, ..Figures::default() };
    DayStats { figures, ..ran(Some(90 * DAY)) }
}

#[test]
fn a_lens_orders_the_servers_by_their_most_conspicuous_day() {
    let mut index = Index::default();
    let servers = [
        ("a-calm", busy(0.4, Some(8)), 0),
        ("b-busy", busy(9.5, Some(4)), 0),
        ("c-large", busy(9.5, Some(64)), 0),
        ("d-coreless", busy(9.5, None), 0),
        ("e-storm", busy(38.0, Some(2)), 0),
        ("f-restarts", busy(0.1, Some(8)), 2),
        ("g-gap", DayStats { missing: 9, ..busy(0.1, Some(8)) }, 0),
        ("h-blind", ran(Some(90 * DAY)), 0),
    ];
    for (name, stats, reboots) in servers {
        for date in 1..=4 {
            let calm = DayStats {
                figures: Figures { load_p95: Some(0.0), ..stats.figures },
                reboots,
                ..ran(None)
            };
            let blind = stats.figures.load_p95.is_none();
            put(&mut index, name, august(date), if date == 3 || blind { &stats } else { &calm });
        }
    }
    let order = |lens, sort| {
        let calendar = index.calendar(&CalendarQuery { lens, sort, ..query("", 1, 200) }, later());
        names(&calendar).iter().map(|name| &name[..1]).collect::<String>()
    };
    assert_eq!(order(Lens::Load, Sort::Lens), "ebdcafgh");
    assert_eq!(order(Lens::Load, Sort::Name), "abcdefgh");
    // Servers without a problem are in the order of the lens, too.
    assert_eq!(order(Lens::Load, Sort::Severity), "gfebdcah");
    assert_eq!(order(Lens::Reboots, Sort::Lens), "fabcdegh");
    assert_eq!(order(Lens::Complete, Sort::Lens), "gfabcdeh");
    let calendar =
        index.calendar(&CalendarQuery { lens: Lens::Load, ..query("e-", 1, 9) }, later());
    let value = calendar.rows[0].values[2].unwrap();
    assert_eq!((value.level, value.cores), (5, Some(2)));
    assert!((value.value - 19.0).abs() < 1e-6);
}

#[test]
fn levels_follow_absolute_bounds() {
    let level = |lens: Lens, figures: Figures, reboots: u32| {
        let stats = DayStats { reboots, figures, ..ran(None) };
        let packed = Packed::new(august(1).into(), KeyLayout::Plain, &stats);
        lens.value(&packed).map(|value| value.level)
    };
    let none = Figures::default();
    let load = |load, cores| Figures { load_p95: Some(load), cores, ..none };
    for (load_p95, cores, expected) in [
        (0.0, Some(4), 0),
        (1.0, Some(4), 1),
        (3.9, Some(4), 3),
        (4.0, Some(4), 4),
        (8.0, Some(4), 5),
        (0.9, None, 0),
        (8.0, None, 4),
    ] {
        assert_eq!(level(Lens::Load, load(load_p95, cores), 0), Some(expected), "{load_p95}");
    }
    for (free, expected) in [(64.0 * GIB, 0), (4.0 * GIB, 0), (0.9 * GIB, 2), (98.0 * 1024.0, 5)] {
        let figures = Figures { free_min: Some(free), ..none };
        assert_eq!(level(Lens::Free, figures, 0), Some(expected), "{free}");
    }
    let swapped = |kib| Figures { swapped_max: Some(kib), ..none };
    assert_eq!(level(Lens::Swap, swapped(0.0), 0), Some(0));
    assert_eq!(level(Lens::Swap, swapped(6.0 * GIB), 0), Some(5));
    let cpu = Figures { cpu: [Some(60.0), Some(20.0), Some(12.0), None], ..none };
    assert_eq!(level(Lens::Cpu, cpu, 0), Some(5));
    assert_eq!(level(Lens::Iowait, Figures { wait_p95: Some(38.0), ..none }, 0), Some(4));
    assert_eq!(level(Lens::Reboots, none, 3), Some(3));
    for lens in [Lens::Load, Lens::Cpu, Lens::Iowait, Lens::Free, Lens::Swap, Lens::Complete] {
        assert_eq!(level(lens, none, 0), None, "{lens:?}");
    }
}

#[test]
fn a_day_counts_what_arrived_and_lists_what_did_not_before_noon_too() {
    let mut index = Index::default();
    for number in 0..40 {
        let name = format!("web{number:02}");
        // The first server is dead for long, the second since yesterday, the third is only late.
        let last = match number {
            0 => 1,
            1 => 4,
            2..5 => 5,
            _ => 6,
        };
        for date in 1..=last {
            put(&mut index, &name, august(date), &ran(Some(90 * DAY)));
        }
    }
    // A log from the far future is no delivery of today.
    put(&mut index, "web00", day("2099-01-01"), &ran(Some(60)));
    let morning = now("2026-08-07T01:00:00Z");
    let query = CalendarQuery { to: august(7), ..query("", 1, 200) };
    let calendar = index.calendar(&query, morning);
    let (state_of, counts) = calendar.state_of;
    assert_eq!((state_of, calendar.today), (august(6), august(7)));
    assert_eq!((counts.arrived, counts.not_due, counts.silent), (35, 3, 2));
    assert_eq!(counts.silent_since, Some(august(1)));
    assert_eq!(calendar.counts.len(), 7);
    assert_eq!(calendar.counts[5], counts);
    assert_eq!((calendar.counts[4].arrived, calendar.counts[4].silent), (38, 2));
    assert_eq!((calendar.counts[6].arrived, calendar.counts[6].not_due), (0, 38));
    let missing = CalendarQuery { only: Only::Missing(august(6)), ..query.clone() };
    let listed = index.calendar(&missing, morning);
    assert_eq!(names(&listed), ["web00", "web01", "web02", "web03", "web04"]);
    assert_eq!(listed.rows[0].last, Some(august(1)));
    // Only what is silent is wrong, and at noon what is late is silent as well.
    let troubled = CalendarQuery { only: Only::Troubled, ..query.clone() };
    assert_eq!(names(&index.calendar(&troubled, morning)), ["web00", "web01"]);
    assert_eq!(index.calendar(&troubled, now("2026-08-07T03:00:00Z")).troubled, 5);
    // The same of a page that begins on that day: the dead server is missing all the same.
    let one_day = CalendarQuery { from: august(6), to: august(6), ..troubled };
    assert_eq!(names(&index.calendar(&one_day, morning)), ["web00", "web01"]);
}

#[test]
fn repeated_reboots_are_a_problem_and_single_ones_are_not() {
    let mut index = Index::default();
    for (name, reboots) in [("a-none", 0), ("b-two", 2), ("c-three", 3), ("d-many", 900)] {
        for date in 1..=3 {
            let reboots = if date == 2 { reboots } else { 0 };
            let stats = DayStats { reboots, ..ran(Some(90 * DAY)) };
            put(&mut index, name, august(date), &stats);
        }
        put(&mut index, name, august(4), &ran(Some(90 * DAY)));
    }
    let calendar = index.calendar(&query("", 1, 9), later());
    assert_eq!(names(&calendar), ["d-many", "c-three", "a-none", "b-two"]);
    assert_eq!(calendar.troubled, 2);
    assert_eq!(calendar.rows[0].reboots, 900);
}

#[test]
fn a_search_finds_notes_and_the_newest_note_counts() {
    let mut index = fleet();
    let mut note = |name: &str, date: u8, text: Option<&str>| {
        let note = NoteOf { day: august(date).into(), note: text.map(Into::into), zone: None };
        index.put_note(&server(name), note);
    };
    note("a-good", 3, Some("本番DB（主系）"));
    note("a-good", 1, Some("検証DB"));
    note("i-good", 3, Some("検証DB"));
    note("i-good", 4, None);
    note("nobody", 4, Some("本番"));
    let found = |search| {
        let calendar = index.calendar(&query(search, 1, 9), later());
        calendar
            .rows
            .iter()
            .map(|row| (row.server.to_string(), row.note.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(found("本番"), [("a-good".to_owned(), Some("本番DB（主系）".to_owned()))]);
    assert_eq!(found("検証"), []);
    assert_eq!(found("i-good"), [("i-good".to_owned(), None)]);
}
