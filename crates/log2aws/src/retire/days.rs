//! The days of a server of which there are results.

use std::collections::BTreeSet;

use jiff::ToSpan as _;
use jiff::civil::Date;
use log2aws_core::day::Day;
use log2aws_core::key::{BucketName, KeyPrefix, RawKey, ResultKind};
use log2aws_core::server_name::ServerName;
use log2aws_service::ports::{ListQuery, ObjectLister, StoreError};

/// How many months back a server is looked for whose keys are spread over prefixes, one a month.
const MONTHS: i32 = 36;

/// What is known of a server.
#[derive(Debug, Default)]
pub(super) struct DeliveredDays {
    /// Whether there are results of any day.
    pub(super) is_known: bool,
    /// The days with results from the given one on.
    pub(super) from_first_on: BTreeSet<Day>,
}

/// Looks for a server's days under both kinds of keys.
///
/// # Errors
/// The store's.
pub(super) fn delivered(
    store: &dyn ObjectLister,
    bucket: &BucketName,
    server: &ServerName,
    from: Day,
    today: Day,
) -> Result<DeliveredDays, StoreError> {
    let mut days = DeliveredDays::default();
    let look = |prefix: String, days: &mut DeliveredDays| {
        let mut query = ListQuery { prefix, ..ListQuery::default() };
        loop {
            let page = store.list(bucket, &query)?;
            for object in page.objects {
                let stem = object.key.as_str().strip_suffix(ResultKind::Json.suffix());
                let key = stem.and_then(|stem| RawKey::parse(&format!("{stem}.log")));
                if let Some(key) = key.filter(|key| key.server == *server) {
                    days.is_known = true;
                    days.from_first_on.extend(Some(key.day).filter(|day| *day >= from));
                }
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok::<_, StoreError>(()),
            }
        }
    };
    look(format!("{server}/"), &mut days)?;
    for month in months(today) {
        if days.is_known && month.last_of_month() < from.date() {
            break;
        }
        let Some(day) = Day::from_date(month) else { break };
        let key = RawKey::new(server.clone(), day, KeyPrefix::Spread).to_string();
        let Some((folder, _)) = key.rsplit_once('/') else { continue };
        look(format!("{folder}/"), &mut days)?;
    }
    Ok(days)
}

/// The months, newest first; the day after today may be in the next one.
fn months(today: Day) -> impl Iterator<Item = Date> {
    let newest = today.date().saturating_add(1.day()).first_of_month();
    (0..MONTHS).map(move |back| newest.saturating_sub(back.months()))
}
