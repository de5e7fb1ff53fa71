"""`check`: asks every provider and source whether the configuration is right, without changing anything there.

Each account, with its forms, and each source is looked at by a job of its own: a failure or slowness of one hides
nothing of the others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import islice
from typing import Any

from ..config.model import MAIL_BY_SES, Form, Source
from ..contact_import.rows import read_csv
from ..contact_import.signups import address_column
from ..contact_import.source import READ_TIMEOUT, Fetcher
from ..delivery.deadline import Deadline
from ..domain.errors import LedgerUnavailable, ProviderError, RelaisError, SecretUnavailable
from ..jobs.errors import SyncFailed, SyncRefused
from ..ledger.check_results import CheckedProblem, CheckResultStore
from ..observability import log_context, logger, metrics, redact, until_time_is_up
from ..providers import registry
from ..providers.spec import Provider
from ..services import Services
from . import check_words as words
from .call_input import checked, failed
from .check_words import Finding, Problem

PROBLEMS = "check_problems"
AT_ONCE = 8
"""Jobs that run at the same time."""
JOB_SECONDS = 25.0
"""The longest time that a call for an account may take."""
SOURCE_SECONDS = READ_TIMEOUT + 5.0
"""The same for a source: a sync waits as long for a file that is made on request."""
HEAD_SLICES = 4
"""Slices of a source's file, of 64 KB at most, in which its first line must end."""
_SECTIONS = ("account", "form", "source")

Key = tuple[str, str]
"""The section (`account`, `form`, `source`) and the name of an entry of the answer."""
Findings = Mapping[Key, Finding]


@dataclass(slots=True)
class _Job:
    """The check of one account or source. `findings` is None until it has ended."""

    about: Key
    covers: tuple[Key, ...]
    """The entries that remain unknown if it does not end in time."""
    look: Callable[[], Findings]
    findings: Findings | None = None


