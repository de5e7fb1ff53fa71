"""Cold starts of the packaged functions, as multiples of those of a bare Chalice route with one put and one send."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from local import runtime_python, sandbox
from local.bench.cold.cpu_share import FULL_MEMORY_MB, Limit, NoQuota, limited
from local.bench.cold.instance import Environment, Startable, Started, running
from local.bench.cold.packages import plain_floor, unpacked_product
from local.bench.surroundings import client, product
from local.bench.table import Row, ratio
from local.bench.workers import signups
from local.lambdas import events
from local.lambdas.runtime_client import ClientUnavailable, clean_environ, client_folder
from local.options import DEFAULT_REGION

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 7
WARM_ROUNDS, WARM = 3, 200
FUNCTIONS = HTTP, WORKER, SWEEP, STATISTICS = "api_handler", "signups", "sweep", "collect_stats"
_KEPT_AS, _TABLE = "relais/local/bench", "relais-local-ledger"
# What deployments keep in Secrets Manager.
_SECRETS = re.compile(r'^(api_key|address_keys|keys|admin_key|password|shared_secret)( = \[?)"([^"]+)"', re.MULTILINE)
_COLUMNS = ("Relais, ms", "floor, ms", "Relais of the floor's")
_number = count(1)


@dataclass(frozen=True, slots=True)
class Pair:
    """A function of Relais, and the floor with the same memory and the same AWS."""

    relais: Startable
    floor: Startable


def rows() -> Iterator[Row]:
    """Starts each function and the floor in turn, with and without Lambda's share of a processor; then warm ones."""
    found = runtime_python.find()
    python = str(found.path) if found else sys.executable
    try:
        runtime = client_folder(python)
    except ClientUnavailable as why:
        yield Row(f"not measured: {why}", [], [])
        return
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="relais-bench-")))
        pairs = _pairs(stack, folder, runtime, python)
        begin = partial(_begin, folder, python)
        for pair in pairs.values():  # so that files are in the machine's cache
            _in_turn(pair, begin, rounds=1)
        yield from _cold(pairs, begin)
        yield from _warm(pairs[HTTP], begin)


def _begin(
    folder: Path, python: str, function: Startable, limit: Limit | None = None
) -> AbstractContextManager[Environment]:
    return running(function, folder / f"{function.name}.log", limit=limit, python=python)


def _pairs(stack: ExitStack, folder: Path, runtime: Path, python: str) -> Mapping[str, Pair]:
    """Packages both products, and starts what they work with."""
    running = stack.enter_context(sandbox.start())
    config, secret = with_secrets(sandbox.sample_config(running.url))
    configuration = folder / "relais.toml"
    configuration.write_text(config)
    root, described = unpacked_product(configuration, folder, DEFAULT_REGION, python)
    floor_root = plain_floor(folder, root)
    pairs: dict[str, Pair] = {}
    # What HTTP accepts would be found by the sweep of the others, so each has an AWS of its own.
    for names in ((HTTP,), (WORKER, SWEEP, STATISTICS)):
        aws = stack.enter_context(product(config))
        client("secretsmanager", aws).create_secret(Name=_KEPT_AS, SecretString=secret)
        environ = {name: value for name, value in aws.items() if name.startswith("AWS_")}
        url = client("sqs", aws).get_queue_url(QueueName="relais-local-signups")["QueueUrl"]
        floor_environ = {**environ, **clean_environ(floor_root, runtime), "TABLE": _TABLE, "QUEUE_URL": url}
        for name in names:
            each = described.function(name)
            own_environ = {**environ, **clean_environ(root, runtime), **each.environment}
            relais = Startable(each.name, root, each.handler, each.memory_mb, own_environ, *_work(name))
            floor = Startable("floor", floor_root, "app.app", each.memory_mb, floor_environ, _floor_event, _is_accepted)
            pairs[name] = Pair(relais, floor)
    return pairs


def with_secrets(config: str) -> tuple[str, str]:
    """Returns the configuration with references in the place of its keys, and the JSON of the secret that has them."""
    values: dict[str, str] = {}

    def refer(found: re.Match[str]) -> str:
        name = f"k{len(values)}"
        values[name] = found[3]
        return f'{found[1]}{found[2]}"secret:{_KEPT_AS}#{name}"'

    return _SECRETS.sub(refer, config), json.dumps(values)


