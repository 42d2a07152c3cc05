"""Which containers are updated, and what happens when a unit does not come up."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ocicore.engine import auto_update, events, listing, records
from ocicore.engine.auto_update import Options, Task
from ocicore.errors import Error, InvalidInput
from ocicore.image.progress import Progress


class Engine:
    """Containers by label, images by name, and what was asked of systemd."""

    def __init__(self, containers: list[SimpleNamespace], names: dict[str, str]) -> None:
        self.names = names
        self.restarted: list[str] = []
        self.broken: set[str] = set()
        self.environ: dict[str, str] = {}
        self.images = SimpleNamespace(
            by_id=lambda image_id: SimpleNamespace(id=image_id),
            find=lambda name: SimpleNamespace(id=self.names[name]),
            tag=lambda image, name: self.names.__setitem__(name, image.id),
        )
        self.state = SimpleNamespace(
            containers=SimpleNamespace(
                all=lambda: containers, get=lambda id: next(c for c in containers if c.id == id)
            ),
            pods=SimpleNamespace(get=lambda id: SimpleNamespace(infra_id="infra")),
        )


def container(name: str, policy: str | None = "local", *, unit: str = "", **more: Any) -> SimpleNamespace:
    labels = {} if policy is None else {"io.containers.autoupdate": policy}
    if unit:
        labels["PODMAN_SYSTEMD_UNIT"] = unit
    values = {
        "id": name,
        "labels": labels,
        "status": records.RUNNING,
        "image_id": "old",
        "pod_id": "",
        "config": {"image": {"name": f"localhost/{name}"}},
    }
    return SimpleNamespace(**{**values, **more})


@pytest.fixture(autouse=True)
def no_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    def restart(engine: Engine, unit: str) -> None:
        engine.restarted.append(unit)
        if unit in engine.broken and "new" in engine.names.values():
            raise Error(f"{unit} does not come up")

    monkeypatch.setattr(auto_update, "restart", restart)
    monkeypatch.setattr(listing, "refresh", lambda *_: None)
    monkeypatch.setattr(events, "write", lambda *_, **__: None)


def run(engine: Engine, *, dry_run: bool = False, rollback: bool = True) -> tuple[list[Task], list[Error]]:
    options = Options(dry_run=dry_run, rollback=rollback, context=lambda _: None)  # type: ignore[arg-type,return-value]
    return auto_update.run(engine, options, Progress())  # type: ignore[arg-type]


def test_only_units_with_news_are_restarted() -> None:
    engine = Engine(
        [
            container("a", unit="a.service"),
            container("b", unit="b.service"),
            container("c", None, unit="c.service"),
        ],
        {"localhost/a": "new", "localhost/b": "old"},
    )
    tasks, errors = run(engine, dry_run=True)
    assert [(task.unit, task.status) for task in tasks] == [("a.service", "pending"), ("b.service", "false")]
    assert engine.restarted == [] and errors == []
    tasks, errors = run(engine)
    assert [(task.unit, task.status) for task in tasks] == [("a.service", "true"), ("b.service", "false")]
    assert engine.restarted == ["a.service"] and errors == []


def test_back_to_the_old_image() -> None:
    engine = Engine([container("a", unit="a.service")], {"localhost/a": "new"})
    engine.broken = {"a.service"}
    tasks, errors = run(engine)
    assert [task.status for task in tasks] == ["rolled back"] and errors == []
    assert engine.restarted == ["a.service", "a.service"]
    assert engine.names == {"localhost/a": "old"}


def test_no_way_back_when_none_is_wanted() -> None:
    engine = Engine([container("a", unit="a.service")], {"localhost/a": "new"})
    engine.broken = {"a.service"}
    tasks, errors = run(engine, rollback=False)
    assert [task.status for task in tasks] == ["failed"]
    assert [str(error) for error in errors] == [
        "restarting unit a.service during update: a.service does not come up"
    ]
    assert engine.names == {"localhost/a": "new"}


def test_a_pod_is_one_unit() -> None:
    infra = container("infra", None, unit="pod.service")
    engine = Engine(
        [infra, container("a", pod_id="p"), container("b", pod_id="p")],
        {"localhost/a": "new", "localhost/b": "old"},
    )
    tasks, _ = run(engine)
    assert [(task.unit, task.status) for task in tasks] == [("pod.service", "true"), ("pod.service", "true")]
    assert engine.restarted == ["pod.service"]


def test_what_is_wrong_with_one_keeps_no_other_back() -> None:
    engine = Engine(
        [
            container("a", "sometimes", unit="a.service"),
            container("b"),
            container("c", "disabled", unit="c.service"),
            container("d", unit="d.service", status=records.EXITED),
            container("e", unit="e.service"),
        ],
        {"localhost/e": "new"},
    )
    tasks, errors = run(engine)
    assert [(task.unit, task.status) for task in tasks] == [("e.service", "true")]
    assert [str(error) for error in errors] == [
        'invalid auto-update policy "sometimes": valid policies are ["disabled" "image" "local" "registry"]',
        'auto-updating container "b": no PODMAN_SYSTEMD_UNIT label found',
    ]


@pytest.mark.parametrize("name", ["quay.io/a/b:1", "localhost/x", "docker://quay.io/a", "host:5000/x"])
def test_names_that_say_where_to_look(name: str) -> None:
    auto_update.check_name("registry", name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("shortname:latest", 'short name: auto updates require fully-qualified image reference: "shortname:latest"'),
        ("docker-archive:/x.tar", 'auto updates require the docker image transport but image is of transport "docker-archive"'),
    ],
)  # fmt: skip
def test_names_that_do_not(name: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as found:
        auto_update.check_name("image", name)
    assert str(found.value) == reason
    auto_update.check_name("local", name)
