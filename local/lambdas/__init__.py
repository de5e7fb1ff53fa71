"""What AWS Lambda does for the functions: execution environments, one invocation at a time in each, time limits.

`environment.py` is inside such a process, `nursery.py` makes them, `functions.py` is the caller's side.
"""
