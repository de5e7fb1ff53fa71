"""`make bench`: benchmarks are found by looking, counts are exact, and the table can be read."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from chalicelib.config.load import load
from chalicelib.config.secrets import Secret
from local import sandbox
from local.bench import call_count, cold_start, dashboard, delivery, statistics, surroundings, unsubscribes
from local.bench.__main__ import found, main
from local.bench.cold import cpu_share
from local.bench.surroundings import in_fresh_process, product
from local.bench.table import Row, ratio, shown
from tests.support.aws import TestAws

ROOT = Path(__file__).parents[2]
IMPORTED = (
    "boto3",
    "botocore.client",
    "local.bench.dashboard",
    "local.bench.delivery",
    "local.bench.statistics",
    "local.bench.unsubscribes",
    "app",
    "chalicelib.delivery.worker",
    "aws_lambda_powertools.utilities.batch",
    "aws_lambda_powertools.utilities.idempotency",
)
"""What benchmarks import in each process."""


@dataclass(frozen=True)
class Lent:
    """The embedded AWS of the tests, for a benchmark that would start one of its own."""

    aws: TestAws

    @property
    def endpoint(self) -> str:
        return self.aws.endpoint

    def stop(self) -> None:
        self.aws.reset()


@pytest.fixture
def quick(aws: TestAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Benchmarks over an AWS that is there, in processes forked from one that has imported everything."""
    forking = multiprocessing.get_context("forkserver")
    forking.set_forkserver_preload(list(IMPORTED))
    monkeypatch.setattr(surroundings, "FRESH", forking)
    monkeypatch.setattr(surroundings.process, "start", lambda: Lent(aws))


def test_benchmarks_are_discovered() -> None:
    assert "statistics" in found()
    assert "table" not in found(), "what has no rows is no benchmark"


@pytest.mark.slow
@pytest.mark.server
def test_every_call_of_a_warm_signup_is_counted() -> None:
    with sandbox.start() as running, product(sandbox.sample_config(running.url, ["ediware"])) as environ:
        counted = in_fresh_process(environ, call_count.count_calls).result
    http, worker, _, unsubscribed = (calls.in_all for calls in counted.values())
    assert http["app.py", "form_signup"] == http["chalicelib/ledger/table.py", "Table.put_new"] == 1
    assert worker["app.py", "signups"] == worker["chalicelib/providers/ediware/provider.py", "Ediware.sign_up"] == 1
    assert unsubscribed["chalicelib/providers/ediware/provider.py", "Ediware.unsubscribe"] == 1, "in another thread"
    for calls in (http, worker, unsubscribed):
        assert {file.partition("/")[0] for file, _ in calls} == {"app.py", "chalicelib"}
        assert ("chalicelib/config/load.py", "load") not in calls, "what only a cold start does"
    own = counted["the worker's signup, from message to provider and back"].own
    assert own["app.py", "signups"] == 1
    assert ("chalicelib/providers/ediware/provider.py", "Ediware.sign_up") not in own, "in the account's thread"


def test_an_unknown_name_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["statistic"]) == 2
    assert "there are" in capsys.readouterr().err


def test_the_table_is_aligned() -> None:
    rows = [
        Row("calls", [1_000, 10_000], ["few", "many"]),
        Row("seconds", [1.5, "–"], ["few", "many"]),
        Row("other", [7], ["alone"]),
    ]
    assert shown("heading", rows).splitlines() == [
        "",
        "heading",
        "             few    many",
        "  calls    1,000  10,000",
        "  seconds   1.50       –",
        "           alone",
        "  other        7",
    ]
    assert (ratio(3, 2), ratio(1, 0)) == ("× 1.50", "–")


@pytest.mark.server
def test_memory_is_that_of_the_process_itself() -> None:
    ballast = b"x" * 300_000_000
    measured = in_fresh_process({}, len, b"four")
    assert (measured.result, len(ballast)) == (4, 300_000_000)
    assert 5 < measured.peak_megabytes < 250


@pytest.mark.slow
def test_statistics_at_small_sizes(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "SIZES", (100, 200))
    rows = {(row.what, *row.columns): list(row.figures) for row in statistics.rows()}
    columns = ("100 campaigns", "200 campaigns")
    assert rows["first run: snapshots written", *columns] == [100, 200]
    assert rows["first run: PutItem", *columns] == [200, 400]
    others = rows["first run: UpdateItem", *columns]  # of a unit each
    assert rows["first run: write units", *columns] == [400 + others[0], 800 + others[1]]
    assert rows["unchanged run: snapshots written", *columns] == [0, 0]
    assert rows["unchanged run: write units", *columns] == rows["unchanged run: UpdateItem", *columns]
    assert ("unchanged run: PutItem", *columns) not in rows
    assert rows["page of 100: queries", *columns] == [1, 1]
    (read,) = [figures for (what, *_), figures in rows.items() if what.endswith("a call each: read")]
    assert read[0] == 100 and all(isinstance(each, int) and each < 40 for each in read[1:])


@pytest.mark.slow
def test_the_dashboard_at_small_sizes(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard, "SIZES", (60, 120))
    monkeypatch.setattr(dashboard, "REPEATS", 2)
    rows = {row.what: list(row.figures) for row in dashboard.rows()}
    for page in ("campaigns", "campaigns by words and rate"):
        assert rows[f"{page}: DynamoDB calls"] == [1, 1]
    for page in ("overview", "needs attention"):
        assert rows[f"{page}: DynamoDB calls"][0] == rows[f"{page}: DynamoDB calls"][1]
    for what, figures in rows.items():
        if what.endswith(": KB"):
            assert all(0 < figure < 150 for figure in figures), what
        elif what.endswith("processor ms here"):
            assert all(figure > 0 for figure in figures), what