class Check:
    """Checks the whole configuration. `connect` makes a new client of an account: a cached session proves nothing.

    `sender_faults` asks Amazon SES: it returns faults with what to do, and what could not be asked.
    """

    def __init__(
        self,
        services: Services,
        connect: Callable[[str], Provider],
        fetcher: Fetcher,
        sender_faults: Callable[[], tuple[list[tuple[str, str]], list[str]]],
    ) -> None:
        self._services = services
        self._sender_faults = sender_faults
        self._settings = services.settings
        self._connect = connect
        self._fetcher = fetcher

    def handle(self, event: Any, deadline: Deadline) -> dict[str, Any]:
        """Answers `{}` or a schedule's event by `{"ok", "accounts", "forms", "sources"}`; `{"error"}` for a wrong call.

        Counts the problems by account and stores them in the ledger. Nobody reads the answer to a schedule, so the log
        then has each problem.
        """
        scheduled = isinstance(event, Mapping) and event.get("source") == "aws.events"
        if not scheduled:
            try:
                checked(event, ("time",))
            except ProviderError as error:
                return failed(error)
        jobs = self._jobs(deadline)
        waiting = deque(jobs)
        until_time_is_up([partial(_work, waiting)] * min(AT_ONCE, len(jobs)), lambda: deadline.seconds_left)
        findings = self._merged(jobs)
        self._report(findings, log_each=scheduled)
        answer: dict[str, Any] = {"ok": not any(one.problems for one in findings.values())}
        for section in _SECTIONS:
            answer[f"{section}s"] = {name: one.as_json() for (kind, name), one in findings.items() if kind == section}
        return answer

    def _jobs(self, deadline: Deadline) -> list[_Job]:
        def budget(longest: float) -> float:
            return min(longest, deadline.seconds_left)

        of_account, of_source = partial(budget, JOB_SECONDS), partial(budget, SOURCE_SECONDS)
        accounts = tuple(("account", name) for name in self._settings.accounts)
        jobs = [_Job(("key", "of Relais' own"), accounts, self._look_at_own_keys)]
        for name in self._settings.accounts:
            forms = [form for form in self._settings.forms.values() if form.account == name]
            sources = [source for source in self._settings.sources.values() if source.account == name]
            look = partial(self._look_at_account, name, forms, sources, of_account)
            covers = (("account", name), *(("form", form.name) for form in forms))
            jobs.append(_Job(("account", name), covers, look))
        by_ses = tuple(("form", form.name) for form in self._settings.forms.values() if form.confirm == MAIL_BY_SES)
        if by_ses:
            jobs.append(_Job(("mail", MAIL_BY_SES), by_ses, partial(self._look_at_ses, by_ses)))
        for source in self._settings.sources.values():
            key = ("source", source.name)
            jobs.append(_Job(key, (key,), partial(self._look_at_source, source, of_source)))
        return jobs

    def _look_at_account(
        self, name: str, forms: Sequence[Form], sources: Sequence[Source], budget: Callable[[], float]
    ) -> Findings:
        """Asks whether the account is accepted; then looks for the lists and fields of its forms and sources."""
        account = Finding()
        findings = {("account", name): account, **{("form", form.name): Finding() for form in forms}}
        title = registry.spec(self._settings.accounts[name].provider).title
        provider = self._connect(name)
        wanted = {form.list for form in forms} | {source.list for source in sources}
        try:
            lists = provider.read_lists(wanted - {""}, budget=budget())
        except RelaisError as error:
            account.problems.append(_problem_of(error, title))
            for form in forms:
                findings["form", form.name].problems.append(words.of_unusable_account(name))
            return findings
        for source in sources:
            if source.list and source.list not in lists:
                key = f"list of [sources.{source.name}]"
                findings["source", source.name] = Finding([words.of_missing_list(source.list, name, key, lists)])
        fields = _ListFields(provider, budget)
        for form in forms:
            finding = findings["form", form.name]
            if form.list and form.list not in lists:
                key = f"list of [forms.{form.name}]"
                finding.problems.append(words.of_missing_list(form.list, name, key, lists))
            elif form.list:
                fields.compare(form, finding)
        return findings

    def _look_at_ses(self, forms: Sequence[Key]) -> Findings:
        """Asks whether the mails of these forms would be sent."""
        faults, unchecked = self._sender_faults()
        return {form: Finding([Problem(*fault) for fault in faults], list(unchecked)) for form in forms}

    def _look_at_source(self, source: Source, budget: Callable[[], float]) -> Findings:
        """Fetches the beginning of a source's file, and looks for a column of addresses in its first line."""
        finding = Finding()
        if source.fetch == "provider":
            title = registry.spec(self._settings.accounts[source.account].provider).title
            finding.unchecked.append(f"the file: {title} fetches it itself, from its own addresses")
            return {("source", source.name): finding}
        try:
            with self._fetcher.open(source, budget()) as chunks:
                columns = read_csv(islice(chunks, HEAD_SLICES)).columns
            address_column(columns, partial(self._own_column, source, budget))
        except (SyncFailed, SyncRefused) as error:
            may_pass = isinstance(error, SyncFailed)
            finding.problems.append(words.of_source_error(str(error), error.remedy, source.name, may_pass=may_pass))
        except RelaisError as error:
            finding.unchecked.append(f"its column of addresses: {error}")
        return {("source", source.name): finding}

    def _own_column(self, source: Source, budget: Callable[[], float]) -> str:
        return self._connect(source.account).address_field(source.list, budget=budget())

    def _merged(self, jobs: Iterable[_Job]) -> Findings:
        """Returns what all jobs found, in the configuration's order; says so where one has not ended in time."""
        settings = self._settings
        names = dict(zip(_SECTIONS, (settings.accounts, settings.forms, settings.sources), strict=True))
        findings = {(section, name): Finding() for section in _SECTIONS for name in names[section]}
        for job in jobs:
            done = job.findings
            found = {key: Finding([words.UNFINISHED]) for key in job.covers} if done is None else done
            for key, finding in found.items():
                findings[key].problems += finding.problems
                findings[key].unchecked += finding.unchecked
        return {key: _redacted(finding) for key, finding in findings.items()}

    def _look_at_own_keys(self) -> Findings:
        """Finds keys of Relais' own, and secrets of webhooks, that are missing or cannot be read.

        They are problems of every account, since the events that are not accepted may be for any of them.
        """
        problems = []
        try:
            missing = self._services.address_key_check.look().missing
            problems += [words.of_missing_key(missing)] if missing is not None else []
        except SecretUnavailable as error:
            problems.append(words.of_unreadable_key(str(error), words.WITHOUT_ADDRESS_KEY))
        except RelaisError as error:
            logger.warning("address keys not checked", extra={"error": str(error)})
        settings = self._settings
        others = [(secret, words.WITHOUT_SIGNATURE) for one in settings.webhooks.values() for secret in one.secrets]
        others += [(key, words.WITHOUT_UNSUBSCRIBE_KEY) for key in settings.unsubscribe_keys]
        others += [(settings.api.admin_key, words.WITHOUT_ADMIN_KEY)] if settings.api.admin_key else []
        for secret, consequence in others:
            try:
                secret.reveal()
            except SecretUnavailable as error:
                problems.append(words.of_unreadable_key(str(error), consequence))
        return {("account", name): Finding(list(problems)) for name in settings.accounts}

    def _account_of(self, section: str, name: str) -> str:
        if section == "form":
            return self._settings.forms[name].account
        return self._settings.sources[name].account if section == "source" else name

    def _report(self, findings: Findings, *, log_each: bool) -> None:
        of_account = dict.fromkeys(self._settings.accounts, 0)
        found = []
        for key, finding in findings.items():
            account = self._account_of(*key)
            of_account[account] += len(finding.problems)
            for one in finding.problems:
                problem = CheckedProblem(" ".join(key), one.problem, one.do)
                found.append(problem)
                if log_each:
                    logger.warning("check problem", extra={"account": account, **asdict(problem)})
        for account, count in of_account.items():
            metrics.count(PROBLEMS, count, account=account)
        logger.info("check finished", extra={"problems": len(found)})
        try:
            CheckResultStore(self._services.table).write(self._services.effects.clock(), found)
        except RelaisError as error:
            logger.warning("check result not stored", extra={"error": str(error)})


