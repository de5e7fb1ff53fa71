"""Starts and stops the parts of the local stack, in order."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import logging
import os
import secrets
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import __version__
from local import resources, sandbox, throttles
from local.aws import mailbox, process
from local.configuration import Configuration, read_configuration
from local.control import Control
from local.http.gateway import Gateway
from local.http.server import HttpServer
from local.lambdas import events
from local.lambdas.functions import Functions, NoEnvironment
from local.options import STAGE, Options, StartFailed, stack_environ
from local.poller import Poller
from local.running_stacks import StackState
from local.schedules import Schedules
from local.template import TemplateError, build
from local.template_reader import Description, QueueTrigger, Unsupported, describe

STOP_SECONDS = 4.3
_IN_FLIGHT_SECONDS = 2.5
FUNCTIONS_SECONDS = 0.5
"""How long invocations may continue after their messages were released."""
_READY_SECONDS = 20.0
_SANDBOX_PORT = 8025
# The pollers' client. The poller itself retries when AWS does not answer.
POLLING = Config(max_pool_connections=16, read_timeout=30, retries={"total_max_attempts": 2})


def _now() -> datetime:
    return datetime.now(UTC)


class Stack:
    """A running product. Call `start` once; `stop` ends whatever was started. `now` is the clock of its parts."""

    def __init__(self, options: Options, environ: Mapping[str, str], now: Callable[[], datetime] = _now) -> None:
        self._options = options
        self._given = environ
        self._now = now
        self._parts = contextlib.ExitStack()
        self._stopping: list[Callable[[], None]] = []
        self._pollers: list[Poller] = []
        self._schedules: Schedules | None = None
        self._configured: Configuration | None = None
        self._state: StackState | None = None
        self._mails = ""
        self._invoke: Callable[[str, Any], Any] | None = None

    def start(self, asked_to_stop: threading.Event, announce: Callable[[], None] = lambda: None) -> None:
        """Starts everything; returns when `/healthz` answers 200 or a stop is requested. Raises StartFailed.

        HTTP is answered last: once `/healthz` answers 200, the sample's past is there, `invoke` works, and `announce`,
        which prints the `lines`, has been called.
        """
        server = self._listen()
        configured, config = self._configuration(server)
        self._configured = configured
        endpoint = self._options.endpoint or self._embedded_aws()
        environ = stack_environ(self._given, endpoint, config)
        os.environ.clear()  # boto3 in this process too must reach only that AWS
        os.environ.update(environ)
        description = self._describe(configured)
        self._create_resources(description, endpoint)
        mail = configured.check(environ).mail
        if mail is not None and mailbox.verify_sender(mail, endpoint, self._options.region):
            self._mails = f"{endpoint}{mailbox.PATH}"
        if self._options.endpoint:
            configured.check_secrets(self._given, endpoint)
        functions = self._make_functions(description, environ)
        self._parts.callback(functions.stop, FUNCTIONS_SECONDS)
        self._parts.callback(self._finish_work)
        self._stopping.append(self._stop_work)
        self._start_work(description, functions)
        control = self._control(description, functions)
        if self._options.sample_past and configured.is_sample and not self._options.endpoint:
            self._write_past(description, functions)
        self._state = StackState(
            pid=os.getpid(),
            http=self._http_url(server),
            aws=endpoint,
            region=self._options.region,
            stage=STAGE,
            config=str(configured.path),
            sandbox=configured.sandbox_url,
            control_port=control.port,
            token=control.token,
            started_at=time.time(),
        )
        self._state.write()
        self._parts.callback(self._state.remove)
        announce()
        self._serve(server, description, functions)
        self._await_health(server, asked_to_stop)

    def invoke(self, name: str, event: Any) -> Any:
        """Runs one function, once started; None is its default event. Raises FunctionFailed or NoEnvironment."""
        if self._invoke is None:
            raise NoEnvironment("the stack has not started")
        return self._invoke(name, event)

    def account_hints(self) -> dict[str, str]:
        """Returns what to add to a problem of an account that has to do with the sandbox; see `Configuration`."""
        return self._configured.account_hints() if self._configured is not None else {}

    def lines(self) -> dict[str, str]:
        """Returns the addresses by name; nothing before `start` announces them."""
        if self._state is None or self._configured is None:
            return {}
        lines = {"version": __version__, "configuration": self._configured.shown}
        lines |= {"http": self._state.http, "aws": self._state.aws}
        if self._mails:
            lines["mails"] = self._mails
        if self._state.sandbox:
            lines["sandbox"] = self._state.sandbox
        lines["dashboard"] = f"{self._state.http}/dashboard"
        if self._state.sandbox:
            lines["admin key"] = self._configured.admin_key
        return lines

    def stop(self) -> None:
        """Starts no more work, lets running work finish for a moment, ends everything."""
        _concurrently(self._stopping)
        self._parts.close()

    def _listen(self) -> HttpServer:
        """Takes the HTTP port before anything else, so that a second stack fails at once."""
        try:
            server = HttpServer(self._options.host, self._options.port)
        except OSError as error:
            raise StartFailed(_not_listening(error, self._options.host, self._options.port)) from error
        self._parts.callback(server.server_close)
        return server

    def _http_url(self, server: HttpServer) -> str:
        address = ipaddress.ip_address(str(server.server_address[0]))
        if address.is_unspecified:
            address = ipaddress.ip_address("127.0.0.1" if address.version == 4 else "::1")
        return f"http://{address if address.version == 4 else f'[{address}]'}:{server.port}"

    def _link_url(self, server: HttpServer) -> str:
        """Returns the sample configuration's public URL; plain http is accepted for this machine's own names only."""
        address = ipaddress.ip_address(str(server.server_address[0]))
        mine = address.is_loopback or address.is_unspecified
        return self._http_url(server) if mine else f"http://127.0.0.1:{server.port}"

    def _configuration(self, server: HttpServer) -> tuple[Configuration, Path]:
        """Reads and checks the configuration, with its sandbox; returns it, and the file for the functions."""
        configured = read_configuration(self._options.config)
        if configured.has_sandbox:
            running = self._start_sandbox()
            self._parts.callback(running.stop)
            configured = configured.at_sandbox(running.url, self._link_url(server))
        if self._options.endpoint:
            configured.check(self._given)  # secrets follow when that AWS has answered
        else:
            configured.check_secrets(self._given, None)
        if not configured.has_sandbox:
            return configured, configured.path
        written = configured.write(f"sandbox-{running.url.rpartition(':')[2]}")
        self._parts.callback(written.unlink, missing_ok=True)
        return configured, written

    def _start_sandbox(self) -> sandbox.Sandbox:
        wanted = self._options.sandbox_port
        try:
            return sandbox.start(_SANDBOX_PORT if wanted is None else wanted)
        except OSError as error:
            if wanted is None:
                return sandbox.start(0)
            raise StartFailed(f"SANDBOX_PORT {wanted} cannot be used: {error.strerror}.") from error

    def _embedded_aws(self) -> str:
        try:
            aws = process.start(self._options.aws_port)
        except process.AwsNotStarted as error:
            raise StartFailed(f"{error} Set AWS_PORT to another port, or to 0 for a free one.") from error
        self._parts.callback(aws.stop)
        return aws.endpoint

    def _describe(self, configured: Configuration) -> Description:
        """Describes the stage as it would be packaged with this configuration."""
        try:
            template = build(STAGE)
            throttles.apply(template, configured.check(self._given).forms)
            return describe(template, self._options.region)
        except (TemplateError, Unsupported) as error:
            raise StartFailed(f"The template cannot be read: {error}") from error

    def _create_resources(self, description: Description, endpoint: str) -> None:
        try:
            resources.create(description.queues, description.tables, boto3.client("sqs"), boto3.client("dynamodb"))
        except (BotoCoreError, ClientError) as error:
            raise StartFailed(f"Queues and tables cannot be created at {endpoint}: {error}") from error

    def _serve(self, server: HttpServer, description: Description, functions: Functions) -> None:
        name = description.http_function.name
        gateway = Gateway(
            description.api, partial(functions.invoke, name), self._now, throttled=self._options.throttled
        )
        server.start(gateway)
        self._stopping.append(server.shutdown)

    def _make_functions(self, description: Description, environ: Mapping[str, str]) -> Functions:
        return Functions(description.functions, environ)

    def _start_work(self, description: Description, functions: Functions) -> None:
        """Starts pollers and schedules."""
        region = self._options.region
        self._pollers = [
            self._poller(trigger, partial(functions.invoke, function.name))
            for function in description.functions
            for trigger in function.queues
        ]
        self._schedules = Schedules(description.functions, region, functions.invoke, self._now)
        self._schedules.start()
        for poller in self._pollers:
            poller.start()

    def _poller(self, trigger: QueueTrigger, invoke: Callable[[Any], Any]) -> Poller:
        return Poller(trigger, boto3.client("sqs", config=POLLING), self._options.region, invoke)

    def _stop_work(self) -> None:
        if self._schedules:
            self._schedules.stop()
        for poller in self._pollers:
            poller.stop_collecting()

    def _finish_work(self) -> None:
        _concurrently([partial(poller.finish, _IN_FLIGHT_SECONDS) for poller in self._pollers])

    def _write_past(self, description: Description, functions: Functions) -> None:
        """Gives the sample world a past year, and reads its statistics once; goes on without them if that fails."""
        from local import sample_past

        try:
            sample_past.write_campaigns(self._now())
            sample_past.write_form_days(self._now())
            function = description.function("collect_stats")
            functions.invoke(function.name, events.default(function, self._now(), self._options.region))
        except Exception as error:
            logging.getLogger("local").warning("The sample world has no past: %s", error)

    def _control(self, description: Description, functions: Functions) -> Control:
        def invoke(name: str, event: Any) -> Any:
            function = description.function(name)
            if event is None:
                event = events.default(function, self._now(), self._options.region)
            return functions.invoke(function.name, event)

        self._invoke = invoke
        control = Control(secrets.token_urlsafe(32), invoke)
        control.start()
        self._parts.callback(control.stop)
        return control

    def _await_health(self, server: HttpServer, asked_to_stop: threading.Event) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while not asked_to_stop.is_set():
            failure = _health(f"{self._http_url(server)}/healthz")
            if failure is None:
                return
            if time.monotonic() > deadline:
                raise StartFailed(f"/healthz did not answer 200 within {_READY_SECONDS:.0f} seconds: {failure}")
            asked_to_stop.wait(0.1)


def _health(url: str) -> str | None:
    """Returns None when it is healthy, else its answer or the error."""
    no_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with no_proxy.open(url, timeout=10):
            return None
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read(500).decode(errors='replace')}"
    except OSError as error:
        return str(error)


def _not_listening(error: OSError, host: str, port: int) -> str:
    """Returns why the HTTP port cannot be taken, and what to set."""
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} of {host} is in use: set PORT to another one, or to 0 for a free one."
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"Port {port} is not for ordinary users: set PORT to one from 1024 on, or to 0 for a free one."
    return f"HOST is {host!r}: it must be an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all of them."


def _concurrently(calls: Sequence[Callable[[], None]]) -> None:
    """Runs the calls in threads: they share the time to stop."""
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def check(config: Path) -> None:
    """Reports every error of the configuration before anything runs with it. Raises StartFailed."""
    from chalicelib.config.load import load
    from chalicelib.domain.errors import ConfigurationError

    try:
        load(config)
    except ConfigurationError as error:
        raise StartFailed(f"The configuration cannot be used:\n{error}") from error
