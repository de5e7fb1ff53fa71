"""The steps that rehearse the commands of the documents on a deployed stage, in their order; see test_runbooks.py.

What is in `…` or in capitals in a command is filled in from the running stack.
"""

from __future__ import annotations

import json
import re

import pytest

from local.sandbox.samples import sample_account
from tests.e2e.rehearsal import STACK, Rehearsal, step, with_input
from tests.support.account.account import BUCKET
from tests.support.account.operator import at_sandbox
from tests.support.documents import DEPLOYED_STAGE, text_of
from tests.support.required_tools import need

PAGES = text_of(*DEPLOYED_STAGE)
CERTIFICATE = "arn:aws:acm:eu-west-3:123456789012:certificate/"

# --- First deployment ---


@step("1. Configuration")
def configuration(on: Rehearsal, block: str) -> None:
    on.run(block)
    example = on.operator.configuration.read_text()
    mine = at_sandbox(example, on.account.sandbox).replace('site = "example"', 'site = "acme"')
    mine = mine.replace('site_id = "0000000000000"', f'site_id = "{sample_account("mymailmarket")["site_id"]}"')
    on.operator.configuration.write_text(mine)


@step("2. Secrets")
def secrets_of_accounts(on: Rehearsal, block: str) -> None:
    for name, provider in (("paris", "ediware"), ("lettre", "mailpartner"), ("brussel", "mymailmarket")):
        values = sample_account(provider)
        secret = {key: values[key] for key in ("api_key", "password", "shared_secret") if key in values}
        on.operator.succeed(with_input(block.replace("/paris", f"/{name}"), json.dumps(secret)))
        assert on.secret(name) == secret
    on.operator.succeed(with_input(block.replace("/paris", "/shop"), json.dumps({"whsec": "whsec_" + "c2VjcmV0" * 5})))


@step("2. Secrets")
def own_keys(on: Rehearsal, block: str) -> None:
    on.run(block)
    for name, key in (("privacy", "k1"), ("unsubscribe", "k1"), ("admin", "key")):
        assert re.fullmatch("[0-9a-f]{64}", on.secret(name)[key])


@step("4. Package")
def package(on: Rehearsal, block: str) -> None:
    on.run(on.documented.command("RELAIS_CONFIG=chalicelib/relais.toml make package STAGE=dev"))
    said = on.run(block).out
    out = on.operator.checkout / "out"
    assert re.search(r"BUCKET=YOUR-BUCKET sh \S*out/prod-\S+/deploy.sh", said)
    [listing] = re.findall(r"```text\n(deployment\.zip.*?)```", PAGES, re.DOTALL)
    named = re.findall(r"\b[a-z]+\.(?:zip|json|sh)\b", " ".join(line[:30] for line in listing.splitlines()))
    assert {path.name for path in (out / "latest").iterdir()} == set(named)
    on.first_package = (out / "latest").readlink().name


@step("5. Deploy")
def deploy(on: Rehearsal, block: str) -> None:
    """At first a resource cannot be made; the same command then succeeds, and once more protects the tables."""
    changes = (("subnet-…,subnet-…", "subnet-1,subnet-2"), ("sg-…", "sg-1"))
    on.account.broken.add("SweepErrorsAlarm")
    with pytest.raises(AssertionError, match="SweepErrorsAlarm"):
        on.deploys(block, *changes)
    assert on.status == "ROLLBACK_COMPLETE"
    assert on.account.aws.dynamodb.list_tables()["TableNames"] == []
    on.account.broken.clear()
    done = on.deploys(block, *changes)
    assert on.status == "CREATE_COMPLETE"
    assert '{"ok": true' in done.out, done.out
    assert "EndpointURL" in done.out
    assert on.parameters["AlarmEmail"] == "you@example.com"
    assert "VpcConfig" in on.account.lambdas.functions["relais-prod-signups"]
    on.deploys(on.documented.command("BUCKET=YOUR-BUCKET sh out/latest/deploy.sh"))
    assert on.status == "UPDATE_COMPLETE"
    assert on.parameters["SubnetIds"] == "subnet-1,subnet-2"
    table = on.account.aws.dynamodb.describe_table(TableName="relais-prod-ledger")["Table"]
    assert table["DeletionProtectionEnabled"]


