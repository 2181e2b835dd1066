"""`stack replay`: failed events are analyzed again, from the queue."""

import re

import pytest
from cloud import denied
from conftest import STACK, failed, says, succeeded
from wire import Refusal

FUNCTION = "/2015-03-31/functions/log2aws-dev-analyze-log/invocations"


def logs(number):
    return [f"web{n:02}/2026-11-29.log" for n in range(number)]


@pytest.mark.parametrize("number", [1, 23])
def test_every_event_is_analyzed_and_removed(cloud, deployed, program, number):
    for key in logs(number):
        cloud.fail(key)
    told = succeeded(program("replay"))
    says(told, f"analyzed: {number}; failed again, and still in the queue: 0")
    assert not cloud.queue
    assert [path for path, _ in cloud.invoked] == [FUNCTION] * number
    # The event as S3 has sent it, and not Lambda's record of its failure.
    keys = [event["Records"][0]["s3"]["object"]["key"] for _, event in cloud.invoked]
    assert keys == logs(number)


def test_what_fails_again_stays_and_is_tried_once(cloud, deployed, program):
    for key in logs(12):
        cloud.fail(key)
    cloud.fails = {logs(12)[3]}
    told = failed(program("replay"), "web03/2026-11-29.log: failed again", "the key is disabled")
    says(told, "analyzed: 11; failed again, and still in the queue: 1")
    assert len(cloud.queue) == 1 and len(cloud.invoked) == 12


def test_a_message_that_is_no_event_stays(cloud, deployed, program):
    cloud.queue.append({"MessageId": "1", "ReceiptHandle": "r1", "Body": "hello"})
    failed(program("replay"), "1: is not an event of Lambda; it stays")
    assert len(cloud.queue) == 1 and not cloud.invoked


def test_an_empty_queue_is_done(cloud, deployed, program):
    says(succeeded(program("replay")), "analyzed: 0")


def test_no_stack_has_nothing_to_replay(cloud, program):
    failed(program("replay"), "no stack", STACK)


def test_a_right_that_is_lacking_is_named_and_nothing_is_lost(cloud, deployed, program):
    cloud.fail(logs(1)[0])
    cloud.fault("Invoke", denied("lambda:InvokeFunction", "log2aws-dev-analyze-log"), times=9)
    failed(program("replay"), "lambda:InvokeFunction")
    assert len(cloud.queue) == 1


def test_a_throttled_request_is_tried_again(cloud, deployed, program):
    cloud.fail(logs(1)[0])
    cloud.fault("ReceiveMessage", Refusal("ThrottlingException", "Rate exceeded"))
    told = succeeded(program("replay"))
    assert re.search("analyzed: 1", told.out)
