"""Runs the tests in several processes: collects once, forks workers, and assigns tests one by one.

`schedule.py` decides which worker runs which test, `worker.py` runs in a forked process, `pool.py` in the process that
collected, `progress.py` prints progress, `promise.py` the first line of a failure, `plugin.py` has the hooks and
options.
"""
