"""The same workloads on other stores of conversations, each in an environment of its own.

A store's file is the only one that imports its framework. It runs as a program of its own: the plan comes in
as JSON, what was measured goes out as JSON lines (see `workloads`).
"""
