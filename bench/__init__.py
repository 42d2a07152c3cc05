"""Our speed beside podman's, buildah's and skopeo's: `make bench` or `python -m bench [CASE…]`."""
