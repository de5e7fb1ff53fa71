"""Converts API Gateway events to requests, and responses back, by the routes that are declared with Chalice.

A REST API selects by path and method together, and sends what no resource declares to `/{proxy+}`. So that Relais makes
every answer itself, every declared path has all methods, and so do `/` and `/{proxy+}`.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any
from urllib.parse import unquote_to_bytes

from chalice.app import Chalice, RouteEntry

from ..config.model import Organisation
from ..observability import observing
from . import problems
from .http_messages import Request, Response
from .problems import HttpProblem

View = Callable[..., Response]
"""Answers a `Request` with its path parameters by name; may raise any exception."""

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
"""API Gateway lets no other method through."""
# API Gateway sends bodies of these types in base64, so that no byte is changed: forms need not be UTF-8. JSON stays
# text, since 5 MB in base64 are more than Lambda takes.
_BINARY_TYPES = ("multipart/form-data", "application/octet-stream", "application/x-www-form-urlencoded")
# Answers concern one person or one moment, so no cache may store them; the content type is authoritative.
_ALWAYS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
# API Gateway has paths of their own for forms (local/throttles.py), so that each is throttled by itself.
_PATH_OF_ONE_FORM = re.compile("/forms/([^/{}]+)(/[^/{}]+)?")
# Pages load nothing and may not be framed.
_ON_PAGES = {"content-security-policy": "default-src 'none'; frame-ancestors 'none'", "referrer-policy": "no-referrer"}


@dataclass(frozen=True, slots=True)
class Route:
    """A declared path with the methods of one view; OPTIONS is answered at every path besides."""

    path: str
    methods: tuple[str, ...]
    view: View


class _Methods(dict[str, RouteEntry]):
    """Routes of a path by method. A method that API Gateway does not know is answered as those that the path lacks."""

    def __init__(self, methods: Mapping[str, RouteEntry], of_others: RouteEntry) -> None:
        super().__init__(methods)
        self._of_others = of_others

    def __missing__(self, method: str) -> RouteEntry:
        return self._of_others


class _Routes(dict[str, dict[str, RouteEntry]]):
    """Routes by path. During a deployment the API may know a path that the code does not: the fallback answers it."""

    def __missing__(self, path: str) -> dict[str, RouteEntry]:
        return self["/{proxy+}"]


class Gateway(Chalice):
    """A Chalice app whose views take a `Request`, and whose errors become problem details and log lines."""

    def __init__(self, name: str, organisation: Callable[[], Organisation | None] = lambda: None) -> None:
        """`organisation` is asked for pages of errors; it may raise."""
        self._organisation = organisation
        self._of_others: dict[str, RouteEntry] = {}
        self._declared: list[Route] = []
        super().__init__(app_name=name, configure_logs=False)
        self.api.binary_types = list(_BINARY_TYPES)

    @property
    def declared(self) -> tuple[Route, ...]:
        """The routes of `route`, in order: without the fallback, which takes every method, and `other_methods`."""
        return tuple(route for route in self._declared if set(route.methods) != set(METHODS))

    def route(self, path: str, *, methods: Sequence[str] = ("GET",), **kwargs: Any) -> Callable[[View], View]:
        """Registers the view of a path's methods: GET includes HEAD, bodies may be of any type."""
        declared = tuple(sorted({*methods, "HEAD"} if "GET" in methods else set(methods)))
        declare = super().route(path, methods=declared, content_types=["*/*"], **kwargs)

        def register(view: View) -> View:
            declare(self._answering(view))
            self._declared.append(Route(path, declared, view))
            return view

        return register

    def __call__(self, event: Any, context: Any) -> dict[str, Any]:
        """Answers an event of API Gateway by the view of its resource and method.

        A path of one form's own, such as `/forms/footer/signup`, has the view of `/forms/{form}/signup`.

        Chalice would read headers, media types and the answer once more on the way, which takes a tenth of the work.
        """
        about, parameters = event.get("requestContext", {}), event.get("pathParameters") or {}
        if "resourcePath" not in about:  # not an event of API Gateway
            return super().__call__(event, context)
        path = about["resourcePath"]
        if path not in self.routes and (found := _PATH_OF_ONE_FORM.fullmatch(path)):
            path, parameters = "/forms/{form}" + (found[2] or ""), {"form": found[1]}
        entry = self.routes[path][about["httpMethod"]]
        answer: dict[str, Any] = entry.view_function(
            request_from(event, context), context, {name: parameters[name] for name in entry.view_args}
        )
        return answer

    def other_methods(self, *paths: str) -> Callable[[View], View]:
        """Registers the view of the methods that some paths lack, once their routes are declared."""

        def register(view: View) -> View:
            for path in paths:
                lacking = [method for method in METHODS if method not in self.routes[path]]
                super(Gateway, self).route(path, methods=lacking, content_types=["*/*"])(self._answering(view))
                if lacking:
                    self._of_others[path] = self.routes[path][lacking[0]]
            return view

        return register

    def complete(self) -> None:
        """Completes every path after all routes: OPTIONS lists the declared methods, the others answer 405."""
        for path, methods in list(self.routes.items()):
            allow = ", ".join(sorted({*methods, "OPTIONS"}))
            self.other_methods(path)(lambda request, *, allow=allow, **_: problems.other_method(request, allow))
        # A path that declares every method has one view for all of them: the fallback.
        self.routes = _Routes(
            {path: _Methods(each, self._of_others.get(path) or each["GET"]) for path, each in self.routes.items()}
        )

    def _answering(self, view: View) -> Callable[[Request, Any, Mapping[str, str]], dict[str, Any]]:
        """Wraps a view: it gets decoded parameters, and no exception leaves it.

        Adds the headers of every answer: request id, no caching, no sniffing. Drops the body for HEAD.
        """

        @wraps(view)
        def answer(request: Request, context: Any, parameters: Mapping[str, str]) -> dict[str, Any]:
            with observing("api_handler", request.id, context):
                try:
                    try:  # decoded once: `%2F` makes no segment, `%2525` is `%25`
                        decoded = {name: unquote_to_bytes(text).decode("utf-8") for name, text in parameters.items()}
                    except UnicodeError:
                        raise problems.not_found() from None
                    response = view(request, **decoded)
                    if "\n" in "".join(response.headers.values()):
                        raise ValueError("a header's value has a line break")
                except Exception as error:  # the client gets an answer and the log a line, always
                    response = problems.answer(request, error, partial(self._page, request))
                headers: dict[str, Any] = {**_ALWAYS, **response.headers, **request.answer_headers}
                varies = [each["vary"] for each in (request.answer_headers, response.headers) if "vary" in each]
                if varies:
                    headers["vary"] = ", ".join(varies)
                if headers.get("content-type", "").startswith("text/html"):
                    headers = {**_ON_PAGES, **headers}
                return {
                    "statusCode": response.status,
                    "headers": {**headers, "x-request-id": request.id},
                    "multiValueHeaders": {},
                    "body": "" if request.method == "HEAD" else response.body,
                }

        return answer

    def _page(self, request: Request, problem: HttpProblem) -> Response:
        """Returns the page of an error; without the organisation's name where the configuration cannot be read."""
        from .pages.problem import problem_page

        try:
            organisation = self._organisation()
        except Exception:  # it is logged where it fails a request by itself
            organisation = None
        return problem_page(request, problem, organisation)


