"""Limits of the machine, told before they are met."""

from conftest import Serve


def test_a_limit_of_open_files_that_is_too_low_is_warned_of(tmp_path):
    for name, open_files, warned in [("few", 256, True), ("many", None, False)]:
        running = Serve(tmp_path / name, "--max-connections", "200", open_files=open_files)
        try:
            assert running.get("/-/healthz")
        finally:
            assert running.stop() == 0
        said = running.log()
        assert ("WARN" in said and "raise it (systemd: LimitNOFILE" in said) == warned, said
