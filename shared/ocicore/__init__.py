"""The core shared by pypod, pybuildah, pyskopeo and pypod-systemd."""

__version__ = "0.1.0"
