"""Compares HPACK of `common` with Python's `hpack` (pip install hpack).

    cargo run --release --manifest-path tests/course/peers/hpack/Cargo.toml \
        --target-dir target/peers -- blocks 200000 | \
        python3 tests/course/peers/hpack/with_python.py
"""

import sys

import hpack

# Rules that this library leaves to its caller: two size updates at most, and only at the
# beginning of a block; and an integer of six octets at most.
STRICTER = ("size update is not at", "integer is too large")

blocks = refused = stricter = 0
for line in sys.stdin:
    line = line.rstrip("\n")
    if line == "-":
        decoder = hpack.Decoder(max_header_list_size=1 << 30)
        decoder.max_allowed_table_size = 4096
        continue
    block, size, fields = line.split(" ", 2)
    blocks += 1
    try:
        theirs = ",".join(
            f"{bytes(name).hex()}:{bytes(value).hex()}"
            for name, value in decoder.decode(bytes.fromhex(block), raw=True)
        )
    except hpack.HPACKError:
        theirs = None
    if fields.startswith("!"):
        refused += 1
        if theirs is not None:
            assert any(rule in fields for rule in STRICTER), line
            stricter += 1
    else:
        assert theirs == fields, (line, theirs)
        assert decoder.header_table._current_size == int(size), line
print(f"{blocks} blocks, {refused} refused by both but for {stricter}, which Python's takes")
