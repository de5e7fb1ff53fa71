"""Back ends and browsers that behave as documented: they send again what was not accepted, with the same ids."""

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
from tests.chaos.sent_events import FORMS, SentEvent

_DEADLINE_SECONDS = 900.0
_BATCH_SIZES = (300, 250, 100, 20, 3, 1)
QUEUES = ("signups", "unsubscribes", "syncs")


@dataclass
class Sender:
    """Submits events at the entry points; an event with an id was accepted. `answers` counts HTTP statuses."""

    url: str
    sqs: Any
    now: Callable[[], datetime]
    chance: random.Random
    answers: Counter[int] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _requests: int = 0

    def send(self, sent_events: Sequence[SentEvent]) -> None:
        """Submit all, batches concurrently with forms and queues. Raises AssertionError if one is not accepted."""
        mixed = list(sent_events)
        self.chance.shuffle(mixed)
        by_entry = {entry: [one for one in mixed if one.entry == entry] for entry in ("events", "form", "queue")}
        sizes = [self.chance.choice(_BATCH_SIZES) for _ in mixed]
        jobs: list[Callable[[], None]] = []
        rest = by_entry["events"]
        while rest:
            size = sizes.pop()
            jobs.append(lambda batch=rest[:size]: self._batch(batch))  # type: ignore[misc]
            rest = rest[size:]
        jobs += [lambda one=one: self._form(one) for one in by_entry["form"]]  # type: ignore[misc]
        queued = by_entry["queue"]
        jobs += [lambda at=at: self._queue(queued[at : at + 10]) for at in range(0, len(queued), 10)]  # type: ignore[misc]
        self.chance.shuffle(jobs)
        with ThreadPoolExecutor(3, thread_name_prefix="sender") as pool:
            for done in [pool.submit(job) for job in jobs]:
                done.result()

    def _batch(self, sent_events: Sequence[SentEvent]) -> None:
        with self._lock:
            self._requests += 1
            webhook_id = f"batch-{self._requests}"
        body = json.dumps({"events": [sent.body() for sent in sent_events]}).encode()
        answer = self._until_accepted("/events", body, lambda: self._signed(webhook_id, body))
        assert not answer["rejected"], answer["rejected"]
        for one in answer["events"]:
            sent_events[one["index"]].id = one["id"]
        assert all(sent.id for sent in sent_events), answer

    def _form(self, sent: SentEvent) -> None:
        form, field_name = FORMS[sent.list or "4781"]
        said = {"email": sent.email}
        if sent.type == "signup":
            said[field_name] = sent.tag
        if sent.kind == "trap":
            said["website"] = "filled in"
        kind = {"content-type": "application/x-www-form-urlencoded", "idempotency-key": sent.tag}
        answer = self._until_accepted(f"/forms/{form}/{sent.type}", urlencode(said).encode(), lambda: kind)
        sent.id = answer["id"]

    def _queue(self, sent_events: Sequence[SentEvent]) -> None:
        """On any of the queues; what SQS has taken is accepted."""
        with self._lock:
            queue = self.chance.choice(QUEUES)
            entries = [{"Id": sent.tag, "MessageBody": self._enveloped(sent)} for sent in sent_events]
        url = self.sqs.get_queue_url(QueueName=f"relais-local-{queue}")["QueueUrl"]
        assert not self.sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed")
        for sent in sent_events:
            sent.id = sent.tag

    def _enveloped(self, sent: SentEvent) -> str:
        """An event as programs and AWS services put it on a queue."""
        body = json.dumps(sent.body())
        envelopes = [
            body,
            f"\ufeff{body}",
            f"[{body}]",
            f'{{"events": [{body}]}}',
            json.dumps(body),
            json.dumps({"Type": "Notification", "MessageId": sent.tag, "Message": body}),
            json.dumps({"detail-type": "customer", "id": sent.tag, "detail": sent.body()}),
        ]
        return self.chance.choice(envelopes)

    def _until_accepted(self, path: str, body: bytes, headers: Callable[[], Mapping[str, str]]) -> Any:
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while time.monotonic() < deadline:
            status, answer = self._post(path, body, headers())
            with self._lock:
                self.answers[status] += 1
            if status == 202:
                return json.loads(answer)
            assert status in (0, 429, 500, 502, 503, 504), f"{path}: {status} {answer[:500]!r}"
            time.sleep(0.1)
        raise AssertionError(f"{path} was not accepted in {_DEADLINE_SECONDS} seconds")

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
