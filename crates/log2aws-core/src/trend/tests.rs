//! Trends against published examples, and what no day may do to them.

use proptest::prelude::*;

use super::*;

fn points(values: &[f64]) -> Vec<Point> {
    (0..).zip(values).map(|(day, &value)| Point { day, value }).collect()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-6 * a.abs().max(b.abs()).max(1.0)
}

/// P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau", Journal of the
/// American Statistical Association 63 (1968), page 1388: slope 4, interval of 93 % from 26/7 to
/// 35/8.
#[test]
fn the_example_of_sen_1968() {
    let days = [1, 2, 3, 4, 10, 12, 18];
    let values = [9.0, 15.0, 19.0, 20.0, 45.0, 55.0, 78.0];
    let points: Vec<_> =
        days.into_iter().zip(values).map(|(day, value)| Point { day, value }).collect();
    // The 96.5th percentile of the normal distribution.
    let slope = slope(&points, 1.8119).unwrap();
    assert!(close(slope.mid, 4.0), "{slope:?}");
    assert!(close(slope.low, 26.0 / 7.0) && close(slope.high, 35.0 / 8.0), "{slope:?}");
}

/// Hollander, Wolfe and Chicken, "Nonparametric Statistical Methods", example 9.1 (effect of cloud
/// seeding): the median slope is -0.056, and no slope is certain at 5 %.
#[test]
fn the_example_of_hollander_and_wolfe() {
    let points = points(&[1.26, 1.27, 1.12, 1.16, 1.03]);
    assert!(close(slope(&points, 0.0).unwrap().mid, -0.05625));
    assert_eq!(kendall_sum(&points), -6);
    assert_eq!(slope(&points, 1.96), None);
}

/// By hand: 4 values of which two are equal; (4·3·13 - 2·1·9) / 18.
#[test]
fn equal_values_reduce_the_variance() {
    let variance = kendall_variance(&points(&[1.0, 2.0, 2.0, 3.0]));
    assert!(close(variance, (156.0 - 18.0) / 18.0), "{variance}");
    assert_eq!(kendall_variance(&points(&[7.0; 20])).to_bits(), 0.0_f64.to_bits());
}

#[test]
fn a_day_counts_once() {
    let leak = points(&(0..20).map(|day| 3000.0 - 100.0 * f64::from(day)).collect::<Vec<_>>());
    let again = leak.iter().map(|point| Point { value: 1.0, ..*point });
    let twice: Vec<_> = leak.iter().copied().chain(again).collect();
    assert_eq!(Trend::of(&twice), Trend::of(&leak));
}

#[test]
fn a_leak_is_foretold_as_an_interval_around_its_day() {
    // 3,000 MiB on the first day, 100 less each day, with some noise: 0 after 30 days.
    let noise = [0.0, 8.0, -6.0, 3.0, -9.0, 5.0, -2.0];
    let values: Vec<f64> = (0..20)
        .map(|day| 3000.0 - 100.0 * f64::from(day) + noise[usize::try_from(day).unwrap() % 7])
        .collect();
    let trend = Trend::of(&points(&values)).unwrap();
    assert!((trend.slope.mid + 100.0).abs() < 1.0, "{trend:?}");
    assert!((trend.from - 3000.0).abs() < 10.0 && (trend.to - 1100.0).abs() < 10.0, "{trend:?}");
    let edges = [trend.oldest - 2900.0, trend.newest - 1200.0];
    assert!(edges.iter().all(|off| off.abs() < 20.0), "{trend:?}");
    let left = trend.reaches(0.0).unwrap();
    assert!(left.earliest <= 11 && 11 <= left.latest && left.latest <= 13, "{left:?}");
    assert_eq!(trend.reaches(2000.0), Some(DaysLeft { earliest: 0, latest: 0 }));
}

#[test]
fn what_is_far_away_or_behind_is_not_foretold() {
    let slow: Vec<f64> = (0..30).map(|day| 30_000.0 - 100.0 * f64::from(day)).collect();
    let trend = Trend::of(&points(&slow)).unwrap();
    assert_eq!(trend.reaches(0.0), None);
    // 18,000 of them in 180 days.
    assert_eq!(trend.reaches(trend.to - 18_000.0).map(|left| left.latest), Some(HORIZON));
    assert_eq!(trend.reaches(trend.to - 18_001.0), None);
    let rising: Vec<f64> = slow.iter().rev().copied().collect();
    let trend = Trend::of(&points(&rising)).unwrap();
    assert_eq!(trend.reaches(0.0), Some(DaysLeft { earliest: 0, latest: 0 }));
    assert_eq!(trend.reaches(trend.to + 1000.0).map(|left| left.earliest), Some(10));
}

