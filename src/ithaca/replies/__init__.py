"""Asking a model: its answer is generated here, saved as it grows, and told to whoever watches.

`engine` runs replies and follows those of other processes; `producer` generates one; `log` is what of it this process
knows. All of it lives on one event loop: an `AsyncSessionManager`'s own, or one in a thread that `threads` keeps for a
`SessionManager`.
"""
