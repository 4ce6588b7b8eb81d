"""Write the text of the cards in a folder anew, from their measurements, which stay: `python tests/bench/cards.py weights`."""

import sys
from pathlib import Path

from fercli.evaluation.exports import write_card_text

for metrics in sorted(Path(sys.argv[1]).glob("*-metrics.json")):
    write_card_text(metrics.parent, metrics.name.removesuffix("-metrics.json"))
    print(metrics.with_name(metrics.name.replace("metrics.json", "card.md")))
