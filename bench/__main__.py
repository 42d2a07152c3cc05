"""Print a table of ratios: python -m bench [--runs N] [--files N] [--containers N] [--json] [CASE…]

Both sides use the same OCI runtime, the same disk, a store of their own each below one temporary folder, and a registry on
loopback. Lower is better; 1.0 is the peer.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.cases import CASES, STANDALONE, Bench
from bench.pairs import Counts, Failed, Result

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("case", nargs="*", help=f"what to measure (default: all of {', '.join(CASES)})")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument(
        "--files", type=int, default=20_000, help="files of the large image and the large COPY"
    )
    parser.add_argument("--megabytes", type=int, default=200, help="size of the large image")
    parser.add_argument(
        "--containers", type=int, default=0, help="containers that exist when ps and inspect are timed"
    )
    parser.add_argument("--folder", default="/var/tmp", help="on which disk the stores are")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    unknown = [name for name in args.case if name not in CASES]
    if unknown:
        parser.error(f"unknown case {unknown[0]!r}")
    for program in ("podman", "buildah", "skopeo", "docker-registry"):
        if shutil.which(program) is None:
            print(f"bench: {program} is not installed: run `make deps`", file=sys.stderr)
            return 1
    folder = Path(tempfile.mkdtemp(prefix="pypod-bench.", dir=args.folder))
    results: list[Result | Counts] = []
    failures = 0
    with contextlib.ExitStack() as stack:
        stack.callback(_remove, folder)
        bench = stack.enter_context(Bench(folder, runs=args.runs, files=args.files, megabytes=args.megabytes))
        names = args.case or list(CASES)
        if set(names) - STANDALONE:
            bench.prepare()
            bench.fill(args.containers)
        if not args.json:
            who = "root" if os.geteuid() == 0 else "rootless"
            print(
                f"{platform.node()}: {os.cpu_count()} cores, Linux {platform.release()}, {who}, runtime {bench.runtime}"
            )
            print(f"{'case':<46}{'ours':>12}{'theirs':>12}{'ratio':>8}{'MB of memory':>15}")
        for name in names:
            pairs = CASES[name](bench)
            while True:
                case = name
                try:
                    pair = next(pairs, None)
                    if pair is None:
                        break
                    case = pair.name
                    result = pair.measure()
                except Failed as error:
                    failures += 1
                    print(f"{case:<46}  failed: {error}", file=sys.stderr)
                    continue
                results.append(result)
                if not args.json:
                    print("{:<46}{:>12}{:>12}{:>8}{:>15}".format(*result.row()), flush=True)
    if args.json:
        print(
            json.dumps(
                [
                    {
                        "case": r.name,
                        "ours": r.ours,
                        "theirs": r.theirs,
                        "ratio": r.ratio,
                        "peak memory": r.peaks,
                    }
                    for r in results
                ],
                indent=2,
            )
        )
    return 1 if failures else 0


def _remove(folder: Path) -> None:
    if os.geteuid() == 0:
        # A store's folder is mounted on itself for as long as the machine runs.
        for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
            target = line.split()[1]
            if target.startswith(f"{folder}/"):
                subprocess.run(["umount", "-l", target], check=False)
        shutil.rmtree(folder, ignore_errors=True)
    else:  # files of subordinate ids
        subprocess.run(["podman", "unshare", "rm", "-rf", str(folder)], check=False)


if __name__ == "__main__":
    sys.exit(main())
