"""What is measured, one module a theme. A workload is a function that compares; its docstring says what."""

from benchmarks.bench import Workload
from benchmarks.workloads import appending, reading, together

_IN_ORDER: tuple[Workload, ...] = (
    appending.append_one,
    appending.append_one_async,
    appending.append_pg,
    appending.append_pg_async,
    together.append_threads,
    together.append_tasks,
    together.append_threads_slow_disk,
    together.append_processes,
    together.append_tasks_pg,
    reading.last_50,
    reading.last_50_cold,
    reading.history,
)

#: By name, in the order in which they are measured.
WORKLOADS = {workload.__name__: workload for workload in _IN_ORDER}
