"""The seven expressions, in FER2013's order: a label is an index into this tuple."""

LABELS: tuple[str, ...] = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

# What the crowd of FER+ could vote for; the first indices are those of LABELS.
VOTES: tuple[str, ...] = (*LABELS, "contempt", "unknown", "not a face")

# The numbers of the classes in other data sets, as their papers and files have them.
ORDERS: dict[str, dict[str, str]] = {
    name: {str(number): word for number, word in enumerate(words.split(), first)}
    for name, first, words in (
        ("fer2013", 0, "angry disgust fear happy sad surprise neutral contempt"),  # Goodfellow et al. 2013, and FER+'s eighth
        ("ferplus", 0, "neutral happy surprise sad angry disgust fear contempt"),  # Barsoum et al. 2016
        ("rafdb", 1, "surprise fear disgust happy sad angry neutral"),  # Li et al. 2017
        ("affectnet", 0, "neutral happy sad surprise fear disgust angry contempt"),  # Mollahosseini et al. 2017
        ("ck+", 0, "neutral angry contempt disgust fear happy sad surprise"),  # Lucey et al. 2010
        ("expw", 0, "angry disgust fear happy sad surprise neutral"),  # Zhang et al. 2018
    )
}

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