@step("6. Check")
def check(on: Rehearsal, block: str) -> None:
    assert json.loads(on.run(block).out)["status"] == "ok"
    on.until(on.sign_up("first@example.com", prenom="Ana"), "delivered")
    assert on.rows().count("first@example.com") == 1


@step("A domain of your own")
def domain(on: Rehearsal, block: str) -> None:
    on.deploys(block, ("arn:aws:acm:…", f"{CERTIFICATE}1"))
    assert "execute-api" in on.account.output(STACK, "DomainTarget")
    assert on.account.request("GET", "https://relais.example.com/healthz").status == 200


@step("A domain of your own")
def second_domain(on: Rehearsal, block: str) -> None:
    add, switch = block.strip().splitlines()
    on.deploys(add, ("arn:aws:acm:…", f"{CERTIFICATE}2"))
    new = on.documented.command("curl https://new.example.com/healthz")
    assert on.operator.succeed(new).json["status"] == "ok"
    on.deploys(switch)
    assert on.parameters["PublicDomain"] == "2"
    rate = on.documented.command("sh out/latest/deploy.sh FormsRate=100")
    on.deploys(f"BUCKET=YOUR-BUCKET {rate}")
    assert on.parameters["FormsRate"] == "100"
    anywhere = on.documented.command('curl "$PUBLIC_URL/healthz"')
    assert on.operator.succeed(anywhere, PUBLIC_URL="https://new.example.com").json["status"] == "ok"
    assert on.account.request("GET", "https://relais.example.com/healthz").status == 200


# --- Changing something, going back ---


@step("A rollback that failed")
def rollback_that_failed(on: Rehearsal, block: str) -> None:
    """A configuration whose key is not in the secret fails, and the code of the package before is gone."""
    text = on.operator.configuration.read_text()
    on.operator.configuration.write_text(text.replace("privacy#k1", "privacy#missing"))
    on.seen["good"] = text
    on.operator.package()
    s3 = on.account.aws.client("s3")
    for each in s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{STACK}/")["Contents"]:
        if not each["Key"].endswith(".yaml"):
            s3.delete_object(Bucket=BUCKET, Key=each["Key"])
    failed = on.operator.deploy()
    assert failed.code == 1 and "UPDATE_ROLLBACK_FAILED" in failed.err, failed
    again = on.operator.deploy()
    assert again.code == 2 and "A rollback that failed" in again.err, again
    said = on.run(block).out
    assert "UPDATE_FAILED" in said and "404" in said, said


@step("A rollback that failed")
def upload_once_more(on: Rehearsal, block: str) -> None:
    [named] = re.findall(r"out/(\S+)", block)
    on.run(block, **{named: on.first_package, "YOUR-BUCKET": BUCKET})


@step("A rollback that failed")
def continue_it(on: Rehearsal, block: str) -> None:
    on.run(block)
    assert on.status == "UPDATE_ROLLBACK_COMPLETE"
    on.until(on.sign_up("taken-back@example.com"), "delivered")


@step("Changing something")
def without_the_alarm(on: Rehearsal, block: str) -> None:
    """Without the alarm the same package stays; the script's exit status tells what its check finds."""
    done = on.operator.run(block.replace("YOUR-BUCKET", BUCKET))
    assert done.code == 3 and "check found problems" in done.err, done
    assert on.status == "UPDATE_COMPLETE"
    with pytest.raises(AssertionError, match="503"):
        on.sign_up("nobody@example.com")


@step("Going back")
def go_back(on: Rehearsal, block: str) -> None:
    named = re.findall(r"out/(prod-\S+)/", block)
    said = on.deploys(block, (named[0], on.first_package))
    assert on.first_package.removeprefix("prod-") in said.out
    on.until(on.sign_up("gone-back@example.com"), "delivered")
    on.seen["named"] = named[0]


