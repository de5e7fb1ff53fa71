"""An AWS account on this machine in which the packaged `deploy.sh` and the documented commands run as they are.

`account.py` is the entry. CloudFormation is played here, over resources that exist: tables and queues in the embedded
AWS, functions in processes of their own behind pollers, schedules and a gateway.
"""
