"""The table of synonyms: what common labels are called by AudioSet, YAMNet and BirdNET.

A label stands in lower case with single spaces. Where a vocabulary knows no such sound, its next broader class stands
for it if it names little else (a bullfrog is a "Frog"), else nothing does, and a person has to choose. Every name
here is in AudioSet's or BirdNET's list (a `real` test looks); an encoder uses those that it knows, Perch the
scientific ones.
"""

from __future__ import annotations

_BIRDNET_FROGS = (
    *("Northern Cricket Frog", "Southern Cricket Frog", "Greenhouse Frog", "American Bullfrog", "Green Frog"),
    *("Pickerel Frog", "Wood Frog", "Little Grass Frog", "Pacific Chorus Frog", "Brimley's Chorus Frog"),
    *("Spotted Chorus Frog", "Upland Chorus Frog", "Southern Chorus Frog", "Ornate Chorus Frog"),
    *("Strecker's Chorus Frog", "Striped Chorus Frog", "Spring Peeper", "Pine Barrens Treefrog", "Canyon Treefrog"),
    *("Bird-voiced Treefrog", "Cope's Gray Treefrog", "Green Treefrog", "Pine Woods Treefrog", "Barking Treefrog"),
    *("Squirrel Treefrog", "Gray Treefrog"),
)
_BIRDNET_CROWS = (
    *("American Crow", "Cape Crow", "Hooded Crow", "Carrion Crow", "Pied Crow", "Fish Crow", "House Crow"),
    *("Large-billed Crow", "Torresian Crow", "Long-billed Crow", "Slender-billed Crow"),
    *("Corvus brachyrhynchos", "Corvus corone", "Corvus cornix"),
)
_BIRDNET_CRICKETS = (
    *("Allard's Ground Cricket", "Tinkling Ground Cricket", "Walker's Ground Cricket", "Carolina Ground Cricket"),
    *("Confused Ground Cricket", "Cuban Ground Cricket", "Fall Field Cricket", "Southeastern Field Cricket"),
    *("Southern Wood Cricket", "Snowy Tree Cricket", "Davis's Tree Cricket", "Narrow-winged Tree Cricket"),
    *("Pine Tree Cricket", "Four-spotted Tree Cricket", "Fast-calling Tree Cricket", "Blackhorned Tree Cricket"),
    "Jumping Bush Cricket",
)
_WOLVES = ("Gray Wolf", "Canis lupus", "Canidae, dogs, wolves", "Howl")

SYNONYMS: dict[str, tuple[str, ...]] = {
    # animals
    "bird": ("Bird", "Bird vocalization, bird call, bird song"),
    "bullfrog": ("American Bullfrog", "Lithobates catesbeianus", "Frog", "Croak"),
    "cat": ("Cat", "Meow", "Purr", "Caterwaul"),
    "chirping birds": ("Bird vocalization, bird call, bird song", "Chirp, tweet", "Bird"),
    "cow": ("Cattle, bovinae", "Moo"),
    "coyote": ("Coyote", "Canis latrans", "Canidae, dogs, wolves", "Howl"),
    "crickets": ("Cricket", *_BIRDNET_CRICKETS),
    "crow": ("Crow", "Caw", *_BIRDNET_CROWS),
    "dog": ("Dog", "Bark", "Bow-wow", "Yip"),
    "frog": ("Frog", "Croak", *_BIRDNET_FROGS),
    "hen": ("Chicken, rooster", "Cluck", "Red Junglefowl", "Gallus gallus"),
    "insects": ("Insect", "Fly, housefly", "Bee, wasp, etc.", "Mosquito", "Buzz"),
    "pig": ("Pig", "Oink"),
    "rooster": ("Crowing, cock-a-doodle-doo", "Chicken, rooster", "Red Junglefowl", "Gallus gallus"),
    "sheep": ("Sheep", "Bleat"),
    "wolf": _WOLVES,
    "wolves": _WOLVES,
    # people
    "clapping": ("Clapping", "Applause"),
    "coughing": ("Cough",),
    "crying baby": ("Baby cry, infant cry",),
    "footsteps": ("Walk, footsteps", "Run"),
    "human voice": ("Speech", "Conversation", "Narration, monologue", "Shout", "Singing", "Human vocal"),
    "laughing": ("Laughter", "Giggle", "Snicker", "Belly laugh", "Chuckle, chortle", "Baby laughter"),
    "sneezing": ("Sneeze",),
    "speech": ("Speech", "Human vocal"),
    # nature and things
    "brushing teeth": ("Toothbrush", "Electric toothbrush"),
    "car horn": ("Vehicle horn, car horn, honking", "Toot"),
    "church bells": ("Church bell", "Change ringing (campanology)"),
    "clock alarm": ("Alarm clock",),
    "clock tick": ("Tick", "Tick-tock", "Clock"),
    "crackling fire": ("Fire", "Crackle"),
    "door knock": ("Knock",),
    "door wood creaks": ("Creak",),
    "fireworks": ("Fireworks", "Firecracker"),
    "glass breaking": ("Shatter", "Breaking"),
    "gunshot": ("Gunshot, gunfire", "Gun"),
    "hand saw": ("Sawing",),
    "keyboard typing": ("Typing", "Computer keyboard"),
    "mouse click": ("Clicking",),
    "pouring water": ("Pour", "Fill (with liquid)", "Trickle, dribble"),
    "rain": ("Rain", "Rain on surface"),
    "sea waves": ("Waves, surf", "Ocean"),
    "siren": ("Siren", "Police car (siren)", "Ambulance (siren)", "Fire engine, fire truck (siren)"),
    "thunderstorm": ("Thunderstorm", "Thunder"),
    "train": ("Train", "Railroad car, train wagon"),
    "water drops": ("Drip",),
}
