"""What is measured, one module a theme. A workload is a function that compares; its docstring says what."""

from benchmarks.bench import Workload
from benchmarks.workloads import (
    appending,
    attaching,
    bulk,
    growing,
    listing,
    reading,
    searching,
    serving,
    starting,
    together,
)

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
    listing.list_owner,
    bulk.batch_1000,
    bulk.import_chitchat,
    bulk.truncate_last,
    bulk.fork_100k,
    listing.cleanup_1m,
    attaching.attach_1mb,
    searching.search_1m,
    starting.stream_1m,
    starting.imports,
    serving.http_append,
    serving.http_last_50,
    serving.http_list,
    growing.growth_append,
    growing.growth_last_50,
    growing.growth_list,
    growing.growth_open,
    growing.growth_search,
)

#: By name, in the order in which they are measured.
WORKLOADS = {workload.__name__: workload for workload in _IN_ORDER}
