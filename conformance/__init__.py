"""Other people's tests, run on bolide: `python -m conformance starlette`.

A suite is fetched from the package index in a pinned version, and its tests alone are run, in an
environment of their own, with bolide under the name that they import. Where bolide differs, a table
says why; a difference that is not in the table is a failure, and so is one that is in the table but
does not show.
"""
