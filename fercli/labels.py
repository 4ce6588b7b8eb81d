"""The seven expressions, in FER2013's order: a label is an index into this tuple."""

LABELS: tuple[str, ...] = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

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
