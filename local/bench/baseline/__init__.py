"""The baseline for Relais: a signup worker built from the documentation of its parts.

SQS invokes it with ten messages at a time; Powertools' batch processing reports failures; its idempotency, in its
own DynamoDB table, prevents processing a message twice; requests makes one call for each signup; and `boto3.resource`
records the outcome. It does no more: a later unsubscribe does not stop a signup, an outage longer than SQS retries ends
in the dead-letter queue, and a worker that dies between call and record signs the person up twice.
"""
