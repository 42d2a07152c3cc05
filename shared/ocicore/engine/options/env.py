"""--env, --env-file, --env-merge, --unsetenv, --env-host, --http-proxy: the environment of a container.

Order of precedence (later wins): containers.conf, image, host (--env-host), proxies, env files, --env; --env-merge
is expanded against the result, --unsetenv removes at last. File syntax: docker's env files.
"""

from __future__ import annotations

from ocicore.errors import Error, InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PROXY_VARIABLES = (
    "http_proxy",
    "https_proxy",
    "ftp_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "FTP_PROXY",
    "NO_PROXY",
)


def read_entries(
    entries: Iterable[str], environ: Mapping[str, str], *, what: str = "environment variable"
) -> dict[str, str]:
    """NAME=VALUE entries; a bare NAME is taken from `environ`, "NAME*" takes all that begin so.

    Raises InvalidInput for an entry without a name.
    """
    result: dict[str, str] = {}
    for entry in entries:
        if not entry:
            continue  # -e "$UNSET"
        name, equals, value = entry.partition("=")
        if not name or (not equals and not name.strip()):
            raise InvalidInput(f"invalid {what} {entry!r}: the name is empty")
        if equals:
            result[name] = value
        elif name.endswith("*"):
            prefix = name[:-1]
            result.update((key, text) for key, text in environ.items() if key.startswith(prefix))
        elif name in environ:
            result[name] = environ[name]
    return result


def read_file(path: str, environ: Mapping[str, str]) -> dict[str, str]:
    """An env file: NAME=VALUE lines, "#" comments, bare names from `environ`. Raises Error, InvalidInput."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().split("\n")
    except OSError as error:
        raise Error(f"parsing file {path}: open {path}: {(error.strerror or '').lower()}") from error
    entries = []
    for number, line in enumerate(lines, 1):
        text = line.lstrip().removesuffix("\r")
        if not text or text.startswith("#"):
            continue
        if text.startswith("="):
            raise InvalidInput(f'parsing file "{path}": line {number}: invalid variable: "{text}"')
        entries.append(text)
    return read_entries(entries, environ)


def merge(
    *,
    configured: Sequence[str],
    image: Sequence[str],
    host: Mapping[str, str],
    use_host: bool,
    use_proxy: bool,
    files: Sequence[str],
    entries: Sequence[str],
    merged: Sequence[str],
    unset: Sequence[str],
    unset_all: bool,
) -> dict[str, str]:
    """The complete environment in the order of precedence above."""
    result: dict[str, str] = {}
    if not unset_all:
        result.update(read_entries(configured, host))
        result.update(read_entries(image, {}))
    if use_host:
        result.update(host)
    if use_proxy:
        result.update((name, host[name]) for name in PROXY_VARIABLES if name in host)
    for name in unset:
        result.pop(name, None)
    for path in files:
        result.update(read_file(path, host))
    result.update(read_entries(entries, host))
    for entry in merged:
        name, equals, value = entry.partition("=")
        if not equals or not name:
            raise InvalidInput(f"invalid --env-merge {entry!r}: must be NAME=VALUE")
        result[name] = expand(value, result)
    return result


def expand(text: str, variables: Mapping[str, str]) -> str:
    """$NAME and ${NAME} replaced; unknown ones become empty (Go's os.Expand)."""
    if "$" not in text:
        return text
    import re

    def value(match: re.Match[str]) -> str:
        return variables.get(match[1] or match[2], "")

    return re.sub(r"\$(?:\{([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*))", value, text)
