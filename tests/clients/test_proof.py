"""`log2aws proof` against a running serve: an auditor, a witness, and an operator who cheats."""

import base64
import hashlib
import os
import shutil
import signal
import subprocess
import time
import urllib.request

import pytest

from conftest import ANALYZED, PATIENCE, RAW, Serve, binary

LINE = (
    "2019-08-01 00:00:01 up 45 days, 20:04, 1 user, load average: 25.06, 22.63, 21.70 "
    "124 10 493744 379918752 0 8428556 0 0 1852 156 0 0 26 12 60 2 0\n"
)
DAY = "2019-08-01"


def put(serve, server, body=LINE, day=DAY):
    serve.s3().put_object(Bucket=RAW, Key=f"{server}/{day}.log", Body=body.encode())


def serve_on(data, entries):
    """A serve whose delivery log has so many entries: it adds what it finds when it starts."""
    running = Serve(data, "--days-back", "36500")
    deadline = time.monotonic() + PATIENCE
    while running.metric("log2aws_delivery_log_entries") < entries:
        assert time.monotonic() < deadline, running.log()
        time.sleep(0.05)
    return running


def proof(serve, *args, offline=False):
    env = {"PATH": os.environ["PATH"]} if offline else serve.environment()
    command = [binary(), "proof", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=env)


def done(serve, *args, **kwargs):
    ran = proof(serve, *args, **kwargs)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def not_proved(serve, *args, **kwargs):
    ran = proof(serve, *args, **kwargs)
    assert ran.returncode == 4, (ran.returncode, ran.stderr)
    assert ran.stderr.startswith("NOT PROVED: ") and not ran.stdout
    return ran.stderr


@pytest.fixture
def fleet(tmp_path):
    """Three servers whose logs of a day are in the delivery log."""
    data = tmp_path / "data"
    first = Serve(data, "--days-back", "36500")
    for server in ("web01", "web02", "web03"):
        put(first, server)
    assert first.stop() == 0
    running = serve_on(data, 3)
    yield running
    running.stop()


