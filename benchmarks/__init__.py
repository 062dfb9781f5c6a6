"""Measures bolide against its peers: `python -m benchmarks`."""
