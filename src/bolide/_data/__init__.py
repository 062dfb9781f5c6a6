"""The values an application handles; `bolide.datastructures` is their public face."""
