"""`stack deploy` when all goes well: what is sent, what is shown, what is asked."""

import hashlib
import json
import re
import subprocess

import pytest
from conftest import (
    DEPLOYMENT,
    GIVEN,
    HOSTS,
    NETWORKS,
    STACK,
    TEMPLATE,
    entries,
    happened,
    key,
    networks,
    only_planned,
    progress,
    refused,
    says,
    succeeded,
)
from runs import Scenario, parsed, reader
from wire import Refusal


SENT = "198.51.100.0/24,203.0.113.7"


def deployment(networks=SENT):
    """The logical ID of the API's deployment: it follows the API's properties with these networks."""
    api = reader.Stack(parsed(TEMPLATE), GIVEN | {"LogPutAllowNetworks": networks}).resources["Api"]
    made = json.dumps(api["Properties"], sort_keys=True, separators=(",", ":"))
    return DEPLOYMENT + hashlib.sha256(made.encode()).hexdigest()[:8]


def sent_template(networks=SENT):
    """The template, byte for byte, but for the name of the API's deployment."""
    return TEMPLATE.replace(DEPLOYMENT, deployment(networks))


def test_another_allow_list_is_another_deployment_of_the_api(cloud, program):
    """API Gateway applies a changed policy only with a new deployment."""
    succeeded(program.first())
    told = succeeded(program.deploy("--widen", "--allow-hosts", "10.0.0.0/8"))
    for sign, name in [("-", deployment()), ("+", deployment("10.0.0.0/8"))]:
        line = rf"^\s*{re.escape(sign)} {name}\s+AWS::ApiGateway::Deployment"
        assert re.search(line, told.out, re.M), told.out
    stack = cloud.stacks.stack(STACK)
    assert stack.body == sent_template("10.0.0.0/8")
    # The same list again changes nothing.
    assert "nothing to change" in succeeded(program.deploy()).out


def test_first_deploy_creates_the_stack(cloud, program):
    told = succeeded(program.first())
    (sent,) = cloud.of("CreateChangeSet")
    assert sent.fields["StackName"] == STACK
    assert sent.fields["ChangeSetType"] == "CREATE"
    names_written_out(cloud, sent.fields["TemplateBody"])
    assert sent.fields["Capabilities"] == ["CAPABILITY_IAM"]
    assert sent.fields["ImportExistingResources"] == "true"
    assert re.fullmatch(r"log2aws-[-A-Za-z0-9]{8,100}", sent.fields["ChangeSetName"])
    assert sent.fields["ClientToken"]
    parameters = sent.parameters()
    assert parameters["Env"] == "dev"
    assert parameters["ArtifactBucket"] == cloud.artifact_bucket()
    for name, file in [("GenerateUrlKey", "generate-url"), ("AnalyzeLogKey", "analyze-log")]:
        assert parameters[name] == key((program.artifacts / f"{file}.zip").read_bytes())
    assert parameters["Architecture"] == "x86_64"
    assert entries(parameters["LogPutAllowHosts"]) == entries(HOSTS)
    assert networks(parameters["LogPutAllowNetworks"]) == networks(NETWORKS)
    (executed,) = cloud.of("ExecuteChangeSet")
    assert executed.fields["ClientRequestToken"]
    stack = cloud.stacks.stack(STACK)
    assert stack.status == "CREATE_COMPLETE"
    for name, resource in stack.template["Resources"].items():
        kind = re.escape(resource["Type"])
        assert re.search(rf"^\s*\+ {name}\s+{kind}\s*$", told.out, re.M), f"{name}: {told}"
    # REVIEW_IN_PROGRESS was before the run.
    assert progress(told) == happened(stack, 1)
    for name, output in stack.outputs.items():
        assert re.search(rf"^\s*{name}\s*: {re.escape(output['Value'])}$", told.out, re.M), told
    says(told, r"ship .*--api " + re.escape(stack.outputs["GenerateSignedUrl"]["Value"]))


def test_progress_comes_while_the_stack_is_made(cloud, program):
    cloud.stacks.scenario = scenario = Scenario(holds_after=4)
    running = program.start("deploy", "--allow-hosts", HOSTS)
    running.until(r"CREATE_COMPLETE\s+\S+\s+AWS::")
    assert cloud.stacks.stack(STACK).status == "CREATE_IN_PROGRESS"
    scenario.gate.set()
    told = succeeded(running.end())
    assert progress(told) == happened(cloud.stacks.stack(STACK), 1)


