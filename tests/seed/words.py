"""Names, addresses and texts of many places, and how people type them."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from random import Random

from faker import Faker

POOL = 120


@dataclass(frozen=True)
class Place:
    """How people of one locale are called and reached."""

    locale: str
    timezone: str
    country: str
    dial: str
    currency: str
    family_first: bool = False
    digits: str = "0123456789"


ARABIC = "٠١٢٣٤٥٦٧٨٩"
PERSIAN = "۰۱۲۳۴۵۶۷۸۹"
WIDE = "０１２３４５６７８９"

PLACES = (
    Place("de_DE", "Europe/Berlin", "DE", "49", "EUR"),
    Place("fr_FR", "Europe/Paris", "FR", "33", "EUR"),
    Place("en_GB", "Europe/London", "GB", "44", "GBP"),
    Place("he_IL", "Asia/Jerusalem", "IL", "972", "ILS"),
    Place("ar_AA", "Asia/Riyadh", "SA", "966", "SAR", digits=ARABIC),
    Place("fa_IR", "Asia/Tehran", "IR", "98", "IRR", digits=PERSIAN),
    Place("cs_CZ", "Europe/Prague", "CZ", "420", "CZK"),
    Place("pl_PL", "Europe/Warsaw", "PL", "48", "PLN"),
    Place("tr_TR", "Europe/Istanbul", "TR", "90", "TRY"),
    Place("es_ES", "Europe/Madrid", "ES", "34", "EUR"),
    Place("hu_HU", "Europe/Budapest", "HU", "36", "HUF", family_first=True),
    Place("ja_JP", "Asia/Tokyo", "JP", "81", "JPY", family_first=True, digits=WIDE),
    Place("en_US", "America/New_York", "US", "1", "USD"),
)


@dataclass(frozen=True)
class Words:
    """What there is to choose from in one place."""

    place: Place
    first: tuple[str, ...]
    last: tuple[str, ...]
    companies: tuple[str, ...]
    jobs: tuple[str, ...]
    cities: tuple[str, ...]
    streets: tuple[str, ...]
    postcodes: tuple[str, ...]
    sentences: tuple[str, ...]

    def name(self, rng: Random) -> tuple[str, str]:
        """First and last name."""
        return rng.choice(self.first), rng.choice(self.last)

    def full_name(self, first: str, last: str) -> str:
        """As the person writes it."""
        return f"{last} {first}" if self.place.family_first else f"{first} {last}"

    def text(self, rng: Random, sentences: int) -> str:
        """A few sentences."""
        return " ".join(rng.choices(self.sentences, k=sentences))


@cache
def words(place: Place, random: int) -> Words:
    """The words of a place; made once, because Faker takes its time for each."""
    fake = Faker(place.locale)
    fake.seed_instance(f"{random}/{place.locale}")

    def pool(make: Callable[[], object]) -> tuple[str, ...]:
        return tuple(" ".join(str(make()).split())[:150] for _ in range(POOL))

    return Words(
        place=place,
        first=pool(fake.first_name),
        last=pool(fake.last_name),
        companies=pool(fake.company),
        jobs=pool(fake.job),
        cities=pool(fake.city),
        streets=pool(fake.street_address),
        postcodes=pool(fake.postcode),
        sentences=pool(fake.sentence),
    )


def plain(text: str) -> str:
    """The Latin letters and digits of a text, lower case, without accents; may be empty."""
    apart = unicodedata.normalize("NFKD", text.lower())
    return "".join(letter for letter in apart if letter.isascii() and letter.isalnum())


def mistyped(rng: Random, full_name: str, first: str, last: str) -> str:
    """The same person as somebody else wrote it down."""
    stripped = "".join(
        letter
        for letter in unicodedata.normalize("NFKD", full_name)
        if not unicodedata.combining(letter)
    )
    return rng.choice(
        (
            stripped,
            f"{last}, {first}",
            full_name.upper(),
            full_name.replace(" ", "  ") + " ",
            f"{first[:1]}. {last}",
            full_name,
        )
    )


def mistyped_email(rng: Random, address: str) -> str:
    """An address as typed: the normalised form is the same."""
    return rng.choice(
        (address, address, address, f" {address}", f"{address} ", address.upper(), address.title())
    )


def phone(rng: Random, place: Place, number: int) -> tuple[str, str | None]:
    """A phone as typed, and the international form where somebody could read it.

    Args:
        rng: the generator.
        place: whose dialling code and digits.
        number: which phone it is; two numbers never have a normalised form in common.
    """
    local = f"{100_000_000 + number * 123_456_791 % 900_000_000:09d}"
    a, b, c = local[:2], local[2:5], local[5:]
    e164 = f"+{place.dial}{local}"
    if rng.random() < 0.15:
        return rng.choice(
            (f"0{local}", f"0{a}/{b}{c}", f"0{a}-{b} {c}", f"tel. 0{a} {b} {c}")
        ), None
    typed = rng.choice(
        (
            e164,
            f"+{place.dial} (0) {a} {b} {c}",
            f"00{place.dial} {a} {b}-{c}",
            f"(0{a}) {b} {c}",
            f"0{a}.{b}.{c}",
            f"  +{place.dial}-{a}-{b}-{c} ",
            f"0{a} {b} {c} ext. {rng.randrange(10, 99)}",
        )
    )
    if rng.random() < 0.5:
        typed = typed.translate(str.maketrans("0123456789", place.digits))
    return typed, e164
