TRUNCATE library.book, library.author, public.ticket RESTART IDENTITY;

INSERT INTO library.author (name, email, born, details) VALUES
  ('Ada', 'ada@example.com', '1815-12-10', '{"langs": ["en", "fr"], "home": {"city": "London"}}'),
  ('Bo', NULL, '1950-02-01', NULL),
  ('Cy', 'cy@example.com', NULL, '{"langs": ["de"]}');

INSERT INTO library.book (id, title, author_id, genre, pages, price, tags, details, published) VALUES
  ('00000000-0000-0000-0000-000000000001', 'Engines', 1, 'ESSAY', 120, 12.50, '{maths,steam}', '{"size": {"w": 10, "h": 20}, "langs": ["en"]}', true),
  ('00000000-0000-0000-0000-000000000002', 'Flying', 1, 'NOVEL', 300, 99999999999.99 / 1000000, '{}', '{"award": true}', false),
  ('00000000-0000-0000-0000-000000000003', 'Boats', 2, 'POETRY', NULL, NULL, '{sea}', '{}', true),
  ('00000000-0000-0000-0000-000000000004', 'Storms', 2, 'NOVEL', 80, 5, '{sea,wind}', '{"award": false, "langs": ["en", "de"]}', true);

INSERT INTO public.ticket (id, weight) SELECT n, n / 2.0 FROM generate_series(1, 6) AS n;