def request_from(event: Mapping[str, Any], lambda_context: Any) -> Request:
    """Converts an API Gateway event (REST, payload 1.0)."""
    context = event["requestContext"]
    several = event.get("multiValueHeaders") or {name: [value] for name, value in (event.get("headers") or {}).items()}
    headers: dict[str, str] = {}  # repeated ones are joined by commas, so that every copy is seen
    for name, values in several.items():
        lower = name.lower()
        headers[lower] = ", ".join([*([headers[lower]] if lower in headers else []), *map(str, values)])
    return Request(
        method=context["httpMethod"],
        headers=headers,
        query={name: values[-1] for name, values in (event["multiValueQueryStringParameters"] or {}).items()},
        encoded_body=event.get("body"),
        is_base64=bool(event.get("isBase64Encoded")),
        source_ip=(context.get("identity") or {}).get("sourceIp"),
        id=context.get("requestId") or getattr(lambda_context, "aws_request_id", None) or str(uuid.uuid4()),
        domain=(context.get("domainName") or "").lower(),
        base_path=_base_path(context.get("path") or "", context["resourcePath"], event["pathParameters"] or {}),
        unmatched_path=(event["pathParameters"] or {}).get("proxy", ""),
    )


def _base_path(public: str, resource: str, parameters: Mapping[str, str]) -> str:
    """Returns what the public path has before Relais' own: the name of API Gateway's stage, or a domain's base path.

    Segments are counted, since texts may be written differently. The event's own `path` is of no use: with a base path
    it has that in front, and without it is the same as the resource's.
    """
    own = resource.replace("{proxy+}", parameters.get("proxy", ""))
    segments = public.rstrip("/").split("/")
    return "/".join(segments[: max(0, len(segments) - own.rstrip("/").count("/"))])
