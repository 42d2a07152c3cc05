"""Credentials: auth.json and its relatives, credential helpers, login and logout.

Follows containers-auth.json(5), Docker's config.json and docker-credential-helpers' protocol.
"""

from __future__ import annotations

import os
from binascii import a2b_base64, b2a_base64

from ocicore.errors import Error, InvalidInput, NotFound
from ocicore.files import atomic, quick_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from ocicore.config.paths import UserPaths

#: Stands for the files among the credential helpers of registries.conf.
FILES = "containers-auth.json"
_TOKEN_USER = "<token>"
_HELPER_TIMEOUT = 60
_NOT_FOUND = "credentials not found in native keychain"


class Credentials:
    """User name and password, or an identity token."""

    __slots__ = ("identity_token", "password", "username")

    def __init__(self, username: str, password: str, identity_token: str = "") -> None:
        self.username = username
        self.password = password
        self.identity_token = identity_token

    def __repr__(self) -> str:
        return f"Credentials({self.username!r}, …)"


class AuthFiles:
    """The files and helpers of one user.

    Args:
        paths: whose.
        environ: the environment (REGISTRY_AUTH_FILE, DOCKER_CONFIG).
        authfile: `--authfile`: the only file, read and written.
        helpers: `credential-helpers` of registries.conf.
    """

    def __init__(
        self,
        paths: UserPaths,
        environ: Mapping[str, str],
        *,
        authfile: str = "",
        helpers: Iterable[str] = (),
    ) -> None:
        self._paths = paths
        self._environ = environ
        given = authfile or environ.get("REGISTRY_AUTH_FILE", "")
        if not given and environ.get("DOCKER_CONFIG"):
            given = os.path.join(environ["DOCKER_CONFIG"], "config.json")  # for login, too (common/pkg/auth)
        if given and authfile and not os.path.exists(given):
            self._missing: str | None = given
        else:
            self._missing = None
        self._given = given
        self._helpers = list(helpers) or [FILES]

    @property
    def path(self) -> str:
        """The file that login writes."""
        if self._given:
            return self._given
        # As containers/image does: root's too, where a login session names a directory.
        runtime = self._environ.get("XDG_RUNTIME_DIR") or (
            self._paths.runtime_dir if self._paths.rootless else ""
        )
        if runtime:
            return os.path.join(runtime, "containers", "auth.json")
        return "/run/containers/0/auth.json"

    def credentials_for(self, name: str) -> Credentials | None:
        """Credentials for "registry[/namespace[/repository]]", of the narrowest entry there is.

        Raises:
            InvalidInput: a file is malformed or unreadable.
            Error: a helper failed.
        """
        for helper in self._helpers:
            if helper == FILES:
                for path in self._readable():
                    found = self._from_file(path, name)
                    if found is not None:
                        return found
            else:
                found = _ask(helper, _helper_key(name))
                if found is not None:
                    return found
        return None

    def require_file(self) -> None:
        """Fail when the file of --authfile does not exist, as `checkauthfile` does upstream.

        Raises:
            InvalidInput: it does not.
        """
        if self._missing:
            raise InvalidInput(
                f"stat {self._missing}: no such file or directory",
                hint="create it with: login --authfile",
            )

    def store(self, name: str, credentials: Credentials) -> str:
        """Remember credentials; returns the file or helper they went to."""
        helper = self._helper_for(self._load(self.path) or {}, name)
        if helper is None and self._helpers[0] != FILES:
            helper = self._helpers[0]
        if helper is not None:
            secret = credentials.identity_token or credentials.password
            user = _TOKEN_USER if credentials.identity_token else credentials.username
            request = {"ServerURL": _helper_key(name), "Username": user, "Secret": secret}
            _run(helper, "store", quick_json.dumps(request))
            return f"docker-credential-{helper}"
        value = self._load(self.path) or {}
        entry: dict[str, str] = {}
        if credentials.username or credentials.password:
            pair = f"{credentials.username}:{credentials.password}"
            entry["auth"] = b2a_base64(pair.encode(), newline=False).decode()
        if credentials.identity_token:
            entry["identitytoken"] = credentials.identity_token
        value.setdefault("auths", {})[name] = entry
        self._save(value)
        return self.path

    def erase(self, name: str) -> None:
        """Forget credentials.

        Raises:
            NotFound: there are none ("not logged in to NAME").
        """
        value = self._load(self.path) or {}
        helper = self._helper_for(value, name)
        removed = False
        if helper is not None:
            _run(helper, "erase", _helper_key(name))
            removed = True
        auths = value.get("auths") or {}
        for key in list(auths):
            if key == name or _normalise(key) == name:
                del auths[key]
                removed = True
        if not removed:
            raise NotFound(f"not logged in to {name}")
        self._save(value)

    def erase_all(self) -> None:
        """Forget everything in the file that login writes."""
        value = self._load(self.path) or {}
        for name, helper in (value.get("credHelpers") or {}).items():
            _run(str(helper), "erase", _helper_key(name))
        value["auths"] = {}
        value.pop("credHelpers", None)
        self._save(value)

    def registries(self) -> list[str]:
        """Names there are credentials for, in all files."""
        names: dict[str, None] = {}
        for path in self._readable():
            value = self._load(path) or {}
            for table in ("auths", "credHelpers"):
                names.update(dict.fromkeys(value.get(table) or ()))
        return list(names)

    def _readable(self) -> list[str]:
        if self._given:
            return [self._given]
        found = [self.path]
        found.append(os.path.join(self._paths.config_home, "containers", "auth.json"))
        found.append(os.path.join(self._paths.home, ".docker", "config.json"))
        found.append(os.path.join(self._paths.home, ".dockercfg"))
        return found

    def _from_file(self, path: str, name: str) -> Credentials | None:
        value = self._load(path)
        if value is None:
            return None
        helper = self._helper_for(value, name)
        if helper is not None:
            return _ask(helper, _helper_key(name))
        # .dockercfg has no "auths" around the entries.
        auths = value if path.endswith(".dockercfg") else value.get("auths") or {}
        if not isinstance(auths, dict):
            raise InvalidInput(f"reading {path}: auths is not an object")
        for key in _narrowing(name):
            if key in auths:
                return _decode(auths[key], path, key)
        host = name.partition("/")[0]
        wanted = {"docker.io", "index.docker.io", "registry-1.docker.io"} if host == "docker.io" else {host}
        for key, entry in auths.items():
            if _normalise(key) in wanted:
                return _decode(entry, path, key)
        store = value.get("credsStore")
        return _ask(str(store), _helper_key(host)) if store else None

    @staticmethod
    def _helper_for(value: dict[str, Any], name: str) -> str | None:
        helpers = value.get("credHelpers") or {}
        for key in _narrowing(name):
            if key in helpers:
                return str(helpers[key])
        return None

    def _load(self, path: str) -> dict[str, Any] | None:
        try:
            with open(path, "rb") as file:
                data = file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as exc:
            raise InvalidInput(f"reading JSON file {path}: {(exc.strerror or str(exc)).lower()}") from exc
        if not data.strip():
            return {}
        try:
            value = quick_json.loads(data)
        except (ValueError, RecursionError) as exc:
            raise InvalidInput(f"unmarshaling JSON at {path}: {exc}") from exc
        if not isinstance(value, dict):
            raise InvalidInput(f"unmarshaling JSON at {path}: not an object")
        return value

    def _save(self, value: dict[str, Any]) -> None:
        path = self.path
        try:
            os.makedirs(os.path.dirname(path) or ".", mode=0o700, exist_ok=True)
            import json

            atomic.write(path, json.dumps(value, indent="\t").encode(), 0o600)
        except OSError as exc:
            raise Error(f"writing {path}: {(exc.strerror or str(exc)).lower()}") from exc


