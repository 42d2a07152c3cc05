"""`pypod system connection add` and `pypod context create`: tell remote clients of this user of a destination."""

from __future__ import annotations

import os

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

_TLS = {"tls_ca": "TLSCA", "tls_cert": "TLSCert", "tls_key": "TLSKey"}

COMMAND = Command(
    "Record destination for remote clients",
    description="""Records a destination in podman-connections.json for the remote clients of this user (podman --remote).
pypod itself works on its own host and uses none.

DESTINATION is [user@]host (ssh), ssh://[user@]host[:port][/path], tcp://host:port or unix:///path. Where an ssh
destination has no path, the other machine is asked for it.""",
    options=(
        Option("default", "d", help="Set connection to be default"),
        Option("identity", kind="path", help="path to SSH identity file"),
        Option("port", "p", kind="int", default=22, help="SSH port number for destination"),
        Option("socket-path", kind="path", help="path to the service's socket on the remote host"),
        Option("tls-ca", kind="path", help="path to TLS certificate authority, for tcp"),
        Option("tls-cert", kind="path", help="path to TLS client certificate, for tcp"),
        Option("tls-key", kind="path", help="path to TLS client key, for tcp"),
    ),
    arguments=(Argument("name"), Argument("destination")),
    together=(("tls-cert", "tls-key"),),
    examples=(
        (
            "pypod system connection add production root@server.example.com",
            "by ssh, with its service's own socket",
        ),
        ("pypod system connection add debug tcp://localhost:8080", "without encryption"),
    ),
)

CREATE = Command(
    "Record destination for remote clients",
    description="Docker's command for `system connection add`; options of other orchestrators are ignored.",
    options=(
        Option("docker", kind="string", help="Destination, as host=tcp://HOST:PORT"),
        Option("description", kind="string", help="Ignored: for script compatibility"),
        Option("from", kind="string", help="Ignored: for script compatibility"),
        Option("kubernetes", kind="string", help="Ignored: for script compatibility"),
        Option("default-stack-orchestrator", kind="string", help="Ignored: for script compatibility"),
    ),
    arguments=(Argument("name"),),
    handler="pypod.commands.system.connection.add:create",
    examples=(
        ("pypod context create --docker host=tcp://server:2376 server", "a destination by its address"),
    ),
)


def run(args: Args, ctx: Context) -> int:
    from urllib.parse import urlsplit

    from ocicore.config import connections, paths
    from ocicore.errors import InvalidInput

    try:
        place = urlsplit(_with_scheme(args.destination))
        port = place.port
    except ValueError as error:
        raise InvalidInput(f'invalid destination "{args.destination}": {str(error).lower()}') from None
    given = [option for option in (*_TLS, "identity", "socket_path", "port") if args.given(option)]
    allowed = {"ssh": ("identity", "socket_path", "port"), "tcp": (*_TLS, "port"), "unix": ("socket_path",)}
    for name in given:
        if place.scheme in allowed and name not in allowed[place.scheme]:
            raise InvalidInput(f"--{name.replace('_', '-')} option not supported for {place.scheme} scheme")
    if args.socket_path:
        place = place._replace(path=args.socket_path)
    if place.scheme in ("ssh", "tcp") and not place.hostname:
        raise InvalidInput(f'invalid destination "{args.destination}": it names no host')
    if port is None and (place.scheme == "ssh" or (place.scheme == "tcp" and args.given("port"))):
        place = place._replace(netloc=f"{place.netloc}:{args.port}")
    if place.scheme == "ssh":
        if place.path in ("", "/"):
            place = place._replace(
                path=_ask_for_socket(args, ctx, place.username, place.hostname or "", place.port)
            )
    elif place.scheme == "unix":
        _look_at_socket(ctx, place.path)
    elif place.scheme == "tcp":
        if place.port is None:
            raise InvalidInput("tcp scheme requires a port either via --port or in destination URL")
    else:
        ctx.warn(f'"{place.scheme}" unknown scheme, no validation provided')
    connections.add(
        paths.user_paths(ctx.environ),
        ctx.environ,
        args.name,
        place.geturl() if place.scheme != "unix" else f"unix://{place.path}",
        identity=args.identity,
        default=args.default,
        tls={key: getattr(args, name) for name, key in _TLS.items() if getattr(args, name)},
    )
    return 0


def _with_scheme(destination: str) -> str:
    import re

    return destination if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", destination) else f"ssh://{destination}"


def _look_at_socket(ctx: Context, path: str) -> None:
    """Warnings about a socket that is not there yet. Raises InvalidInput for what is none."""
    import stat

    from ocicore.errors import InvalidInput

    try:
        mode = os.stat(path).st_mode
    except PermissionError:
        ctx.warn(f'You do not have permission to read "{path}"')
        return
    except OSError:
        ctx.warn(f'"{path}" does not exist')
        return
    if not stat.S_ISSOCK(mode):
        raise InvalidInput(f'"{path}" exists and is not a unix domain socket')


def _ask_for_socket(args: Args, ctx: Context, user: str | None, host: str, port: int | None) -> str:
    from ocicore.config import containers_conf, paths
    from ocicore.engine import image_scp, remote

    place = f"{user}@{host}" if user else host
    # The same words are refused that `image scp` refuses: they go to ssh.
    checked = image_scp.parse(f"{place}::info")
    home = paths.user_paths(ctx.environ)
    configured = containers_conf.load(home, ctx.environ).engine.ssh_config
    words = remote.words(
        checked.host,
        ("info", "--format", "json"),
        port=str(port or ""),
        identity=args.identity,
        configuration=remote.configuration(configured, home.home),
    )
    return remote.service_socket(words, ctx.environ)


def create(args: Args, ctx: Context) -> int:
    """`context create`."""
    from ocicore.config import connections, paths
    from ocicore.errors import InvalidInput

    key, equals, value = args.docker.partition("=")
    first, *more = value.split(",")
    if equals and key != "host":
        raise InvalidInput('"host" is required for --docker option')
    if more:
        raise InvalidInput(f"--docker additional options {' '.join(more)} not supported")
    destination = first if equals else key
    if not destination:
        raise InvalidInput("a destination is required", hint="name it: --docker host=tcp://HOST:PORT")
    connections.add(paths.user_paths(ctx.environ), ctx.environ, args.name, _with_scheme(destination))
    return 0
