"""Runs the tests in several processes: collects once, forks workers, and hands out tests one by one.

`schedule.py` decides who runs what, `worker.py` is what runs in a forked process, `pool.py` the process that collected,
`progress.py` what a person sees meanwhile, `promise.py` the first line of a failure, `plugin.py` the hooks and options.
"""
