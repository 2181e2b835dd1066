"""s5cmd, which sends with the AWS SDK for Go, against serve."""

import pathlib
import subprocess
import sys
import urllib.request

from conftest import ANALYZED, RAW


def s5cmd(serve, *args, check=True):
    env = serve.environment()
    program = pathlib.Path(sys.executable).parent / "s5cmd"
    command = [str(program), "--endpoint-url", env["AWS_ENDPOINT_URL"], "--retry-count", "0", *args]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    if check:
        assert done.returncode == 0, done.stderr
    return done


def test_folders_round_trip_in_one_piece_and_in_parts(serve, tmp_path):
    tree = tmp_path / "tree"
    for name, size in [("small.txt", 10), ("empty.txt", 0), ("deep/日本.log", 5_000),
                       ("large.bin", 12 << 20)]:
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"5" * size)
    there = f"s3://{RAW}/s5cmd"
    s5cmd(serve, "cp", "--part-size", "5", f"{tree}/", f"{there}/")
    s5cmd(serve, "cp", f"{there}/*", f"{tmp_path}/back/")
    for path in tree.rglob("*.*"):
        assert (tmp_path / "back" / path.relative_to(tree)).read_bytes() == path.read_bytes()
    listed = s5cmd(serve, "ls", f"{there}/*").stdout
    assert len(listed.splitlines()) == 4 and "deep/日本.log" in listed
    assert s5cmd(serve, "sync", f"{tree}/", f"{there}/").stdout == "", "nothing is left to do"


def test_results_are_presigned_and_removed_and_nothing_is_moved(serve, tmp_path):
    there = f"s3://{ANALYZED}/s5cmd"
    (tmp_path / "a.csv").write_text("a\n")
    s5cmd(serve, "cp", str(tmp_path / "a.csv"), f"{there}/a.csv")
    url = s5cmd(serve, "presign", "--expire", "1m", f"{there}/a.csv").stdout.strip()
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"a\n"
    moved = s5cmd(serve, "mv", f"{there}/a.csv", f"{there}/b.csv", check=False)
    assert moved.returncode != 0 and "copies no objects" in moved.stderr, moved.stderr
    assert s5cmd(serve, "cat", f"{there}/a.csv").stdout == "a\n"
    s5cmd(serve, "rm", f"{there}/*")
    gone = s5cmd(serve, "ls", f"{there}/*", check=False)
    assert gone.returncode != 0 and "no object found" in gone.stderr, gone.stderr
