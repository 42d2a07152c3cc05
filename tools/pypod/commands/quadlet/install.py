"""`pypod quadlet install`."""

from __future__ import annotations

import os

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Install a quadlet file or quadlet application",
    description=(
        "Copies Quadlet files to where the generator finds them, and lets systemd make services of them.\n\n"
        "A folder is an application: everything in it is installed, and removed together. Files that follow the first "
        "(whatever they are) belong to it. A .quadlets file holds several Quadlet files, apart by lines of three dashes, "
        "each with a line # FileName=NAME. A URL is fetched."
    ),
    options=(
        Option("reload-systemd", default=True, help="Reload systemd after installing Quadlets"),
        Option("replace", "r", help="Replace the installation even if the quadlet already exists"),
    ),
    arguments=(
        Argument(
            "files", metavar="QUADLET-PATH-OR-URL [FILES-PATH-OR-URL...]", min=0, max=None, completer="file"
        ),
    ),
    examples=(("pypod quadlet install web.container", "the service web, of this user or of the system"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.errors import Error, InvalidInput
    from ocicore.systemd.quadlet.installed import Installation, check, kind_of
    from ocicore.systemd.unit_file import UnitFileError
    from pypod.commands import quadlet
    from pypod.options.select import report

    if not args.files:
        raise InvalidInput("must provide at least one argument")
    installation = Installation(quadlet.install_folder(ctx))
    first = os.path.basename(args.files[0].rstrip("/"))
    application = f".{first.removesuffix('.quadlets')}.app"
    errors: list[Error] = []
    installed = 0
    for number, given in enumerate(args.files):
        try:
            for name, data, path, member in _read(given):
                if number == 0 and not member:
                    kind_of(name)
                if name.rpartition(".")[2] in _kinds():
                    check(name, data, path)
                ctx.print(installation.add(name, data, application, replace=args.replace))
                installed += 1
        except (Error, UnitFileError) as error:
            errors.append(Error(f'quadlet "{given}" failed to install: {error.message}', hint=error.hint))
    if installed and args.reload_systemd:
        quadlet.manager(ctx).reload()
    return report(ctx, errors)


def _kinds() -> dict[str, str]:
    from ocicore.systemd.quadlet.keys import SECTIONS

    return SECTIONS


def _read(given: str) -> Iterator[tuple[str, bytes, str, bool]]:
    """(name, content, where from, is one of a folder or bundle) of what a word of the command line means.

    Raises:
        Error
    """
    from ocicore.errors import Error
    from ocicore.systemd.quadlet.installed import split_bundle

    if given.startswith(("http://", "https://")):
        name, data = _fetch(given)
        yield name, data, given, False
        return
    try:
        if os.path.isdir(given):
            for entry in sorted(os.listdir(given)):
                path = os.path.join(given, entry)
                if os.path.isfile(path):
                    with open(path, "rb") as file:
                        yield entry, file.read(), path, True
            return
        with open(given, "rb") as file:
            data = file.read()
    except OSError as error:
        raise Error(f"cannot read {given}: {error.strerror}")
    if given.endswith(".quadlets"):
        for name, text in split_bundle(data.decode("utf-8", "surrogateescape"), given):
            yield name, text.encode("utf-8", "surrogateescape"), given, True
        return
    yield os.path.basename(given), data, given, False


def _fetch(url: str) -> tuple[str, bytes]:
    """(name, content) of a file behind a URL.

    Raises:
        Error
    """
    import urllib.error
    import urllib.parse
    import urllib.request
    from http.client import HTTPException

    from ocicore.errors import Error

    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            data = answer.read((4 << 20) + 1)
            name = answer.headers.get_filename() or os.path.basename(urllib.parse.urlsplit(answer.url).path)
    except (OSError, ValueError, HTTPException) as error:
        raise Error(f"unable to download URL {url}: {getattr(error, 'reason', error)}")
    return os.path.basename(name), data