def _work(name: str) -> tuple[Callable[[], Any], Callable[[Any], bool]]:
    """Returns a function that makes the starting event anew for each start, and one that tells a right answer."""
    if name == HTTP:
        return _form_signup, _is_accepted
    if name == WORKER:
        return _queued_signup, lambda answer: answer == {"batchItemFailures": []}
    scheduled = partial(_scheduled, name)
    if name == SWEEP:
        return scheduled, lambda answer: "enqueued" in answer
    return scheduled, lambda answer: {each["error"] for each in answer["accounts"].values()} == {None}


def _scheduled(function: str) -> Any:
    return events.scheduled(function, datetime.now(UTC), DEFAULT_REGION)


def _form_signup() -> Any:
    event = json.loads((ROOT / "events" / "http_form_signup.json").read_text())
    for headers in ("headers", "multiValueHeaders"):
        del event[headers]["Idempotency-Key"]
    return {**event, "body": f"email=person-{next(_number)}%40example.com&prenom=Camille&nom=Exemple"}


def _floor_event() -> Any:
    event = json.loads((ROOT / "events" / "http_form_signup.json").read_text())
    event["headers"]["Content-Type"] = "application/json"
    event["multiValueHeaders"]["Content-Type"] = ["application/json"]
    body = json.dumps({"email": f"person-{next(_number)}@example.com", "prenom": "Camille", "nom": "Exemple"})
    about = {**event["requestContext"], "resourcePath": "/signup"}
    own = {"resource": "/signup", "path": "/signup", "requestContext": about, "body": body, "isBase64Encoded": False}
    return {**event, **own}


def _queued_signup() -> Any:
    return events.queued(signups(1, next(_number)), "relais-local-signups", DEFAULT_REGION)


def _is_accepted(answer: Any) -> bool:
    return bool(answer["statusCode"] == 202)


Times = tuple[Sequence[Started], Sequence[Started]]
Begin = Callable[..., AbstractContextManager[Environment]]


def _in_turn(pair: Pair, begin: Begin, rounds: int = ROUNDS, **how: Any) -> Times:
    """Starts both in turn, so that whatever else the machine does meets both."""
    relais: list[Started] = []
    floor: list[Started] = []
    for _ in range(rounds):
        for function, found in ((pair.floor, floor), (pair.relais, relais)):
            with begin(function, **how) as environment:
                found.append(environment.started)
    return relais, floor


def _cold(pairs: Mapping[str, Pair], begin: Begin) -> Iterator[Row]:
    for name, pair in pairs.items():
        times = _in_turn(pair, begin)
        yield _row(f"{name}, processor time", times, lambda each: each.cpu)
        yield _row(f"{name}, until answered", times, lambda each: each.seconds)
        memory = pair.relais.memory_mb
        share = memory / FULL_MEMORY_MB
        try:
            with limited(share) as limit:
                times = _in_turn(pair, begin, limit=limit)
        except NoQuota as why:
            yield Row(f"{name}, at {memory} MB: not measured: {why}", [], _COLUMNS)
        else:
            yield _row(f"{name}, until answered, at {memory} MB", times, lambda each: each.seconds)
        # The same without what else the machine does: processor time, that of the event divided by the share.
        yield _row(f"{name}, by processor time alone, at {memory} MB", times, partial(_at_share, share))


def _at_share(share: float, each: Started) -> float:
    return each.initialised_cpu + (each.cpu - each.initialised_cpu) / share


def _row(what: str, times: Times, measure: Callable[[Started], float]) -> Row:
    ours, theirs = (median(map(measure, each)) * 1000 for each in times)
    return Row(what, [ours, theirs, ratio(ours, theirs)], _COLUMNS)


def _warm(pair: Pair, begin: Begin) -> Iterator[Row]:
    """Gives events to both in turn, since times of single processes differ by a tenth and more on a busy machine."""
    relais: list[tuple[float, float]] = []
    floor: list[tuple[float, float]] = []
    for _ in range(WARM_ROUNDS):
        with begin(pair.relais) as ours, begin(pair.floor) as theirs:
            for _ in range(WARM):
                floor.append(theirs.answer())
                relais.append(ours.answer())
    for what, place in (("processor time", 0), ("until answered", 1)):
        our_time, their_time = (median(each[place] for each in some) * 1000 for some in (relais, floor))
        yield Row(f"a warm accept, {what}", [our_time, their_time, ratio(our_time, their_time)], _COLUMNS)
