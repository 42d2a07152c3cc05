"""registries.conf: precedence of files, prefixes, mirrors, rewriting, aliases, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocicore.config import certs_d, mounts_conf, registries_conf, registries_d
from ocicore.config.paths import UserPaths
from ocicore.errors import InvalidInput


def paths(folder: Path, *, rootless: bool = True) -> UserPaths:
    return UserPaths(
        uid=1000,
        gid=1000,
        username="joe",
        home=str(folder),
        runtime_dir=str(folder / "run"),
        config_home=str(folder / "config"),
        data_home=str(folder / "data"),
        tmp=str(folder),
        rootless=rootless,
    )


def load(folder: Path, text: str) -> registries_conf.RegistriesConfig:
    file = folder / "registries.conf"
    file.write_text(text)
    (folder / "none").mkdir(exist_ok=True)
    return registries_conf.load(paths(folder), {}, file=str(file), directory=str(folder / "none"))


def test_longest_prefix_wins(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        """
        [[registry]]
        location = "example.com"
        insecure = true
        [[registry]]
        prefix = "example.com/team"
        location = "other.example/moved"
        [[registry]]
        prefix = "*.wild.example"
        insecure = true
        [[registry]]
        prefix = "special.wild.example"
        location = "special.wild.example"
        blocked = true
        """,
    )
    assert [end.reference for end in config.find("example.com/team/a:1")] == ["other.example/moved/a:1"]
    assert not config.find("example.com/team/a:1")[0].insecure
    assert config.find("example.com/teamwork/a:1")[0].reference == "example.com/teamwork/a:1"
    assert config.find("example.com/teamwork/a:1")[0].insecure
    assert not config.find("example.com.evil/a")[0].insecure
    assert config.is_insecure("x.y.wild.example/a")
    assert config.is_insecure("x.wild.example:5000/a")
    assert not config.is_insecure("wild.example/a")
    assert config.is_blocked("special.wild.example/a")
    with pytest.raises(InvalidInput, match="is blocked"):
        config.find("special.wild.example/a:1")


def test_mirrors_and_what_they_serve(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        """
        [[registry]]
        prefix = "example.com/a"
        location = "example.com/a"
        [[registry.mirror]]
        location = "one.example/m"
        insecure = true
        [[registry.mirror]]
        location = "two.example"
        pull-from-mirror = "digest-only"
        [[registry.mirror]]
        location = "three.example"
        pull-from-mirror = "tag-only"
        """,
    )
    by_tag = config.find("example.com/a/b:1")
    assert [end.reference for end in by_tag] == [
        "one.example/m/b:1",
        "three.example/b:1",
        "example.com/a/b:1",
    ]
    assert [(end.mirror, end.insecure) for end in by_tag] == [(True, True), (True, False), (False, False)]
    digest = "@sha256:" + "0" * 64
    assert [end.host for end in config.find("example.com/a/b" + digest)] == [
        "one.example",
        "two.example",
        "example.com",
    ]
    assert config.push_endpoint("example.com/a/b:1").host == "example.com"


def test_drop_ins_and_users_file(tmp_path: Path) -> None:
    home = paths(tmp_path)
    folder = tmp_path / "config/containers"
    (folder / "registries.conf.d").mkdir(parents=True)
    (folder / "registries.conf").write_text(
        'unqualified-search-registries = ["one.example"]\n[aliases]\na = "x.example/a"\n'
    )
    (folder / "registries.conf.d/10.conf").write_text('[aliases]\nb = "x.example/b"\na = ""\n')
    (folder / "registries.conf.d/20.conf").write_text(
        'unqualified-search-registries = ["two.example"]\nshort-name-mode = "enforcing"\n'
    )
    (folder / "registries.conf.d/ignored.txt").write_text("[[[[")
    config = registries_conf.load(home, {})
    assert config.unqualified_search == ["two.example"]
    assert config.search_origin.endswith("20.conf")
    assert config.aliases == {"b": "x.example/b"}
    assert config.short_name_mode == "enforcing"
    explicit = tmp_path / "explicit.conf"
    explicit.write_text('unqualified-search-registries = ["three.example"]\n')
    config = registries_conf.load(
        home,
        {"CONTAINERS_REGISTRIES_CONF": str(explicit), "CONTAINERS_REGISTRIES_CONF_DIR": str(tmp_path / "no")},
    )
    assert config.unqualified_search == ["three.example"]


def test_remembered_aliases_count(tmp_path: Path) -> None:
    cache = tmp_path / "cache.conf"
    cache.write_text('[aliases]\na = "chosen.example/a"\n')
    (tmp_path / "registries.conf").write_text('[aliases]\na = "x.example/a"\n')
    config = registries_conf.load(
        paths(tmp_path),
        {"CONTAINERS_SHORT_NAME_ALIASES_CONF": str(cache)},
        file=str(tmp_path / "registries.conf"),
        directory=str(tmp_path / "no"),
    )
    assert config.aliases["a"] == "chosen.example/a"


def test_version_1(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        """
        [registries.search]
        registries = ["one.example", "two.example"]
        [registries.insecure]
        registries = ["three.example"]
        [registries.block]
        registries = ["four.example"]
        """,
    )
    assert config.unqualified_search == ["one.example", "two.example"]
    assert config.is_insecure("three.example/a")
    assert config.is_blocked("four.example/a")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[registry]]\n", "both prefix and location are empty"),
        ('[[registry]]\nprefix = "a.example"\n', "location is empty"),
        ('[[registry]]\nlocation = "https://a.example"\n', "URL scheme"),
        ('[[registry]]\nlocation = "a"\ninsecure = "yes"\n', "neither true nor false"),
        ('short-name-mode = "maybe"\n', "invalid short-name mode"),
        ('[aliases]\na = "b"\n', "must point to a full name"),
        ('[aliases]\na = "x.example/a:tag"\n', "without tag and digest"),
        ('unqualified-search-registries = "a"\n', "not an array of strings"),
        ('[[registry]]\nlocation = "a"\n[[registry.mirror]]\ninsecure = true\n', "location is empty"),
        ('[[registry]]\nlocation = "a"\n[[registry.mirror]]\nlocation = "b"\npull-from-mirror = "x"\n', "unsupported pull-from-mirror"),
        ('[[registry]]\nlocation = "a"\n[[registry]]\nlocation = "a"\nblocked = true\n', "defined twice"),
        ("unqualified-search-registries = [\n", ""),
        ('registry = "x"\n', "not an array of tables"),
    ],
)  # fmt: skip
def test_malformed(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        load(tmp_path, text)
    assert message in caught.value.message
    assert str(tmp_path / "registries.conf") in caught.value.message


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no such file"):
        registries_conf.load(paths(tmp_path), {}, file=str(tmp_path / "none.conf"))


def test_certificate_directories(tmp_path: Path) -> None:
    home = paths(tmp_path)
    folder = tmp_path / "config/containers/certs.d"
    assert certs_d.directories("a.example:5000", home) == []
    (folder / "a.example:5000").mkdir(parents=True)
    (folder / "b.example").mkdir()
    assert certs_d.directories("a.example:5000", home) == [str(folder / "a.example:5000")]
    assert certs_d.directories("b.example:443", home) == [str(folder / "b.example")]
    assert certs_d.directories("b.example:5000", home) == []


def test_mounts_conf(tmp_path: Path) -> None:
    file = tmp_path / "mounts.conf"
    file.write_text("# secrets\n/usr/share/rhel/secrets:/run/secrets\n\n/same\n")
    assert mounts_conf.load([str(file), str(tmp_path / "none")]) == [
        ("/usr/share/rhel/secrets", "/run/secrets"),
        ("/same", "/same"),
    ]
    file.write_text("relative:/x\n")
    with pytest.raises(InvalidInput, match="line 1"):
        mounts_conf.load([str(file)])


def test_registries_d(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "default-docker:\n  lookaside: file:///var/sigs\ndocker:\n  example.com/team:\n"
        "    sigstore: https://sigs.example\n    sigstore-staging: file:///staging\n"
        "  '*.wild.example':\n    use-sigstore-attachments: true\n"
    )
    found = registries_d.load(str(tmp_path))

    def entry(reference: str) -> registries_d.SignatureStorage:
        storage = registries_d.find(found, reference)
        assert storage is not None
        return storage

    assert entry("example.com/team/a:1").lookaside == "https://sigs.example"
    assert entry("example.com/team/a:1").lookaside_staging == "file:///staging"
    assert entry("other.example/a:1").lookaside == "file:///var/sigs"
    assert entry("x.wild.example/a").use_sigstore_attachments is True
    assert registries_d.load(str(tmp_path / "none")) == {}
    (tmp_path / "b.yaml").write_text("docker:\n  example.com/team:\n    lookaside: x\n")
    with pytest.raises(InvalidInput, match="defined both in"):
        registries_d.load(str(tmp_path))
    (tmp_path / "b.yaml").write_text("docker: [\n")
    with pytest.raises(InvalidInput, match="line"):
        registries_d.load(str(tmp_path))
