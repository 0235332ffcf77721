"""Writes the example's data: a seeded table of made-up board games with a warehouse's 28 columns.

    python generate_games.py [--seed 20260101] [--rows 20000] [--out data/games.parquet]

Nothing here is a real game, person or company: names are put together from syllables. The same
seed, row count and library versions (`requirements.txt`) give the same bytes.

How it works. Every game draws a hidden heaviness (standard normal, no unit) that leans its
categories, mechanics, playtime and age. What a model should learn is then computed from the columns
that a game really has, plus noise:

- complexity (1 to 5) from playtime, age, the number of mechanics, some categories and mechanics;
- rating (1 to 10) from complexity, year, crowdfunding, players, a sweet spot of playtime, some categories and
  mechanics, and a few of these together;
- users_rated (a count, log-normal) from the publisher, the number of publishers, of artists and of
  families, year, complexity and some mechanics;
- hurdle is 1 where at least 25 users rated the game.

A game with few raters has a noisier average, as in life. Quirks on purpose: games without a year; nulls
in ages, playtimes, images, descriptions and lists; empty lists beside null ones; zeros that mean
"unknown" (playtime, players, age, an average nobody voted for); a maximum of 99 players; names with
commas, quotes and other scripts.

Units: players are persons, playtimes minutes, ages years, year_published a calendar year (CE) held
as a double as in the warehouse, last_updated a UTC instant.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

# name: (how common, pull of heaviness, effect on complexity, on rating, on log users)
CATEGORIES = {
    "Card Game": (34, -0.3, -0.12, 0.00, 0.10), "Fantasy": (14, 0.2, 0.06, 0.06, 0.20),
    "Wargame": (14, 0.9, 0.45, 0.35, -0.45), "Dice": (10, -0.2, -0.10, -0.05, 0.00),
    "Economic": (9, 0.6, 0.30, 0.12, 0.10), "Party Game": (9, -1.0, -0.35, -0.15, 0.15),
    "Science Fiction": (8, 0.4, 0.12, 0.08, 0.15), "Animals": (8, -0.4, -0.05, 0.02, 0.05),
    "Fighting": (7, 0.2, 0.05, 0.02, 0.00), "Abstract Strategy": (6, -0.1, -0.05, 0.05, -0.25),
    "Deduction": (6, -0.1, 0.00, 0.05, 0.15), "Bluffing": (6, -0.4, -0.12, 0.02, 0.15),
    "Adventure": (6, 0.4, 0.10, 0.12, 0.20), "Children's Game": (8, -1.6, -0.50, -0.45, -0.30),
    "Miniatures": (6, 0.6, 0.20, 0.25, 0.05), "Exploration": (5, 0.3, 0.08, 0.08, 0.15),
    "World War II": (5, 0.9, 0.15, 0.10, -0.10), "Medieval": (5, 0.2, 0.05, 0.00, 0.10),
    "Humor": (5, -0.7, -0.15, -0.12, 0.00), "Action / Dexterity": (5, -0.9, -0.30, -0.02, 0.05),
    "City Building": (4, 0.3, 0.10, 0.08, 0.25), "Puzzle": (4, -0.2, -0.08, 0.05, 0.05),
    "Horror": (4, 0.2, 0.05, 0.05, 0.15), "Real-time": (4, -0.5, -0.10, -0.02, 0.00),
    "Trivia": (5, -1.0, -0.30, -0.50, -0.20), "Word Game": (3, -0.6, -0.15, -0.10, 0.00),
    "Racing": (4, -0.4, -0.10, -0.05, 0.00), "Nautical": (3, 0.2, 0.05, 0.03, 0.05),
    "Trains": (3, 0.4, 0.15, 0.12, 0.05), "Educational": (4, -0.9, -0.20, -0.35, -0.30),
    "Space Exploration": (3, 0.4, 0.10, 0.08, 0.15), "Farming": (2, 0.2, 0.08, 0.08, 0.20),
}

MECHANICS = {
    "Dice Rolling": (27, 0.0, -0.05, -0.10, 0.00), "Hand Management": (26, 0.0, 0.02, 0.10, 0.15),
    "Set Collection": (18, -0.3, -0.08, 0.05, 0.15), "Variable Player Powers": (16, 0.5, 0.18, 0.15, 0.25),
    "Open Drafting": (11, 0.0, 0.00, 0.12, 0.30), "Grid Movement": (10, 0.1, 0.03, 0.00, -0.05),
    "Tile Placement": (10, -0.1, 0.00, 0.08, 0.15), "Cooperative Game": (10, 0.0, 0.05, 0.15, 0.20),
    "Solo / Solitaire Game": (10, 0.4, 0.10, 0.20, 0.10), "Simulation": (10, 0.9, 0.25, 0.10, -0.25),
    "Hexagon Grid": (9, 0.9, 0.20, 0.15, -0.15), "Area Majority / Influence": (8, 0.4, 0.15, 0.08, 0.15),
    "Modular Board": (8, 0.2, 0.05, 0.05, 0.15), "Action Points": (6, 0.4, 0.12, 0.05, 0.10),
    "Team-Based Game": (6, -0.5, -0.08, 0.00, 0.00), "Simultaneous Action Selection": (6, 0.0, 0.00, 0.02, 0.10),
    "Take That": (6, -0.3, -0.10, -0.12, 0.00), "Worker Placement": (6, 0.7, 0.30, 0.20, 0.45),
    "Auction / Bidding": (5, 0.2, 0.08, 0.03, 0.05), "Area Movement": (5, 0.4, 0.10, 0.05, 0.00),
    "Push Your Luck": (5, -0.6, -0.15, -0.02, 0.10), "Point to Point Movement": (5, 0.3, 0.05, 0.02, 0.00),
    "Variable Set-up": (5, 0.5, 0.15, 0.15, 0.20), "Roll / Spin and Move": (9, -1.4, -0.40, -0.70, -0.30),
    "Player Elimination": (4, -0.3, -0.10, -0.12, 0.00), "Memory": (5, -1.0, -0.25, -0.20, -0.10),
    "Trick-taking": (3, -0.2, 0.00, 0.10, 0.10), "Income": (3, 0.7, 0.15, 0.10, 0.15),
    "Network and Route Building": (4, 0.3, 0.10, 0.12, 0.20), "Pattern Building": (4, -0.2, 0.00, 0.08, 0.15),
}

FAMILIES = {
    "Crowdfunding: Open Campaign": 17, "Players: Two-Player Only": 14, "Players: With Solitaire Rules": 9,
    "Digital Implementations: Web": 8, "Digital Implementations: App": 6, "Components: Miniatures": 5,
    "Admin: Better Description Needed": 5, "Components: Wooden Pieces": 5, "Components: Multi-Use Cards": 4,
    "Components: Dice with Icons": 4, "Theme: Food": 4, "Theme: Gardens": 3, "Theme: Castles": 3,
    "Theme: Weather": 2, "Mechanism: Tableau Building": 4, "Mechanism: Campaign": 3, "Misc: Reprinted": 6,
    "Misc: Award Nominee": 3, "Category: Dungeon Crawler": 2, "Series: Pocket Editions": 3,
}

STARTS = "bra cor dal fen gal hal jor kel lum mor nev orl pel quen ras sel tor ul vel wyn yar zel".split()
MIDDLES = "a e i o u an el in or ar ae io".split()
ENDS = "bek dor fal gant hold lin mar nor post rim sted tan vik wick zar lune".split()
NOUNS = (
    "Lantern Orchard Harbour Bridge Archive Harvest Signal Tower Market Caravan Regatta Kiln Garden "
    "Council Compass Atlas Parade Meadow Beacon Workshop Canal Carousel Masquerade Expedition"
).split()
ADJECTIVES = (
    "Copper Silent Northern Hidden Restless Amber Crooked Distant Frozen Golden Hollow Lucky Midnight "
    "Paper Scarlet Tidal Velvet Wandering Clockwork Borrowed"
).split()
COMPANY_KINDS = ["Games", "Spiele", "Jeux", "Giochi", "Press", "Workshop", "Editions", "Giocattoli"]

PLAYTIMES = np.array([5, 10, 15, 20, 25, 30, 40, 45, 60, 75, 90, 120, 150, 180, 240, 300, 360, 480, 600])
AGES = np.array([3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15, 16, 17, 18])
HURDLE_USERS = 25
NOT_IN_URLS = str.maketrans({" ": "-", "/": None, "'": None})


def invented_words(rng, count, syllables):
    """`count` capitalised words of `syllables` inner syllables each; repeats are possible."""
    return [
        (str(rng.choice(STARTS)) + "".join(rng.choice(MIDDLES, syllables)) + str(rng.choice(ENDS))).capitalize()
        for _ in range(count)
    ]


def game_names(rng, count):
    """`count` titles, each with an invented word in it; about one in a hundred carries a CSV or script quirk."""
    titles = []
    for place in invented_words(rng, count, 1):
        noun, adjective = str(rng.choice(NOUNS)), str(rng.choice(ADJECTIVES))
        form = rng.integers(0, 7)
        title = [
            f"{noun}s of {place}", f"{adjective} {place}", f"{place}: The {noun} Game", f"The {place} {noun}",
            f"{place} {noun}", f"{place} & the {noun}", f"{place}",
        ][form]
        quirk = rng.integers(0, 500)
        if quirk == 0:
            title = f"{title}, or: the \"{adjective}\" one"
        elif quirk == 1:
            title = f"{place}の市場 ({place} Market)"
        elif quirk == 2:
            title = f"Le {noun} oublié d'{place}"
        titles.append(title)
    return titles


def drawn_list(rng, catalogue_names, log_weights, how_many):
    """`how_many` distinct names in drawn order, by Gumbel top-k (Efraimidis & Spirakis 2006)."""
    keys = log_weights + rng.gumbel(size=len(catalogue_names))
    return [catalogue_names[i] for i in np.argsort(-keys)[:how_many]]


def drawn_lists(rng, catalogue, heaviness, counts):
    """One list of names per game; `heaviness` and `counts` have shape [rows]."""
    names = list(catalogue)
    common = np.log(np.array([catalogue[n][0] for n in names], dtype=float))
    pull = np.array([catalogue[n][1] for n in names])
    return [drawn_list(rng, names, common + pull * h, k) for h, k in zip(heaviness, counts)]


def summed(lists, catalogue, place):
    """The sum of one effect (`place` in the catalogue's tuple) over each game's list; shape [rows]."""
    return np.array([sum(catalogue[name][place] for name in names) for names in lists])


def nearest(allowed, values):
    """Each value moved to the nearest one that boxes are printed with; shape of `values`."""
    return allowed[np.abs(allowed[None, :] - np.asarray(values)[:, None]).argmin(axis=1)]


def holed(values, holes):
    """A list of the values with None where `holes` is true."""
    return [None if hole else value for value, hole in zip(values, holes)]


def generate(seed, rows):
    """The whole table: `rows` games, 28 columns, sorted by game_id."""
    rng = np.random.default_rng(seed)
    heaviness = rng.normal(size=rows)

    def chance(probability):
        return rng.random(rows) < probability

    # When: half of all games since 2015, as hobbies grow.
    eras = np.array([(1950, 1979), (1980, 1999), (2000, 2009), (2010, 2019), (2020, 2025), (2026, 2026)])
    era = rng.choice(len(eras), rows, p=[0.05, 0.12, 0.17, 0.34, 0.30, 0.02])
    year = rng.integers(eras[era, 0], eras[era, 1] + 1)

    # What is in the box.
    categories = drawn_lists(rng, CATEGORIES, heaviness, rng.binomial(6, 0.45, rows))
    mechanic_counts = np.minimum(rng.poisson(np.exp(1.2 + 0.22 * heaviness + 0.008 * (year - 2010))), 14)
    mechanics = drawn_lists(rng, MECHANICS, heaviness, mechanic_counts)
    minutes = np.exp(3.8 + 0.6 * heaviness + rng.normal(0, 0.4, rows))
    min_playtime = nearest(PLAYTIMES, minutes)
    max_playtime = np.where(chance(0.55), min_playtime, nearest(PLAYTIMES, min_playtime * rng.uniform(1.3, 2.5, rows)))
    min_age = nearest(AGES, 10.3 + 1.9 * heaviness + rng.normal(0, 1.6, rows))
    min_players = rng.choice([1, 2, 3, 4], rows, p=[0.23, 0.63, 0.11, 0.03])
    max_players = np.maximum(min_players, rng.choice([1, 2, 4, 5, 6, 8, 10, 12], rows, p=[.02, .2, .36, .13, .16, .08, .03, .02]))
    max_players = np.where(chance(0.006), 99, max_players)

    # Who made it. The first publisher's pull is steep: few are big.
    company_names = sorted({f"{w} {COMPANY_KINDS[i % len(COMPANY_KINDS)]}" for i, w in enumerate(invented_words(rng, 60, 1))})
    company_names = [str(name) for name in rng.permutation(company_names)]
    company_pull = np.linspace(1.2, -0.8, len(company_names))
    company_weight = np.linspace(1.6, 0.6, len(company_names))
    self_published = chance(0.10)
    first_company = rng.choice(len(company_names), rows, p=company_weight / company_weight.sum())
    pull = np.where(self_published, -1.3, company_pull[first_company])
    extra_companies = np.minimum(rng.poisson(np.exp(0.1 + 0.65 * pull + rng.normal(0, 0.25, rows))), 24)
    publishers = [
        ["(Self-Published)"] if alone else
        [company_names[first]] + [company_names[i] for i in rng.permutation(len(company_names))[:extra] if i != first]
        for alone, first, extra in zip(self_published, first_company, extra_companies)
    ]
    people = [f"{given} {family}" for given, family in zip(invented_words(rng, 240, 0), invented_words(rng, 240, 1))]
    person_weight = 1.0 / np.arange(4, 244)
    person_weight /= person_weight.sum()

    def drawn_people(counts):
        return [[people[i] for i in dict.fromkeys(rng.choice(240, k, p=person_weight))] for k in counts]

    designers = drawn_people(np.minimum(rng.poisson(0.45, rows) + chance(0.97), 6))
    artist_counts = np.minimum(rng.poisson(np.exp(0.2 + 0.25 * pull)), 12)
    artists = drawn_people(artist_counts)
    family_names, family_weight = list(FAMILIES), np.log(np.array(list(FAMILIES.values()), dtype=float))
    family_counts = np.minimum(rng.poisson(np.exp(0.75 + 0.25 * pull + 0.01 * (year - 2010))), 12)
    families = [drawn_list(rng, family_names, family_weight, k) for k in family_counts]
    families = [
        [name for name in names if published >= 2009 or not name.startswith("Crowdfunding")]
        for names, published in zip(families, year)
    ]

    def holds(lists, wanted):
        return np.array([wanted in names for names in lists], dtype=float)

    crowdfunded = holds(families, "Crowdfunding: Open Campaign")

    # What people made of it.
    complexity_true = (
        2.05 + 0.28 * np.log((min_playtime + max_playtime) / 2 / 45) + 0.07 * (min_age - 10.3)
        + 0.05 * (mechanic_counts - 3.5) + summed(categories, CATEGORIES, 2) + summed(mechanics, MECHANICS, 2)
        + rng.normal(0, 0.38, rows)
    ).clip(1, 4.8)
    log_users_true = (
        2.45 + 0.95 * pull + 0.72 * np.log1p([len(p) - 1 for p in publishers]) + 0.12 * artist_counts + 0.12 * family_counts
        + 0.02 * (np.minimum(year, 2018) - 2005) - 0.10 * np.maximum(year - 2021, 0) - 1.2 * (year >= 2026)
        + 0.25 * (complexity_true - 2) + 0.45 * holds(families, "Misc: Award Nominee") + 0.25 * crowdfunded
        + summed(categories, CATEGORIES, 4) + summed(mechanics, MECHANICS, 4)
        + rng.normal(0, 0.70, rows)
    )
    users_rated = np.floor(np.expm1(log_users_true.clip(0, 11.6))).astype(np.int64)
    rating_true = (
        6.45 + 0.35 * (complexity_true - 2.1) + np.where(year > 2008, 0.035, 0.010) * (year - 2008) + 0.20 * crowdfunded
        - 0.10 * (min_players >= 3) - 0.012 * np.minimum(max_players, 12) + 0.10 * pull
        - 0.30 * np.abs(np.log((min_playtime + max_playtime) / 2 / 70))
        + 0.60 * crowdfunded * holds(categories, "Miniatures") + 0.40 * (min_players == 1) * holds(categories, "Wargame")
        - 0.40 * (min_playtime >= 60) * holds(categories, "Party Game")
        + summed(categories, CATEGORIES, 3) + summed(mechanics, MECHANICS, 3)
        + rng.normal(0, 0.40, rows)
    )
    voters = np.maximum(users_rated, 1)
    average_rating = (rating_true + rng.normal(0, 1, rows) * 1.2 / np.sqrt(voters)).clip(1, 10).round(2)
    num_weights = rng.binomial(users_rated, 0.06)
    votes = complexity_true + rng.normal(0, 1, rows) * 0.55 / np.sqrt(np.maximum(num_weights, 1))
    weighed = np.maximum(num_weights, 1)
    average_weight = (np.round(votes * weighed) / weighed).clip(1, 5).round(2)
    rated, weighted, ranked = users_rated > 0, num_weights > 0, users_rated >= 30
    average_rating = np.where(rated, average_rating, 0.0)
    average_weight = np.where(weighted, average_weight, 0.0)
    bayes_average = np.where(ranked, (1500 * 5.5 + users_rated * average_rating) / (1500 + users_rated), 0.0).round(2)

    # The quirks. Zeros mean unknown; nulls are nulls.
    unknown_playtime = chance(0.012)
    min_playtime = np.where(unknown_playtime, 0, min_playtime)
    max_playtime = np.where(unknown_playtime | chance(0.003), 0, max_playtime)
    min_age = np.where(chance(0.03), 0, min_age)
    max_players = np.where(chance(0.005), 0, max_players)

    game_id = np.cumsum(rng.integers(1, 46, rows))
    subjects = [c[0].lower() if c else "game" for c in categories]
    images = [f"https://images.example.com/placeholders/{s.translate(NOT_IN_URLS)}" for s in subjects]
    described = [f"{s.capitalize()} for a {'long' if h > 0.5 else 'short'} evening." for h, s in zip(heaviness, subjects)]
    no_image = chance(0.03)
    text, texts, f64, i64 = pa.string(), pa.list_(pa.string()), pa.float64(), pa.int64()
    updated = 1767736824993118  # 2026-01-06T22:00:24.993118Z, microseconds since 1970
    columns = [
        ("game_id", i64, game_id), ("name", text, game_names(rng, rows)),
        ("year_published", f64, holed(year.astype(float), chance(0.015))),
        ("bayes_average", f64, bayes_average), ("average_rating", f64, average_rating),
        ("average_weight", f64, average_weight), ("users_rated", i64, users_rated),
        ("hurdle", i64, (users_rated >= HURDLE_USERS).astype(np.int64)),
        ("geek_rating", f64, holed(bayes_average, ~ranked)), ("complexity", f64, holed(average_weight, ~weighted)),
        ("rating", f64, holed(average_rating, ~rated)), ("log_users_rated", f64, np.log1p(users_rated)),
        ("num_weights", i64, num_weights), ("min_players", i64, holed(min_players, chance(0.004))),
        ("max_players", i64, holed(max_players, chance(0.008))), ("min_playtime", i64, holed(min_playtime, chance(0.02))),
        ("max_playtime", i64, holed(max_playtime, chance(0.02))), ("min_age", i64, holed(min_age, chance(0.025))),
        ("image", text, holed([f"{i}.png" for i in images], no_image)),
        ("thumbnail", text, holed([f"{i}-small.png" for i in images], no_image)),
        ("description", text, holed(described, chance(0.01))),
        ("categories", texts, holed(categories, chance(0.005))), ("mechanics", texts, holed(mechanics, chance(0.005))),
        ("publishers", texts, holed(publishers, chance(0.005))), ("designers", texts, designers),
        ("artists", texts, artists), ("families", texts, families),
        ("last_updated", pa.timestamp("us", tz="UTC"), np.full(rows, updated)),
    ]
    arrays = [
        pa.array(values, kind) if kind != columns[-1][1] else pa.array(values, pa.int64()).cast(kind)
        for _, kind, values in columns
    ]
    return pa.table(arrays, names=[name for name, _, _ in columns])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=20260101)
    parser.add_argument("--rows", type=int, default=20000)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "data" / "games.parquet")
    arguments = parser.parse_args()
    if arguments.rows < 1:
        print("--rows must be at least 1.", file=sys.stderr)
        return 2
    table = generate(arguments.seed, arguments.rows)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    # Four row groups at the default size, so that a sharded job has something to share out.
    pq.write_table(
        table, arguments.out, compression="zstd", compression_level=19, row_group_size=5000,
        use_dictionary=[n for n in table.column_names if n != "game_id"],
        column_encoding={"game_id": "DELTA_BINARY_PACKED"},
    )
    print(f"{arguments.out}: {table.num_rows} games, {table.num_columns} columns, {arguments.out.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
