/* The clock of a day, which may be changed on it. `changes` are the seconds from which it shows
   another offset; `day` is the length of the day in seconds. */

const MINUTE = 60; // seconds
const STEPS = [720, 480, 360, 240, 180, 120, 60, 30, 20, 10, 5, 2, 1]; // minutes between ticks

const clockOf = (changes, day) => {
  const offset = (second) => changes.findLast((part) => part.from <= second) ?? changes[0];
  const clock = (second) => offset(second).clock + second - offset(second).from;
  const text = (minutes) =>
    [Math.floor(minutes / 60), minutes % 60].map((part) => String(part).padStart(2, "0")).join(":");
  const minuteOf = (second) => (second >= day ? 1440 : Math.round(clock(second) / MINUTE));
  const secondsOf = (minutes) =>
    changes.flatMap((part, index) => {
      const second = part.from + minutes * MINUTE - part.clock;
      return second >= part.from && second < (changes[index + 1]?.from ?? day) ? [second] : [];
    });
  const skipped = (minutes) => changes.find((part) => part.clock > minutes * MINUTE)?.from ?? day;
  const start = (minutes) => secondsOf(minutes)[0] ?? skipped(minutes);
  const end = (minutes) => (minutes >= 1440 ? day : secondsOf(minutes).at(-1) ?? skipped(minutes));
  const named = (second) => {
    const zone = offset(second).zone;
    return text(Math.floor(clock(second) / MINUTE)) + (zone && ` ${zone}`);
  };
  return { clock, text, minuteOf, start, end, named };
};

/* Seconds and times of at most about `most` ticks from one second of the day to another. */
const ticksOf = ({ clock, text }, from, to, day, most) => {
  const step = STEPS.findLast((minutes) => Math.floor((to - from) / (minutes * MINUTE)) < most) ?? STEPS[0];
  const found = [];
  for (let second = Math.ceil(from / MINUTE) * MINUTE; second <= to; second += MINUTE) {
    const minutes = second === day ? 1440 : clock(second) / MINUTE;
    const near = found.length && (second - found.at(-1)[0]) * 24 < to - from;
    if (second === day || (minutes % step === 0 && !near)) found.push([second, text(minutes)]);
  }
  return found;
};
