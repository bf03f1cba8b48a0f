"""Packs twice, as a program must that names each layer by its digest and writes to a stream: once to hash, once to write.

two_passes.py archive OUT TREE      one archive of TREE in ustar; prints its SHA-256
two_passes.py image OUT STORE       an archive of layers, one for each item of STORE, with names and headers as nixpkgs'
                                    layers have them; prints the SHA-256 of each
"""

import hashlib
import os
import sys
import tarfile


class Sink:
    """Takes what is written, for the digest or for the size of a member."""

    def __init__(self, out=None):
        self.out, self.sha256, self.size = out, hashlib.sha256(), 0

    def write(self, data):
        if self.out is None:
            self.sha256.update(data)
        else:
            self.out.write(data)
        self.size += len(data)


def walk(top):
    """The paths from `top` down, each directory before what it holds, in the order of their parts."""
    yield top
    if os.path.isdir(top) and not os.path.islink(top):
        for name in sorted(os.listdir(top)):
            yield from walk(os.path.join(top, name))


def pack(sink, format, directories, top, name_of):
    with tarfile.open(fileobj=sink, mode="w|", format=format) as archive:
        for directory in directories:
            info = tarfile.TarInfo(directory)
            info.type, info.mode, info.mtime, info.uname, info.gname = tarfile.DIRTYPE, 0o755, 1, "root", "root"
            archive.addfile(info)
        for path in walk(top):
            info = archive.gettarinfo(path, arcname=name_of(path))
            info.name = name_of(path)
            info.mtime, info.uid, info.gid, info.uname, info.gname = 1, 0, 0, "root", "root"
            if info.isreg():
                with open(path, "rb") as content:
                    archive.addfile(info, content)
            else:
                archive.addfile(info)


def write_archive(out, tree):
    for sink in (digest := Sink(), Sink(open(out, "wb"))):
        pack(sink, tarfile.USTAR_FORMAT, [], tree, lambda path: path)
    print(digest.sha256.hexdigest())


def write_image(out, store):
    layer = lambda sink, item: pack(
        sink,
        tarfile.PAX_FORMAT,
        ["/nix", "/nix/store"],
        item,
        lambda path: "/nix/store/" + os.path.relpath(path, store),
    )
    with open(out, "wb") as file, tarfile.open(fileobj=file, mode="w|") as image:
        for name in sorted(os.listdir(store)):
            layer(first := Sink(), os.path.join(store, name))
            info = tarfile.TarInfo(first.sha256.hexdigest() + "/layer.tar")
            info.size = first.size
            # addfile would read the content from a file; here it is written, and its size is whole blocks.
            image.fileobj.write(info.tobuf())
            layer(second := Sink(image.fileobj), os.path.join(store, name))
            assert second.size == first.size
            print(first.sha256.hexdigest())


{"archive": write_archive, "image": write_image}[sys.argv[1]](*sys.argv[2:])
