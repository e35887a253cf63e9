"""Ithaca measured against a floor: the bare driver doing the least SQL that is correct, with the same durability.

`measuring` says how two sides are compared, `floor_sqlite` and `floor_postgres` are the one side, `workloads` what is
measured, one module a theme. `python -m benchmarks` measures, `python -m benchmarks.report` writes
`docs/performance.md`.
"""
