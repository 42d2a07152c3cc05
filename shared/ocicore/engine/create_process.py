"""The process of a new container: command, environment, user, signals – options over image over containers.conf."""

from __future__ import annotations

from ocicore.engine.options import env as env_options
from ocicore.engine.options import health, labels
from ocicore.errors import InvalidInput
from ocicore.files import quick_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.create_options import CreateOptions
    from ocicore.oci.config import ImageConfig

_SIGTERM = 15
#: Programs that are systemd under another name (podman's list).
_SYSTEMD_NAMES = frozenset(("/sbin/init", "/usr/sbin/init", "/usr/local/sbin/init"))
#: What --log-driver may say.
LOG_DRIVERS = ("k8s-file", "json-file", "journald", "none", "passthrough", "passthrough-tty")


def entry_point(text: str) -> list[str]:
    """--entrypoint: one word, or a JSON list of words."""
    if text.startswith("["):
        try:
            words = quick_json.loads(text)
        except ValueError:
            return [text]
        if isinstance(words, list) and all(isinstance(word, str) for word in words):
            return words
    return [text] if text else []


def command_line(
    options: CreateOptions, command: list[str], image: ImageConfig | None
) -> tuple[list[str], list[str]]:
    """(entrypoint, command) of the container."""
    if "entrypoint" in options.given:
        given = options.entrypoint
        entry = list(given) if isinstance(given, list) else entry_point(given)
        words = command
    else:
        entry = image.entrypoint if image else []
        words = command or (image.cmd if image else [])
    if not entry and not words:
        return [], [""]  # a container may wait for its command; the runtime says what is missing
    return entry, words


def environment(engine: Engine, options: CreateOptions, image: ImageConfig | None) -> dict[str, str]:
    """The complete environment but for what the runtime adds (HOME, HOSTNAME, TERM)."""
    conf = engine.config.containers
    http_proxy = options.http_proxy if options.http_proxy is not None else conf.http_proxy
    return env_options.merge(
        configured=conf.env,
        image=image.env if image else (),
        host=engine.environ,
        use_host=options.env_host or conf.env_host,
        use_proxy=bool(http_proxy),
        files=options.env_file,
        entries=options.env,
        merged=options.env_merge,
        unset=options.unsetenv,
        unset_all=options.unsetenv_all,
    )


def all_labels(options: CreateOptions, image: ImageConfig | None) -> dict[str, str]:
    """The image's labels under the user's."""
    result = dict(image.labels) if image else {}
    result.update(labels.read_labels(options.label_file, options.label))
    return result


def stop_signal(options: CreateOptions, image: ImageConfig | None) -> int:
    """Number of the signal that asks the container to end. Raises InvalidInput."""
    text = options.stop_signal or (image.stop_signal if image else "")
    if not text:
        return _SIGTERM
    from ocicore.linux.process import parse_signal

    return parse_signal(text)


def is_systemd(options: CreateOptions, words: list[str]) -> bool:
    """Whether process 1 is systemd (--systemd=true looks at the command). Raises InvalidInput."""
    mode = options.systemd.lower() or "true"
    if mode == "always":
        return True
    if mode == "false":
        return False
    if mode != "true":
        raise InvalidInput(f'--systemd "{options.systemd}": expected "true", "false" or "always"')
    program = words[0]
    return program in _SYSTEMD_NAMES or program.rpartition("/")[2] == "systemd"


def health_check(options: CreateOptions, image: ImageConfig | None) -> dict[str, Any] | None:
    """The health check in force with podman's additions, or None. Raises InvalidInput."""
    check = health.read(
        image=image.healthcheck if image else {},
        disabled=options.no_healthcheck,
        cmd=options.health_cmd,
        interval_text=options.health_interval,
        retries=options.health_retries,
        start_period=options.health_start_period,
        timeout=options.health_timeout,
        given=options.given,
    )
    on_failure = options.health_on_failure or "none"
    if on_failure not in health.ON_FAILURE:
        raise InvalidInput(
            f"invalid on-failure action {options.health_on_failure!r} for health check: supported actions are "
            + ", ".join(health.ON_FAILURE)
        )
    if check is None:
        if on_failure != "none":
            raise InvalidInput(f"cannot set on-failure action to {on_failure} without a health check")
        return None
    check["on_failure"] = on_failure
    check["log_count"] = options.health_max_log_count
    check["log_size"] = options.health_max_log_size
    check["destination"] = health.destination(options.health_log_destination)
    if options.health_startup_cmd:
        check["startup"] = health.startup(options)
    return check


def init_program(engine: Engine, options: CreateOptions) -> str:
    """Path of the --init program on the host. Raises MissingProgram."""
    import os

    from ocicore.errors import MissingProgram

    named = options.init_path or engine.config.containers.init_path
    candidates = [named] if named else []
    for directory in ("/usr/libexec/podman", "/usr/lib/podman", "/usr/local/libexec/podman", "/usr/bin"):
        candidates.append(f"{directory}/catatonit")
    candidates += ["/usr/bin/tini", "/usr/bin/tini-static", "/usr/bin/dumb-init"]
    for path in candidates:
        if os.access(path, os.X_OK):
            return path
        if path == options.init_path:
            break
    raise MissingProgram(
        f"container-init binary not found on the host: stat {named or candidates[0]}: no such file or directory",
        hint="install catatonit or tini, or name one with --init-path",
    )


def log_settings(engine: Engine, options: CreateOptions) -> dict[str, Any]:
    """--log-driver and --log-opt: driver, path ("" is the default place), tag, size (bytes, -1 unlimited), labels."""
    from ocicore.engine.quantities import parse_size

    conf = engine.config.containers
    asked = options.log_driver or conf.log_driver or "k8s-file"
    driver = "k8s-file" if asked == "json-file" else asked
    if driver not in LOG_DRIVERS:
        raise InvalidInput("running container create option: invalid log driver: invalid argument")
    if driver == "passthrough" and options.tty:
        raise InvalidInput("--tty and --log-driver=passthrough conflict: the log driver needs no terminal")
    size = conf.log_size_max if conf.log_size_max and conf.log_size_max > 0 else -1
    result: dict[str, Any] = {
        "driver": driver,
        "asked": asked,
        "path": "",
        "tag": conf.log_tag or "",
        "size": size,
        "labels": [],
    }
    for entry in options.log_opt:
        key, equals, value = entry.partition("=")
        if not equals:
            raise InvalidInput(
                f'invalid log option "{entry}"', hint="expected KEY=VALUE, for instance max-size=10mb"
            )
        if key == "path":
            result["path"] = value
        elif key == "tag":
            result["tag"] = value
        elif key == "max-size":
            result["size"] = parse_size(value, what="max-size", base=1000)
        elif key == "label":
            result["labels"].append(value)
        else:
            # podman keeps and ignores what it does not know, docker's max-file for one.
            engine.warn(f"log option {key!r} is ignored: there are path, tag, max-size and label")
    return result
