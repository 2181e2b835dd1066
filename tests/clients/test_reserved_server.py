"""The reserved server `log2aws-check`: what it delivers is kept and analyzed, and counted nowhere."""

import urllib.error
import urllib.request

import pytest
from test_retire import days_ago, log_in, put

CHECK = "log2aws-check"
# Metrics of deliveries. All others are about the machine.
COUNTED = [
    "log2aws_deliveries_analyzed_total",
    "log2aws_rows_total",
    "log2aws_s3_puts_total",
    'log2aws_url_requests_total{outcome="issued"}',
    'log2aws_puts_refused_total{reason="size"}',
]


def counted(serve):
    token = (serve.data / "metrics-token").read_text().strip()
    bearer = {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{serve.url}/-/metrics", headers=bearer)
    with urllib.request.urlopen(request) as answer:
        lines = answer.read().decode().splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return [float(values.get(name, 0)) for name in COUNTED]


def refused(serve, server):
    """A log that is too long."""
    url = serve.get(f"/?server={server}&date={days_ago(1)}").strip()
    request = urllib.request.Request(url, data=b"x" * 5000, method="PUT")
    with pytest.raises(urllib.error.HTTPError) as told:
        urllib.request.urlopen(request)
    assert b"EntityTooLarge" in told.value.read()


def pages(serve, *paths):
    browser = log_in(serve)
    return [browser.open(serve.url + path).read().decode() for path in paths]


def test_its_deliveries_and_refusals_are_not_counted(serve_in):
    serve = serve_in("data", "--max-log-size", "4KiB", "--max-new-servers", "1")
    before = counted(serve)
    put(serve, CHECK, days_ago(1))
    refused(serve, CHECK)
    assert counted(serve) == before
    home, missing = pages(serve, "/ui/", f"/ui/?only=missing&day={days_ago(2)}")
    assert CHECK not in home + missing
    with pytest.raises(urllib.error.HTTPError, match="404"):
        pages(serve, f"/ui/s/{CHECK}")
    # It is no new server either: there is still room for one.
    put(serve, "web01", days_ago(1))
    refused(serve, "web01")
    assert [after - old for after, old in zip(counted(serve), before)] == [1, 1, 1, 2, 1]
    assert "web01" in pages(serve, "/ui/")[0]
    with pytest.raises(urllib.error.HTTPError, match="429"):
        put(serve, "web02", days_ago(1))
    put(serve, CHECK, days_ago(2))


def test_its_keys_have_one_prefix_even_if_keys_are_spread(serve_in):
    """So that a rule that removes them, as the one of the template on AWS, finds them all."""
    serve = serve_in("data", "--key-prefix")
    put(serve, CHECK, days_ago(1))
    url = serve.get(f"/?server=web01&date={days_ago(1)}")
    assert f"/web01/{days_ago(1)}.log" in url and "/serverlogs-local/web01/" not in url