@step("Going back")
def which_package(on: Rehearsal, block: str) -> None:
    need("unzip", "the content of a package")
    said = on.run(block, **{on.seen["named"]: on.first_package}).out
    change_set, _, configuration = said.partition("\n")
    version = on.first_package.removeprefix("prod-").replace(".", "-")
    assert re.search(rf"/package-\d+-{version}/", change_set)
    assert configuration.strip() == on.seen["good"].strip()
    on.operator.configuration.write_text(on.seen["good"])
    assert on.operator.package() == on.first_package, "the same content has the same version"


# --- Operators' calls ---


@step("Invoking a function")
def invoke(on: Rehearsal, block: str) -> None:
    assert "4781" in json.dumps(on.run(block).json["result"])
    canary = on.documented.command("python3 -m local invoke canary --stage prod")
    assert "skipped" in on.operator.succeed(canary).json, "no form is there for it"


@step("Invoking a function")
def invoke_by_the_aws_command_line(on: Rehearsal, block: str) -> None:
    on.account.control.fault("refuse_rows", contains="wrong", provider="ediware")
    event = on.sign_up("wrong@example.com")
    on.until(event, "refused")
    on.account.control.clear_faults()
    for _ in range(2):  # the second is answered like the first, and does nothing
        assert on.run(block).out.startswith('{"resent": 1}')
    on.until(event, "delivered")


@step("A file of this machine")
def import_to_a_stage(on: Rehearsal, block: str) -> None:
    people = on.operator.checkout / "people.csv"
    people.write_text("email;prenom\nfrom-a-file@example.com;Ana\n", encoding="utf-8")
    assert "imported: held 1, refused 0 (1 of 1 contacts)" in on.run(block).out
    on.account.until(lambda: "from-a-file@example.com" in on.rows())


@step("Parked and refused events")
def parked(on: Rehearsal, block: str) -> None:
    on.account.control.fault("close", when="after", function="list_insert")
    event = on.sign_up("parked@example.com")
    on.account.until(lambda: on.delivery(event)["status"] == "parked", step_seconds=3600)
    on.account.control.clear_faults()
    assert on.run(block).json == {"resent": 1}
    on.until(event, "delivered")


@step("Who may call what")
def policies(on: Rehearsal, block: str) -> None:
    iam, group = on.account.aws.client("iam"), "relais-operators"
    iam.create_group(GroupName=group)
    policy = on.account.output(STACK, "OperatorsPolicyArn")
    on.run(block, **{"arn:aws:iam::…:policy/relais-prod-OperatorsPolicy-…": policy})
    attached = iam.list_attached_group_policies(GroupName=group)["AttachedPolicies"]
    assert [each["PolicyArn"] for each in attached] == [policy]
    iam.detach_group_policy(GroupName=group, PolicyArn=policy)


# --- Stopping, dead letters, secrets ---


@step("Stopping a worker")
def stop_workers(on: Rehearsal, block: str) -> None:
    on.run(block)
    on.seen["stopped"] = on.sign_up("waits@example.com")
    for _ in range(30):
        on.account.forward(400)
    on.account.settle()
    assert on.delivery(on.seen["stopped"])["status"] == "pending"
    assert on.account.aws.message_count("relais-prod-signups-dlq") == 0


@step("relais-prod-QUEUE-messages-wait")
def look_at_a_trigger(on: Rehearsal, block: str) -> None:
    [[uuid, state]] = on.run(block).json
    assert (on.account.lambdas.mappings[uuid].properties["FunctionName"], state) == ("relais-prod-signups", "Disabled")


@step("Stopping a worker")
def stop_schedules(on: Rehearsal, block: str) -> None:
    on.run(block)
    assert on.account.lambdas.reserved == {
        f"relais-prod-{name}": 0 for name in ("sweep", "sync_unsubscribes", "collect_stats", "audit")
    }


@step("Stopping a worker")
def start(on: Rehearsal, block: str) -> None:
    on.run(block)
    assert not on.account.lambdas.reserved
    on.until(on.seen["stopped"], "delivered")


