"""The table of pyskopeo's commands; nothing is imported until one is chosen."""

from __future__ import annotations

from ocicore.cli.declare import Option, Program

VERSION = "1.0.0"

_C = "pyskopeo.commands."

PROGRAM = Program(
    "pyskopeo",
    version=VERSION,
    summary="Various operations with container images and container image registries",
    error_status=1,
    error_style="logrus",
    before="pyskopeo.session:start_timer",
    status_of="pyskopeo.session:exit_status",
    options=(
        Option("command-timeout", kind="duration", help="Timeout for the command execution"),
        Option("debug", help="Enable debug output"),
        Option("insecure-policy", help="Run the tool without any policy check"),
        Option("override-arch", kind="string", metavar="ARCH", help="Use ARCH instead of the architecture of the machine for choosing images"),
        Option("override-os", kind="string", metavar="OS", help="Use OS instead of the running OS for choosing images"),
        Option("override-variant", kind="string", metavar="VARIANT", help="Use VARIANT instead of the running architecture variant for choosing images"),
        Option("policy", kind="path", help="Path to a trust policy file"),
        Option("registries-conf", kind="path", hidden=True, help="Path to a registries.conf file"),
        Option("registries.d", kind="path", metavar="DIR", dest="registries_d", help="Use registry configuration files in DIR (e.g. for container signature storage)"),
        Option("require-signed", help="Require any pulled image to be signed, whatever the policy says"),
        Option("tls-details", kind="path", help="Path to a containers-tls-details.yaml(5) file"),
        Option("tls-verify", kind="tristate", hidden=True, help="Require HTTPS and verify certificates when talking to container registries"),
        Option("tmpdir", kind="path", help="Directory used to store temporary files"),
        Option("user-agent-prefix", kind="string", help="Prefix to add to the user agent string"),
    ),
    commands={
        "completion": ("ocicore.cli.completion", ""),
        "copy": (_C + "copy", "Copy an IMAGE-NAME from one location to another"),
        "delete": (_C + "delete", "Delete image IMAGE-NAME"),
        "experimental-image-proxy": (_C + "experimental_image_proxy", ""),
        "generate-sigstore-key": (_C + "generate_sigstore_key", "Generate a sigstore public/private key pair"),
        "help": ("ocicore.cli.help", "Help about any command"),
        "inspect": (_C + "inspect", "Inspect image IMAGE-NAME"),
        "layers": (_C + "layers", ""),
        "list-tags": (_C + "list_tags", "List tags in the transport/repository specified by the SOURCE-IMAGE"),
        "login": (_C + "login", "Log in to a container registry"),
        "logout": (_C + "logout", "Log out of a container registry"),
        "manifest-digest": (_C + "manifest_digest", "Compute a manifest digest of a file"),
        "standalone-sign": (_C + "standalone_sign", "Create a signature using local files"),
        "standalone-verify": (_C + "standalone_verify", "Verify a signature using local files"),
        "sync": (_C + "sync", "Synchronize one or more images from one location to another"),
        "untrusted-signature-dump-without-verification": (_C + "untrusted_signature_dump", ""),
    },
)  # fmt: skip
