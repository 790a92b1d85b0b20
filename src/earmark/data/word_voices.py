"""Spoken words that are no digits beside the digits, by many synthetic voices: what a digit must be told from.

For a bundle to learn to refuse other words. The digits are there as well, so that it does not learn to refuse the
synthesiser. No word sounds like a digit ("for", "won"); many come near ("sever", "fry", "night"). The words of
Google's Speech Commands are left out: tests use those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from earmark.core.errors import DataError
from earmark.core.progress import SILENT
from earmark.core.randomness import named_generator
from earmark.data.digit_voices import DIGIT_WORDS, N_VOICES, VARIANTS, Utterance, any_manner, spoken_corpus, voices

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.core.progress import Progress

NAME = "words-espeak"
N_DIGITS, N_WORDS, N_PHRASES = 2, 45, 8
_VERSION = 1
_WORDS = (
    "able about above act add after again against ago air alarm all also always among and animal answer any appear "
    "are area arrive arrow ask back bait base beauty been before began begin behind best better big black blue boat "
    "body book both box boy bring brought build bun busy but call came can car care carry cause center certain change "
    "check chew children city class clear close coffee cold color come common complete computer contain correct could "
    "country course cover cross cry cut dark day decide deep develop did differ direct distant dive does done door "
    "draw drive dry during each early earth ease east eat eighteen eighty eleven end enough even evening ever every "
    "example eye face fact fair fall family far farm fast fate father fear feel feet few field fifteen fifty fight "
    "figure file fill final find fine first fish fixed fly food foot force form forty found fourteen friday friend "
    "from front fry full fur game gate gave get girl give gold good got govern great green ground group grow guess "
    "had half hand happen hard hate have head hear heard heat heavy height hello help her here high him hind his hold "
    "home horse hot hour how hundred idea inch interest island just keep kind king kitchen knew know lamp land "
    "language large last late laugh lay lead leave less let letter life light lights like line list listen little "
    "live long look love low machine made main make man many map mark may me mean measure men might mile mind mine "
    "minute miss mister monday money moon more morning most mother mountain move much multiply music must my name "
    "narrow near need never new next nice night nineteen ninety none north note nothing notice noun now number "
    "numeral nun object ocean often okay old once only open order other our out oven over own page paint paper part "
    "pass pattern people person picture piece place plain plan plane plant play please point port pose possible pound "
    "power press problem produce product pull put question quick radio rain ran reach read ready real record red "
    "remember rest river road rock room round rule run said same saturday saw say school science sea second see seem "
    "self sentence serve set seventeen seventh seventy sever several shape she ship shoe shore short should show side "
    "sight simple since sing sinks sir site sixteen sixty slow small snow soar some song soon sore sorry sound south "
    "sow space special spell stand star start state stay step stick still stood story street strong study such sun "
    "sunday sure surface swore system table tail take talk teach telephone tell test than thanks that the their them "
    "then there these they thin thing think thirteen thirty this those though thought thousand threw thrive through "
    "throw thrown thursday time timer tire together told tomorrow tonight took top toward town travel true try "
    "tuesday tune turn twelve twenty under unit until us use usual verb very voice volume vowel wait walk want war "
    "warm was watch water way weather wednesday week weight well went were west what wheel when where which while "
    "white who whole why will wind window with wonder wood word wore work world would write year yellow yesterday you "
    "young your zebra zoom"
)
WORDS = tuple(_WORDS.split())


def espeak_words(progress: Progress = SILENT, *, n_voices: int = N_VOICES) -> Path:
    """Return the folder of the synthetic words in the cache, made once (a minute).

    Each voice says each digit twice, 45 other words and 8 phrases of 2 to 5 words; the group is the voice. The label is
    what is said, digits as "0" to "9", phrases as "phrase".

    Raises:
        DataError: More voices are asked for than there are.
        MissingExtraError: espeakng-loader is not installed.
        StoreError: The cache is not writable.
    """
    if not 1 <= n_voices <= len(VARIANTS):
        raise DataError(f"found {n_voices} voices, expected 1 to {len(VARIANTS)}")
    by_voice = (_utterances(voice) for voice in voices()[:n_voices])
    return spoken_corpus(f"{NAME}-{_VERSION}-{n_voices}", by_voice, n_voices, progress)


def _utterances(voice: str) -> list[Utterance]:
    rng = named_generator(_VERSION, NAME, voice)
    said = [(str(digit), word) for digit, word in enumerate(DIGIT_WORDS) for _ in range(N_DIGITS)]
    said += [(str(word), str(word)) for word in rng.choice(WORDS, N_WORDS, replace=False)]
    said += [("phrase", " ".join(rng.choice(WORDS, int(rng.integers(2, 6))))) for _ in range(N_PHRASES)]
    speaker = voice.replace("+", "-")
    return [
        Utterance(f"{number:03d}_{speaker}", label, voice, text, *any_manner(rng))
        for number, (label, text) in enumerate(said)
    ]