def test_a_receipt_is_checked_offline_with_the_log_at_hand(fleet, tmp_path):
    (key,) = done(fleet, "key").split()
    receipt, log = tmp_path / "web01.tlog-proof", tmp_path / "2019-08-01.log"
    log.write_text(LINE)
    assert done(fleet, "write", "web01", DAY, "-o", receipt) == ""
    text = receipt.read_text()
    assert done(fleet, "write", "web01", DAY) == text
    assert len(text.encode()) <= 2048 and text.startswith("c2sp.org/tlog-proof@v1\nextra ")
    told = done(fleet, "check", receipt, "--key", key, "--log", log, offline=True)
    assert told.startswith("proved: the log of web01 of 2019-08-01\n")
    assert hashlib.sha256(LINE.encode()).hexdigest() in told and "has these bytes" in told
    assert "still contains it" in done(fleet, "check", receipt, "--key", key, "--online")

    log.write_text(LINE.replace("25.06", "00.06"))
    why = not_proved(fleet, "check", receipt, "--key", key, "--log", log, offline=True)
    assert "is not the log that was delivered" in why
    other = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
    why = not_proved(fleet, "check", receipt, "--key", other, offline=True)
    assert "none of the given keys belongs to" in why
    # Another server's entry in the place of this one.
    entry = text.split("extra ", 1)[1].split("\n", 1)[0]
    forged = base64.b64encode(base64.b64decode(entry).replace(b"web01", b"web09")).decode()
    receipt.write_text(text.replace(entry, forged))
    assert "leads to another root" in not_proved(fleet, "check", receipt, "--key", key)
    receipt.write_text(text[: len(text) // 2])
    assert "it is no receipt" in not_proved(fleet, "check", receipt, "--key", key)

    missing = proof(fleet, "write", "web07", DAY)
    assert missing.returncode == 4 and "within the hour" in missing.stderr
    assert proof(fleet, "check", tmp_path / "none", "--key", key).returncode == 1
    assert proof(fleet, "check", receipt).returncode == 2
    assert proof(fleet, "check", receipt, "--key", key + "A").returncode == 2


def forget_the_log(data):
    """What an operator does who writes the log again with its own key."""
    shutil.rmtree(data / "buckets" / ANALYZED)
    shutil.rmtree(data / "delivery-log-cache")
    (data / "buckets" / ANALYZED).mkdir(mode=0o700)


@pytest.mark.parametrize("deed", ["removes", "rewrites"])
def test_an_operator_who_cheats_is_found_out(fleet, tmp_path, deed):
    data, state = fleet.data, tmp_path / "witness"
    (key,) = done(fleet, "key").split()
    held = tmp_path / "held.tlog-proof"
    done(fleet, "write", "web02", DAY, "-o", held)
    cosigned = done(fleet, "witness", "--key", key, "--name", "audit", "--state", state)
    assert fleet.stop() == 0
    for file in (data / "buckets" / RAW / "web02").iterdir():
        file.unlink()
    forget_the_log(data)
    if deed == "rewrites":
        between = Serve(data, "--days-back", "36500")
        put(between, "web02", LINE.replace("25.06", "00.06"))
        between.stop()
        forget_the_log(data)
    forged = serve_on(data, 2 if deed == "removes" else 3)
    try:
        # The log is whole, signed with the right key, and for who knows nothing else it is right.
        assert done(forged, "key").split() == [key]
        honest = tmp_path / "fresh"
        done(forged, "witness", "--key", key, "--name", "other", "--state", honest)
        # Who holds a receipt or a checkpoint knows better.
        assert done(forged, "check", held, "--key", key, offline=True)
        why = not_proved(forged, "check", held, "--key", key, "--online")
        assert "the log was changed" in why
        why = not_proved(forged, "witness", "--key", key, "--name", "audit", "--state", state)
        assert "does not continue" in why and "Nothing was cosigned" in why
        # Both checkpoints are named and kept: each is signed by the log, and they contradict.
        both = (state / "fork").read_text()
        assert both in why and both.count(f"— {key.split('+')[0]} ") == 2
        assert cosigned.split("\n\n")[0] in both
        assert (state / "checkpoint").read_text() == cosigned
        why = not_proved(
            forged, "witness", "--key", key, "--name", "other", "--state", honest, "--since", held
        )
        assert str(held) in why
    finally:
        forged.stop()


def test_a_witness_cosigns_what_continues_and_receipts_lead_to_it(fleet, tmp_path):
    data, state = fleet.data, tmp_path / "witness"
    (key,) = done(fleet, "key").split()
    ran = proof(fleet, "witness", "--key", key, "--name", "audit.example.com/w", "--state", state)
    assert ran.returncode == 0, ran.stderr
    witness = ran.stderr.split()[-1]
    assert witness.startswith("audit.example.com/w+")
    assert (state / "witness-key").stat().st_mode & 0o777 == 0o600
    cosigned = tmp_path / "cosigned"
    cosigned.write_text(ran.stdout)
    put(fleet, "web04")
    assert fleet.stop() == 0
    later = serve_on(data, 4)
    try:
        done(later, "witness", "--key", key, "--name", "audit.example.com/w", "--state", state)
        receipt = tmp_path / "r"
        done(later, "write", "web01", DAY, "--cosigned", cosigned, "-o", receipt)
        check = ("check", receipt, "--key", key, "--witness", witness)
        assert "cosigned  20" in done(later, *check, offline=True)
        # Without the witness it is the log's word alone.
        done(later, "write", "web01", DAY, "-o", receipt)
        assert "has not cosigned it" in not_proved(later, *check, offline=True)
        # web04 arrived after what the witness saw.
        late = proof(later, "write", "web04", DAY, "--cosigned", cosigned)
        assert late.returncode == 4
        wrong = proof(later, "witness", "--key", key, "--name", "b", "--state", state)
        assert wrong.returncode == 1 and "is the key of audit.example.com/w" in wrong.stderr
    finally:
        later.stop()


def test_old_receipts_check_after_the_key_was_rotated(fleet, tmp_path):
    data = fleet.data
    (old,) = done(fleet, "key").split()
    held = tmp_path / "held"
    done(fleet, "write", "web01", DAY, "-o", held)
    assert done(fleet, "rotate", "--data-dir", data).split()[0] == old
    put(fleet, "web05")
    assert fleet.stop() == 0
    later = serve_on(data, 4)
    try:
        keys = done(later, "key").split()
        assert keys[0] == old and len(keys) == 2
        assert done(later, "check", held, "--key", old, offline=True)
        done(later, "write", "web01", DAY, "-o", held)
        for key in keys:
            assert done(later, "check", held, "--key", key, offline=True)
    finally:
        later.stop()


def test_kills_at_the_start_lose_and_repeat_nothing(fleet, tmp_path):
    data = fleet.data
    for n in range(40):
        put(fleet, f"app{n:02}")
    fleet.stop(signal.SIGKILL)
    for wait in (0, 0.005, 0.01, 0.02, 0.04, 0.08):
        killed = Serve(data, "--days-back", "36500")
        time.sleep(wait)
        killed.stop(signal.SIGKILL)
    (data / "delivery-log-cache").exists() and shutil.rmtree(data / "delivery-log-cache")
    running = serve_on(data, 43)
    try:
        assert running.metric("log2aws_delivery_log_entries") == 43
        (key,) = done(running, "key").split()
        for n in (0, 39):
            receipt = tmp_path / f"r{n}"
            done(running, "write", f"app{n:02}", DAY, "-o", receipt)
            done(running, "check", receipt, "--key", key, "--online")
    finally:
        running.stop()
