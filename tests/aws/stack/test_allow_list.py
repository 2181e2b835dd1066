"""One allow-list, two doors: the stack's parameters and SSM, and no address given back unasked."""

import pytest
from conftest import HOSTS, ONE, STORED, entries, failed, networks, refused, says, succeeded
from runs import Scenario


def test_first_deploy_needs_to_be_told_who_may_ask(cloud, program):
    failed(program.deploy(), "--allow-hosts")
    assert not cloud.changes()


def test_what_is_stored_holds(cloud, program, deployed):
    succeeded(program.deploy())
    assert entries(cloud.parameters[STORED]) == entries(HOSTS)
    assert not cloud.of("PutParameter")


# As an earlier program took it: an IPv4 network written as IPv6, which has always let nobody in.
MAPPED = "::ffff:10.0.0.0/104"


def test_a_stored_entry_that_lets_nobody_in_has_to_be_written_anew(cloud, program, deployed):
    cloud.parameters[STORED] = f"{HOSTS}, {MAPPED}"
    failed(program.deploy(), STORED, "write 10.0.0.0/8", "--allow-hosts")
    assert not cloud.changes()


def test_what_stands_beside_such_an_entry_is_in_force(cloud, program, deployed):
    cloud.parameters[STORED] = f"{HOSTS}, {MAPPED}"
    deployed.parameters["LogPutAllowNetworks"] += f",{MAPPED}"
    succeeded(program.deploy("--allow-hosts", HOSTS))
    assert entries(cloud.parameters[STORED]) == entries(HOSTS)


def test_the_network_that_was_meant_needs_a_word(cloud, program, deployed):
    cloud.parameters[STORED] = f"{HOSTS}, {MAPPED}"
    told = failed(program.deploy("--allow-hosts", f"{HOSTS}, 10.0.0.0/8"), "--widen")
    says(told, r"\+ 10\.0\.0\.0/8")
    assert "+ 203" not in told.all, told
    assert not cloud.changes()


def test_an_edit_that_narrows_is_taken_into_the_stack(cloud, program, deployed):
    cloud.parameters[STORED] = ONE
    succeeded(program.deploy())
    assert cloud.parameters[STORED] == ONE
    assert deployed.parameters["LogPutAllowHosts"] == ONE
    assert networks(deployed.parameters["LogPutAllowNetworks"]) == networks(ONE)


def test_narrowing_needs_no_word(cloud, program, deployed):
    told = succeeded(program.deploy("--allow-hosts", ONE))
    says(told, r"- web\*@198\.51\.100\.0/24")
    assert cloud.parameters[STORED] == ONE
    assert networks(deployed.parameters["LogPutAllowNetworks"]) == networks(ONE)


def test_what_was_narrowed_by_hand_is_not_given_back(cloud, program, deployed):
    cloud.parameters[STORED] = ONE
    told = failed(program.deploy("--allow-hosts", HOSTS), r"web\*@198\.51\.100\.0/24", "--widen")
    says(told, r"\+ web\*@198\.51\.100\.0/24")
    assert not cloud.changes()
    succeeded(program.deploy("--allow-hosts", HOSTS, "--widen"))
    assert entries(cloud.parameters[STORED]) == entries(HOSTS)


def test_what_was_added_by_hand_needs_a_word(cloud, program, deployed):
    """The bucket policy does not know it: so it is not in force."""
    cloud.parameters[STORED] = f"{HOSTS}, 192.0.2.0/24"
    failed(program.deploy(), r"192\.0\.2\.0/24", "--widen")
    assert not cloud.changes()
    succeeded(program.deploy("--widen"))
    assert networks("192.0.2.0/24") < networks(deployed.parameters["LogPutAllowNetworks"])


@pytest.mark.parametrize(
    "wider", ["192.0.2.1", "198.51.0.0/16", "198.51.100.0/24", "*@203.0.113.8"]
)
def test_what_is_not_in_force_needs_a_word(cloud, program, deployed, wider):
    """The third names the network of web*, and for every server."""
    told = program.deploy("--allow-hosts", f"{ONE}, {wider}")
    failed(told, "--widen")
    assert wider in told.all
    assert not cloud.changes()


