"""`make bench`: what the product costs, as counts that are the same everywhere and as ratios of times.

Every module here with a function `rows()` is a benchmark; the first line of its docstring is the heading of its table.
Seconds depend on the machine and on an embedded AWS that is slower than the real one, so compare them only with each
other; calls, units and megabytes are meaningful by themselves.
"""