@pytest.mark.slow
def test_unsubscribes_at_small_sizes(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unsubscribes, "SIZES", (20, 40))
    rows = {row.what: list(row.figures) for row in unsubscribes.rows()}
    made = {what: figures for what, figures in rows.items() if what.endswith("events made")}
    assert made == {
        f"{run}: events made": [number] * 2 for run, number in zip(unsubscribes.RUNS, (0, 0, 10), strict=True)
    }


@pytest.fixture
def small(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "SIDE_BY_SIDE": 20,
        "MANY": 20,
        "GROWTH": (20, 300),
        "WORKERS": 2,
        "LATENCY_SECONDS": 0.01,
    }.items():
        monkeypatch.setattr(delivery, name, value)


@pytest.mark.slow
def test_delivery_at_small_sizes(small: None) -> None:
    one, relais = (delivery._deliver(each, 20) for each in (delivery.BASELINE, delivery.RELAIS))
    rows = (*delivery._beside(relais, one), *delivery._times(relais, one), *delivery._growth())
    found = {(row.what, *row.columns): list(row.figures) for row in rows}
    beside = {what: figures for (what, *columns), figures in found.items() if "baseline" in columns}
    assert beside["provider calls, 20 signups"] == [2, 20, "× 10.00"], "Relais asks once for the address's column"
    assert beside["write units a signup, 20 signups"] == [5 + 3 / 20, 3, "× 0.58"], "and the batch's"
    assert beside["read units a signup, 20 signups"][:2] == [3 + 2 / 20, 0]
    assert beside["DynamoDB calls a signup, 20 signups"][1] == 3
    (seconds,) = [figures for what, figures in beside.items() if what.startswith("seconds for 20 signups, 2 workers")]
    assert all(isinstance(figure, float) and figure > 0.01 for figure in seconds[:2])
    (waits,) = [figures for what, figures in beside.items() if what.startswith("seconds of waiting")]
    assert waits == [pytest.approx(0.02), pytest.approx(0.2), "× 10.00"]
    alone = {what: figures for (what, *columns), figures in found.items() if columns == ["20 signups", "300 signups"]}
    prefix = "one worker, table in memory: "
    assert alone[f"{prefix}write units a signup"] == [5 + 3 / 20, 5 + 3 / 300]
    assert alone[f"{prefix}read units a signup"] == [3 + 2 / 20, 3 + 2 / 300]
    assert alone[f"{prefix}provider calls"] == [2, 3]
    assert alone[f"{prefix}time a signup"][0] == "× 1.00"


@pytest.mark.server
def test_a_run_with_duplicate_unsubscribes_has_no_result() -> None:
    with sandbox.start() as running:
        rows = delivery._list(running).rows
        rows[:] = [{"email": "a@example.com"}, {"email": "b@example.com"}, {"email": "b@example.com"}]
        with pytest.raises(RuntimeError, match="2 of 3 people were signed up, in 3 rows"):
            delivery._calls(running, 3)


@pytest.mark.server
def test_it_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "local.bench", "nothing"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize(
    ("layout", "written"),
    [
        ("cpu/cpu.cfs_quota_us", {"cpu.cfs_period_us": "20000", "cpu.cfs_quota_us": "5788"}),
        ("cgroup.controllers", {"cpu.max": "5788 20000"}),
    ],
)
def test_a_share_of_a_processor_is_set_in_either_version_of_cgroups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str, written: dict[str, str]
) -> None:
    monkeypatch.setattr(cpu_share, "_ROOT", tmp_path)
    (tmp_path / layout).parent.mkdir(exist_ok=True)
    (tmp_path / layout).touch()
    with cpu_share.limited(512 / cpu_share.FULL_MEMORY_MB) as limit:
        limit(4711)
        (group,) = (tmp_path / layout).parent.glob("relais-bench-*")
        found = {path.name: path.read_text() for path in group.iterdir()}
    assert found == {**written, "cgroup.procs": "4711"}


def test_a_machine_without_the_right_to_a_quota_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_share, "_ROOT", tmp_path / "no-cgroups")
    with pytest.raises(cpu_share.NoQuota, match="no cgroup can be made in"), cpu_share.limited(0.5):
        pass


def test_cold_starts_have_their_keys_in_a_secret(tmp_path: Path) -> None:
    sample = sandbox.sample_config("http://127.0.0.1:9")
    config, secret = cold_start.with_secrets(sample)
    values = json.loads(secret)
    assert not [value for value in values.values() if value in config]
    path = tmp_path / "relais.toml"
    path.write_text(config)
    settings = load(path, {"RELAIS_STAGE": "local"})
    kept = [settings.privacy.address_keys[0], *settings.accounts["brussel"].secrets.values()]
    assert {each.reference.partition("#")[0] for each in kept if isinstance(each, Secret)} == {
        "secret:relais/local/bench"
    }
    for name, value in values.items():
        config = config.replace(f"secret:relais/local/bench#{name}", value)
    assert config == sample


@pytest.mark.slow
@pytest.mark.rehearsal
@pytest.mark.server
def test_cold_starts_are_compared_with_the_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cold_start, "ROUNDS", 1)
    monkeypatch.setattr(cold_start, "WARM", 2)
    made = list(cold_start.rows())
    if len(made) == 1:
        pytest.skip(made[0].what)
    assert [row.what for row in made[:4]] == [
        "api_handler, processor time",
        "api_handler, until answered",
        "api_handler, until answered, at 1024 MB",
        "api_handler, by processor time alone, at 1024 MB",
    ] or made[2].what.startswith("api_handler, at 1024 MB: not measured: ")
    assert len(made) == 4 * len(cold_start.FUNCTIONS) + 2
    assert all(str(row.figures[2]).startswith("× ") for row in made if row.figures)
