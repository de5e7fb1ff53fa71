"""Secrets Manager and Parameter Store as far as the product reads them: real boto3 clients, answered in this process.

That the product reads its secrets from the embedded AWS, too, is shown by `tests/e2e/test_secrets.py`.
"""

from __future__ import annotations

import io
import json
from typing import Any

from botocore.awsrequest import AWSResponse

from chalicelib.config.secret_cache import Vault

ARN = "arn:aws:secretsmanager:eu-west-3:123456789012:secret:"


class _Body(io.BytesIO):
    """A body as botocore reads it."""

    def stream(self, **_: Any) -> Any:
        yield self.read()


class SecretsAws:
    """Contents of the two services. Creating the client is slow, so all tests share one; `clear` empties it."""

    def __init__(self) -> None:
        self.secrets: dict[str, str | bytes] = {}
        self.parameters: dict[str, str] = {}
        """Encrypted ones (SecureString)."""
        made = Vault({})
        self.clients = {"secretsmanager": made._client("secretsmanager"), "ssm": made._client("ssm")}
        for client in self.clients.values():
            client.meta.events.register("before-send", self._answer)

    def clear(self) -> None:
        """Deletes all secrets."""
        self.secrets.clear()
        self.parameters.clear()

    def _answer(self, request: Any, **_: Any) -> AWSResponse:
        target, asked = request.headers["X-Amz-Target"], json.loads(request.body)
        known = {b"secretsmanager.GetSecretValue": self._secret, b"AmazonSSM.GetParameter": self._parameter}
        status, answer = known[target if isinstance(target, bytes) else target.encode()](asked)
        return AWSResponse(request.url, status, {}, _Body(json.dumps(answer).encode()))

    def _secret(self, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        value = self.secrets.get(asked["SecretId"].removeprefix(ARN))
        if value is None:
            return 400, {"__type": "ResourceNotFoundException", "Message": "no such secret"}
        return 200, {"SecretString": value} if isinstance(value, str) else {"SecretBinary": value.decode("latin-1")}

    def _parameter(self, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        value = self.parameters.get(asked["Name"])
        if value is None:
            return 400, {"__type": "ParameterNotFound", "message": "no such parameter"}
        return 200, {"Parameter": {"Value": value if asked.get("WithDecryption") else "encrypted"}}
