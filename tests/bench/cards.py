"""Write the text of the cards in a folder anew, from their measurements, which stay: `python tests/bench/cards.py weights`."""

import sys
from pathlib import Path

from fercli.evaluation.exports import card_text
from fercli.writing import write_atomically

for metrics in sorted(Path(sys.argv[1]).glob("*-metrics.json")):
    card = metrics.with_name(metrics.name.replace("metrics.json", "card.md"))
    write_atomically(card, card_text(metrics.parent, metrics.name.removesuffix("-metrics.json")).encode())
    print(card)
