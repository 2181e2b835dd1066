//! What the page of a day gives its chart's script, and which figures belong to what.

use jiff::civil::{Date, date};

use crate::world::World;

const DAY: Date = date(2019, 8, 1);

/// A day every ten minutes whose load is highest at 02:30 and lowest at 04:00, with a reboot at noon.
fn log() -> String {
    let line = |minute: u32| {
        let (hour, minutes) = (minute / 60, minute % 60);
        let load = match minute {
            150 => "9.50",
            240 => "0.10",
            _ => "1.00",
        };
        let up = if minute < 720 { minute + 45 * 1440 } else { minute - 719 };
        let days = up / 1440;
        let clock = format!("{}:{:02}", up % 1440 / 60, up % 60);
        let up = if days > 0 { format!("{days} days, {clock}") } else { clock };
        format!(
            "2019-08-01 {hour:02}:{minutes:02}:01 up {up}, 1 user, load average: {load}, 0.24, \
             0.16 2 0 0 379918 0 8428 0 0 1852 156 0 0 26 12 60 2 0\n"
        )
    };
    (0..144).map(|slot| line(slot * 10)).collect()
}

fn world() -> World {
    let world = World::new();
    world.deliver("web01", DAY, log().as_bytes());
    world.deliver("db01", DAY, log().as_bytes());
    world.refresh();
    world
}

fn row<'a>(html: &'a str, name: &str) -> &'a str {
    let start = html.find(&format!("<th scope=\"row\">{name}")).unwrap();
    let end = html[start..].find("</tr>").unwrap();
    &html[start..start + end]
}

#[test]
fn figures_are_of_the_whole_day_and_extremes_have_their_times() {
    let world = world();
    let page = world.get("/ui/s/web01/2019-08-01?from=06:00&till=12:00");
    let html = page.text();
    assert!(html.contains("Figures of the whole day"));
    assert!(html.contains("Over all 144 samples of the log"));
    let load = row(html, "Load average, 1 min");
    assert!(load.contains("<small>04:00</small> 0.1<"), "{load}");
    assert!(load.contains("<small>02:30</small> 9.5<"), "{load}");
    // The uptime has extremes, but neither mean nor p95; what never changes has no times.
    let uptime = row(html, "Uptime");
    assert_eq!(uptime.matches("<td class=\"num\"></td>").count(), 2, "{uptime}");
    assert!(uptime.contains("<small>11:50</small> 45.49<"), "{uptime}");
    assert!(!row(html, "Load average, 5 min").contains("<small>"));
    // The table of values says of which part it is, and so does the chart.
    assert!(html.contains("All samples from 06:00 to 12:00."));
    assert!(html.contains("06:00–12:00: 36 samples</output>"));
    assert!(!html.contains("values</small>"));
}

#[test]
fn a_column_with_fewer_values_says_how_many() {
    let world = World::new();
    let log = log().replacen("1 user,", "? users,", 4);
    world.deliver("web01", DAY, log.as_bytes());
    let page = world.get("/ui/s/web01/2019-08-01");
    let users = row(page.text(), "Users logged in");
    assert!(users.contains("140 of 144 values"), "{users}");
}

#[test]
fn a_script_has_the_whole_day_and_every_series_whatever_the_page_shows() {
    let world = world();
    let page = world.get("/ui/s/web01/2019-08-01?from=06:00&till=12:00&hide=us,free");
    let html = page.text();
    let attribute = |name: &str| {
        let start = html.find(&format!("{name}=\"")).unwrap() + name.len() + 2;
        html[start..].split('"').next().unwrap().replace("&#38;", "&")
    };
    for name in ["data-drawing", "data-values"] {
        let url = attribute(name);
        assert!(!url.contains("from=") && !url.contains("hide="), "{url}");
        let answer = world.get(&url);
        assert!(answer.text().contains("23:50:01") || answer.text().contains("24:00"), "{url}");
    }
    assert_eq!(
        (attribute("data-from").as_str(), attribute("data-hide").as_str()),
        ("06:00", "us,free")
    );
    // The picture is that of the page, for browsers without scripts.
    assert!(attribute("img src").contains("from=06:00&till=12:00&hide=us,free"));
    // The head of the page has server, zone and cores, so the drawing has not.
    assert!(!world.get(&attribute("data-drawing")).text().contains("web01</tspan>"));
}

#[test]
fn a_series_that_is_hidden_in_a_comparison_stays_hidden() {
    let world = world();
    let html = world.get("/ui/compare?date=2019-08-01&s=web01&s=db01&hide=sy,free");
    assert_eq!(html.text().matches("data-hide=\"sy\"").count(), 2);
    // Other days and servers keep it.
    assert!(html.text().contains("date=2019-07-31&#38;s=web01&#38;s=db01&#38;hide=sy"));
    let values = html.text().split("data-values=\"").nth(1).unwrap().split('"').next().unwrap();
    let values = world.get(&values.replace("&#38;", "&")).text().to_owned();
    // Memory is left out, so that the page stays light.
    assert!(values.contains("\"id\":\"free\",\"name\":\"free\",\"pen\":1,\"hidden\":true"));
}
