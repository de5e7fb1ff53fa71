"""The baseline for Relais: a signup worker built from the documentation of its parts.

SQS invokes it with ten messages at a time; Powertools' batch processing reports single failures; its idempotency keeps
each message from being worked on twice, in a DynamoDB table of its own; requests makes one call for each signup; and
`boto3.resource` notes what became of it. Being measured, it has no more than that: nobody's later unsubscribe stops a
signup, an outage longer than SQS tries ends in the dead-letter queue, and a worker that dies after its call and before
its note tells the provider twice without knowing.
"""