@pytest.mark.parametrize("narrower", ["web*@198.51.100.64/26", "web01@198.51.100.3"])
def test_a_part_of_what_is_in_force_needs_none(cloud, program, deployed, narrower):
    succeeded(program.deploy("--allow-hosts", f"{ONE}, {narrower}"))
    assert entries(cloud.parameters[STORED]) == {ONE, narrower}


def test_an_edit_that_the_stack_does_not_see_is_put_right(cloud, program, deployed):
    cloud.parameters[STORED] = f"{HOSTS}, 192.0.2.1"
    told = succeeded(program.deploy("--allow-hosts", HOSTS))
    assert not cloud.of("ExecuteChangeSet"), "for CloudFormation nothing has changed"
    (put,) = cloud.of("PutParameter")
    assert put.fields["Name"] == STORED and put.fields["Overwrite"] is True
    assert put.fields["Type"] == "String"
    assert entries(cloud.parameters[STORED]) == entries(HOSTS)
    says(told, r"192\.0\.2\.1")


def test_an_edit_while_the_deploy_runs_is_not_undone(cloud, program, deployed):
    """Whoever shuts an address out in the meantime must not see it let in again."""
    cloud.stacks.scenario = scenario = Scenario(holds_after=1)
    running = program.start("deploy", "--allow-hosts", HOSTS, "--parameter", "RawKeepDays=30")
    running.until(r"UPDATE_IN_PROGRESS")
    cloud.parameters[STORED] = ONE
    scenario.gate.set()
    told = succeeded(running.end())
    assert cloud.parameters[STORED] == ONE
    assert not cloud.of("PutParameter")
    says(told, "edited during the deploy", ONE)


def test_networks_of_the_two_families_go_into_the_policy(cloud, program):
    hosts = "2001:db8::/32, db@2001:db8:1::1, 10.0.0.0/8, web*@10.1.0.0/16"
    succeeded(program("deploy", "--allow-hosts", hosts))
    sent = cloud.of("CreateChangeSet")[0].parameters()
    assert entries(sent["LogPutAllowHosts"]) == entries(hosts)
    covered = networks(sent["LogPutAllowNetworks"])
    # Merged: what lies within another network adds nothing.
    assert covered == networks("2001:db8::/32, 10.0.0.0/8")


@pytest.mark.parametrize(
    "malformed, word",
    [
        ("203.0.113", r"203\.0\.113"),
        ("203.0.113.7/33", "/33"),
        ("203.0.113.7;203.0.113.8", "203"),
        ("web 01@203.0.113.7", "web 01"),
        ("example.com", "example"),
        ("", "allow"),
        (" , ", "allow"),
    ],
)
def test_a_malformed_list_is_refused_before_any_request(cloud, program, malformed, word):
    refused(program("deploy", "--allow-hosts", malformed), word)
    assert not cloud.calls


def test_a_list_that_is_too_long_is_refused_with_its_size(cloud, program):
    hosts = ",".join(f"server-{n:03}@10.{n}.0.1" for n in range(200))
    assert len(hosts) > 4096
    told = program("deploy", "--allow-hosts", hosts)
    assert told.code in (1, 2), told
    says(told, r"4,?096", str(len(hosts))[:1])
    assert any(
        size in told.all.replace(",", "") for size in [str(len(hosts)), str(len(hosts) + 199)]
    ), told
    assert not cloud.calls


def test_a_list_that_just_fits_is_taken(cloud, program):
    hosts = ", ".join(f"10.{n // 250}.{n % 250}.1" for n in range(400))[:4096].rpartition(",")[0]
    assert 4080 < len(hosts) <= 4096
    succeeded(program("deploy", "--allow-hosts", hosts))
    assert entries(cloud.parameters[STORED]) == entries(hosts)