@pytest.mark.parametrize("page", [3, 7])
def test_answers_in_pages_are_read_to_their_end(cloud, program, page):
    cloud.stacks.page = page
    cloud.stacks.changes_page = page
    told = succeeded(program.first())
    stack = cloud.stacks.stack(STACK)
    assert progress(told) == happened(stack, 1)
    for name in stack.template["Resources"]:
        assert re.search(rf"^\s*\+ {name}\s", told.out, re.M), told


def test_the_last_events_are_shown_though_the_stack_rests_already(cloud, program):
    """Between the question for events and the one for the status, the run goes on."""
    cloud.stacks.scenario = Scenario(moves_on="DescribeStacks")
    told = succeeded(program.first())
    assert progress(told) == happened(cloud.stacks.stack(STACK), 1)


def test_update_sends_what_was_given_and_keeps_the_rest(cloud, program, standing):
    before = len(standing.events)
    told = succeeded(program.deploy("--parameter", "RawKeepDays=400"))
    (sent,) = cloud.of("CreateChangeSet")
    assert sent.fields["ChangeSetType"] == "UPDATE"
    parameters = sent.parameters()
    assert parameters["RawKeepDays"] == "400"
    for name in ["AnalyzedKeepDays", "KmsKeyArn", "AlarmTopicArn", "RequestsPerSecond"]:
        assert parameters[name] is None, "UsePreviousValue"
    assert standing.parameters["RawKeepDays"] == "400"
    for name in ["RawBucket", "GenerateUrl", "AnalyzeLog"]:
        assert re.search(rf"^\s*~ {name}\s+AWS::", told.out, re.M), told
    assert "AnalyzedBucket " not in told.out, "it does not change"
    assert progress(told) == happened(standing, before), "and nothing of the earlier run"
    says(told, r"GenerateSignedUrl\s*: https://")


def test_update_does_not_fall_back_to_the_templates_defaults(cloud, program):
    cloud.buckets.make(cloud.artifact_bucket())
    kept = {"RawKeepDays": "30", "RequestsPerSecond": "7", "VpcEndpointIds": "vpce-0a1b2c3d"}
    stack = cloud.stacks.standing(STACK, {**GIVEN, **kept})
    succeeded(program.deploy())
    assert {name: stack.parameters[name] for name in kept} == kept


def test_ipv6_in_the_list_makes_the_api_listen_there(cloud, program):
    """AGDG, "IP address types for REST APIs": IPv4 is the default; dualstack is both."""
    succeeded(program.first())
    assert cloud.stacks.stack(STACK).parameters["IpAddressType"] == "ipv4"
    api = cloud.stacks.stack(STACK).body
    succeeded(program.deploy("--widen", "--allow-hosts", f"{HOSTS}, 2001:db8::/32"))
    stack = cloud.stacks.stack(STACK)
    assert stack.parameters["IpAddressType"] == "dualstack"
    deployments = [re.findall(r"^  (ApiDeployment\w+):$", body, re.M) for body in (api, stack.body)]
    assert deployments[0] != deployments[1], "another API, another deployment"
    # What somebody decided stays as it is.
    succeeded(program.deploy("--parameter", "IpAddressType=ipv4"))
    assert stack.parameters["IpAddressType"] == "ipv4"
    succeeded(program.deploy("--parameter", "RawKeepDays=31"))
    assert stack.parameters["IpAddressType"] == "ipv4"


def test_a_domain_name_of_ones_own_is_the_servers_address(cloud, program):
    arn = "arn:aws:acm:ap-northeast-1:111122223333:certificate/1234abcd"
    domain = ["--parameter", "DomainName=logs.example.com", "--parameter", f"CertificateArn={arn}"]
    told = succeeded(program.deploy("--allow-hosts", HOSTS, *domain))
    says(told, r"GenerateSignedUrl\s*: https://logs\.example\.com/\n")
    says(told, r"DomainNameTarget\s*: \S+\.amazonaws\.com\n")
    assert "ApiDomain" in cloud.stacks.stack(STACK).template["Resources"]


def test_update_of_a_stack_of_an_older_template(cloud, program):
    """A parameter that the stack does not know has no previous value; one that went is not sent."""
    older = TEMPLATE.replace("AbortUploadDays", "OldUploadDays")
    cloud.buckets.make(cloud.artifact_bucket())
    stack = cloud.stacks.standing(STACK, GIVEN, body=older)
    succeeded(program.deploy())
    assert stack.body == sent_template()
    assert stack.parameters["AbortUploadDays"] == "7"


