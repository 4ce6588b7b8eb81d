"""The seven expressions, in FER2013's order: a label is an index into this tuple."""

LABELS: tuple[str, ...] = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

# What the crowd of FER+ could vote for; the first indices are those of LABELS.
VOTES: tuple[str, ...] = (*LABELS, "contempt", "unknown", "not a face")

# As some data sets call or misspell them.
_SYNONYMS = {
    synonym: name
    for name, synonyms in {
        "angry": "anger angery angre annoyed rage",
        "disgust": "disgusted disgusting discust disgus disguist",
        "fear": "fearful fearfull feared scared afraid fright frightened",
        "happy": "happiness happyness hapiness happines joy joyful smile smiling",
        "sad": "sadness sadnes sorrow unhappy",
        "surprise": "surprised suprise suprised surprize surprized surpise surprice",
        "neutral": "neutrality neutrals netural nuetral neutal natural normal",
    }.items()
    for synonym in synonyms.split()
}


def label_from_name(name: str) -> int | None:
    """Return the label for an expression's name, a usual synonym or a misspelling, in upper or lower case; None for other words."""
    word = name.strip().lower()
    word = _SYNONYMS.get(word, word)
    return LABELS.index(word) if word in LABELS else None
