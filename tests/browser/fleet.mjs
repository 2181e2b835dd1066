// Made-up day logs, as `log2aws sample` would have written them.

const two = (number) => String(number).padStart(2, "0");

/** `YYYY-MM-DD`, so many days before today (UTC, as the test's browser has it). */
export function daysAgo(days) {
  return new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);
}

/** One sample line at a minute of the day. */
export function line(date, minute, upMinutes) {
  const wave = Math.sin((minute / 1440) * 2 * Math.PI - 2) + 1;
  const load = (0.4 + 1.7 * wave + (minute % 70 === 0 ? 1.1 : 0)).toFixed(2);
  const busy = Math.round(6 + 22 * wave);
  const days = Math.floor(upMinutes / 1440);
  const clock = `${Math.floor((upMinutes % 1440) / 60)}:${two(upMinutes % 60)}`;
  const free = 2_400_000 - Math.round(600_000 * wave);
  const up = days > 0 ? `${days} days, ${clock}` : clock;
  return (
    `${date} ${two(Math.floor(minute / 60))}:${two(minute % 60)}:01 up ${up}, 2 users, ` +
    `load average: ${load}, ${(load * 0.9).toFixed(2)}, ${(load * 0.8).toFixed(2)} ` +
    `${Math.round(1 + wave)} 0 0 ${free} 120000 3900000 0 0 ${Math.round(40 * wave)} 310 ` +
    `900 1500 ${busy} ${Math.round(busy / 3)} ${100 - busy - Math.round(busy / 3) - 1} 1 0\n`
  );
}

/**
 * A day of samples every ten minutes. `up` is the uptime at midnight in minutes; `skip` leaves
 * minutes out; `metadata` stands in its first line.
 */
export function day(date, { up = 60_000, skip = () => false, metadata = "", more = "" } = {}) {
  const head = `# log2aws/1 server=web01 cores=4 tz=Asia/Tokyo mode=interval ${metadata}`.trim();
  let log = `${head}\n`;
  for (let minute = 0; minute < 1440; minute += 10) {
    if (!skip(minute)) log += line(date, minute, up + minute);
  }
  return log + more;
}
