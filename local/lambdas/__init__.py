"""AWS Lambda: execution environments, one invocation at a time in each, time limits.

`environment.py` runs in such a process, `fork_server.py` forks them, `functions.py` is the caller's side.
"""
