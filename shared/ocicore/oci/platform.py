"""Platforms: operating system, architecture, variant.

image-spec 1.1, image-index.md "platform"; architecture names and defaults as containerd normalises them.
"""

from __future__ import annotations

import os as _os

from ocicore.errors import InvalidInput

_ARCHITECTURES = {
    "x86_64": "amd64",
    "x86-64": "amd64",
    "aarch64": "arm64",
    "i386": "386",
    "i686": "386",
    "ppc64el": "ppc64le",
    "mips64el": "mips64le",
    "mipsel": "mipsle",
    "loongarch64": "loong64",
}
_ARM_MACHINES = {
    "armv5l": "v5",
    "armv5tel": "v5",
    "armv6l": "v6",
    "armhf": "v7",
    "armel": "v6",
    "armv7l": "v7",
    "armv8l": "v8",
}
_OSES = {"macos": "darwin"}
#: Go's names of architectures: a word alone is one of these, or an operating system.
_KNOWN_ARCHITECTURES = frozenset(
    "386 amd64 amd64p32 arm armbe arm64 arm64be loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le ppc ppc64 ppc64le "
    "riscv riscv64 s390 s390x sparc sparc64 wasm".split()
)


class Platform:
    """One platform. Empty strings mean "not said"."""

    __slots__ = ("architecture", "os", "os_features", "os_version", "variant")

    def __init__(
        self,
        os: str = "linux",
        architecture: str = "",
        variant: str = "",
        os_version: str = "",
        os_features: tuple[str, ...] = (),
    ) -> None:
        self.os = os
        self.architecture = architecture
        self.variant = variant
        self.os_version = os_version
        self.os_features = os_features

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    def __repr__(self) -> str:
        return f"Platform({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Platform):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[str, str, str, str, tuple[str, ...]]:
        return (self.os, self.architecture, self.variant, self.os_version, self.os_features)

    def to_json(self) -> dict[str, object]:
        """The object of an image index."""
        result: dict[str, object] = {"architecture": self.architecture, "os": self.os}
        if self.os_version:
            result["os.version"] = self.os_version
        if self.os_features:
            result["os.features"] = list(self.os_features)
        if self.variant:
            result["variant"] = self.variant
        return result

    @classmethod
    def from_json(cls, data: dict[str, object]) -> Platform:
        """From an index's `platform` or from an image configuration (same keys)."""
        features = data.get("os.features")
        return cls(
            str(data.get("os") or ""),
            str(data.get("architecture") or ""),
            str(data.get("variant") or ""),
            str(data.get("os.version") or ""),
            tuple(str(item) for item in features) if isinstance(features, list) else (),
        )


def normalise(platform: Platform) -> Platform:
    """Canonical names: x86_64 → amd64, aarch64 → arm64, armhf → arm/v7; arm64's default v8 is dropped."""
    os_name = _OSES.get(platform.os.lower(), platform.os.lower())
    architecture, variant = platform.architecture.lower(), platform.variant.lower()
    if architecture in _ARM_MACHINES:
        architecture, variant = "arm", variant or _ARM_MACHINES[architecture]
    architecture = _ARCHITECTURES.get(architecture, architecture)
    if variant and variant[0].isdigit():
        variant = "v" + variant
    if architecture == "arm64" and variant == "v8":
        variant = ""
    if architecture == "amd64" and variant == "v1":
        variant = ""
    if architecture == "arm" and not variant:
        variant = "v7"
    return Platform(os_name, architecture, variant, platform.os_version, platform.os_features)


def host() -> Platform:
    """The platform of the running kernel."""
    return normalise(Platform("linux", _os.uname().machine))


def parse(text: str) -> Platform:
    """`OS[/ARCH[/VARIANT]]`, or an architecture alone; missing parts are the host's.

    Raises InvalidInput for empty or extra components, and for a word alone that is neither.
    """
    parts = text.strip().split("/")
    if len(parts) > 3 or not all(part and not part.isspace() for part in parts):
        raise InvalidInput(
            f"invalid platform {text!r}", hint="expected OS/ARCH[/VARIANT], e.g. linux/arm64/v8"
        )
    here = host()
    if parts[0] == "local" and len(parts) == 1:
        return here
    if len(parts) == 1:
        known = parts[0].lower()
        if known in ("linux", "windows", "darwin", "macos", "freebsd"):
            return normalise(Platform(known, here.architecture, here.variant))
        found = normalise(Platform("linux", known))
        if found.architecture not in _KNOWN_ARCHITECTURES:
            raise InvalidInput(
                f"invalid platform {text!r}: unknown operating system or architecture",
                hint="expected OS/ARCH[/VARIANT], e.g. linux/arm64/v8",
            )
        return found
    variant = parts[2] if len(parts) == 3 else ""
    return normalise(Platform(parts[0], parts[1], variant))


def _acceptable_variants(wanted: Platform) -> tuple[str, ...]:
    # A newer arm core runs code for the older ones.
    if wanted.architecture == "arm":
        order = ("v8", "v7", "v6", "v5")
        start = order.index(wanted.variant) if wanted.variant in order else 0
        return (*order[start:], "")
    if wanted.architecture == "amd64" and wanted.variant in ("v2", "v3", "v4"):
        return (*(f"v{level}" for level in range(int(wanted.variant[1]), 1, -1)), "")
    if wanted.variant:
        return (wanted.variant, "")
    return ("",)


def rank(wanted: Platform, offered: Platform) -> int | None:
    """How well `offered` serves `wanted`: 0 is best, None means it does not."""
    wanted, given = normalise(wanted), normalise(offered)
    if given.os != wanted.os or given.architecture != wanted.architecture:
        return None
    if wanted.os_version and given.os_version and wanted.os_version != given.os_version:
        return None
    variants = _acceptable_variants(wanted)
    if given.variant in variants:
        return variants.index(given.variant)
    return None


def matches(wanted: Platform, offered: Platform) -> bool:
    """True when an image for `offered` runs on `wanted`."""
    return rank(wanted, offered) is not None
