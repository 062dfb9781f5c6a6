"""How a route is chosen; `bolide.routing` is the public face."""
