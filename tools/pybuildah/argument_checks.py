"""Values of options that would otherwise be looked at late, or not at all when nothing has to be fetched: checked at the start.

Only imported where one of them was given (`session.check_files`).
"""

from __future__ import annotations

from ocicore.errors import Error, InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context


def check(args: Args, ctx: Context) -> None:
    """Raises InvalidInput, Error. A password that --creds leaves out is asked for on the terminal."""
    given = args.given_names()
    if "creds" in given:
        args.set("creds", _with_password(args.creds, ctx))
    if "retry_delay" in given and args.retry_delay:
        from ocicore.build.draft import parse_duration

        try:
            parse_duration(args.retry_delay)
        except ValueError as error:
            raise InvalidInput(
                f'unable to parse value provided "{args.retry_delay}" as --retry-delay: {error}'
            ) from error
    if not given.isdisjoint(("decryption_key", "encryption_key")):
        from ocicore.cli import encryption

        encryption.read(args)
    if "compression_format" in given and args.compression_format not in ("", "none"):
        from ocicore.image.layer_copy import check_format

        check_format(args.compression_format)
    if "pull" in given and ctx.path[0] == "commit":
        from pybuildah.commands.from_ import pull_policy

        pull_policy(args.pull)
    if "format" in given:
        _check_format(args.format, ctx.path[0])
    if "signature_policy" in given and args.signature_policy:
        from ocicore.config import policy

        # Also where all images are the store's own, of which nothing is asked.
        policy.load(args.signature_policy)
    for name in ("arch", "os", "variant", "platform"):
        if name in given:
            _check_platform(name, getattr(args, name))


def _check_format(text: str, command: str) -> None:
    if command in ("info", "inspect") and text and not ("{{" in text and "}}" in text):
        raise InvalidInput(
            f"invalid format provided: {text}", hint="expected a Go template, such as {{.host}}"
        )
    if command in ("build", "commit", "from") and not text:
        raise InvalidInput('unrecognized image type ""', hint="oci or docker")


def _with_password(creds: str, ctx: Context) -> str:
    username, colon, _ = creds.partition(":")
    if not username:
        raise InvalidInput(f'--creds "{creds}": it has no user name', hint="expected USERNAME[:PASSWORD]")
    if colon:
        return creds
    from ocicore.cli.password import ask_on_terminal

    password = ask_on_terminal(f"Password for {username}: ")
    if password is None:
        raise Error(
            f'--creds "{creds}": could not read password from terminal: there is none',
            hint="expected USERNAME:PASSWORD",
        )
    return f"{username}:{password}"


def _check_platform(option: str, value: str | list[str]) -> None:
    """Each part of a platform is a word."""
    texts = value if isinstance(value, list) else [value]
    if option == "platform" and not any(texts):
        raise InvalidInput('unable to parse --platform value ""', hint="expected OS/ARCH[/VARIANT]")
    for text in texts:
        for word in filter(None, text.split("/")):
            if not all(char.isalnum() or char in "_.-()" for char in word):
                raise InvalidInput(
                    f'--{option} "{text}": "{word}" is an invalid component of a platform',
                    hint="expected letters, digits, _ . and -",
                )