def test_what_goes_and_what_is_replaced_is_marked(cloud, program):
    older = TEMPLATE.replace(DEPLOYMENT, "ApiDeployment00000000")
    cloud.buckets.make(cloud.artifact_bucket())
    stack = cloud.stacks.standing(STACK, GIVEN, body=older)
    cloud.stacks.scenario = Scenario(replaces={"GenerateUrl"})
    before = len(stack.events)
    told = succeeded(program.deploy("--replace"))
    for sign, name in [("-", "ApiDeployment00000000"), ("+", deployment())]:
        assert re.search(
            rf"^\s*{re.escape(sign)} {name}\s+AWS::ApiGateway::Deployment", told.out, re.M
        )
    assert re.search(r"^\s*! GenerateUrl\s+AWS::Lambda::Function", told.out, re.M), told
    assert re.search(r"^\s*~ AnalyzeLog\s+AWS::Lambda::Function", told.out, re.M), told
    assert progress(told) == happened(stack, before)


@pytest.mark.parametrize(
    "status", ["UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"]
)
def test_a_stack_that_rests_is_updated(cloud, program, status):
    cloud.buckets.make(cloud.artifact_bucket())
    stack = cloud.stacks.standing(STACK, GIVEN, status)
    succeeded(program.deploy())
    assert stack.status == "UPDATE_COMPLETE"


def test_a_stack_in_review_is_created(cloud, program):
    """A change set that was never executed leaves such a stack."""
    cloud.stacks.all.append(cloud.stacks._new(STACK))
    succeeded(program.first())
    assert cloud.of("CreateChangeSet")[0].fields["ChangeSetType"] == "CREATE"
    assert cloud.stacks.stack(STACK).status == "CREATE_COMPLETE"


def test_nothing_to_change_is_success(cloud, program):
    succeeded(program.first())
    status = cloud.stacks.stack(STACK).status
    told = succeeded(program.deploy())
    says(told, r"nothing to change|no change", r"GenerateSignedUrl\s*: https://")
    assert len(cloud.of("ExecuteChangeSet")) == 1, "of the first deploy"
    assert len(cloud.stacks.sets) == 1, "the second change set is deleted"
    assert cloud.stacks.stack(STACK).status == status
    assert not progress(told)


def test_nothing_to_change_said_at_once_is_success(cloud, program, standing):
    cloud.fault("CreateChangeSet", Refusal("ValidationError", "No updates are to be performed."))
    told = succeeded(program.deploy())
    says(told, r"nothing to change|no change", r"GenerateSignedUrl\s*: https://")
    assert not cloud.of("ExecuteChangeSet")


@pytest.mark.parametrize("polls", [0, 5])
def test_a_change_set_is_awaited(cloud, program, polls):
    cloud.stacks.scenario = Scenario(pending=polls)
    succeeded(program.first())
    assert len(cloud.of("DescribeChangeSet")) >= polls + 1


ENVIRONMENTS = pytest.mark.parametrize("env", ["dev", "prod"])


@ENVIRONMENTS
def test_no_changes_nothing(cloud, program, env):
    told = succeeded(program.first("--env", env, terminal=True, answer="n\n"))
    says(
        told,
        f"Create stack log2aws-{env}",
        cloud.account,
        cloud.region,
        r"\(y/n\)",
        "cancell?ed",
        "nothing was changed",
    )
    only_planned(cloud)
    assert re.search(r"^\s*\+ GenerateUrl\s", told.out.partition("(y/n)")[0], re.M), told
    assert cloud.stacks.stack(f"log2aws-{env}") is None


@pytest.mark.parametrize("answer", ["no\n", "\n", "yesterday\n", "prod\n"])
def test_nothing_but_y_means_yes(cloud, program, answer):
    succeeded(program.first(terminal=True, answer=answer))
    only_planned(cloud)
    assert cloud.stacks.stack(STACK) is None


def test_no_answer_is_refused(cloud, program):
    refused(program.first(terminal=True, answer=""), "--yes dev")
    only_planned(cloud)
    assert cloud.stacks.stack(STACK) is None


