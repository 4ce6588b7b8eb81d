"""What a data set calls its expressions: FER2013's numbers, those of another data set, or whatever the user says."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from fercli.errors import UsageError
from fercli.labels import LABELS, ORDERS, label_from_name
from fercli.preparation.rows import BadRow, parse_label, shown


@dataclass(frozen=True)
class Classes:
    """How a source's texts become labels: `named` maps texts to names; the names in `left_out` have no label.

    Without `named`, rows of a CSV must have FER2013's numbers. With it, and in folders always, the seven names and their usual
    synonyms are understood as well.
    """

    named: Mapping[str, str] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, classes: str | None, leave_out: Iterable[str] = ()) -> "Classes":
        """Return what the options `--classes`, `rafdb` or `1=surprise,2=fear`, and `--leave-out`, names or lists of them, say.

        Raises UsageError for an unknown data set, and for a name that is not one of the seven and is not left out.
        """
        left_out = frozenset(_canonical(name) for names in leave_out for name in names.split(",") if name.strip())
        if not classes:
            return cls(left_out=left_out)
        if "=" not in classes:
            return cls(_order(classes), left_out)
        named = dict(_pair(item) for item in classes.split(",") if item.strip())
        for name in named.values():
            if name not in LABELS and name not in left_out:
                raise UsageError(
                    f"--classes has {name}, which is not one of {', '.join(LABELS)}; use one of these, or add --leave-out {name}."
                )
        return cls(named, left_out)

    def of_row(self, text: str) -> int | None:
        """Return the label that a cell of a CSV stands for, None if it is left out; BadRow if it is not understood."""
        if self.named:
            return self._label(text, f"emotion is {shown(text)}")
        key = text.strip(" ")
        if key in self.left_out or ORDERS["fer2013"].get(key) in self.left_out:
            return None
        return parse_label(text)

    def of_folder(self, name: str) -> int | None:
        """Return the label that a folder's name stands for, None if it is left out; BadRow if it is not understood."""
        return self._label(name, "it is not an expression")

    def _label(self, text: str, what: str) -> int | None:
        key = text.strip().lower()
        name = self.named.get(key) or _canonical(key)
        if name in self.left_out or key in self.left_out:
            return None
        if name not in LABELS:
            raise BadRow(f"{what}, neither one of those named nor one of {', '.join(LABELS)}")
        return LABELS.index(name)


def _order(name: str) -> dict[str, str]:
    order = ORDERS.get(name.strip().lower().replace("-", "").replace("_", ""))
    if order is None:
        raise UsageError(f"--classes {name} is not known; name one of {', '.join(ORDERS)}, or write pairs: 1=surprise,2=fear.")
    return order


def _pair(item: str) -> tuple[str, str]:
    key, equals, name = item.partition("=")
    if not (key.strip() and equals and name.strip()):
        raise UsageError(f"--classes has {item!r}, which is not like 1=surprise; separate several by commas.")
    return key.strip().lower(), _canonical(name)


def _canonical(name: str) -> str:
    label = label_from_name(name)
    return name.strip().lower() if label is None else LABELS[label]
