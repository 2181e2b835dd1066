"""A fleet whose cron starts in one minute, against the throttle as API Gateway documents it.

AGDG, "Throttle requests to your REST APIs": "API Gateway throttles requests to your API using the
token bucket algorithm, where a token counts for a request"; the rate refills the bucket, the burst is
its size. The limits of a stage and those of the account both hold. "Amazon API Gateway quotas": an
account has 10,000 requests a second and a burst of 5,000; in smaller regions 2,500 and 1,250.
"""

import random

import pytest
from cloudformation import load

ACCOUNTS = {"most regions": (10_000, 5_000), "smaller regions": (2_500, 1_250)}
DEFAULTS = {name: rules.get("Default") for name, rules in load()["Parameters"].items()}
STAGE = (DEFAULTS["RequestsPerSecond"], DEFAULTS["RequestsBurst"])


class Bucket:
    def __init__(self, rate, burst):
        self.rate, self.burst, self.tokens, self.at = rate, burst, burst, 0.0

    def fill(self, at):
        self.tokens = min(self.burst, self.tokens + (at - self.at) * self.rate)
        self.at = at


def lost(starts, account, stage=STAGE, retries=0, wait=10.0):
    """How many of the servers that start at these seconds get no URL with so many retries."""
    buckets = [Bucket(*account), Bucket(*stage)]
    pending, gave_up = sorted((start, 0) for start in starts), 0
    while pending:
        again = []
        for at, tried in pending:
            for bucket in buckets:
                bucket.fill(at)
            if all(bucket.tokens >= 1 for bucket in buckets):
                for bucket in buckets:
                    bucket.tokens -= 1
            elif tried == retries:
                gave_up += 1
            else:
                # curl waits as long as Retry-After says.
                again.append((at + wait, tried + 1))
        # Nobody comes again before the last of a round has come: the fleets here start closer.
        pending = sorted(again)
    return gave_up


def second(servers, spread=2.0):
    """Clocks that are kept agree to a second or two."""
    chance = random.Random(1)
    return [chance.uniform(0, spread) for _ in range(servers)]


def test_the_documents_script_loses_nothing_of_1200_servers_anywhere():
    for where, account in ACCOUNTS.items():
        assert lost(second(1_200), account) == 0, where


def test_the_documents_script_loses_nothing_of_5000_servers_where_the_account_allows_them():
    assert lost(second(5_000), ACCOUNTS["most regions"]) == 0


@pytest.mark.parametrize("account", ACCOUNTS.values(), ids=ACCOUNTS)
def test_with_retries_a_fleet_of_5000_loses_nothing_anywhere(account):
    assert lost(second(5_000), account, retries=8) == 0


@pytest.mark.parametrize("account", ACCOUNTS.values(), ids=ACCOUNTS)
def test_with_a_random_wait_as_well_20000_servers_lose_nothing(account):
    chance = random.Random(1)
    starts = [at + chance.randrange(300) for at in second(20_000)]
    assert lost(starts, account) == 0


def test_the_old_defaults_lost_days_of_300_servers():
    """So that the model can fail: 50 a second and a burst of 100."""
    assert lost(second(300), ACCOUNTS["most regions"], stage=(50, 100)) > 90