#[test]
fn too_few_days_or_too_short_a_time_say_nothing() {
    let falling: Vec<f64> = (0..40).map(|day| 100.0 - f64::from(day)).collect();
    let all = points(&falling);
    assert_eq!(Trend::of(&all[..13]), None);
    // 14 days, but only a span of 13.
    assert_eq!(Trend::of(&all[..14]), None);
    assert!(Trend::of(&all[..15]).is_some());
    // The same span with gaps.
    let gaps: Vec<_> = all.iter().copied().filter(|point| point.day % 3 != 0).take(13).collect();
    assert_eq!(Trend::of(&gaps), None);
    assert_eq!(Trend::of(&[]), None);
    let nan = Point { day: 7, value: f64::NAN };
    assert_eq!(Trend::of(&[nan; 30]), None);
}

#[test]
fn a_leak_that_was_mended_says_nothing() {
    let mut values: Vec<f64> = (0..30).map(|day| 3000.0 - 100.0 * f64::from(day)).collect();
    assert!(Trend::of(&points(&values)).is_some());
    for value in &mut values[28..] {
        *value = 3000.0;
    }
    assert_eq!(Trend::of(&points(&values)), None);
}

/// Weekends are quiet, and a part of a week at either end must not look like a trend.
#[test]
fn a_weekly_rhythm_is_no_trend() {
    for start in 0..7 {
        for length in 15..92 {
            let value = |day: i32| if (day + start) % 7 < 5 { 1.1 } else { 0.4 };
            let values: Vec<f64> =
                (0..length).map(|day| value(day) + 0.01 * f64::from(day * 37 % 11)).collect();
            assert_eq!(Trend::of(&points(&values)), None, "{start} {length}");
        }
    }
}

fn noisy() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(-1e6..1e6_f64, 15..40)
}

/// A line with noise that is small beside its rise over the whole time.
fn lines() -> impl Strategy<Value = (f64, Vec<f64>)> {
    let slope = prop_oneof![1.0..1e4_f64, -1e4..-1.0_f64];
    (slope, prop::collection::vec(-0.5..0.5_f64, 29..60)).prop_map(|(slope, noise)| {
        let value = |(day, noise): (i32, &f64)| slope * (f64::from(day) + noise);
        (slope, (0..).zip(&noise).map(value).collect())
    })
}

proptest! {
    #[test]
    fn a_constant_only_shifts(values in noisy(), by in -1000..1000_i32) {
        // Whole numbers, so that the sums are exact.
        let whole: Vec<f64> = values.iter().map(|value| value.round()).collect();
        let moved: Vec<f64> = whole.iter().map(|value| value + f64::from(by)).collect();
        match (Trend::of(&points(&whole)), Trend::of(&points(&moved))) {
            (Some(a), Some(b)) => {
                prop_assert!(close(a.slope.mid, b.slope.mid));
                prop_assert!((a.to + f64::from(by) - b.to).abs() < 1e-3);
            }
            (a, b) => prop_assert_eq!(a, b),
        }
    }

    #[test]
    fn backwards_in_time_the_slope_is_the_opposite((_, values) in lines()) {
        let there = Trend::of(&points(&values)).unwrap();
        let reversed: Vec<f64> = values.iter().rev().copied().collect();
        let back = Trend::of(&points(&reversed)).unwrap();
        prop_assert!(close(there.slope.mid, -back.slope.mid));
        prop_assert!(close(there.slope.low, -back.slope.high));
        prop_assert!(close(there.slope.high, -back.slope.low));
        prop_assert!(there.slope.low <= there.slope.mid && there.slope.mid <= there.slope.high);
    }

    #[test]
    fn the_order_of_the_points_changes_nothing(
        (_, values) in lines(), by in 1..28_usize,
    ) {
        let sorted = points(&values);
        let mut turned = sorted.clone();
        turned.rotate_left(by);
        prop_assert_eq!(Trend::of(&turned), Trend::of(&sorted));
    }

    #[test]
    fn one_wrong_day_does_not_turn_the_statement(
        (slope, mut values) in lines(), at in any::<prop::sample::Index>(), wrong in -1e12..1e12_f64,
    ) {
        let at = at.index(values.len());
        values[at] = wrong;
        let trend = Trend::of(&points(&values)).unwrap();
        prop_assert!(trend.slope.mid.signum() == slope.signum());
        prop_assert!((trend.slope.mid / slope - 1.0).abs() < 0.2, "{} {}", trend.slope.mid, slope);
    }

    #[test]
    fn days_left_are_in_order_and_within_the_horizon((_, values) in lines(), limit in -1e6..1e6_f64) {
        if let Some(left) = Trend::of(&points(&values)).unwrap().reaches(limit) {
            prop_assert!(left.earliest <= left.latest && left.latest <= HORIZON);
        }
    }
}
