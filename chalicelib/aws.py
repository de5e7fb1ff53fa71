"""Makes AWS clients, all from one boto3 session, which reads AWS' endpoints and descriptions once for all of them."""

from __future__ import annotations

import threading
from typing import Any

_making = threading.Lock()


def client(service: str, **options: Any) -> Any:
    """Returns a new boto3 client of a service; `options` are those of botocore's `Config`. Thread-safe."""
    import boto3
    from botocore.config import Config

    with _making:  # a session may not make clients in two threads at once
        name: Any = service  # boto3's type stubs accept only literal names of services
        return boto3.client(name, config=Config(**options))
