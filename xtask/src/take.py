"""take.py OUT ARCHIVE... -- MEMBER...: write the members, one after the other, to OUT.

Each member is taken from the first archive (.whl, .zip, .tgz or .deb) that has it. `a.zip!b` is `b` inside `a.zip`,
and `b.gz!b` what `b.gz` holds.
"""

import gzip
import io
import shutil
import sys
import tarfile
import zipfile


def deb_contents(path):
    """A .deb is an `ar` archive; the files are in its data.tar member."""
    with open(path, "rb") as deb:
        deb.seek(8)
        while header := deb.read(60):
            name, size = header[:16].decode().strip(), int(header[48:58])
            if name.startswith("data.tar"):
                return io.BytesIO(deb.read(size))
            deb.seek(size + size % 2, io.SEEK_CUR)
    raise SystemExit(f"{path}: no data.tar in it")


def open_member(archive, member):
    """The member as a stream, or None."""
    try:
        if archive.endswith(".deb"):
            return tarfile.open(fileobj=deb_contents(archive)).extractfile("./" + member)
        if archive.endswith(".tgz"):
            return tarfile.open(archive).extractfile(member)
        outer, _, inner = member.partition("!")
        stream = zipfile.ZipFile(archive).open(outer)
        if not inner:
            return stream
        return gzip.open(stream) if outer.endswith(".gz") else zipfile.ZipFile(stream).open(inner)
    except KeyError:
        return None


def main():
    out, *rest = sys.argv[1:]
    split = rest.index("--")
    with open(out, "wb") as target:
        for member in rest[split + 1:]:
            streams = (open_member(archive, member) for archive in rest[:split])
            source = next((stream for stream in streams if stream), None)
            if source is None:
                raise SystemExit(f"error: {member} is in none of {' '.join(rest[:split])}")
            shutil.copyfileobj(source, target)


main()
