"""Ways in which a file may be damaged, as a hypothesis strategy."""

from hypothesis import strategies as st


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Return `whole` with some bytes replaced, left out or put in, at up to three places; it may come out unchanged."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 3))):
        # Most of what a reader believes stands at the two ends of a file.
        place = draw(
            st.integers(0, len(data)) | st.integers(0, min(400, len(data))) | st.integers(max(0, len(data) - 400), len(data))
        )
        length = draw(st.sampled_from([0, 1, 4, 8, 100]))
        data[place : place + length] = draw(st.binary(max_size=8) | st.just(bytes(length)))
    return bytes(data)
