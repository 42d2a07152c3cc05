"""Root file systems and layer archives made on the spot; tests download nothing."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from pathlib import Path

APPLETS = (
    "sh ash cat echo ls id ps sleep true false env pwd mkdir rmdir rm touch chmod chown ln cp mv mount umount head tail wc stat "
    "grep sed awk date hostname ip nc wget httpd stty tty kill test seq md5sum sha256sum dd find sort tr cut printf uname whoami "
    "mkfifo mknod readlink df du trap timeout yes vi top free nproc"
).split()


def busybox_path() -> str:
    """The static busybox of the package busybox-static."""
    for path in ("/bin/busybox", "/usr/bin/busybox"):
        if os.path.exists(path):
            return path
    raise FileNotFoundError("busybox: install the package busybox-static (`make deps`)")


def make_busybox_root(folder: Path) -> Path:
    """A small but complete root: /bin with applets, /etc/passwd, /etc/group, /tmp, /root, /home."""
    (folder / "bin").mkdir(parents=True)
    shutil.copy(busybox_path(), folder / "bin" / "busybox")
    (folder / "bin" / "busybox").chmod(0o755)
    for applet in APPLETS:
        (folder / "bin" / applet).symlink_to("busybox")
    for name, mode in (
        ("etc", 0o755),
        ("root", 0o700),
        ("tmp", 0o1777),
        ("home", 0o755),
        ("var", 0o755),
        ("usr", 0o755),
    ):
        (folder / name).mkdir()
        (folder / name).chmod(mode)
    (folder / "etc" / "passwd").write_text(
        "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
    )
    (folder / "etc" / "group").write_text("root:x:0:\nstaff:x:50:user\nuser:x:1000:\nnobody:x:65534:\n")
    return folder


def busybox_tar() -> bytes:
    """A layer archive with the same content as make_busybox_root, deterministic."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:

        def add(
            name: str, kind: bytes = tarfile.REGTYPE, mode: int = 0o755, data: bytes = b"", link: str = ""
        ) -> None:
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.size, info.linkname, info.mtime = (
                kind,
                mode,
                len(data),
                link,
                1_700_000_000,
            )
            archive.addfile(info, io.BytesIO(data))

        add("bin/", tarfile.DIRTYPE)
        add("bin/busybox", data=Path(busybox_path()).read_bytes())
        for applet in sorted(APPLETS):
            add(f"bin/{applet}", tarfile.SYMTYPE, 0o777, link="busybox")
        add("etc/", tarfile.DIRTYPE)
        add(
            "etc/group",
            mode=0o644,
            data=b"root:x:0:\nstaff:x:50:user\nuser:x:1000:\nnobody:x:65534:\n",
        )
        add(
            "etc/passwd",
            mode=0o644,
            data=b"root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
        )
        add("home/", tarfile.DIRTYPE)
        add("root/", tarfile.DIRTYPE, 0o700)
        add("tmp/", tarfile.DIRTYPE, 0o1777)
        add("var/", tarfile.DIRTYPE)
    return buffer.getvalue()
