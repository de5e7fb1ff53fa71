"""The context object that Lambda hands to a handler, as awslambdaric makes it."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local.description import ACCOUNT_ID


def _log_stream() -> str:
    return f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{uuid.uuid4().hex}"


@dataclass(frozen=True)
class LambdaContext:
    """`deadline` is when the invocation's time is over, in epoch seconds."""

    function_name: str
    aws_request_id: str
    deadline: float
    region: str
    memory_limit_in_mb: str
    function_version: str = "$LATEST"
    log_stream_name: str = field(default_factory=_log_stream)
    identity: Any = None
    client_context: Any = None
    tenant_id: str | None = None

    @property
    def invoked_function_arn(self) -> str:
        """The function's ARN, without a qualifier."""
        return f"arn:aws:lambda:{self.region}:{ACCOUNT_ID}:function:{self.function_name}"

    @property
    def log_group_name(self) -> str:
        """Where its log would be."""
        return f"/aws/lambda/{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """What is left of the function's time."""
        return max(int((self.deadline - time.time()) * 1000), 0)
