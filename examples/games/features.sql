-- Turns the warehouse's table of games into the keys and scalar features that every example model reads.
--
-- The dialect is DuckDB's. Training (train.py) and serving (scorekeeper.json) both run this very file, so the
-- two cannot drift apart. What feeds a float32 input is cast to FLOAT here, once. A zero that means
-- "unknown" becomes null; nulls in numbers stay null, and each model's own pipeline fills them. No outcome
-- (ratings, weights, numbers of raters, ranks) is read. Both years are inclusive; a game without a year never matches.
--
-- Units: year_offset is years since 2000, decade a calendar year such as 2010, players are persons, playtimes
-- minutes, min_age years, each ..._count a number of list entries, each has_... and is_... 0 or 1.
select
  game_id,
  name,
  year_published::INTEGER as year_published,

  (year_published - 2000)::FLOAT as year_offset,
  (floor(year_published / 10) * 10)::BIGINT as decade,
  nullif(min_players, 0)::FLOAT as min_players,
  nullif(max_players, 0)::FLOAT as max_players,
  nullif(min_playtime, 0)::FLOAT as min_playtime,
  nullif(max_playtime, 0)::FLOAT as max_playtime,
  ((nullif(games.min_playtime, 0) + nullif(games.max_playtime, 0)) / 2)::FLOAT as playtime_midpoint,
  nullif(min_age, 0)::FLOAT as min_age,

  len(categories)::FLOAT as category_count,
  len(mechanics)::FLOAT as mechanic_count,
  len(publishers)::FLOAT as publisher_count,
  len(designers)::FLOAT as designer_count,
  len(artists)::FLOAT as artist_count,
  len(families)::FLOAT as family_count,

  coalesce(categories[1], 'none') as primary_category,
  coalesce(mechanics[1], 'none') as primary_mechanic,
  coalesce(publishers[1], 'none') as primary_publisher,

  coalesce(list_contains(categories, 'Wargame'), false)::FLOAT as is_wargame,
  coalesce(list_contains(categories, 'Card Game'), false)::FLOAT as is_card_game,
  coalesce(list_contains(categories, 'Party Game'), false)::FLOAT as is_party_game,
  coalesce(list_contains(categories, 'Children''s Game'), false)::FLOAT as is_childrens_game,
  coalesce(list_contains(categories, 'Economic'), false)::FLOAT as is_economic,
  coalesce(list_contains(categories, 'Trivia'), false)::FLOAT as is_trivia,
  coalesce(list_contains(categories, 'Action / Dexterity'), false)::FLOAT as is_dexterity,
  coalesce(list_contains(categories, 'Educational'), false)::FLOAT as is_educational,
  coalesce(list_contains(categories, 'Miniatures'), false)::FLOAT as is_miniatures,

  coalesce(list_contains(mechanics, 'Cooperative Game'), false)::FLOAT as is_cooperative,
  coalesce(list_contains(mechanics, 'Solo / Solitaire Game'), false)::FLOAT as is_solo,
  coalesce(list_contains(mechanics, 'Worker Placement'), false)::FLOAT as has_worker_placement,
  coalesce(list_contains(mechanics, 'Open Drafting'), false)::FLOAT as has_open_drafting,
  coalesce(list_contains(mechanics, 'Variable Player Powers'), false)::FLOAT as has_player_powers,
  coalesce(list_contains(mechanics, 'Variable Set-up'), false)::FLOAT as has_variable_setup,
  coalesce(list_contains(mechanics, 'Simulation'), false)::FLOAT as is_simulation,
  coalesce(list_contains(mechanics, 'Hexagon Grid'), false)::FLOAT as has_hexagon_grid,
  coalesce(list_contains(mechanics, 'Roll / Spin and Move'), false)::FLOAT as is_roll_and_move,
  coalesce(list_contains(mechanics, 'Memory'), false)::FLOAT as is_memory,

  coalesce(list_contains(families, 'Crowdfunding: Open Campaign'), false)::FLOAT as is_crowdfunded,
  coalesce(list_contains(families, 'Misc: Award Nominee'), false)::FLOAT as is_award_nominee,
  coalesce(publishers[1] = '(Self-Published)', false)::FLOAT as is_self_published
from games
where year_published between $start_year and $end_year
