"""A pytest plugin: each skipped test is a line of the file that LOG2AWS_SKIPS names.

`cargo xtask test` loads it, and prints the lines at its end (see log2aws_skip, the same for Rust). A
reason that begins with "required: " makes it a skip that fails in CI.
"""

import os


def pytest_runtest_logreport(report):
    file = os.environ.get("LOG2AWS_SKIPS")
    if report.skipped and file:
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        with open(file, "a", encoding="utf-8") as skips:
            kind = "SKIPPED" if "required: " in why else "LEFT OUT"
            skips.write(f"{kind}: {report.nodeid}: {why}".replace("\n", " ") + "\n")
