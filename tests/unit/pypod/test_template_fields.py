"""Fields that templates of --format know although the JSON has them not, or not by that name, and times with Go's methods."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ocicore.cli.context import Context
from ocicore.cli.template import TemplateError
from pypod import inspecting
from pypod.commands.container import stats
from pypod.commands.image import list as images
from pypod.commands.system import events, info
from pypod.commands.volume import ls as volumes

MOMENT = "2026-11-29T03:00:00.1234Z"
NEVER = "0001-01-01T00:00:00Z"
CONTAINER: dict[str, Any] = {
    "Id": "ab" * 32,
    "Created": MOMENT,
    "State": {"Status": "created", "StartedAt": NEVER, "FinishedAt": MOMENT},
    "Config": {"Labels": {"Created": MOMENT}},
}
IMAGE = {
    "Id": "cd" * 32,
    "Created": MOMENT,
    "History": [{"created": MOMENT, "created_by": "COPY"}, {"comment": "FROM x", "empty_layer": True}],
}
NETWORK = {
    "name": "net",
    "id": "ef" * 32,
    "network_interface": "podman1",
    "created": MOMENT,
    "ipam_options": {"driver": "host-local"},
}
VOLUME = {"Name": "data", "CreatedAt": MOMENT, "MountCount": 0, "NeedsCopyUp": True}


def inspect(one: dict[str, Any], omitted: dict[str, Any], format: str) -> str:
    """What `inspect --format` prints for the object."""
    out = io.StringIO()
    inspecting.show(
        cast(Context, SimpleNamespace(stdout=out)), ["name"], lambda name: one, format, omitted=omitted
    )
    return out.getvalue().removesuffix("\n")


@pytest.mark.parametrize(
    ("one", "omitted", "format", "text"),
    [
        (CONTAINER, inspecting.CONTAINER_OMITTED, "{{.Created}}", "2026-11-29 03:00:00.1234 +0000 UTC"),
        (CONTAINER, inspecting.CONTAINER_OMITTED, "{{.Created.Unix}} {{.Created.Year}}", "1795921200 2026"),
        (CONTAINER, inspecting.CONTAINER_OMITTED, '{{.Created.Format "2006-01-02"}}', "2026-11-29"),
        (CONTAINER, inspecting.CONTAINER_OMITTED, "{{json .Created}}", f'"{MOMENT}"'),
        (CONTAINER, inspecting.CONTAINER_OMITTED, "{{.State.StartedAt}}", "0001-01-01 00:00:00 +0000 UTC"),
        (CONTAINER, inspecting.CONTAINER_OMITTED, "{{json .State.StartedAt}}", f'"{NEVER}"'),
        (CONTAINER, inspecting.CONTAINER_OMITTED, "{{.State.StartedAt.IsZero}}", "true"),
        (CONTAINER, inspecting.CONTAINER_OMITTED, "{{.State.StartedAt.Unix}}", "-62135596800"),
        (CONTAINER, inspecting.CONTAINER_OMITTED, "{{.State.StartedAt.Before .Created}}", "true"),
        (CONTAINER, inspecting.CONTAINER_OMITTED, "{{.Created.After .State.FinishedAt}}", "false"),
        (CONTAINER, inspecting.CONTAINER_OMITTED, "{{.Created.Sub .State.FinishedAt}}", "0s"),
        # 292 years at most
        (
            CONTAINER,
            inspecting.CONTAINER_OMITTED,
            "{{(.Created.Sub .State.StartedAt).Nanoseconds}}",
            str((1 << 63) - 1),
        ),
        (CONTAINER, inspecting.CONTAINER_OMITTED, "{{len .State.Health.Log}}", "0"),
        # what the user has called so stays text
        (CONTAINER, inspecting.CONTAINER_OMITTED, "{{.Config.Labels.Created}}", MOMENT),
        (IMAGE, inspecting.IMAGE_OMITTED, "{{.Created.UnixNano}}", "1795921200123400000"),
        (
            IMAGE,
            inspecting.IMAGE_OMITTED,
            "{{range .History}}{{.CreatedBy}}|{{.Comment}}|{{.EmptyLayer}} {{end}}",
            "COPY||false |FROM x|true ",
        ),
        (IMAGE, inspecting.IMAGE_OMITTED, "{{(index .History 0).Created.Year}}", "2026"),
        (
            IMAGE,
            inspecting.IMAGE_OMITTED,
            "{{json (index .History 0)}}",
            f'{{"created":"{MOMENT}","created_by":"COPY"}}',
        ),
        (VOLUME, inspecting.VOLUME_OMITTED, "{{.CreatedAt.Weekday}} {{.Anonymous}}", "Sunday false"),
        (NETWORK, {}, "{{.Name}} {{.NetworkInterface}} {{.Created.Month}}", "net podman1 November"),
    ],
)
def test_inspected_objects(one: dict[str, Any], omitted: dict[str, Any], format: str, text: str) -> None:
    assert inspect(one, omitted, format) == text


@pytest.mark.parametrize(
    ("format", "words"),
    [
        ("{{.Created.Before 1}}", "expected time.Time; got int"),
        ("{{.Created.Format 1}}", "expected string; got int"),
        ("{{.Created.Nothing}}", "can't evaluate field Nothing in type time.Time"),
    ],
)
def test_mistakes_with_times(format: str, words: str) -> None:
    with pytest.raises(TemplateError, match=words):
        inspect(CONTAINER, inspecting.CONTAINER_OMITTED, format)


def render(row: object, format: str) -> str:
    from ocicore.cli import template

    out = io.StringIO()
    template.print_list(out, format, [row], name="rows")
    return out.getvalue().removesuffix("\n")


def test_rows_of_images() -> None:
    row = {"Id": "ab" * 32, "Created": 0, "_created": 0, "Size": 1, "History": [], "Dangling": True}
    args = cast(Any, SimpleNamespace(no_trunc=False))
    text = render(
        images._struct(row, args),
        "{{.ID}} {{.Id}} {{.IsDangling}} {{.IsReadOnly}} [{{.Arch}}{{.Os}}] {{.IsManifestList}}",
    )
    assert text == f"{'ab' * 6} {'ab' * 32} true false [] <nil>"


def test_rows_of_volumes() -> None:
    text = render(
        volumes._struct(VOLUME),
        "{{.Name}}|{{.Anonymous}}|{{.NeedsCopyUp}}|{{.NeedsChown}}|{{.UID}}|{{.GID}}|{{.Timeout}}|{{.StorageID}}|"
        "{{.Status}}|{{.CreatedAt}}",
    )
    assert text == "data|false|true|false|0|0|0||map[]|2026-11-29 03:00:00.1234 +0000 UTC"
    assert "Anonymous" not in render(volumes._struct(VOLUME), "{{json .}}")


def test_rows_of_stats() -> None:
    network = {"eth0": {"RxBytes": 1, "RxDropped": 2}}
    row: dict[str, Any] = {
        "ContainerID": "ab" * 32, "Name": "c", "CPU": 0.0, "AvgCPU": 0.0, "CPUNano": 1_500_000_000,
        "CPUSystemNano": 7, "SystemNano": 1, "UpTime": 1, "MemUsage": 1 << 20, "MemLimit": 1 << 30, "MemPerc": 0.1,
        "Network": network, "NetInput": 1, "NetOutput": 0, "BlockInput": 0, "BlockOutput": 0, "PIDs": 1,
    }  # fmt: skip
    text = render(
        stats._struct(row, cast(Any, SimpleNamespace(no_trunc=False))),
        "{{.Up}}|{{.Duration}}|{{.CPUSystemNano}}|{{.PerCPU}}|{{.MemUsageBytes}}|{{.Network}}|{{.Network.eth0.RxBytes}}",
    )
    assert text == "1.5s|1500000000|7|[]|1MiB / 1GiB|map[eth0:{1 2}]|1"


def test_events() -> None:
    moment = 1_795_921_200_123_400_000
    event = {"Type": "container", "Status": "died", "PodID": "ab", "Attributes": {"a": "b"}}
    text = render(
        events._fields(event, moment),
        "{{.Time}} {{.TimeNano}} {{.PodID}} {{.ContainerExitCode}} {{.Details}} {{.Details.Attributes.a}}",
    )
    assert text == f"1795921200 {moment} ab <nil> {{ ab map[a:b]}} b"
    assert "name=, pod_id=ab, a=b)" in events._line({**event, "Time": MOMENT}, True)


def test_info() -> None:
    found: dict[str, Any] = {
        "host": {
            "freeLocks": 5,
            "distribution": {"distribution": "debian", "version": "13"},
            "networkBackendInfo": {"dns": {"version": "1"}},
        }
    }
    text = render(
        info._fields(found),
        "{{.Host.FreeLocks}} {{.Host.RuntimeInfo}} [{{.Host.Distribution.Variant}}{{.Host.Distribution.Codename}}] "
        "{{.Host.NetworkBackendInfo.DNS.Version}}",
    )
    assert text == "5 map[] [] 1"
