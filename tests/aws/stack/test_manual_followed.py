"""Both manuals, followed from their first command to their last, as somebody at a terminal does.

CloudFormation, the API with its URLs, Parameter Store, the queue and Lambda are the scripted cloud's;
S3 for the commands about objects, CloudWatch Logs and API Gateway are moto's.
"""

import datetime
import hashlib
import json
import re
import shutil

import manual
import pytest
from cloud import Cloud
from conftest import ROOT, STACK, STORED, TEMPLATE_FILE, binary, elf, zipped
from moto_cloud import REGION, TOOLS, Moto
from runs import Scenario

PAGES = ["aws.md", "aws.ja.md"]
LOG = ROOT / "testdata" / "document.log"
CSV = (ROOT / "testdata" / "document.csv").read_text()
API = "https://a1b2c3d4e5.execute-api.ap-northeast-1.amazonaws.com/dev/"
SET = "log2aws-20261130-094500-000"
RAW, ANALYZED = (f"{kind}-dev-111122223333-{REGION}" for kind in ["serverlogs", "analyzedlogs"])
OLD = "serverlogs-111122223333"

# What is not run here, and why. This list does not grow: mend the stand-ins instead.
LEFT_OUT = {
    'eval "$(aws configure export-credentials --profile ops --format env)"': (
        "version 1 of the AWS CLI, the one that PyPI has, does not know it"
    ),
    "cargo xtask lambda": "builds both functions for a quarter of an hour; ci.yml runs it",
    "cargo xtask lambda --arm64": "the same, and needs Rust's library for arm64; ci.yml runs it",
    "sudo log2aws-agent key new": "writes below /var/lib; tests/clients/test_keys.py runs it elsewhere",
    "checkov --config-file deploy/.checkov.yaml": "tests/aws/scanners runs it",
} | dict.fromkeys(
    [
        "log2aws key register web01 x25519:hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo \\\n"
        f"  --results s3://{ANALYZED}",
        f"log2aws key register web01 --code --results s3://{ANALYZED}",
        f"log2aws key accept web01 --results s3://{ANALYZED} \\\n  --raw s3://{RAW}",
        'etag=$(aws s3api head-object --bucket "$bucket" --key .log2aws/keys.json --query ETag --output text)',
        'aws s3api get-object --bucket "$bucket" --key .log2aws/keys.json --if-match "$etag" keys.json',
        'aws s3api put-object --bucket "$bucket" --key .log2aws/keys.json --if-match "$etag" \\\n'
        "  --content-type application/json --body keys.json",
        'log2aws key list --init --region "$region" --results "s3://analyzedlogs-$env-$account-$region"'.replace(
            "$env", "dev"
        ),
    ],
    "the S3 of this test has no registry; tests/clients/test_keys.py runs the verbs against serve",
)


class Step:
    """What the manual says of a command: how it ends and what it says; what a person types."""

    def __init__(self, says="", code=0, typed="", moto=False, before=None, after=None):
        self.says, self.code, self.typed, self.moto = says, code, typed, moto
        self.before, self.after = before, after


DEPLOYED = r"\(y/n\).*(CREATE|UPDATE)_COMPLETE.*^GenerateSignedUrl : https://"


def deployed(**more):
    return Step(DEPLOYED, typed="y\n", **more)


