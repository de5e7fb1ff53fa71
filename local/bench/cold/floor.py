"""The floor that cold starts are compared with: a bare Chalice route, one `put_item`, one `send_message`.

It is put together as the documentation of its parts shows, and reads its environment at import, as is usual.
"""

from __future__ import annotations

import os
import uuid
from typing import Any

import boto3
from chalice.app import Chalice, Response

app = Chalice(app_name="floor")
dynamodb: Any = boto3.client("dynamodb")
sqs: Any = boto3.client("sqs")


@app.route("/signup", methods=["POST"])
def signup() -> Response:
    """Stores a signup and tells a queue."""
    request: Any = app.current_request
    event_id = str(uuid.uuid4())
    dynamodb.put_item(
        TableName=os.environ["TABLE"],
        Item={"pk": {"S": event_id}, "sk": {"S": "E"}, "email": {"S": request.json_body["email"]}},
    )
    sqs.send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=event_id)
    return Response({"id": event_id, "status": "accepted"}, status_code=202)
