"""What a client accepts: the Accept header, and which of several offers suits it best.

RULES (RFC 9110, section 12.5.1)

- A header is a list of ranges, such as `text/html`, `text/*` and `*/*`, each with a quality from 0,
  which refuses, to 1. A range with parameters covers only what has the same ones.
- The quality of an offer is that of the most specific range that covers it, wherever it stands.
- Between offers of one quality the RFC leaves the choice to the server. Here the one whose range is
  more specific wins, then the one whose range stands first, then the one that is offered first.
- Whoever sends no Accept, or an empty one, takes anything. A header of more than `MAX_RANGES`
  ranges is treated as if it were not there, which the RFC allows for any Accept.
- What does not follow the grammar is passed over, but for two things that Java has sent for
  decades: `*` for `*/*`, and a quality such as `.2`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bolide._http.media import parse_media_type

__all__ = ["MAX_RANGES", "MediaRange", "best_match", "best_of", "parse_accept"]

MAX_RANGES: Final = 32
"""How many ranges an Accept header may have before it is ignored; browsers send up to ten."""

# A comma in quotes parts nothing. The quantifiers never give back what they took, so that the time
# grows with the length of the header and no faster.
_ITEM: Final = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*+"?)++', re.DOTALL)
_NAME: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_TYPE: Final = re.compile(rf"({_NAME})/({_NAME})")
# More digits than the three of the RFC: programs print what their division gave.
_QUALITY: Final = re.compile(r"1(?:\.0{0,20})?|0\.?|0?\.[0-9]{1,20}")

_SPECIAL: Final = re.compile(r'["\\]')


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One range of an Accept header.

    Attributes:
        type: The type in lower case, or `*`.
        subtype: The subtype in lower case, or `*`.
        parameters: The parameters but for the quality; values in lower case, too.
        quality: How welcome it is, from 0 to 1.
    """

    type: str
    subtype: str
    parameters: Mapping[str, str]
    quality: float = 1.0

    @property
    def specificity(self) -> tuple[int, int, int]:
        """How much it says, as a value that sorts."""
        return (self.type != "*", self.subtype != "*", len(self.parameters))

    def __str__(self) -> str:
        parts = [f"{self.type}/{self.subtype}"]
        for name, value in self.parameters.items():
            escaped = _SPECIAL.sub(r"\\\g<0>", value)
            parts.append(f'{name}="{escaped}"')
        return ";".join(parts)

    def covers(self, offer: MediaRange) -> bool:
        """Say whether what is offered lies in this range."""
        return (
            self.type in ("*", offer.type)
            and self.subtype in ("*", offer.subtype)
            and self.parameters.items() <= offer.parameters.items()
        )


def parse_accept(header: str) -> list[MediaRange]:
    """Take an Accept header apart. Nothing is an error.

    Args:
        header: The value of the header; several are joined with commas first.

    Returns:
        The ranges in their order; those without any sense are left out. Empty if there are more
        than `MAX_RANGES`.
    """
    ranges: list[MediaRange] = []
    for number, item in enumerate(_ITEM.finditer(header)):
        if number == MAX_RANGES:
            return []
        media_range = _parse_range(item[0])
        if media_range is not None:
            ranges.append(media_range)
    return ranges


def best_match(header: str, offers: Iterable[str]) -> str | None:
    """Give the offer that suits a client best, or None if it refuses all of them.

    Args:
        header: The value of the Accept header, empty if there is none.
        offers: Media types, perhaps with parameters, the server's favourite first.

    Raises:
        ValueError: An offer is not a media type.
    """
    return best_of(parse_accept(header), offers)


def best_of(ranges: Sequence[MediaRange], offers: Iterable[str]) -> str | None:
    """Give the offer that suits best, as `best_match` does, for a header that has been parsed."""
    best: str | None = None
    best_rank: tuple[float, tuple[int, int, int], int] | None = None
    for offer in offers:
        rank = _rank(ranges or _ANYTHING, _parse_offer(offer))
        if rank[0] > 0 and (best_rank is None or rank > best_rank):
            best, best_rank = offer, rank
    return best


_ANYTHING: Final = (MediaRange("*", "*", {}),)


def _rank(
    ranges: Sequence[MediaRange], offer: MediaRange
) -> tuple[float, tuple[int, int, int], int]:
    """Say how welcome an offer is: the quality, how specific its range is, and how far in front."""
    specificity, quality, place = max(
        (
            (media_range.specificity, media_range.quality, -position)
            for position, media_range in enumerate(ranges)
            if media_range.covers(offer)
        ),
        default=((0, 0, 0), 0.0, 0),
    )
    return quality, specificity, place


def _parse_range(item: str) -> MediaRange | None:
    essence, parameters = parse_media_type(item)
    match = _TYPE.fullmatch("*/*" if essence == "*" else essence)
    quality = parameters.pop("q", "1")
    if match is None or not _QUALITY.fullmatch(quality):
        return None
    media_type, subtype = match.groups()
    if media_type == "*" and subtype != "*":
        return None
    values = {name: value.lower() for name, value in parameters.items()}
    return MediaRange(media_type, subtype, values, float(quality))


def _parse_offer(offer: str) -> MediaRange:
    parsed = _parse_range(offer)
    if parsed is None or "*" in (parsed.type, parsed.subtype):
        raise ValueError(f"Cannot offer {offer!r}: expected a media type such as 'text/html'.")
    return parsed
