"""The lounge: rooms to talk in, live. A small real application on bolide.

    python -m examples.lounge

Start reading at `app.py`.
"""