@ENVIRONMENTS
def test_without_a_terminal_a_change_is_approved_by_name(cloud, program, env):
    refused(program.first("--env", env, yes=False, answer="y\n"), "terminal", f"--yes {env}")
    assert not cloud.of("ExecuteChangeSet")
    told = succeeded(program.first("--env", env, "--yes", env, yes=False))
    assert "(y/n)" not in told.all
    assert cloud.stacks.stack(f"log2aws-{env}").status == "CREATE_COMPLETE"


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("verb", ["deploy", "delete"])
def test_approval_of_another_environment_is_refused(cloud, program, standing, verb, terminal):
    """A typing error in --env, or the command of another environment taken from the history."""
    flags = ["--env", "dev", "--yes", "prod"]
    told = program(verb, *flags, terminal=terminal, yes=False, answer="y\n")
    refused(told, "--yes prod", "--env is dev", "nothing was changed")
    assert not cloud.calls


def test_an_approval_is_no_setting(cloud, program):
    refused(program.first(yes=False, LOG2AWS_YES="dev"), "--yes dev")
    assert not cloud.of("ExecuteChangeSet")


def test_no_leaves_a_stack_as_it_is(cloud, program, standing):
    told = program.deploy("--parameter", "RawKeepDays=9", terminal=True, answer="n\n")
    says(succeeded(told), f"Update stack {STACK}", "nothing was changed")
    assert not cloud.of("DeleteStack") and standing.status == "CREATE_COMPLETE"
    only_planned(cloud)


def test_what_the_functions_need_is_put_after_the_answer(cloud, program):
    running = program.start("deploy", "--allow-hosts", HOSTS, terminal=True)
    running.until(r"\(y/n\)")
    assert cloud.artifact_bucket() not in cloud.buckets.all
    succeeded(running.end("y\n"))
    told = {"CreateChangeSet", "PutObject", "ExecuteChangeSet"}
    order = [action for action in cloud.actions() if action in told]
    zips = ["PutObject", "PutObject"]
    # The last one is the registry of keys, whose bucket the stack makes.
    assert order == ["CreateChangeSet", *zips, "ExecuteChangeSet", "PutObject"]


@ENVIRONMENTS
def test_yes_goes_on(cloud, program, env):
    told = succeeded(program.first("--env", env, terminal=True, answer="y\n"))
    says(told, r"\(y/n\)")
    assert cloud.stacks.stack(f"log2aws-{env}").status == "CREATE_COMPLETE"
    assert f"/log2aws/{env}/LogPutAllowHosts" in cloud.parameters


def test_nothing_to_change_is_not_asked_about(cloud, program, deployed):
    told = succeeded(program.deploy(terminal=True))
    assert "(y/n)" not in told.all


@pytest.mark.parametrize(
    "remote, name",
    [
        ("https://git.example.com/team/load_logs.git", "load-logs-dev"),
        ("git@git.example.com:team/collector.git", "collector-dev"),
        ("ssh://git@git.example.com/team/collector", "collector-dev"),
    ],
)
def test_the_stack_is_named_after_the_repository(cloud, program, remote, name):
    git = ["git", "-C", str(program.folder)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "remote", "add", "origin", remote], check=True)
    succeeded(program.first())
    assert cloud.stacks.stack(name), cloud.stacks.all[0].name


def test_the_stack_can_be_named(cloud, program):
    succeeded(program.first("--stack-name", "another-name"))
    assert cloud.stacks.stack("another-name")
    succeeded(program.deploy(LOG2AWS_STACK_NAME="another-name"))
    assert len(cloud.stacks.all) == 1


def test_the_environment_names_all_that_is_made(cloud, program):
    succeeded(program.first(LOG2AWS_ENV="stage"))
    stack = cloud.stacks.stack("log2aws-stage")
    assert stack.parameters["Env"] == "stage"
    assert cloud.bucket_name("server", "stage") in cloud.buckets.all


@pytest.mark.parametrize("cloud", ["eu-west-1"], indirect=True)
def test_a_profile_gives_credentials_and_region(cloud, program):
    config = program.folder / "config"
    config.write_text(
        "[profile ops]\nregion = eu-west-1\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n"
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n"
    )
    for name in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]:
        del program.environment[name]
    succeeded(program.first("--profile", "ops", AWS_CONFIG_FILE=str(config)))
    assert cloud.stacks.stack(STACK).status == "CREATE_COMPLETE"


@pytest.mark.parametrize("cloud", ["eu-west-1"], indirect=True)
def test_the_region_flag_goes_before_the_environment(cloud, program):
    program.environment["AWS_REGION"] = "us-west-2"
    succeeded(program.first("--region", "eu-west-1"))
    assert cloud.artifact_bucket() == "cf-templates-eu-west-1-111122223333"
    assert cloud.artifact_bucket() in cloud.buckets.all


