"""bolide: an ASGI toolkit with the public API of Starlette, fast and safe."""

__version__ = "0.1.0"
