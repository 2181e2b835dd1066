"""Which kinds of keys each function may write, by the patterns of its role.

One row for each kind of key of each bucket, also for those that are still to come. What a row does
not allow to a function, its role must not allow in any way to set the stack up.
"""

import calls
import iam
import pytest
from cloudformation import Stack, load

TEMPLATE = load()
WRITES = ["PutObject", "AbortMultipartUpload", "DeleteObject", "DeleteObjectVersion",
          "PutObjectAcl", "PutObjectTagging"]
DAY = "2019-08-01"
URLS, RESULTS = {"PutObject"}, {"PutObject", "AbortMultipartUpload", "DeleteObject"}
NONE = set()
# Bucket and key; what generate-url's URLs may do with it; what analyze-log may.
TABLE = [
    ("raw", f"web01/{DAY}.log", URLS, NONE),
    ("raw", f"f052/web01/{DAY}.log", URLS, NONE),
    ("raw", f"_web.01-a/{DAY}.log", URLS, NONE),
    ("raw", f"web01/{DAY}.disk.log", NONE, NONE),
    ("raw", f"web01/{DAY}.csv", NONE, NONE),
    ("raw", f"web01/{DAY}.log.gz", NONE, NONE),
    ("raw", f"{DAY}.log", NONE, NONE),
    ("raw", f".log2aws/web01/{DAY}.log", NONE, NONE),
    ("raw", f".web01/{DAY}.log", NONE, NONE),
    ("analyzed", f"web01/{DAY}.csv", NONE, RESULTS),
    ("analyzed", f"web01/{DAY}.svg", NONE, RESULTS),
    ("analyzed", f"web01/{DAY}.png", NONE, RESULTS),
    ("analyzed", f"web01/{DAY}.json", NONE, RESULTS),
    ("analyzed", f"web01/{DAY}.rejects.jsonl", NONE, RESULTS),
    ("analyzed", f"web01/{DAY}.refused.jsonl", NONE, RESULTS),
    ("analyzed", f"f052/web01/{DAY}.csv", NONE, RESULTS),
    ("analyzed", f"web01/{DAY}.disk.csv", NONE, RESULTS),
    ("analyzed", f"{DAY}.csv", NONE, NONE),
    ("analyzed", "web01/index.html", NONE, NONE),
    ("analyzed", f"tables/load/dt={DAY}/part-0.parquet", NONE, NONE),
    ("analyzed", "tlog/checkpoint", NONE, NONE),
    ("analyzed", "tlog/tile/0/x001/067", NONE, NONE),
    ("analyzed", f".log2aws/reopen/web01/{DAY}.json", NONE, NONE),
    ("analyzed", f".log2aws/{DAY}.json", NONE, NONE),
    ("analyzed", ".log2aws/keys/web01.json", NONE, NONE),
    ("analyzed", ".log2aws/retired/web01.json", NONE, NONE),
    ("analyzed", f".log2aws/formats/disk/{DAY}.toml", NONE, NONE),
]


CASES = [
    (calls.Table(stack, world), iam.statements(stack))
    for world in calls.WORLDS
    for stack in [Stack(TEMPLATE, world.parameters())]
]


@pytest.mark.parametrize("bucket, key, urls, results", TABLE, ids=[row[1] for row in TABLE])
def test_each_function_writes_its_own_keys_alone(bucket, key, urls, results):
    for table, policy in CASES:
        resource = f"{getattr(table, bucket)}/{key}"
        # As generate-url's rights are used: by a fresh URL, from where a put may come.
        url = table.url() if table.world.address else table.endpoint()
        for role, context, expected in [
            (table.url_role, url, urls),
            (table.analyze_role, table.header(), results),
        ]:
            asked = {
                verb: iam.Call("", "", role, f"s3:{verb}", resource, context) for verb in WRITES
            }
            may = {verb for verb, call in asked.items() if iam.allowed(policy, call)}
            assert may == expected, (table.world, role)


def test_the_table_has_every_write_that_a_policy_names():
    named = {action for _, policy in CASES for s in policy if s.role and s.effect == "Allow"
             for action in s.actions if action.startswith("s3:")}
    reads = {"s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"}
    assert named - reads <= {f"s3:{verb}" for verb in WRITES}
