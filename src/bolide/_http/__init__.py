"""HTTP without I/O: pure functions and small state machines, free of ASGI and of any event loop."""
