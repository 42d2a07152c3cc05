"""The core shared by pypod, pybuildah, pyskopeo and pypod-systemd."""

__version__ = "1.0.0"
