#!/usr/bin/env python3
"""Unit and Quadlet files that nobody would write:  PYTHONPATH=shared unit_file_fuzz.py SECONDS [SEED]

Mutates good files and looks for what must never be: an exception that is no complaint, a complaint without a line, and a
service that reads back as another than was meant.
"""

from __future__ import annotations

import random

from mutation import Mutator, run

from ocicore.systemd.quadlet import output
from ocicore.systemd.quadlet.convert import convert_all
from ocicore.systemd.quadlet.keys import KEYS, SECTIONS
from ocicore.systemd.quadlet.service import Host
from ocicore.systemd.quadlet.source import Source, is_unit_name
from ocicore.systemd.quoting import split
from ocicore.systemd.unit_file import UnitFileError, parse

PIECES = [
    *"\\\n\t \"'%$;#[]=:@,/-.", "\\\n", "=\n", "[Container]\n", "[Service]\n", "%i", "${A}", "\\x", "\\u12", "é", "\udcff", "\x01",
    "Exec=", "Image=", "ServiceName=", "Alias=../", "WantedBy=", "Volume=", "Mount=type=", "Network=a.network", "\r\n",
    "True", "Environment=", "[X-", "Pod=p.pod", "User=", "RemapUsers=auto\n", "; ;", "0x", "99999999999",
]  # fmt: skip
SEEDS = [
    '[Container]\nImage=x.io/x\nExec=sh -c \'a b\' "c"\nVolume=/a:/b\nEnvironment=A=1 "B=2 3"\nLabel=a=b\n[Install]\nWantedBy=a.target\n',
    "[Unit]\nAfter=a.container\n[Volume]\nDevice=/dev/x\nType=ext4\nOptions=ro\nUser=5\n",
    "[Network]\nSubnet=10.0.0.0/8\nGateway=10.0.0.1\n[Quadlet]\nDefaultDependencies=no\n",
    "[Pod]\nPodName=x\nPublishPort=80:80\n",
    "[Build]\nImageTag=x\nSetWorkingDirectory=unit\nFile=rel\n",
    "[Kube]\nYaml=a.yml \\\n b.yml\nAutoUpdate=registry a/local\n",
    "[Image]\nImage=x.io/x\n",
]


def add_key(chance: random.Random, text: str) -> str:
    """One more line with a key there is."""
    at = chance.randint(0, len(text))
    section = chance.choice(list(KEYS))
    return text[:at] + f"\n{chance.choice(list(KEYS[section]))}={chance.choice(PIECES)}\n" + text[at:]


def one(text: str, kind: str) -> None:
    """Raises AssertionError, or whatever it should not."""
    name = f"a.{kind}"
    try:
        unit = parse(text, f"/q/{name}", glue="")
    except UnitFileError as error:
        assert error.line >= 1
        return
    assert unit.text() == text
    source = Source(f"/q/{name}", unit)
    try:
        source.set_names()
    except UnitFileError:
        return
    services, problems = convert_all({name: source}, Host("/usr/bin/pypod", is_user=False))
    assert services or problems
    for problem in problems:
        assert problem.error.line >= 1 and "\n" not in str(problem)
    for service in services:
        written = service.text("fuzz")
        read = parse(written)
        assert is_unit_name(service.file_name.removesuffix(".service"))
        assert [(entry.section, entry.key, entry.value) for entry in read] == [
            (section, key, value.strip(" \t\r\n"))
            for section, pairs in service.sections.items()
            for key, value in pairs
        ]
        for key, command in service.commands:
            lines = [entry.value.removeprefix("-") for entry in read.entries("Service", key)]
            assert command.text() in lines
            assert split(command.text()) == command.words
        try:
            found = output.links(service, lambda _: None)
        except UnitFileError:
            found = []
        for path, _ in found:
            assert not path.startswith("/") and ".." not in path.split("/")


if __name__ == "__main__":
    mutator = Mutator(SEEDS, PIECES, add_key, repeats=5)
    kinds = list(SECTIONS)
    run("unit_file_fuzz", lambda chance: (mutator.text(chance), chance.choice(kinds)), one)