# By the beginning of a command. The longest that fits counts.
STEPS = {
    "log2aws stack plan": Step(r"a month.*RawBucket"),
    "log2aws stack deploy --env dev --region": deployed(),
    "log2aws stack deploy --env dev --parameter RawKeepDays=400 --no-execute": Step(
        r"log2aws stack deploy .*--change-set log2aws-\d", after="note_change_set"
    ),
    f"log2aws stack deploy --env dev --change-set {SET}": deployed(after="keeps_400_days"),
    "log2aws sample": Step(before="open_door"),
    "log2aws ship": Step(r": delivered"),
    "api=https:": Step(),
    "url=$(curl": Step(),
    "curl -fsS --upload-file": Step(after="has_log"),
    "aws s3 ls --recursive": Step(r"web01/2019-08-01\.svg", moto=True, before="analyze"),
    f"aws s3 cp s3://{ANALYZED}": Step(re.escape(CSV.splitlines()[1]), moto=True),
    "log2aws reopen": Step(r"2019-08-01", moto=True, after="is_reopened"),
    "log2aws retire": Step(r"2019-08-02", moto=True, after="is_retired"),
    "log2aws stack deploy --parameter GenerateUrlConcurrency=20": deployed(),
    "aws lambda get-account-settings": Step(r"^10$"),
    "log2aws stack replay": Step(r"analyzed: 1;", before="fail"),
    "log=s3:": Step(),
    'aws s3 cp "$log" "$log"': Step(r"^copy: s3://", moto=True, after="has_two_versions"),
    "log2aws stack deploy --parameter VpcEndpointIds": deployed(),
    "log2aws stack deploy --parameter DomainName": Step(
        r"^GenerateSignedUrl : https://logs\.example\.com/$.*^DomainNameTarget  : d-",
        typed="y\n",
    ),
    "log2aws stack delete --env dev": Step(r"stays.*\(y/n\).*the buckets stand", typed="y\n"),
    "log2aws stack delete --env dev --purge": Step(r"Type the stack's name", typed=f"{STACK}\n"),
    "region=": Step(),
    "account=$(aws sts": Step(),
    "bucket=": Step(),
    "aws s3api head-bucket": Step(r"make_bucket: cf-templates-", moto=True),
    "key() {": Step(),
    "for name in generate-url analyze-log": Step(r"(upload: .*){2}", moto=True),
    "aws cloudformation deploy": Step(
        r"Successfully created/updated stack - log2aws-dev", before="remove_log_group"
    ),
    "aws cloudformation describe-stacks": Step(r"^GenerateSignedUrl\thttps://"),
    "api=$(aws cloudformation": Step(before="have_api"),
    "aws apigateway create-deployment": Step(r'"id"', moto=True),
    f"log2aws stack deploy --env prod --region {REGION}": deployed(),
    "log2aws stack deploy --env prod --region us-east-1": deployed(before="go_to_virginia"),
    "log2aws audit --aws": Step(r"203\.0\.113\.7.*web01", before="log_audit", moto=True),
    f"aws s3 sync s3://{OLD}": Step(r"^copy: s3://", moto=True, before="have_old_logs"),
    "log2aws stack check": Step(r"wrong: 1", code=1, before="edit_list"),
}


def words(command):
    """A command on one line."""
    return re.sub(r"\s*\\\n\s*", " ", command)


