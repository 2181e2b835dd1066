//! When the service delivers, and what it does with the result.

use std::time::Duration;

use jiff::Timestamp;
use log2aws_core::day::Day;

use super::{GRACE, MAX_RETRY_AFTER, Service, Ship};
use crate::run::port::{Phase, Shipped};
use crate::run::schedule::{MAX_RESENT_AT_ONCE, RETRY_REFUSED, retry_after};
use crate::ship::{LastShip, day_range};

/// Many logs are sent again within a day of when that was planned, and an hour for the clock.
const RESEND_WITHIN: Duration = Duration::from_hours(25);

impl Service<'_> {
    /// Plans the next delivery: at the next moment, or soon if one was missed. An earlier plan for
    /// soon stays.
    pub(super) fn plan(&mut self) {
        let Ship::Waiting { soon, .. } = self.ship else { return };
        self.refresh_pending();
        let soon = soon.or_else(|| {
            if self.overdue().is_empty() {
                return None;
            }
            // Retry-After survives a restart; otherwise all restarted hosts would return at once.
            let wait = self.remaining_retry_after().saturating_add(self.schedule.catch_up());
            Some(self.platform.elapsed().saturating_add(wait))
        });
        self.wait_for_moment(soon);
    }

    /// The remaining Retry-After.
    fn remaining_retry_after(&mut self) -> Duration {
        let now = self.platform.now();
        let last = self.platform.last_ship(&self.config);
        // A value from a clock that was ahead is ignored.
        let until = last.filter(|last| last.at <= now).and_then(|last| {
            let longest = last.at.checked_add(MAX_RETRY_AFTER).unwrap_or(Timestamp::MAX);
            Some(last.not_before?.min(longest))
        });
        until.and_then(|until| until.duration_since(now).try_into().ok()).unwrap_or_default()
    }

    /// Updates the pending days; returns whether they are known.
    pub(super) fn refresh_pending(&mut self) -> bool {
        self.pending_as_of = Some(self.today());
        // Without an API nothing can be pending.
        self.facts.pending = None;
        if self.config.ship.is_none() {
            return true;
        }
        match self.platform.pending(&self.config) {
            Ok(days) => self.facts.pending = Some(days),
            Err(error) => tracing::error!("what is left to ship cannot be known: {error}"),
        }
        self.plan_resend();
        self.facts.pending.is_some()
    }

    /// Plans a moment of their own for many logs that another store has.
    fn plan_resend(&mut self) {
        let pending = self.facts.pending.as_ref().map_or(0, Vec::len);
        self.resent = if pending > MAX_RESENT_AT_ONCE {
            self.platform.delivered_elsewhere(&self.config)
        } else {
            Vec::new()
        };
        if self.resent.len() <= MAX_RESENT_AT_ONCE {
            self.resent.clear();
            self.resend_at = None;
        } else if self.resend_at.is_none_or(|at| at > self.latest_resend()) {
            let at = self.schedule.next_resend(self.platform.now());
            self.resend_at = Some(at);
            let days = day_range(&self.resent).unwrap_or_default();
            let at = self.clock(at);
            tracing::warn!("{days}: delivered to another store before, and sent again at {at}");
        }
    }

    /// A planned moment after this one comes from a clock that was ahead.
    fn latest_resend(&self) -> Timestamp {
        self.platform.now().checked_add(RESEND_WITHIN).unwrap_or(Timestamp::MAX)
    }

    /// Whether a day waits for the moment of [`Self::plan_resend`]: `ship --since` sends all days
    /// from one on, so a day before any of these waits with them.
    fn waits_for_resend(&self, day: Day) -> bool {
        self.resent.iter().max().is_some_and(|newest| day <= *newest)
    }

    /// The pending days whose moment has passed.
    fn overdue(&self) -> Vec<Day> {
        let now = self.platform.now();
        let pending = self.facts.pending.iter().flatten().copied();
        let is_overdue =
            |day: &Day| !self.waits_for_resend(*day) && self.schedule.moment_of(*day) <= now;
        pending.filter(is_overdue).collect()
    }

    /// The oldest day to ship now.
    fn first_day(&self) -> Option<Day> {
        let now = self.platform.now();
        let resend = self.resend_at.is_some_and(|at| at <= now);
        let mut pending = self.facts.pending.iter().flatten().copied();
        pending.find(|day| resend || !self.waits_for_resend(*day))
    }

    pub(super) fn ship_if_due(&mut self) {
        let Ship::Waiting { moment, soon } = self.ship else { return };
        let is_soon = soon.is_some_and(|soon| soon <= self.platform.elapsed());
        if moment > self.platform.now() && !is_soon {
            return;
        }
        if self.config.ship.is_none() {
            return self.wait_for_moment(None);
        }
        self.update_zone();
        // The name first: what is pending depends on it, and the command line contains it.
        if !self.has_a_name() || !self.refresh_pending() {
            self.retry_later(retry_after);
            return self.publish(Phase::Working);
        }
        let Some(mut order) = self.config.ship.clone() else { return };
        let Some(first) = self.first_day() else {
            self.wait_for_moment(None);
            return self.publish(Phase::Working);
        };
        // Not all that is pending: the store may turn out to be another one, to which all kept logs
        // would go in this run.
        order.arguments.push(format!("--since={first}").into());
        let remaining_retry_after = self.remaining_retry_after();
        if !remaining_retry_after.is_zero() {
            let wait = remaining_retry_after.saturating_add(self.schedule.catch_up());
            let soon = Some(self.platform.elapsed().saturating_add(wait));
            self.wait_for_moment(soon);
            return self.publish(Phase::Working);
        }
        match self.platform.start_ship(&order) {
            Ok(()) => {
                self.resend_at = self.resend_at.filter(|at| *at > self.platform.now());
                let within = order.max_time.saturating_add(GRACE);
                let deadline = self.platform.elapsed().saturating_add(within);
                self.ship = Ship::Working { deadline };
                self.facts.next_ship = None;
            }
            Err(error) => {
                tracing::error!("the process that ships cannot be started: {error}");
                self.retry_later(retry_after);
            }
        }
        self.publish(Phase::Working);
    }

    /// The shipping process has ended; it has logged its own results.
    pub(super) fn shipped(&mut self, how: Shipped) {
        let last = self.read_last_ship();
        // It reports success, which counts only if nothing is pending.
        let known = self.refresh_pending();
        let overdue = self.overdue();
        let done = known && overdue.is_empty();
        match how {
            Shipped::Exit(0) if done => {
                self.failures = 0;
                self.facts.shipped = Some(true);
                self.wait_for_moment(None);
            }
            // The only undelivered days are in the future.
            Shipped::Exit(4) if done && self.resent.is_empty() => self.wait_for_moment(None),
            Shipped::Exit(code @ (0 | 1 | 4 | 5)) => {
                if code == 0 && known {
                    let days: Vec<String> = overdue.iter().map(Day::to_string).collect();
                    tracing::warn!(
                        "the process that ships is done, but these days are still pending: {}",
                        days.join(", ")
                    );
                } else if let Some(error) = last.and_then(|last| last.error) {
                    tracing::error!("not all was delivered: {error}");
                }
                let asked = self.remaining_retry_after();
                self.retry_later(|failures, jitter| match code {
                    5 => asked.max(RETRY_REFUSED),
                    _ => asked.saturating_add(retry_after(failures, jitter)),
                });
            }
            Shipped::Exit(code) => {
                tracing::error!("the process that ships ended with exit code {code}");
                self.retry_later(|_, _| RETRY_REFUSED);
            }
            Shipped::Signal(signal) => {
                tracing::error!("the process that ships was ended by signal {signal}");
                self.retry_later(retry_after);
            }
        }
        self.publish(Phase::Working);
    }

    /// After a failure: retries later.
    pub(super) fn retry_later(&mut self, wait: impl Fn(u32, f64) -> Duration) {
        self.failures = self.failures.saturating_add(1);
        self.facts.shipped = Some(false);
        let wait = wait(self.failures, self.platform.jitter());
        self.wait_for_moment(Some(self.platform.elapsed().saturating_add(wait)));
        if let Some(next) = self.facts.next_ship {
            tracing::info!("the next delivery is tried at {}", self.clock(next));
        }
    }

    pub(super) fn wait_for_moment(&mut self, soon: Option<Duration>) {
        let now = self.platform.now();
        let moment = self.schedule.next_moment(now);
        let moment = self.resend_at.filter(|at| *at > now).map_or(moment, |at| at.min(moment));
        self.ship = Ship::Waiting { moment, soon };
        self.facts.next_ship = self.config.ship.as_ref().map(|_| {
            let soon = soon.map(|soon| soon.saturating_sub(self.platform.elapsed()));
            let soon = soon.and_then(|wait| now.checked_add(wait).ok());
            soon.map_or(moment, |soon| soon.min(moment))
        });
    }

    /// The result of the last ship.
    pub(super) fn read_last_ship(&mut self) -> Option<LastShip> {
        let last = self.platform.last_ship(&self.config);
        self.facts.last_delivery = last.as_ref().and_then(|last| Some(last.delivered?.at));
        last
    }
}
