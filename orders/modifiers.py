"""What is ordered differently: JSON that another application writes too, read and written as people say it.

Known are `["no onions"]`, which is what is written here, and `{"extra": ["parmesan"], "without": []}`.
"""

from typing import Any

SEPARATORS = ",\n"


def modifiers_said(modifiers: Any) -> list[str]:
    """Return each thing that is different as people say it, whatever shape it was written in."""
    if isinstance(modifiers, dict):
        return [f"{name} {said}".strip() for name, value in modifiers.items() for said in modifiers_said(value)]
    if isinstance(modifiers, list):
        return [said for each in modifiers for said in modifiers_said(each)]
    return [] if modifiers is None or modifiers == "" else [str(modifiers)]


def modifiers_typed(text: str) -> list[str]:
    """Return what somebody typed, parted by commas or lines, as it is written: `["no onions"]`."""
    for separator in SEPARATORS[1:]:
        text = text.replace(separator, SEPARATORS[0])
    return [said for part in text.split(SEPARATORS[0]) if (said := " ".join(part.split()))]