def test_the_right_account_is_taken(cloud, program):
    succeeded(program.first("--account", cloud.account))


def test_buckets_of_a_deleted_stack_are_taken_over(cloud, program):
    succeeded(program.first())
    cloud.buckets.all[cloud.bucket_name("server")].put("web01/2026-01-01.log", b"a log")
    succeeded(program("delete"))
    assert cloud.stacks.stack(STACK) is None
    told = succeeded(program.first())
    for name in ["RawBucket", "AnalyzedBucket"]:
        assert re.search(rf"^\s*> {name}\s+AWS::S3::Bucket.*taken over", told.out, re.M), told
    assert len(cloud.buckets.all[cloud.bucket_name("server")].versions) == 1
    names_written_out(cloud, cloud.of("CreateChangeSet")[1].fields["TemplateBody"])


@pytest.mark.parametrize("kind, name", [("server", "RawBucket"), ("analyzed", "AnalyzedBucket")])
def test_one_bucket_alone_is_taken_over(cloud, program, kind, name):
    cloud.buckets.make(cloud.bucket_name(kind))
    told = succeeded(program.first())
    assert re.findall(r"^\s*> (\S+)", told.out, re.M) == [name]
    names_written_out(cloud, cloud.of("CreateChangeSet")[0].fields["TemplateBody"])


def test_buckets_of_another_environment_are_not_named(cloud, program):
    cloud.buckets.make(cloud.bucket_name("server", "stage"))
    succeeded(program.first())
    names_written_out(cloud, cloud.of("CreateChangeSet")[0].fields["TemplateBody"])


def test_an_update_after_a_takeover_sends_the_file_and_changes_no_bucket(cloud, program):
    cloud.buckets.make(cloud.bucket_name("server"))
    succeeded(program.first())
    told = succeeded(program.deploy("--parameter", "RequestsPerSecond=7"))
    assert cloud.of("CreateChangeSet")[-1].fields["TemplateBody"] == sent_template()
    assert not re.search(r"^\s*[+~!>-] (Raw|Analyzed)Bucket\s", told.out, re.M), told


def names_written_out(cloud, body):
    """The template, byte for byte, but for the names of what is kept."""
    named = sent_template()
    for kind in ["server", "analyzed"]:
        written = "BucketName: !Sub " + kind + "logs-${Env}-${AWS::AccountId}-${AWS::Region}\n"
        assert TEMPLATE.count(written) == 1
        named = named.replace(written, f"BucketName: {cloud.bucket_name(kind)}\n")
    group = "/aws/lambda/log2aws-{}-generate-url\n"
    named = named.replace(
        "LogGroupName: !Sub " + group.format("${Env}"), "LogGroupName: " + group.format("dev")
    )
    assert body == named


def test_the_outcome_as_json(cloud, program):
    told = succeeded(program.first("--json"))
    stack = cloud.stacks.stack(STACK)
    outcome = json.loads(told.out)
    assert (outcome["stack"], outcome["account"], outcome["region"]) == (
        STACK,
        cloud.account,
        cloud.region,
    )
    outputs = {one["key"]: one["value"] for one in outcome["outputs"]}
    assert outputs == {name: one["Value"] for name, one in stack.outputs.items()}
    assert "CREATE_COMPLETE" in told.err, "progress is there, beside the JSON"
    again = json.loads(succeeded(program.deploy("--json")).out)
    assert again["outputs"] == outcome["outputs"] and again["outcome"] != outcome["outcome"]


def test_every_flag_has_its_variable(cloud, program):
    line = program.command("deploy", ["--artifacts", "x"])
    program.command = lambda verb, flags: [*line[:3], "--yes", "prod"]
    told = program(
        "deploy",
        LOG2AWS_ENDPOINT_URL=cloud.url,
        LOG2AWS_ARTIFACTS=str(program.artifacts),
        LOG2AWS_ALLOW_HOSTS="203.0.113.9",
        LOG2AWS_ENV="prod",
        LOG2AWS_POLL_MS="10",
        LOG2AWS_ACCOUNT=cloud.account,
        LOG2AWS_STACK_NAME="by-variable",
    )
    succeeded(told)
    stack = cloud.stacks.stack("by-variable")
    assert stack.parameters["Env"] == "prod"
    assert stack.parameters["LogPutAllowHosts"] == "203.0.113.9"
