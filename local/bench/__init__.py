"""`make bench`: what the product costs, as counts that are the same everywhere and as ratios of times.

Every module here with a function `rows()` is a benchmark of its own; it is found by looking, and its docstring's first
line is the heading of its table. Seconds depend on the machine and on an embedded AWS that is slower than the real one,
so compare them with each other only; calls, units and megabytes say something by themselves.
"""
