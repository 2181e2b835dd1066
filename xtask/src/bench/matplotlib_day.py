"""Draws a day's CSV with matplotlib: what `cargo xtask bench chart` holds the chart against.

The same panels, series, size and axis as ours has, by the calls that matplotlib's manual shows.
"""

import csv
import datetime
import sys

import matplotlib

matplotlib.use("Agg")

import matplotlib.dates as dates
import matplotlib.pyplot as plt

LINES = [
    ("Load average", "", ["load-average01", "load-average05", "load-average15"]),
    None,
    ("Run queue", "processes", ["procs-r", "procs-b"]),
    ("Memory", "KiB", ["mem-free", "mem-cache", "mem-buff", "mem-swpd"]),
    ("Swap", "KiB/s", ["swap-in", "swap-out"]),
    ("Block I/O", "blocks/s", ["buff-in", "buff-out"]),
]
STACK = ["cpu-us", "cpu-sy", "cpu-wa", "cpu-st"]
HEIGHTS = [150, 120, 80, 120, 70, 100]


def column(rows, name):
    return [float(row[name]) if row[name] else float("nan") for row in rows]


def main():
    source, target = sys.argv[1:]
    with open(source, newline="") as file:
        rows = list(csv.DictReader(file))
    times = [datetime.datetime.fromisoformat(row["datetime"]) for row in rows]
    figure, axes = plt.subplots(
        6, 1, sharex=True, figsize=(10.96, 10.18), dpi=100, height_ratios=HEIGHTS
    )
    for axis, panel in zip(axes, LINES):
        if panel is None:
            axis.set_title("CPU", loc="left", fontsize=9)
            axis.set_ylabel("%", fontsize=8)
            axis.stackplot(times, [column(rows, name) for name in STACK], labels=STACK)
            axis.set_ylim(0, 100)
        else:
            title, unit, names = panel
            axis.set_title(title, loc="left", fontsize=9)
            axis.set_ylabel(unit, fontsize=8)
            for name in names:
                axis.plot(times, column(rows, name), label=name, linewidth=1.2)
            axis.set_ylim(bottom=0)
        axis.grid(True, linewidth=0.4)
        axis.tick_params(labelsize=8)
        axis.legend(loc="upper left", ncols=4, fontsize=7, frameon=False)
    midnight = times[0].replace(hour=0, minute=0, second=0)
    axes[-1].set_xlim(midnight, midnight + datetime.timedelta(days=1))
    axes[-1].xaxis.set_major_locator(dates.HourLocator(byhour=range(0, 24, 2)))
    axes[-1].xaxis.set_major_formatter(dates.DateFormatter("%H:%M"))
    figure.suptitle(f"web01 {midnight:%Y-%m-%d}", fontsize=14)
    figure.tight_layout()
    figure.savefig(target)


main()
