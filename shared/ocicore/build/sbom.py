"""--sbom: what a scanner finds in an image's files and the build's contexts, as SBOM and list of package URLs.

Presets, placeholders ({ROOTFS}, {CONTEXT}, {OUTPUT}) and strategies are those of buildah-commit(1): the scanner runs in a
container of its own image and writes one JSON file a command; those are merged.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ocicore.errors import Error, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ocicore.build.environment import BuildEnvironment
    from ocicore.build.working import WorkingContainer

CYCLONEDX = "merge-cyclonedx-by-component-name-and-version"
SPDX = "merge-spdx-by-package-name-and-versioninfo"
CAT = "cat"
_SYFT = "ghcr.io/anchore/syft"
_TRIVY = "ghcr.io/aquasecurity/trivy"
_ROOTFS, _SCANS, _CONTEXT = "/.rootfs", "/.scans", "/.context"

Json = dict[str, Any]


class ScanOptions:
    """One scan: the scanner's image and commands, how results are merged, and where they go."""

    def __init__(self, image: str, commands: Sequence[str], strategy: str) -> None:
        self.image = image
        self.commands = list(commands)
        self.strategy = strategy
        self.output = self.purl_output = ""
        self.image_output = self.image_purl_output = ""
        self.pull = "missing"
        self.contexts: list[str] = []


def preset(name: str) -> ScanOptions:
    """A named scan. Raises InvalidInput."""
    if name in ("", "syft", "syft-cyclonedx", "syft-spdx"):
        form = "spdx-json" if name == "syft-spdx" else "cyclonedx-json"
        commands = [
            f"/syft scan -q dir:{where} --output {form}={{OUTPUT}}" for where in ("{ROOTFS}", "{CONTEXT}")
        ]
        return ScanOptions(_SYFT, commands, SPDX if name == "syft-spdx" else CYCLONEDX)
    if name in ("trivy", "trivy-cyclonedx", "trivy-spdx"):
        form = "spdx-json" if name == "trivy-spdx" else "cyclonedx"
        commands = [
            f"trivy filesystem -q {where} --format {form} --output {{OUTPUT}}"
            for where in ("{ROOTFS}", "{CONTEXT}")
        ]
        return ScanOptions(_TRIVY, commands, SPDX if name == "trivy-spdx" else CYCLONEDX)
    raise InvalidInput(
        f'parsing --sbom flag: unrecognized preset name "{name}"',
        hint="one of syft, syft-cyclonedx, syft-spdx, trivy, trivy-cyclonedx, trivy-spdx",
    )


def read(args: Any) -> ScanOptions | None:
    """The scan that --sbom and its relatives ask for, None for none. Raises InvalidInput."""
    if not any(name.startswith("sbom") for name in args.given_names()):
        return None
    options = preset(args.sbom)
    if args.sbom_scanner_image or args.sbom_scanner_command or args.sbom_merge_strategy:
        options = ScanOptions(args.sbom_scanner_image, args.sbom_scanner_command, args.sbom_merge_strategy)
    options.output, options.purl_output = args.sbom_output, args.sbom_purl_output
    options.image_output, options.image_purl_output = args.sbom_image_output, args.sbom_image_purl_output
    if not options.image or not options.commands:
        raise InvalidInput(
            'sbom configuration missing one or more of ("--sbom-scanner-image" or "--sbom-scanner-command")'
        )
    if not (options.output or options.image_output or options.purl_output or options.image_purl_output):
        raise InvalidInput(
            'sbom configuration missing one or more of ("--sbom-output", "--sbom-image-output", '
            '"--sbom-purl-output" or "--sbom-image-purl-output")'
        )
    if len(options.commands) > 1 and not options.strategy:
        raise InvalidInput(
            'sbom configuration included multiple "--sbom-scanner-command" values but no '
            '"--sbom-merge-strategy" value'
        )
    if options.strategy not in (CAT, CYCLONEDX, SPDX):
        raise InvalidInput(
            f'sbom arguments included unrecognized merge strategy "{options.strategy}"',
            hint=f"one of {CAT}, {CYCLONEDX}, {SPDX}",
        )
    return options


def scan(
    container: WorkingContainer, options: ScanOptions, environment: BuildEnvironment, scratch: str
) -> list[tuple[str, str]]:
    """Scan a container's files; writes the local results, gives (host file, path in the image) of the others.

    Args:
        scratch: a folder that outlives the commit.

    Raises:
        Error: the scanner cannot be run, or its results cannot be merged.
    """
    from ocicore.build import working
    from ocicore.oci import platform as platforms

    folder = os.path.join(scratch, "scans")
    os.mkdir(folder, 0o700)
    os.chmod(folder, 0o777)
    image = environment.find_image(options.image, options.pull, "")
    scanner = working.create(
        environment.store,
        image,
        suffix="scanner",
        image_name=working.spoken_name(image, options.image),
        architecture=platforms.host().architecture,
        isolation="rootless" if environment.rootless else "oci",
        id_maps=container.id_maps(),
    )
    root = container.mount()
    try:
        scanner.save()
        files = _run_all(scanner, root, folder, options, environment)
    finally:
        container.unmount()
        scanner.delete()
    sbom, purls = merge(options.strategy, files)
    results = {"sbom": sbom, "purl": purls}
    for name, data in results.items():
        with open(os.path.join(scratch, name), "wb") as stream:
            stream.write(data)
    for path, name in ((options.output, "sbom"), (options.purl_output, "purl")):
        if path:
            _write(path, results[name])
    wanted = ((options.image_output, "sbom"), (options.image_purl_output, "purl"))
    return [(os.path.join(scratch, name), path) for path, name in wanted if path]


