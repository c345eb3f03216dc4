#!/usr/bin/env python3
"""Draws a figure of a sweep anew, from its runs.parquet: a start for figures of your own.

    pip install pandas pyarrow matplotlib
    python redraw.py OUT --measure detection_s --along nodes --curves hold_down --log-x
    python redraw.py OUT --measure moved_tasks --along hold_down --save moved.pdf

OUT is the folder of a sweep. Means over seeds are drawn with their 95 % confidence interval
(Student's t), as the report of `shoal-sim report OUT` does. Axes that are neither --along nor
--curves must be held with --where, or have one value:

    python redraw.py OUT --measure detection_s --along nodes --where loss_percent=1

Runs that failed, and values that were not finite, have empty cells and are left out. Samples are
in samples.parquet, in long form (the axes, seed, series, value):

    pandas.read_parquet("OUT/samples.parquet").query("series == 'latency_ms'")
"""

import argparse
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas

# Of every table of runs; the columns before the first of these are the axes.
NO_AXES_FROM = "seed"
# 97.5 % quantiles of Student's t by degrees of freedom; beyond, those of the next lower entry.
STUDENT = {
    1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262,
    10: 2.228, 11: 2.201, 12: 2.179, 13: 2.160, 14: 2.145, 15: 2.131, 16: 2.120, 17: 2.110,
    18: 2.101, 19: 2.093, 20: 2.086, 25: 2.060, 30: 2.042, 40: 2.021, 60: 2.000, 120: 1.980,
    1_000: 1.962,
}
# Okabe and Ito: told apart by people of any colour vision.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F"]


def student(freedom):
    """The factor of a 95 % interval, on the safe side between two entries of the table."""
    return STUDENT[max(entry for entry in STUDENT if entry <= freedom)]


def half_width(values):
    """Half of the interval of a mean; NaN (nothing is drawn) for a single value."""
    count = values.count()
    if count < 2:
        return float("nan")
    return student(count - 1) * values.std(ddof=1) / count**0.5


def held(runs, conditions):
    """The runs at the given values of axes, such as `loss_percent=1`."""
    for condition in conditions:
        axis, _, value = condition.partition("=")
        if axis not in runs.columns:
            sys.exit(f"there is no axis {axis!r}")
        is_number = pandas.api.types.is_numeric_dtype(runs[axis])
        runs = runs[runs[axis] == (float(value) if is_number else value)]
    return runs


def check(runs, arguments):
    """Ends the program if something that was asked for is not there, or would be mixed up."""
    if runs.empty:
        sys.exit("no runs are left")
    for column in filter(None, [arguments.measure, arguments.along, arguments.curves]):
        if column not in runs.columns:
            sys.exit(f"there is no column {column!r}; there are: {', '.join(runs.columns)}")
    axes = runs.columns[: list(runs.columns).index(NO_AXES_FROM)]
    for axis in axes:
        if axis not in (arguments.along, arguments.curves) and runs[axis].nunique() > 1:
            sys.exit(f"axis {axis!r} has several values: hold one with --where {axis}=...")


def draw(runs, arguments):
    """The figure."""
    figure, picture = plt.subplots(figsize=(7.2, 4.2), layout="constrained")
    groups = runs.groupby(arguments.curves, sort=False) if arguments.curves else [("", runs)]
    for (value, group), colour in zip(groups, COLOURS * 10):
        measured = group.groupby(arguments.along, sort=False)[arguments.measure]
        means = measured.mean()
        label = f"{arguments.curves}={value}" if arguments.curves else None
        picture.errorbar(
            means.index, means, yerr=measured.apply(half_width), label=label, color=colour,
            marker="o", capsize=4,
        )
    picture.set_xlabel(arguments.along)
    picture.set_ylabel(f"{arguments.measure}, mean ± 95 % CI")
    picture.set_xscale("log" if arguments.log_x else picture.get_xscale())
    picture.set_yscale("log" if arguments.log_y else picture.get_yscale())
    picture.grid(alpha=0.4)
    if arguments.curves:
        picture.legend()
    return figure


def main():
    """Reads, draws, and says where the figure is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=pathlib.Path, metavar="OUT")
    parser.add_argument("--measure", required=True, help="a column of runs.parquet")
    parser.add_argument("--along", required=True, help="the axis along the bottom")
    parser.add_argument("--curves", help="the axis of which each value has a curve")
    parser.add_argument("--where", action="append", default=[], metavar="AXIS=VALUE")
    parser.add_argument("--log-x", action="store_true")
    parser.add_argument("--log-y", action="store_true")
    parser.add_argument("--save", help="the file; its end says the form [default: MEASURE.svg in OUT]")
    arguments = parser.parse_args()
    try:
        runs = pandas.read_parquet(arguments.folder / "runs.parquet")
    except (OSError, ValueError) as error:
        sys.exit(f"can't read {arguments.folder / 'runs.parquet'}: {error}")
    runs = held(runs, arguments.where)
    check(runs, arguments)
    target = arguments.save or arguments.folder / f"{arguments.measure}.svg"
    draw(runs, arguments).savefig(target)
    print(target)


if __name__ == "__main__":
    main()
