"""Secrets: what was typed and must not stand in a file, and the names that take its place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from prober.lint import secrecy
from prober.recording.action import Action, Typed

#: What a secret is called by the field it is typed into; the first that fits.
_NOUNS = {
    "password": r"passw|passwd|pwd|passphrase|passcode|kennwort|mot de passe|contrase|wachtwoord|"
    r"senha|hasło|lösenord|adgangskode|пароль",
    "card_number": r"card number",
    "api_key": r"api[ _-]?key",
    "token": r"token",
    "secret": r"secret|one[- ]time",
}
_ACCOUNT = re.compile(r"user|login|e-?mail|account|customer|benutzer", re.IGNORECASE)
#: A one-time code is six digits in a field called so; many other codes are no secrets.
_CODE = re.compile(
    r"\b(?:code|otp|totp|2fa|mfa|verification|authenticator|one[- ]time)", re.IGNORECASE
)
_OTHER_CODE = re.compile(
    r"post|zip|area|country|promo|coupon|discount|voucher|gift|product|sort|branch|bank",
    re.IGNORECASE,
)
_SEED = re.compile(r"(?:^|_)(?:totp|otp|mfa|2fa)(?:_|$)")
#: So many actions before a password, the account it belongs to may have been typed.
_NEAR = 8
#: A longer text is found within words, too.
_LONG = 8
#: As names of secrets may be.
_LONGEST = 63


@dataclass(frozen=True, slots=True)
class Secrets:
    """Texts that the region gives, and that the file asks for by name."""

    #: By text, the call that stands for it: `secret("shop_password")`.
    calls: Mapping[str, str] = field(repr=False)
    #: The accounts among them: each region has its own, but they are no secrets.
    accounts: frozenset[str] = field(repr=False)
    #: Those that a field's own label says: wherever else they stand, they are only words.
    words: frozenset[str] = field(repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """What the journey asks for, each once."""
        return tuple(dict.fromkeys(map(_name, self.calls.values())))

    def shows(self, text: str) -> bool:
        """Whether a text has one of them in it."""
        return any(_places(each).search(text) for each in self._sought)

    def leaks(self, text: str) -> bool:
        """Whether a text has one in it that nobody may see."""
        return any(_places(each).search(text) for each in self._sought if each not in self.accounts)

    def instead(self, text: str) -> str | None:
        """The code that stands for a text; None when it can stand there itself."""
        sought = sorted(self._sought, key=len, reverse=True)
        if text in sought:
            return self.calls[text]
        if not self.shows(text):
            return None
        found = re.compile("|".join(_places(each).pattern for each in sought))
        parts, at = "", 0
        for match in found.finditer(text):
            call = self.calls[match[0]].replace('"', "'")
            parts += f"{_literal(text[at : match.start()])}{{{call}}}"
            at = match.end()
        return f'f"{parts}{_literal(text[at:])}"'

    @property
    def _sought(self) -> list[str]:
        return [each for each in self.calls if each not in self.words]


def find(
    journey: str,
    actions: Sequence[Action],
    texts: Sequence[str],
    addresses: Sequence[str],
    known: Mapping[str, str | None],
) -> Secrets:
    """What of a recording a region has to give.

    Args:
        journey: its name, for names of secrets that are new.
        actions: of the script.
        texts: all that stand in it.
        addresses: that it goes to, of the site itself without their host.
        known: secrets of the region by name, None where the value is not to be had.
    """
    calls = {
        value: f'secret("{name}")'
        for name, value in known.items()
        if value and any(_places(value).search(text) for text in texts)
    }
    own = _Names(journey, known, calls)
    accounts = set()
    for index, action in enumerate(actions):
        if (typed := action.typed) and (noun := _noun(typed)):
            own.add(typed, noun)
            account = _account(actions[:index]) if noun == "password" else None
            if account and account.text not in calls:
                accounts.add(account.text)
                own.add(account, "user")
    for address in filter(secrecy.is_key, addresses):
        own.add(Typed(address, field=address, words=""), "address")
    every = [action.typed for action in actions if action.typed]
    words = {each.text for each in every if _places(each.text).search(each.words)}
    return Secrets(calls, frozenset(accounts), frozenset(words & set(calls)))


class _Names:
    """Gives a name to each text, and to one that was typed in pieces only one."""

    def __init__(
        self, journey: str, known: Mapping[str, str | None], calls: dict[str, str]
    ) -> None:
        self._journey, self._known, self._calls = journey, known, calls
        self._typed: list[Typed] = []

    def add(self, typed: Typed, noun: str) -> None:
        """Have a call stand for a text, unless one does."""
        if typed.text not in self._calls:
            call = "totp" if noun == "totp" else "secret"
            begun = next(self._begun(typed), None)
            self._calls[typed.text] = begun or f'{call}("{self._free(noun)}")'
        self._typed.append(typed)

    def _begun(self, typed: Typed) -> Iterator[str]:
        """The calls for what was in the same field before it was typed to its end."""
        for other in self._typed:
            if other.field == typed.field and typed.text.startswith(other.text):
                yield self._calls[other.text]

    def _free(self, noun: str) -> str:
        """A name that stands for no other text: one of the region's, where its text is unknown."""
        taken = set(map(_name, self._calls.values()))
        for name, value in self._known.items():
            seed = noun == "totp" and _SEED.search(name)
            unread = value is None and name.endswith(noun)
            if (seed or unread) and name not in taken:
                return name
        taken |= set(self._known)
        stem = f"{self._journey[: _LONGEST - len(noun) - 4].rstrip('_')}_{noun}"
        name, number = stem, 2
        while name in taken:
            name, number = f"{stem}_{number}", number + 1
        return name


def _name(call: str) -> str:
    """The name in `secret("shop_password")`."""
    return call.split('"')[1]


def _noun(typed: Typed) -> str | None:
    """What kind of secret a text is, by its field or by its looks; None: it is none."""
    words = typed.words
    six = re.fullmatch(r"\d{6}", typed.text)
    if six and _CODE.search(words) and not _OTHER_CODE.search(words):
        return "totp"
    for noun, pattern in _NOUNS.items():
        if re.search(pattern, words, re.IGNORECASE):
            return noun
    if secrecy.FIELD.search(words):
        return "secret"
    return "key" if secrecy.is_key(typed.text) else None


def _account(before: Sequence[Action]) -> Typed | None:
    """The account that a password was typed for."""
    for action in reversed(before[-_NEAR:]):
        typed = action.typed
        if typed and _ACCOUNT.search(typed.words) and _noun(typed) is None:
            return typed
        if action.navigates:
            return None
    return None


def _places(value: str) -> re.Pattern[str]:
    """Where a value stands in a text: a short one only as a word of its own."""
    pattern = re.escape(value)
    return re.compile(pattern if len(value) >= _LONG else rf"(?<!\w){pattern}(?!\w)")


def _literal(text: str) -> str:
    """A piece of an f-string."""
    return json.dumps(text, ensure_ascii=False)[1:-1].replace("{", "{{").replace("}", "}}")
