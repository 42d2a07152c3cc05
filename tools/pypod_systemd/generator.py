"""The systemd generator: Quadlet files become services at boot and at `systemctl daemon-reload`.

systemd waits for it, so it imports next to nothing, and nothing at all of the command line. Started by hand it is
`quadlet [-user] [-dryrun] [-v] [-no-kmsg-log] [-version] FOLDER`, as podman's.
"""

from __future__ import annotations

import gc
import os
import sys
import time

_USAGE = """\
Usage of {0}:
  -dryrun
    \tRun in dryrun mode printing debug information
  -no-kmsg-log
    \tDon't log to kmsg
  -user
    \tRun as systemd user
  -v\tPrint debug information
  -version
    \tPrint version information and exit
"""
_FLAGS = ("dryrun", "no-kmsg-log", "user", "v", "version")
#: Of the front (see `front/quadlet-front.c`): where to leave what was made.
_KEPT = "kept"


class _Log:
    """Early at boot the kernel's log is the only one there is."""

    def __init__(self, *, kernel: bool, also_stderr: bool, debug: bool) -> None:
        self.silent = True
        self._kernel = -1
        self._try_kernel = kernel
        self._also_stderr = also_stderr
        self._debug = debug

    def say(self, text: str) -> None:
        self.silent = False
        for line in text.split("\n"):
            self._line(f"quadlet-generator[{os.getpid()}]: {line}\n".encode("utf-8", "surrogateescape"))

    def debug(self, text: str) -> None:
        if self._debug:
            self.say(text)

    def _line(self, data: bytes) -> None:
        written = False
        if self._try_kernel:
            try:
                if self._kernel < 0:
                    self._kernel = os.open("/dev/kmsg", os.O_WRONLY | os.O_CLOEXEC)
                os.write(self._kernel, data)
                written = True
            except OSError:
                self._try_kernel = False
        if not written or self._also_stderr:
            try:
                os.write(2, data)
            except OSError:
                pass


def main() -> int:
    """Returns the exit status: 0, 1 when something was wrong with a file, 2 for a wrong command line."""
    gc.disable()  # it lives for some milliseconds and makes no rings to speak of
    argv = sys.argv
    program = argv[0]
    started = time.time_ns()
    flags, kept, rest, status = _read_flags(argv)
    if status is not None:
        return status
    if flags["version"]:
        from ocicore import __version__

        _put(__version__ + "\n")
        return 0
    dry = flags["dryrun"]
    log = _Log(kernel=not (flags["no-kmsg-log"] or dry), also_stderr=dry, debug=flags["v"] or dry)
    if not dry and not rest:
        log.say("missing output directory argument")
        return 1
    folder = rest[0] if rest else ""
    is_user = flags["user"] or "user" in os.path.basename(program)
    if not kept or dry or flags["v"]:
        return generate(folder, program, is_user=is_user, dry=dry, log=log, environ=dict(os.environ))
    from ocicore.systemd.quadlet.disk import Witness
    from ocicore.systemd.quadlet.kept import Environment, save

    witness, environment = Witness(), Environment(dict(os.environ))
    made: list[tuple[str, bytes, list[tuple[str, str]]]] = []
    status = generate(
        folder,
        program,
        is_user=is_user,
        dry=False,
        log=log,
        environ=environment,
        disk=witness,
        made=made,
    )
    if status == 0 and log.silent:  # what is complained of is told every time
        save(kept, witness, environment, program, is_user=is_user, started=started, made=made)
    return status


