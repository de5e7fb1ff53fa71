"""Back ends and browsers that do as the documentation says: what was not accepted is sent again, with the same ids."""

from __future__ import annotations

import json
import random
import threading
import time
import urllib.error
import urllib.request
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from hmac import digest
from typing import Any
from urllib.parse import urlencode

from local.sandbox import SAMPLE_WEBHOOK_SECRET
from tests.chaos.letters import FORMS, Letter

_PATIENCE_SECONDS = 900.0
_BATCH_SIZES = (300, 250, 100, 20, 3, 1)
QUEUES = ("signups", "unsubscribes", "syncs")


@dataclass
class Sender:
    """Hands letters in at the product's doors; who has an id was accepted. `answers` counts HTTP statuses."""

    url: str
    sqs: Any
    now: Callable[[], datetime]
    chance: random.Random
    answers: Counter[int] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _requests: int = 0

    def send(self, letters: Sequence[Letter]) -> None:
        """Hand all of them in: batches side by side with forms and queues. Raises AssertionError if one stays out."""
        mixed = list(letters)
        self.chance.shuffle(mixed)
        by_door = {door: [one for one in mixed if one.door == door] for door in ("events", "form", "queue")}
        sizes = [self.chance.choice(_BATCH_SIZES) for _ in mixed]
        jobs: list[Callable[[], None]] = []
        rest = by_door["events"]
        while rest:
            size = sizes.pop()
            jobs.append(lambda batch=rest[:size]: self._batch(batch))  # type: ignore[misc]
            rest = rest[size:]
        jobs += [lambda one=one: self._form(one) for one in by_door["form"]]  # type: ignore[misc]
        queued = by_door["queue"]
        jobs += [lambda at=at: self._queue(queued[at : at + 10]) for at in range(0, len(queued), 10)]  # type: ignore[misc]
        self.chance.shuffle(jobs)
        with ThreadPoolExecutor(3, thread_name_prefix="sender") as pool:
            for done in [pool.submit(job) for job in jobs]:
                done.result()

    def _batch(self, letters: Sequence[Letter]) -> None:
        with self._lock:
            self._requests += 1
            webhook_id = f"batch-{self._requests}"
        body = json.dumps({"events": [letter.body() for letter in letters]}).encode()
        answer = self._until_accepted("/events", body, lambda: self._signed(webhook_id, body))
        assert not answer["rejected"], answer["rejected"]
        for one in answer["events"]:
            letters[one["index"]].id = one["id"]
        assert all(letter.id for letter in letters), answer

    def _form(self, letter: Letter) -> None:
        form, field_name = FORMS[letter.list or "4781"]
        said = {"email": letter.email}
        if letter.type == "signup":
            said[field_name] = letter.tag
        if letter.kind == "trap":
            said["website"] = "filled in"
        kind = {"content-type": "application/x-www-form-urlencoded", "idempotency-key": letter.tag}
        answer = self._until_accepted(f"/forms/{form}/{letter.type}", urlencode(said).encode(), lambda: kind)
        letter.id = answer["id"]

    def _queue(self, letters: Sequence[Letter]) -> None:
        """On any of the queues; what SQS has taken is accepted."""
        with self._lock:
            queue = self.chance.choice(QUEUES)
        entries = [{"Id": letter.tag, "MessageBody": json.dumps(letter.body())} for letter in letters]
        url = self.sqs.get_queue_url(QueueName=f"relais-local-{queue}")["QueueUrl"]
        assert not self.sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed")
        for letter in letters:
            letter.id = letter.tag

    def _until_accepted(self, path: str, body: bytes, headers: Callable[[], Mapping[str, str]]) -> Any:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            status, answer = self._post(path, body, headers())
            with self._lock:
                self.answers[status] += 1
            if status == 202:
                return json.loads(answer)
            assert status in (0, 429, 500, 502, 503, 504), f"{path}: {status} {answer[:500]!r}"
            time.sleep(0.1)
        raise AssertionError(f"{path} was not accepted in {_PATIENCE_SECONDS} seconds")

    def _post(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Status and body; 0 where no answer came."""
        request = urllib.request.Request(self.url + path, data=body, headers=dict(headers), method="POST")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return 0, b""

    def _signed(self, webhook_id: str, body: bytes) -> dict[str, str]:
        """The headers of Standard Webhooks; the time is that of this try."""
        at = str(int(self.now().timestamp()))
        secret = b64decode(SAMPLE_WEBHOOK_SECRET.removeprefix("whsec_"))
        signature = digest(secret, f"{webhook_id}.{at}.".encode() + body, sha256)
        return {
            "content-type": "application/json",
            "webhook-id": webhook_id,
            "webhook-timestamp": at,
            "webhook-signature": f"v1,{b64encode(signature).decode()}",
        }