def _write(path: str, data: bytes) -> None:
    try:
        with open(path, "wb") as stream:
            stream.write(data)
    except OSError as error:
        raise Error(f"writing {path}: {(error.strerror or '').lower()}") from error


def _run_all(
    scanner: WorkingContainer, root: str, folder: str, options: ScanOptions, environment: BuildEnvironment
) -> list[str]:
    from ocicore.build import run as runs
    from ocicore.build.run_mounts import Prepared

    mounts: list[Json] = [
        {"type": "bind", "source": folder, "destination": _SCANS, "options": ["rbind", "rprivate", "rw"]},
        {"type": "bind", "source": root, "destination": _ROOTFS, "options": ["rbind", "rprivate", "ro"]},
    ]
    for number, context in enumerate(options.contexts):
        mounts.append(
            {
                "type": "bind",
                "source": context,
                "destination": f"{_CONTEXT}{number}",
                "options": ["rbind", "rprivate", "ro"],
            }
        )
    place = scanner.mount()
    try:
        names: list[str] = []
        shell = scanner.draft.command("Shell")
        for words in resolved(options.commands, len(options.contexts), shell, names):
            command = runs.RunOptions(words)
            command.env = scanner.draft.env()
            command.user = scanner.draft.text("User")
            command.working_dir = scanner.draft.text("WorkingDir") or "/"
            command.mounts = Prepared()
            command.mounts.mounts = [dict(mount) for mount in mounts]
            status = runs.run(scanner, place, command, environment)
            if status:
                raise Error(f"running scanning command [{' '.join(words)}]: exit status {status}")
        return [os.path.join(folder, name) for name in names]
    finally:
        scanner.unmount()


def resolved(
    commands: Sequence[str], contexts: int, shell: Sequence[str], names: list[str]
) -> list[list[str]]:
    """The commands with their placeholders filled in, one for every context that a command can scan.

    Args:
        contexts: how many there are; shell: of the scanner's image.
        names: gets the result file of each, in the same order.
    """
    result: list[list[str]] = []
    for text in commands:
        words = _words(text, shell)

        def add(places: Mapping[str, str], words: list[str] = words) -> None:
            name = f"scan{len(names)}.json"
            table = {**places, "{OUTPUT}": f"{_SCANS}/{name}"}
            filled = []
            for word in words:
                for key, value in table.items():
                    word = word.replace(key, value)
                filled.append(word)
            names.append(name)
            result.append(filled)

        if any("{CONTEXT}" in word for word in words):
            for number in range(contexts):
                add({"{CONTEXT}": f"{_CONTEXT}{number}"})
        elif any("{ROOTFS}" in word for word in words):
            add({"{ROOTFS}": _ROOTFS})
    return result


def _words(text: str, shell: Sequence[str]) -> list[str]:
    """A command split up (the scanner's image may have no shell), unless it needs one for redirections."""
    import shlex

    if not any(char in text for char in "<>|"):
        try:
            return shlex.split(text)
        except ValueError:
            pass
    return [*(shell or ("/bin/sh", "-c")), text]


def merge(strategy: str, files: Sequence[str]) -> tuple[bytes, bytes]:
    """(SBOM, package URLs as JSON) of the scanners' files.

    Raises:
        Error: a file is missing, or not of the form the strategy merges.
    """
    import json

    contents = []
    for path in files:
        try:
            with open(path, "rb") as stream:
                contents.append(stream.read())
        except OSError as error:
            raise Error(
                f"reading scan result {os.path.basename(path)}: {(error.strerror or '').lower()}"
            ) from error
    purls: list[str] = []
    if strategy == CAT:
        return b"".join(contents), _purl_document(purls)
    key, describe = ("components", _component) if strategy == CYCLONEDX else ("packages", _package)
    whole: Json = {}
    for number, data in enumerate(contents):
        try:
            value = json.loads(data)
            if number == 0:
                whole = value
            _merge(whole, value, key, describe, purls)
            if strategy == SPDX:
                _merge(whole, value, "hasExtractedLicensingInfos", _license, [])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Error(f'merging the "{key}" field of SBOMs: {error}') from error
    return json.dumps(whole, separators=(",", ":"), ensure_ascii=False).encode() + b"\n", _purl_document(
        purls
    )


def _purl_document(purls: Sequence[str]) -> bytes:
    import json

    contents: Json = {"dependencies": sorted(purls)} if purls else {}
    return json.dumps({"image_contents": contents}, separators=(",", ":")).encode() + b"\n"


def _merge(
    whole: Json, other: Json, key: str, describe: Callable[[Json], tuple[str, str]], purls: list[str]
) -> None:
    records = list(whole.get(key) or ())
    known = set()
    for record in records:
        identity, purl = describe(record)
        known.add(identity)
        if purl and purl not in purls:
            purls.append(purl)
    for record in other.get(key) or ():
        identity, purl = describe(record)
        if purl and purl not in purls:
            purls.append(purl)
        if identity not in known:
            known.add(identity)
            records.append(record)
    if records:
        whole[key] = records


def _component(record: Json) -> tuple[str, str]:
    version = record.get("version")
    return record["name"] + (f"@{version}" if version else ""), str(record.get("purl") or "")


def _package(record: Json) -> tuple[str, str]:
    version = record.get("versionInfo")
    purl = ""
    for reference in record.get("externalRefs") or ():
        if (reference.get("referenceCategory"), reference.get("referenceType")) == (
            "PACKAGE-MANAGER",
            "purl",
        ):
            purl = str(reference.get("referenceLocator") or "")
    return record["name"] + (f"@{version}" if version else ""), purl


def _license(record: Json) -> tuple[str, str]:
    return str(record["licenseId"]), ""