@step("Dead-letter queues")
def dead_letters(on: Rehearsal, block: str) -> None:
    sqs, queue = on.account.aws.sqs, on.account.aws.queue_url("relais-prod-signups")
    sqs.send_message(QueueUrl=queue, MessageBody="no JSON")
    on.account.until(lambda: on.account.aws.message_count("relais-prod-signups-dlq"))
    [message] = on.run(block).json["Messages"]
    assert message["Body"] == "no JSON"
    assert "relais_message_id" in message["MessageAttributes"]
    url = on.account.aws.queue_url("relais-prod-signups-dlq")
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    on.seen["url"] = f"URL={url}\n"


@step("Dead-letter queues")
def redrive(on: Rehearsal, block: str) -> None:
    event = {"id": "dead-letter-1", "type": "signup", "account": "paris", "list": "4781", "email": "dead@example.com"}
    body = json.dumps({**event, "occurred_at": on.account.clock.now().isoformat()})
    dead = on.account.aws.queue_url("relais-prod-signups-dlq")
    on.account.aws.sqs.send_message(QueueUrl=dead, MessageBody=body)
    on.run(on.seen["url"] + block, REGION="eu-west-3", ACCOUNT="123456789012")
    on.account.settle()
    on.until("dead-letter-1", "delivered")
    assert on.account.aws.message_count("relais-prod-signups-dlq") == 0


@step("Rotating secrets")
def provider_key(on: Rehearsal, block: str) -> None:
    """Changed at the provider first: calls fail, and go on by themselves once the secret has the new key."""
    on.account.control.set("ediware", api_key="another-key-of-ediware")
    event = on.sign_up("between@example.com")
    on.account.settle()
    on.account.until(lambda: on.account.invoke("relais-prod-report")["accounts"]["paris"]["paused"])
    on.operator.succeed(with_input(block, json.dumps({"api_key": "another-key-of-ediware"})))
    on.account.end_instances()
    on.until(event, "delivered")


@step("Rotating secrets")
def one_more_address_key(on: Rehearsal, block: str) -> None:
    before = on.secret("privacy")
    on.run(block)
    assert on.secret("privacy").items() > before.items()
    assert re.fullmatch("[0-9a-f]{64}", on.secret("privacy")["k2"])
    assert not (on.operator.checkout / "privacy.json").exists()
    text = on.operator.configuration.read_text()
    [line] = re.findall(r"address_keys = \[[^`]*?\]", PAGES)
    own = 'address_keys = ["secret:relais/{stage}/privacy#k1"]'
    assert own in text
    on.operator.configuration.write_text(text.replace(own, line))
    on.operator.package()
    done = on.operator.deploy()
    assert done.code == 0, done.err
    on.until(on.sign_up("second-key@example.com"), "delivered")


@step("relais-prod-address-keys-missing")
def lost_address_key(on: Rehearsal, block: str) -> None:
    """The first key is no longer in the configuration: signups wait, until it is out of the ledger's record."""
    text = on.operator.configuration.read_text()
    without, found = re.subn(r',\s*"secret:relais/\{stage\}/privacy#k1"\]', "]", text)
    assert found == 1
    on.operator.configuration.write_text(without)
    on.operator.package()
    done = on.operator.deploy()
    assert done.code == 3 and "address-keys-missing" in done.out, f"{done.out}\n{done.err}"
    event = on.sign_up("key-lost@example.com")
    waiting = on.account.until(lambda: (found := on.delivery(event))["reason"] and found)
    assert (waiting["status"], waiting["reason_code"]) == ("pending", "address_key_missing")
    record = on.account.aws.dynamodb.get_item(
        TableName="relais-prod-ledger", Key={"pk": {"S": "S#privacy"}, "sk": {"S": "keys"}}
    )
    [lost] = [each for each in record["Item"]["used"]["SS"] if each in waiting["reason"]]
    on.run(block, FINGERPRINT=lost)
    on.until(event, "delivered")
