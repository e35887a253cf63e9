"""What is measured, one module a theme; importing them makes the workloads known, in this order."""

from benchmarks.workloads import appending, reading

__all__ = ["appending", "reading"]