def _narrowing(name: str) -> list[str]:
    """The name itself, then without its last components, down to the registry."""
    found = [name]
    while "/" in name:
        name = name.rpartition("/")[0]
        found.append(name)
    return found


def _normalise(key: str) -> str:
    """The host of an entry as Docker writes it ("https://index.docker.io/v1/")."""
    key = key.removeprefix("https://").removeprefix("http://")
    return key.partition("/")[0]


def _helper_key(name: str) -> str:
    host = name.partition("/")[0]
    return "https://index.docker.io/v1/" if host == "docker.io" else name


def _decode(entry: Any, path: str, key: str) -> Credentials:
    if not isinstance(entry, dict):
        raise InvalidInput(f"reading {path}: entry for {key} is not an object")
    identity = str(entry.get("identitytoken") or "")
    text = entry.get("auth")
    if not text:
        return Credentials(str(entry.get("username") or ""), str(entry.get("password") or ""), identity)
    try:
        decoded = a2b_base64(str(text), strict_mode=True).decode()
    except ValueError as exc:
        raise InvalidInput(f"reading {path}: entry for {key}: auth is not base64") from exc
    username, colon, password = decoded.partition(":")
    if not colon:
        raise InvalidInput(f"reading {path}: entry for {key}: auth is not USER:PASSWORD")
    return Credentials(username, password.rstrip("\x00"), identity)


def _ask(helper: str, server: str) -> Credentials | None:
    try:
        value = quick_json.loads(_run(helper, "get", server))
    except NotFound:
        return None
    except ValueError as exc:
        raise Error(f"credential helper docker-credential-{helper}: its answer is not JSON") from exc
    username, secret = str(value.get("Username") or ""), str(value.get("Secret") or "")
    if username == _TOKEN_USER:
        return Credentials("", "", secret)
    return Credentials(username, secret)


def _run(helper: str, verb: str, text: str) -> str:
    program = f"docker-credential-{helper}"
    if "/" in helper:
        raise InvalidInput(f"credential helper {helper}: its name may not contain a slash")
    import subprocess

    try:
        done = subprocess.run(
            [program, verb], input=text.encode(), capture_output=True, timeout=_HELPER_TIMEOUT, check=False
        )
    except FileNotFoundError:
        raise Error(
            f"credential helper {program}: executable file not found in $PATH",
            hint="install it, or remove it from auth.json and registries.conf",
        ) from None
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise Error(f"credential helper {program}: {exc}") from exc
    output = done.stdout.decode(errors="replace").strip()
    if done.returncode != 0:
        if _NOT_FOUND in output:
            raise NotFound(f"credential helper {program}: no credentials for {text}")
        message = output or done.stderr.decode(errors="replace").strip() or f"status {done.returncode}"
        raise Error(f"credential helper {program}: {message.splitlines()[0]}")
    return output
