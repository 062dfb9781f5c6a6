"""Long runs that look for what short tests cannot find: leaks, crashes and stalls.

python -m reliability soak      # many requests and sockets, half of them rude; memory stays flat
python -m reliability fuzz      # bytes that nobody would write, to every parser
python -m reliability stalls    # how long the event loop stands still under large bodies
"""
