"""The options of `commit` about scanning an image for what it is made of; `build` declares its own in `ocicore.build.declared`."""

from __future__ import annotations

from ocicore.cli.declare import Option

SBOM = (
    Option("sbom", kind="string", metavar="PRESET", help="Scan: syft, syft-spdx, trivy or trivy-spdx"),
    Option("sbom-image-output", kind="string", metavar="PATH", help="Path of the SBOM in the image"),
    Option(
        "sbom-image-purl-output",
        kind="string",
        metavar="PATH",
        help="Path of the list of package URLs in the image",
    ),
    Option("sbom-merge-strategy", kind="string", metavar="STRATEGY", help="How scans are merged"),
    Option("sbom-output", kind="path", metavar="FILE", help="Write the SBOM to the file"),
    Option("sbom-purl-output", kind="path", metavar="FILE", help="Write the package URLs to the file"),
    Option("sbom-scanner-command", kind="stringArray", metavar="COMMAND", help="Command that scans"),
    Option("sbom-scanner-image", kind="string", metavar="IMAGE", help="Image with the scanner"),
)
