"""The whole product on one machine: an embedded AWS, HTTP, queue workers, schedules and the provider sandbox.

Never deployed, and never imported by the product. This file and `__main__` import only the standard library, so that
`python -m local` starts on any Python.
"""
