"""The image configuration under construction: what `config` and the instructions of a Containerfile change.

Keys are those of Docker's v2s2 configuration, which holds everything OCI has and more (Healthcheck, Shell,
OnBuild …); `ocicore.image.config_forms` writes either form from it. On the hot path.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TOP_KEYS = ("author", "architecture", "os", "variant", "os.version", "os.features", "comment")


class ImageDraft:
    """A configuration being edited.

    Attributes:
        config: the execution part ("Env", "Cmd" …); absent keys mean "not set".
        top: author, architecture, os, variant, os.version, os.features, comment.
        history: entries of the base image, oldest first.
        diff_ids: layers of the base image.
    """

    __slots__ = ("config", "diff_ids", "history", "top")

    def __init__(
        self,
        config: dict[str, Any] | None = None,
        top: dict[str, Any] | None = None,
        history: list[dict[str, Any]] | None = None,
        diff_ids: list[str] | None = None,
    ) -> None:
        self.config: dict[str, Any] = config if config is not None else {}
        self.top: dict[str, Any] = top if top is not None else {}
        self.history: list[dict[str, Any]] = history if history is not None else []
        self.diff_ids: list[str] = diff_ids if diff_ids is not None else []

    @classmethod
    def from_scratch(cls, architecture: str, os: str, variant: str = "") -> ImageDraft:
        """Of no base image: since buildah 1.38 its working directory is said to be "/"."""
        top = {"architecture": architecture, "os": os}
        if variant:
            top["variant"] = variant
        return cls({"WorkingDir": "/"}, top)

    @classmethod
    def from_raw(cls, raw: dict[str, Any]) -> ImageDraft:
        """From a configuration blob of either form (it is not changed)."""
        rootfs = raw.get("rootfs") or {}
        return cls(
            copy_value(raw.get("config") or {}),
            {key: copy_value(raw[key]) for key in _TOP_KEYS if raw.get(key)},
            [dict(entry) for entry in raw.get("history") or ()],
            list(rootfs.get("diff_ids") or ()),
        )

    def copy(self) -> ImageDraft:
        """An independent copy."""
        return ImageDraft(
            copy_value(self.config),
            copy_value(self.top),
            [dict(entry) for entry in self.history],
            list(self.diff_ids),
        )

    def to_raw(self, created: str, history: list[dict[str, Any]] | None = None) -> dict[str, Any]:
        """The whole configuration object, as `image.assemble` takes it."""
        raw: dict[str, Any] = {"created": created, **self.top, "config": self.config}
        raw["history"] = self.history if history is None else history
        raw["rootfs"] = {"type": "layers", "diff_ids": self.diff_ids}
        return raw

    # -- environment ----------------------------------------------------------------------

    def env(self) -> dict[str, str]:
        """The environment as a dictionary, in order."""
        result = {}
        for entry in self.config.get("Env") or ():
            name, _, value = entry.partition("=")
            result[name] = value
        return result

    def set_env(self, name: str, value: str, *, keep_place: bool = False) -> None:
        """Set a variable; it moves to the end unless `keep_place`, as buildah orders them."""
        entries: list[str] = self.config.get("Env") or []
        entry = f"{name}={value}"
        names = [existing.partition("=")[0] for existing in entries]
        if keep_place and name in names:
            entries[names.index(name)] = entry
        else:
            entries = [old for old, known in zip(entries, names, strict=True) if known != name]
            entries.append(entry)
        self.config["Env"] = entries

    def unset_env(self, name: str) -> None:
        """Remove a variable."""
        self.config["Env"] = [
            entry for entry in self.config.get("Env") or () if entry.partition("=")[0] != name
        ]

    # -- lists and maps -------------------------------------------------------------------

    def command(self, key: str) -> list[str]:
        """ "Cmd", "Entrypoint", "Shell", "OnBuild" as a list."""
        return list(self.config.get(key) or ())

    def set_list(self, key: str, value: list[str] | None) -> None:
        """Replace a list; None or empty removes it."""
        if value:
            self.config[key] = list(value)
        else:
            self.config.pop(key, None)

    def mapping(self, key: str) -> dict[str, Any]:
        """ "Labels", "Volumes" or "ExposedPorts", made when missing."""
        value = self.config.get(key)
        if not isinstance(value, dict):
            value = {}
            self.config[key] = value
        return value

    def drop(self, key: str, name: str) -> None:
        """Remove one member of a mapping."""
        self.mapping(key).pop(name, None)

    def text(self, key: str) -> str:
        """ "User", "WorkingDir", "StopSignal", "Hostname", "Domainname"."""
        return str(self.config.get(key) or "")

    def set_text(self, key: str, value: str) -> None:
        """Set or (with "") remove a text."""
        if value:
            self.config[key] = value
        else:
            self.config.pop(key, None)


def copy_value(value: Any) -> Any:
    """A deep copy of JSON data (the copy module is not wanted on the hot path)."""
    if isinstance(value, dict):
        return {key: copy_value(item) for key, item in value.items()}
    if isinstance(value, list):
        return [copy_value(item) for item in value]
    return value


def absolute_path(path: str, working_dir: str) -> str:
    """A path in the image: joined to the working directory, cleaned, a trailing slash kept."""
    import posixpath

    joined = posixpath.join("/", working_dir or "/", path)
    cleaned = "/" + posixpath.normpath(joined).lstrip("/")
    if (path.endswith(("/", "/.")) or path in ("", ".")) and cleaned != "/":
        cleaned += "/"
    return cleaned


def parse_duration(text: str) -> int:
    """A Go duration ("1h30m", "10s", "500ms", "0") in nanoseconds.

    Raises:
        ValueError: not a duration.
    """
    import re

    if text in ("0", "+0", "-0"):
        return 0
    units = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
    match = re.fullmatch(r"([+-]?)((?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h))+", text)
    if match is None:
        raise ValueError(f'invalid duration "{text}"')
    total = 0.0
    exact = 0
    for number, unit in re.findall(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)", text):
        if "." in number:
            total += float(number) * units[unit]
        else:
            exact += int(number) * units[unit]
    result = exact + round(total)
    return -result if match.group(1) == "-" else result
