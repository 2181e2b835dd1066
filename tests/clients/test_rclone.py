"""Debian's rclone against serve."""

import subprocess

from conftest import RAW, needs


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