class Reader:
    """Somebody who follows a page, in a folder and an account of their own."""

    def __init__(self, folder, cloud, moto):
        self.cloud, self.moto, self.change_set, self.url = cloud, moto, None, cloud.url
        self.folder = folder / "log2aws"
        self.var = folder / "var"
        (self.var / "load").mkdir(parents=True)
        shutil.copy(LOG, self.var / "load/2019-08-01.log")
        zips = self.folder / "target/lambda"
        zips.mkdir(parents=True)
        for name in ("generate-url", "analyze-log"):
            (zips / f"{name}.zip").write_bytes(zipped(elf(note=name.encode())))
        (self.folder / "deploy").mkdir()
        (self.folder / "deploy/template.yml").symlink_to(TEMPLATE_FILE)
        programs = folder / "bin"
        programs.mkdir()
        (programs / "aws").symlink_to(TOOLS / "aws")
        # Only how often it asks is another: the cloud here has nothing to wait for.
        (programs / "log2aws").write_text(
            "#!/bin/sh\n"
            'case "$1 $2" in\n'
            f'"stack deploy" | "stack delete" | "stack check") exec {binary()} "$@" --poll-ms 10 ;;\n'
            f'*) exec {binary()} "$@" ;;\n'
            "esac\n"
        )
        (programs / "log2aws").chmod(0o755)
        self.shell = manual.Shell(
            self.folder,
            {
                "PATH": f"{programs}:{TOOLS}:/usr/local/bin:/usr/bin:/bin",
                "HOME": str(folder),
                "AWS_ACCESS_KEY_ID": "operator",
                "AWS_SECRET_ACCESS_KEY": "operator",
                "AWS_REGION": REGION,
                "AWS_DEFAULT_REGION": REGION,
                "AWS_EC2_METADATA_DISABLED": "true",
                "LOG2AWS_STATE_DIR": str(folder / "state"),
            },
        )
        self.s3 = moto.client("s3")

    def run(self, command, step):
        if step.before:
            getattr(self, step.before)()
        written = command.replace(API, self.cloud.door.url()).replace("/var/log/load", f"{self.var}/load")
        written = written.replace("/var/log/", f"{self.var}/")
        if self.change_set:
            written = written.replace(SET, self.change_set)
        endpoint = self.moto.url if step.moto else self.url
        done = self.shell.run(written, step.typed, AWS_ENDPOINT_URL=endpoint)
        right = done.code == step.code and re.search(step.says, done.said, re.M | re.S)
        assert right, f"not exit {step.code} and {step.says!r}:\n{done}"
        assert "panicked" not in done.said, str(done)
        if step.after:
            getattr(self, step.after)(done)
        return done

    # ---- what a reader has, does or looks at, beside the commands ----

    def note_change_set(self, done):
        (self.change_set,) = set(re.findall(r"--change-set (log2aws-[\d-]+)", done.said))
        assert re.fullmatch(r"log2aws-\d{8}-\d{6}-\d{3}", self.change_set), "as the manual shows it"

    def keeps_400_days(self, _):
        assert self.cloud.stacks.stack(STACK).parameters["RawKeepDays"] == "400"

    def open_door(self):
        """The address that the stack has given is one on this machine."""
        outputs = self.cloud.stacks.stack(STACK).outputs
        outputs["GenerateSignedUrl"]["Value"] = self.cloud.door.url()

    def has_log(self, _):
        versions = self.cloud.buckets.all[RAW].versions
        assert any(v.key.endswith("/2019-08-01.log") and v.body == LOG.read_bytes() for v in versions)

    def analyze(self):
        """What analyze-log makes of a log of web01."""
        for bucket in (RAW, ANALYZED):
            self.make(bucket)
        put = self.s3.put_object(Bucket=RAW, Key="web01/2019-08-01.log", Body=LOG.read_bytes())
        raw = {"key": "web01/2019-08-01.log", "version": put["VersionId"]}
        raw |= {"size": LOG.stat().st_size, "sha256": hashlib.sha256(LOG.read_bytes()).hexdigest()}
        summary = {"format": 2, "program": "0.1.0", "server": "web01", "date": "2019-08-01"}
        summary["raw"] = raw
        for suffix, body in [("csv", CSV), ("svg", "<svg/>"), ("json", json.dumps(summary))]:
            self.s3.put_object(Bucket=ANALYZED, Key=f"web01/2019-08-01.{suffix}", Body=body)

    def make(self, bucket):
        place = {"LocationConstraint": REGION}
        self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
        versioning = {"Status": "Enabled"}
        self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=versioning)

    def records(self):
        listed = self.s3.list_objects_v2(Bucket=ANALYZED, Prefix=".log2aws/")
        return [one["Key"] for one in listed.get("Contents", [])]

    def is_reopened(self, _):
        assert any("web01" in key for key in self.records()), self.records()

    def is_retired(self, _):
        assert ".log2aws/retired.json" in self.records()

    def fail(self):
        self.cloud.fail("web01/2019-08-01.log")

    def has_two_versions(self, _):
        listed = self.s3.list_object_versions(Bucket=RAW, Prefix="web01/2019-08-01.log")
        assert len(listed["Versions"]) == 2

    def remove_log_group(self):
        """It stays after a purge, too, and the page says that this deploy does not take it over."""
        del self.cloud.actual["AWS::Logs::LogGroup", "/aws/lambda/log2aws-dev-generate-url"]

    def have_api(self):
        """An API in moto as well, where it is deployed."""
        gateway = self.moto.client("apigateway")
        api = gateway.create_rest_api(name="log2aws-dev")["id"]
        (root,) = gateway.get_resources(restApiId=api)["items"]
        of = {"restApiId": api, "resourceId": root["id"], "httpMethod": "GET"}
        gateway.put_method(**of, authorizationType="NONE")
        gateway.put_integration(**of, type="MOCK")
        resources, kind = self.cloud.stacks.stack(STACK).resources, "AWS::ApiGateway::RestApi"
        self.cloud.actual[kind, api] = self.cloud.actual.pop((kind, resources["Api"]))
        resources["Api"] = api

    def go_to_virginia(self):
        self.url = self.virginia.url

    def log_audit(self):
        self.url = self.cloud.url
        logs = self.moto.client("logs")
        at = datetime.datetime.now(datetime.timezone.utc)
        said = {
            "timestamp": f"{at:%Y-%m-%dT%H:%M:%SZ}",
            "level": "INFO",
            "message": "gave a URL",
            "source": "203.0.113.7",
            "key": "web01/2026-11-29.log",
            "bound": False,
        }
        for name in ("generate-url", "analyze-log"):
            group = f"/aws/lambda/log2aws-dev-{name}"
            logs.create_log_group(logGroupName=group)
            logs.create_log_stream(logGroupName=group, logStreamName="1")
        event = {"timestamp": int(at.timestamp() * 1000), "message": json.dumps(said)}
        of = {"logGroupName": "/aws/lambda/log2aws-dev-generate-url", "logStreamName": "1"}
        logs.put_log_events(**of, logEvents=[event])

    def have_old_logs(self):
        self.make(OLD)
        for key in ["web01/2019-08-01.log", "web01/20190802.log"]:
            self.s3.put_object(Bucket=OLD, Key=key, Body=LOG.read_bytes())

    def edit_list(self):
        """Somebody has edited the list by hand."""
        self.open_door()
        self.cloud.parameters[STORED] = "203.0.113.7"


