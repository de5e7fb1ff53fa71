"""DynamoDB in memory: one engine for the embedded AWS, for tests in their own process, and for benchmarks.

`Engine` carries out operations on tables; `Wire` is its HTTP interface and `Client` its interface like boto3's. A suite
of tests compares its answers with DynamoDB Local's.
"""

from .client import Client
from .engine import Engine
from .wire import Wire

__all__ = ["Client", "Engine", "Wire"]
