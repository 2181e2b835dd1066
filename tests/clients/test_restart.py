"""What survives: a kill, a backup, a restore."""

import json
import shutil
import signal
import subprocess
import threading

from conftest import ANALYZED, RAW, ROOT, Serve

LOG = (ROOT / "testdata" / "document.log").read_bytes()


def test_a_kill_loses_no_delivery_and_no_result(serve_in):
    first = serve_in("data")
    s3 = first.s3()
    for day in range(1, 31):
        s3.put_object(Bucket=RAW, Key=f"killed/2019-08-{day:02}.log", Body=LOG * 200)
    first.stop(signal.SIGKILL)
    second = serve_in("data")
    for day in range(1, 31):
        assert second.result(f"killed/2019-08-{day:02}.csv").count(b"\n") == 1 + 5 * 200


def test_a_result_that_was_lost_is_made_again_at_the_next_start(serve_in):
    first = serve_in("data")
    first.s3().put_object(Bucket=RAW, Key="lost/2019-08-01.log", Body=LOG)
    first.result("lost/2019-08-01.json")
    for kind in ["csv", "json", "svg"]:
        first.s3().delete_object(Bucket=ANALYZED, Key=f"lost/2019-08-01.{kind}")
    assert first.stop() == 0
    assert serve_in("data").result("lost/2019-08-01.json")


def test_a_backup_taken_while_running_restores(serve_in, tmp_path):
    """The recipe of docs/serve.md, with deliveries going on meanwhile."""
    running = serve_in("data")
    s3 = running.s3()
    delivered, stop = [], threading.Event()

    def deliver():
        number = 0
        while not stop.is_set():
            number += 1
            key = f"backup/20{number % 90 + 10:02}-08-{number % 28 + 1:02}.log"
            s3.put_object(Bucket=RAW, Key=key, Body=LOG + b"# %d\n" % number)
            delivered.append(key)

    thread = threading.Thread(target=deliver)
    thread.start()
    try:
        while len(delivered) < 20:
            assert thread.is_alive()
        before = set(delivered)
        archive = tmp_path / "backup.tar"
        done = subprocess.run(
            ["tar", "--create", "--file", archive, "--exclude=./staging", "--exclude=./lock",
             "--warning=no-file-changed", "--warning=no-file-removed", "--directory",
             running.data, "."],
            capture_output=True, text=True,
        )
        assert done.returncode in (0, 1), done.stderr
    finally:
        stop.set()
        thread.join()
    restored = tmp_path / "restored"
    restored.mkdir()
    shutil.unpack_archive(archive, restored)
    again = serve_in("restored")
    for key in sorted(before):
        assert again.s3().get_object(Bucket=RAW, Key=key)["Body"].read().startswith(LOG)
        summary = json.loads(again.result(key.replace(".log", ".json")))["log"]
        assert summary["rows"] == 5


def test_a_newer_data_folder_is_refused(tmp_path, serve_in):
    first = serve_in("data")
    assert first.stop() == 0
    (tmp_path / "data" / "format").write_text("log2aws-data 999\n")
    done = subprocess.run(
        [*_serve(tmp_path / "data")], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 1
    assert "999" in done.stderr and "newer" in done.stderr


def test_a_typo_in_the_allow_list_is_refused_at_start(tmp_path):
    done = subprocess.run(
        [*_serve(tmp_path / "data"), "--allow-hosts", "10.0.0.0/8, 203.0.113.777"],
        capture_output=True, text=True, timeout=30,
    )
    assert done.returncode == 2
    assert "203.0.113.777" in done.stderr


def test_two_servers_cannot_share_a_folder(serve_in, tmp_path):
    serve_in("data")
    done = subprocess.run([*_serve(tmp_path / "data")], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert "data" in done.stderr


def _serve(data):
    from conftest import binary

    return [binary(), "serve", "--listen", "127.0.0.1:0", "--data-dir", str(data)]
