"""The compiled functions under a Lambda Runtime API: from the question for a URL to the results."""

import json

import pytest
from programs import eventually
from scenes import (
    CSV,
    EVENTS,
    LOG,
    arrived,
    ask,
    claims,
    given_url,
    put,
    result,
    results,
    signed,
    wide,
)


@pytest.mark.parametrize("kind", ["rest-v1", "http-v2", "function-url"])
def test_from_url_to_results(cloud, forget, kind):
    body = LOG + b"this is no sample line\n"
    given = given_url(cloud, kind, kind, **claims(body))
    version = put(given, body)
    forget(kind)

    status, answer = cloud.invoke("analyze-log", arrived(given["key"], version))
    assert (status, answer) == (200, None), cloud.trouble()
    ends = ["csv", "json", "png", "rejects.jsonl", "svg"]
    assert results(cloud, kind) == {f"{kind}/2019-08-01.{end}" for end in ends}
    assert result(cloud, kind, "csv") == CSV
    assert result(cloud, kind, "svg").startswith(b"<svg")
    assert result(cloud, kind, "png").startswith(b"\x89PNG")
    summary = json.loads(result(cloud, kind, "json"))
    assert summary["raw"]["sha256"] == claims(body)["sha256"]
    assert summary["raw"]["version"] == version
    assert summary["log"]["rejects"]["count"] == 1


def test_a_result_that_goes_in_parts(cloud, forget):
    log, csv = wide()
    given = given_url(cloud, "wide", **claims(log))
    version = put(given, log)
    forget("wide")
    assert cloud.invoke("analyze-log", arrived(given["key"], version)) == (200, None)
    assert result(cloud, "wide", "csv") == csv


@pytest.mark.parametrize(
    "bound, headers",
    [
        ({}, set()),
        (claims(LOG), {"content-length", "x-amz-checksum-sha256"}),
    ],
    ids=["unbound", "bound"],
)
def test_the_urls_signature_is_botocores(cloud, bound, headers):
    """For the same instant and headers; and serve takes a log by it."""
    given = given_url(cloud, "judge", "rest-v1", **bound)
    assert {name.lower() for name in given["headers"]} == headers
    query, theirs = signed(given, cloud.keys["generate-url"])
    assert query["X-Amz-SignedHeaders"].split(";") == sorted(headers | {"host"})
    assert query == theirs
    assert put(given, LOG)


def refuse(cloud, forget, server):
    """Puts a log, and tells analyze-log that a stranger has."""
    given = given_url(cloud, server)
    version = put(given, LOG)
    forget(server)
    event = arrived(given["key"], version, source="198.51.100.1")
    assert cloud.invoke("analyze-log", event) == (200, None)


def test_a_put_from_off_the_list_is_refused_and_no_error(cloud, forget):
    refuse(cloud, forget, "stranger")
    assert results(cloud, "stranger") == {"stranger/2019-08-01.refused.jsonl"}
    assert b"198.51.100.1" in result(cloud, "stranger", "refused.jsonl")


@pytest.mark.parametrize("place", range(4))
def test_a_put_without_our_url_is_an_operators_wherever_it_came_from(cloud, forget, place):
    """`aws s3 cp`, `aws s3 sync`, replication, a service; with the name that the function really has."""
    recorded = json.loads((EVENTS / "s3-operators.json").read_text())["Records"][place]
    server = f"operator{place}"
    given = given_url(cloud, server)
    version = put(given, LOG)
    forget(server)
    event = arrived(given["key"], version, source=recorded["requestParameters"]["sourceIPAddress"])
    record = event["Records"][0]
    record["eventName"] = recorded["eventName"]
    by_url = record["userIdentity"]["principalId"]
    record["userIdentity"] = recorded["userIdentity"]
    assert cloud.invoke("analyze-log", event) == (200, None)
    (listed,) = json.loads(result(cloud, server, "json"))["versions"]
    assert listed["operator"] is True, listed
    assert f"{server}/2019-08-01.refused.jsonl" not in results(cloud, server)
    # Only the session of generate-url is held to the allow-list.
    record["userIdentity"]["principalId"] = by_url
    second = put(given_url(cloud, f"{server}b"), LOG)
    record["s3"]["object"] |= {"key": f"{server}b/2019-08-01.log", "versionId": second}
    forget(f"{server}b")
    assert cloud.invoke("analyze-log", event) == (200, None)
    assert results(cloud, f"{server}b") == {f"{server}b/2019-08-01.refused.jsonl"}