@pytest.fixture
def moto(tmp_path):
    running = Moto(tmp_path)
    yield running
    running.stop()


@pytest.fixture
def reader(cloud, moto, tmp_path):
    made = Reader(tmp_path, cloud, moto)
    made.virginia = Cloud(region="us-east-1")
    for one in (cloud, made.virginia):
        # `aws` waits half a minute between two questions.
        one.stacks.scenario = Scenario(moves_on=None, pending=0)
    yield made
    made.virginia.stop()
    assert not made.virginia.complaints


def shape(line):
    """A line of an example, with any other text in quotes and any other number in its place."""
    parts = re.split(r'("[^"]*"|\d+)', line)
    return "".join(
        r'"[^"]*"' if part.startswith('"') else r"\d+" if part.isdigit() else re.escape(part)
        for part in parts
    )


def step_of(command):
    found = [begin for begin in STEPS if command.startswith(begin)]
    assert found, f"nothing is known of {command!r}: say in STEPS what the manual says of it"
    return max(found, key=len)


def read(page):
    """A page as its commands, and after them the lines of output that it shows."""
    found = []
    for block in manual.blocks(ROOT / "docs" / page):
        if block.language == "sh":
            found += [("run", command) for command in manual.commands(block.text)]
        if block.language == "text":
            found += [("says", line) for line in block.text.splitlines()]
    return found


def test_both_manuals_are_followed_command_by_command(reader):
    english, japanese = map(read, PAGES)
    # So one run is that of both.
    assert english == japanese
    left_out, known, last = set(), set(), None
    for kind, text in english:
        if kind == "says":
            assert re.search(f"^{shape(text)}$", last.said, re.M), f"{text}\n--- {last}"
        elif text in LEFT_OUT:
            left_out.add(text)
        else:
            begin = step_of(words(text))
            known.add(begin)
            last = reader.run(text, STEPS[begin])
    assert left_out == set(LEFT_OUT), "an entry that does not occur any more"
    assert known == set(STEPS), "a step that does not occur any more"
