"""Logging in to registries and out of them: credentials are checked with the registry, then remembered.

Serves `login` and `logout` of pypod, pybuildah and pyskopeo; the words are podman's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from ocicore.config.auth import Credentials
from ocicore.errors import Error, InvalidInput, NotFound
from ocicore.image.types import SystemContext
from ocicore.registry.problems import RegistryError, Unauthorized


@dataclass(frozen=True)
class LoginRequest:
    """What the user asked for; `registry` may carry a namespace or repository ("quay.io/org")."""

    registry: str
    username: str = ""
    password: str = ""
    password_stdin: bool = False
    get_login: bool = False
    verbose: bool = False


def chosen_file(authfile: str, compat_auth_file: str) -> str:
    """The file of --authfile or --compat-auth-file, "" for none; raises InvalidInput when both are given."""
    if authfile and compat_auth_file:
        raise InvalidInput(
            "options for paths to the credential file and to the Docker-compatible credential file "
            "can not be set simultaneously"
        )
    return compat_auth_file or authfile


def login(
    request: LoginRequest,
    context: SystemContext,
    *,
    stdin: TextIO,
    write: Callable[[str], object],
    ask_password: Callable[[str], str],
) -> int:
    """Log in; returns the exit status.

    Raises:
        InvalidInput: options contradict each other.
        Error: the registry does not accept the credentials.
    """
    name = registry_name(request.registry)
    host = name.partition("/")[0]
    known = context.auth_files.credentials_for(name)
    if request.get_login:
        if known is None:
            raise NotFound(f"not logged into {name}")
        write(known.username)
        return 0
    if request.password and request.password_stdin:
        raise InvalidInput("can't specify both --password-stdin and --password")
    if request.password_stdin and not request.username:
        raise InvalidInput("must provide --username with --password-stdin")
    username, password = request.username, request.password
    if not username and not password and known is not None and known.username and known.password:
        write("Authenticating with existing credentials for " + name)
        try:
            _check(context, host, known)
        except RegistryError:
            write("Existing credentials are invalid, please enter valid username and password")
        else:
            write(f"Existing credentials are valid. Already logged in to {name}")
            return 0
    if request.password_stdin:
        password = stdin.read().rstrip("\r\n")
    if not username:
        suggestion = f" ({known.username})" if known is not None and known.username else ""
        write(f"Username{suggestion}: ")
        username = stdin.readline().strip() or (known.username if known is not None else "")
    if not password:
        password = ask_password("Password: ")
    if not username or not password:
        raise InvalidInput("username and password must be given", hint="give --username and --password-stdin")
    credentials = Credentials(username, password)
    try:
        _check(context, host, credentials)
    except Unauthorized as exc:
        raise Error(f'logging into "{host}": invalid username/password') from exc
    except RegistryError as exc:
        raise Error(f'authenticating creds for "{host}": {exc.message}', hint=exc.hint) from exc
    used = context.auth_files.store(name, credentials)
    if request.verbose:
        write(f"Used:  {used}")
    write("Login Succeeded!")
    return 0


def logout(
    registry: str, context: SystemContext, *, everything: bool, write: Callable[[str], object]
) -> None:
    """Log out.

    Raises:
        NotFound: there are no credentials.
    """
    if everything:
        if registry:
            raise InvalidInput("--all takes no arguments")
        context.auth_files.erase_all()
        write("Removed login credentials for all registries")
        return
    if not registry:
        raise InvalidInput("please provide a registry to log out from, or use --all")
    name = registry_name(registry)
    try:
        context.auth_files.erase(name)
    except NotFound:
        elsewhere = context.auth_files.credentials_for(name)
        if elsewhere is not None:
            write(
                f"Not logged into {name} with current tool. Existing credentials were established via docker login. "
                "Please use docker logout instead."
            )
            return
        raise NotFound(f"not logged into {name}") from None
    write(f"Removed login credentials for {name}")


def registry_name(text: str) -> str:
    """A registry, namespace or repository without scheme and trailing slashes; raises InvalidInput."""
    name = text.removeprefix("https://").removeprefix("http://").rstrip("/")
    if not name:
        raise InvalidInput("please provide a registry")
    if "@" in name or ("/" in name and ":" in name.rpartition("/")[2]):
        raise InvalidInput(f'credentials key has tag or digest: "{text}"')
    return name


def _check(context: SystemContext, host: str, credentials: Credentials) -> None:
    with_credentials = context.with_(credentials=credentials, no_creds=False)
    insecure = context.registries.is_insecure(host)
    client = context.connections.registry(with_credentials, host, "", insecure=insecure)
    client.check_login()
