"""Debian's rclone against serve."""

import os
import subprocess

from conftest import ANALYZED, RAW, needs


def rclone(serve, *args):
    key, secret = serve.keys()
    env = {
        "PATH": "/usr/bin:/bin",
        "RCLONE_CONFIG": "/dev/null",
        "RCLONE_CONFIG_LOCAL_TYPE": "s3",
        "RCLONE_CONFIG_LOCAL_PROVIDER": "Other",
        "RCLONE_CONFIG_LOCAL_ENDPOINT": serve.url,
        "RCLONE_CONFIG_LOCAL_REGION": "us-east-1",
        "RCLONE_CONFIG_LOCAL_ACCESS_KEY_ID": key,
        "RCLONE_CONFIG_LOCAL_SECRET_ACCESS_KEY": secret,
        "RCLONE_CONFIG_LOCAL_NO_CHECK_BUCKET": "true",
    }
    done = subprocess.run(
        [needs("rclone"), *args], env=env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_folder_goes_up_is_checked_and_comes_back(serve, tmp_path):
    tree = tmp_path / "tree"
    for name, size in [("small.txt", 10), ("deep/er/日本.log", 5000), ("large.bin", 12 << 20)]:
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"r" * size)
    there = f"local:{RAW}/rclone"
    rclone(serve, "copy", str(tree), there)
    rclone(serve, "check", str(tree), there)
    assert "large.bin" in rclone(serve, "ls", there)
    assert rclone(serve, "copy", "-v", str(tree), there).count("Copied") == 0
    rclone(serve, "copy", there, str(tmp_path / "back"))
    assert (tmp_path / "back" / "deep/er/日本.log").read_bytes() == b"r" * 5000


def test_a_changed_time_of_a_file_is_kept(serve, tmp_path):
    """rclone replaces the metadata by a copy of the object onto itself."""
    path = tmp_path / "rc" / "a"
    path.parent.mkdir()
    path.write_text("a\n")
    there = f"local:{ANALYZED}/rc"
    rclone(serve, "copy", str(path.parent), there)
    os.utime(path, (1_609_459_200, 1_609_459_200))  # date -d 2021-01-01T00:00:00Z +%s
    rclone(serve, "copy", str(path.parent), there)
    assert "2021-01-01" in rclone(serve, "lsl", there)
    assert rclone(serve, "cat", f"{there}/a") == "a\n"
    # In the raw bucket nothing replaces a log: the manual names the two ways.
    raw = f"local:{RAW}/rc"
    rclone(serve, "copy", str(path.parent), raw)
    os.utime(path, (1_612_137_600, 1_612_137_600))
    rclone(serve, "copy", "--checksum", str(path.parent), raw)
    rclone(serve, "copy", "--no-update-modtime", str(path.parent), raw)


def test_versions_can_be_read(serve, tmp_path):
    (tmp_path / "v.csv").write_text("hi\n")
    there = f"local:{ANALYZED}/ov"
    rclone(serve, "copy", str(tmp_path), there)
    assert "v.csv" in rclone(serve, "--s3-versions", "ls", there)
    assert rclone(serve, "--s3-versions", "cat", f"{there}/v.csv") == "hi\n"