@dataclass(slots=True)
class _ListFields:
    """The fields of one account's lists, each asked for once."""

    provider: Provider
    budget: Callable[[], float]
    _known: dict[str, tuple[str, Collection[str]] | str] = field(default_factory=dict)

    def compare(self, form: Form, finding: Finding) -> None:
        """Compares the fields that a form sends with those of its list."""
        if form.list not in self._known:
            self._known[form.list] = self._ask(form.list)
        known = self._known[form.list]
        if isinstance(known, str):
            finding.unchecked.append(f"the fields of list {form.list}: {known}")
            return
        address_field, columns = known
        found = words.of_fields(form, address_field, columns)
        finding.problems += found.problems
        finding.unchecked += found.unchecked

    def _ask(self, list_id: str) -> tuple[str, Collection[str]] | str:
        """Returns the field of the address and all that are known; as text why they cannot be read."""
        try:
            address_field = self.provider.address_field(list_id, budget=self.budget())
            return address_field, self.provider.columns(list_id, budget=self.budget())
        except RelaisError as error:
            return str(error)


def _work(waiting: deque[_Job]) -> None:
    """Runs jobs until none is left."""
    while True:
        try:
            job = waiting.popleft()
        except IndexError:
            return
        section, name = job.about
        with log_context(about=f"{section} {name}"):
            try:
                job.findings = job.look()
            except Exception as error:
                # Any exception: one that nobody expected must not hide what the other jobs find.
                logger.exception("check failed unexpectedly")
                job.findings = {key: Finding([words.of_defect(type(error).__name__)]) for key in job.covers}


def _problem_of(error: RelaisError, title: str) -> Problem:
    if isinstance(error, ProviderError):
        return words.of_provider_error(error, title)
    if isinstance(error, LedgerUnavailable):
        return words.of_ledger(str(error))
    return words.of_configuration(str(error))


def _redacted(finding: Finding) -> Finding:
    """Returns a finding that can be shown: what a provider answers, or calls its lists, may hold anything."""
    problems = [Problem(redact(one.problem), redact(one.do)) for one in finding.problems]
    return Finding(problems, [redact(text) for text in finding.unchecked])
