"""The seven expressions, in FER2013's order: a label is an index into this tuple."""

LABELS: tuple[str, ...] = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

# What the crowd of FER+ could vote for: an index into this tuple is one into LABELS, too, if it is below their number.
VOTES: tuple[str, ...] = (*LABELS, "contempt", "unknown", "not a face")

_SYNONYMS = {
    "anger": "angry",
    "disgusted": "disgust",
    "fearful": "fear",
    "scared": "fear",
    "afraid": "fear",
    "happiness": "happy",
    "joy": "happy",
    "sadness": "sad",
    "surprised": "surprise",
    "neutrality": "neutral",
}


def label_from_name(name: str) -> int | None:
    """Return the label of an expression's name or usual synonym, in any case, or None if it is neither."""
    word = name.strip().lower()
    word = _SYNONYMS.get(word, word)
    return LABELS.index(word) if word in LABELS else None