def generate(
    folder: str,
    program: str,
    *,
    is_user: bool,
    dry: bool,
    log: _Log,
    environ: Mapping[str, str],
    disk: Disk | None = None,
    made: list[tuple[str, bytes, list[tuple[str, str]]]] | None = None,
) -> int:
    """Makes services of all the Quadlet files there are.

    Args:
        folder: where they go; not looked at in a dry run, which prints them.
        made: gets (file name, content, links) of every service.
    """
    from ocicore.systemd.quadlet import paths
    from ocicore.systemd.quadlet.disk import DISK
    from ocicore.systemd.quadlet.keys import SECTIONS

    disk = DISK if disk is None else disk
    if not dry:
        log.debug(f"Starting quadlet-generator, output to: {folder}")
    folders = paths.search_folders(is_user, os.getuid(), environ, log.say, disk)
    files = paths.quadlet_files(folders, SECTIONS, disk)
    if not files:
        log.debug(f"No files parsed from {folders}")
        return 0
    from ocicore.systemd.quadlet.convert import convert_all, load_all
    from ocicore.systemd.quadlet.service import Host

    host = Host(engine(program, environ, disk), is_user=is_user, disk=disk)
    sources, problems = load_all(files, paths.DropIns(folders, disk), log.debug, disk)
    for source in sources.values():
        _warn(source, log)
    services, more = convert_all(sources, host)
    problems += more
    for problem in problems:
        log.say(str(problem))
    failed = bool(problems)

    def refuse(reason: str) -> None:
        nonlocal failed
        failed = True
        log.say(reason)

    if dry:
        for service in services:
            _put(f"---{service.file_name}---\n{service.text(program)}\n")
        return int(failed)
    from ocicore.systemd.quadlet import output
    from ocicore.systemd.unit_file import UnitFileError

    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        log.say(f"cannot make the folder {folder}: {error.strerror}")
        return 1
    for service in services:
        try:
            log.debug(f'writing "{folder}/{service.file_name}"')
            data = service.text(program).encode()
            output.write(service.file_name, data, folder)
            links = output.links(service, refuse)
            output.install(links, folder, refuse)
            if made is not None:
                made.append((service.file_name, data, links))
        except OSError as error:
            refuse(f"generating service file {folder}/{service.file_name}: {error.strerror}")
        except UnitFileError as error:
            refuse(str(error))
    return int(failed)


def engine(program: str, environ: Mapping[str, str], disk: Disk) -> str:
    """The engine that services start: $PODMAN, else pypod of the same installation."""
    given = environ.get("PODMAN")
    if given:
        return given
    prefix = os.path.dirname(os.path.dirname(os.path.dirname(disk.real(program))))
    return f"{prefix}/bin/pypod"


def _warn(source: _Source, log: _Log) -> None:
    """What works but hardly as it was meant."""
    for key in ("User", "Group", "DynamicUser"):
        if source.last(key, "Service") is not None:
            log.say(
                f"Warning: {source.name}: using key {key} in the Service group is not supported - use at your own risk"
            )
    image = source.text("Image") if source.kind in ("container", "image", "volume") else None
    if image and not image.endswith((".image", ".build")) and not is_unambiguous(image):
        log.say(
            f'Warning: {source.name} specifies the image "{image}" which not a fully qualified image name: '
            "which registry it comes from depends on the configuration"
        )


def is_unambiguous(image: str) -> bool:
    """Whether an image's name says where it is from: a registry, localhost, or an id."""
    if image.startswith("sha256:") or (
        len(image) == 64 and all(letter in "0123456789abcdefABCDEF" for letter in image)
    ):
        return True
    domain, slash, _ = image.partition("/")
    return bool(slash) and ("." in domain or ":" in domain or domain == "localhost")


def _read_flags(argv: list[str]) -> tuple[dict[str, bool], str, list[str], int | None]:
    """Flags as Go reads them: one dash or two, `-user=false`; they end at the first word that is none.

    Returns:
        (flags, value of -kept, the other words, exit status of a command line that ends here).
    """
    flags = dict.fromkeys(_FLAGS, False)
    kept = ""
    position = 1
    while position < len(argv):
        word = argv[position]
        if len(word) < 2 or word[0] != "-":
            break
        position += 1
        if word == "--":
            break
        name, equals, value = word.lstrip("-").partition("=")
        if name in ("h", "help"):
            _put(_USAGE.format(argv[0]), 2)
            return flags, kept, [], 0
        if name == _KEPT:
            kept = value
            continue
        known = {"1": True, "t": True, "true": True, "0": False, "f": False, "false": False}
        if name not in flags or (equals and value.lower() not in known):
            what = (
                f"flag provided but not defined: -{name}"
                if name not in flags
                else f"invalid boolean value {value!r} for -{name}"
            )
            _put(f"{what}\n{_USAGE.format(argv[0])}", 2)
            return flags, kept, [], 2
        flags[name] = known[value.lower()] if equals else True
    return flags, kept, argv[position:], None


def _put(text: str, descriptor: int = 1) -> None:
    data = text.encode("utf-8", "surrogateescape")
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except OSError:
        pass


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ocicore.systemd.quadlet.disk import Disk
    from ocicore.systemd.quadlet.source import Source as _Source

if __name__ == "__main__":
    sys.exit(main())