def test_s3s_test_event_and_an_absent_log_are_no_errors(cloud):
    event = (EVENTS / "s3-test-event.json").read_bytes()
    assert cloud.invoke("analyze-log", event) == (200, None)
    assert cloud.invoke("analyze-log", arrived("never/2019-08-01.log")) == (200, None)
    # The public key of a server whose name ends as the keys of logs do.
    assert cloud.invoke("analyze-log", arrived(".log2aws/enrol/web.log")) == (200, None)


def test_a_failure_is_returned_so_that_lambda_sends_the_event_again(cloud):
    foreign = (EVENTS / "s3-put.json").read_bytes()
    for event, part in [(foreign, "its notification go there"), (b'{"a":1}', "neither S3's")]:
        _, answer = cloud.invoke("analyze-log", event)
        assert part in answer["errorMessage"], answer


def test_counts_and_logs_name_environment_and_request(cloud, forget):
    refuse(cloud, forget, "counted")
    out, err = cloud.said("analyze-log")
    counts = [json.loads(line) for line in out.splitlines()]
    assert counts and all(line["environment"] == "dev" for line in counts)
    assert counts[-1]["Refusals"] == 1
    lines = [json.loads(line) for line in err.splitlines()]
    assert lines and all(line["span"]["request_id"] for line in lines)
    for name in ["generate-url", "analyze-log"]:
        said = "".join(cloud.said(name))
        assert "X-Amz-Signature" not in said
        assert cloud.keys[name][1] not in said


def test_a_network_that_an_earlier_program_took_shuts_nobody_else_out(cloud):
    """An IPv4 network written as IPv6 has always let nobody in. It still does, and says so."""
    cloud.put_parameter("LogPutAllowHosts", "::ffff:10.0.0.0/104, 127.0.0.1")
    cloud.running["generate-url"].stop()
    cloud.start_function("generate-url")
    answer = eventually(cloud.trouble, lambda: ask(cloud, "rest-v1", server="old", date="2019-08-01"))
    assert answer["statusCode"] == 200, answer
    answer = ask(cloud, "rest-v1", source="10.1.2.3", server="old", date="2019-08-01")
    assert answer["statusCode"] == 403, answer
    said = cloud.said("generate-url")[1]
    assert "WARN" in said and "::ffff:10.0.0.0/104" in said and "write 10.0.0.0/8" in said, said
    # As the other tests need it.
    cloud.put_parameter("LogPutAllowHosts", "127.0.0.1")
    cloud.running["generate-url"].stop()
    cloud.start_function("generate-url")
    assert ask(cloud, "rest-v1", server="old", date="2019-08-01")["statusCode"] == 200


def test_settings_hold_while_the_parameter_store_is_away(cloud):
    """Held settings go on; a function that never had any says so, and to come again."""
    cloud.running["parameter-store"].stop()
    assert ask(cloud, "rest-v1", server="held", date="2019-08-01")["statusCode"] == 200
    cloud.running["generate-url"].stop()
    cloud.start_function("generate-url")
    answer = eventually(cloud.trouble, lambda: ask(cloud, "rest-v1", server="new", date="2019-08-01"))
    assert answer["statusCode"] == 503, answer
    assert answer["multiValueHeaders"]["retry-after"] == ["10"]
    assert json.loads(answer["body"])["code"] == "settings-unavailable"
    assert "cannot be reached" in cloud.said("generate-url")[1]
    # As the other tests need it.
    cloud.start_store()
    cloud.running["generate-url"].stop()
    cloud.start_function("generate-url")


def test_deliveries_of_a_check_are_not_counted(cloud, forget):
    """`stack check` at noon must not hide from the alarm no-logs that no other log came."""
    check = "log2aws-check"

    def counts():
        said = [cloud.said(name)[0] for name in ("analyze-log", "generate-url")]
        return [json.loads(line) for line in "".join(said).splitlines()]

    before = counts()
    refuse(cloud, forget, check)
    given = given_url(cloud, check, **claims(LOG))
    assert given["key"] == f"{check}/2019-08-01.log"
    version = put(given, LOG)
    forget(check)
    assert cloud.invoke("analyze-log", arrived(given["key"], version)) == (200, None)
    assert result(cloud, check, "csv") == CSV, "it is analyzed all the same"
    stranger = ask(cloud, "rest-v1", source="198.51.100.1", server=check, date="2019-08-01")
    assert stranger["statusCode"] == 403
    assert counts() == before
    # The same of a server whose name only begins like it.
    other = f"{check}-2"
    refuse(cloud, forget, other)
    ask(cloud, "rest-v1", source="198.51.100.1", server=other, date="2019-08-01")
    assert [line["Refusals"] for line in counts() if line not in before] == [1, 1]
