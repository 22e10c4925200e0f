CREATE SCHEMA library;

CREATE TABLE library.genre (value text PRIMARY KEY, comment text);
INSERT INTO library.genre VALUES ('POETRY', 'Verse'), ('NOVEL', 'Long prose'), ('ESSAY', NULL);

CREATE TABLE library.author (
  id serial PRIMARY KEY,
  name text NOT NULL UNIQUE,
  email text,
  born date,
  details jsonb
);

CREATE TABLE library.book (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  position bigserial NOT NULL UNIQUE,
  title text NOT NULL,
  author_id integer NOT NULL REFERENCES library.author (id),
  genre text NOT NULL DEFAULT 'NOVEL' REFERENCES library.genre (value),
  pages integer CHECK (pages > 0),
  price numeric(8, 2),
  tags text[] NOT NULL DEFAULT '{}',
  details jsonb NOT NULL DEFAULT '{}',
  published boolean NOT NULL DEFAULT false,
  added_by text,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT book_author_title_key UNIQUE (author_id, title)
);

CREATE TABLE public.ticket (
  id integer PRIMARY KEY,
  state text NOT NULL DEFAULT 'OPEN',
  owner text,
  weight double precision NOT NULL DEFAULT 0
);

CREATE FUNCTION library.search_books(term text, min_pages integer DEFAULT 0) RETURNS SETOF library.book
LANGUAGE sql STABLE AS $$
  SELECT * FROM library.book WHERE title ILIKE '%' || term || '%' AND coalesce(pages, 0) >= min_pages ORDER BY position
$$;

CREATE FUNCTION library.author_book_count(author_row library.author) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT count(*) FROM library.book WHERE author_id = author_row.id
$$;

CREATE FUNCTION public.claim_tickets(hasura_session json, amount integer DEFAULT 1) RETURNS SETOF public.ticket
LANGUAGE sql VOLATILE AS $$
  UPDATE public.ticket SET state = 'TAKEN', owner = hasura_session ->> 'x-hasura-worker-id'
   WHERE id IN (SELECT id FROM public.ticket WHERE state = 'OPEN' ORDER BY id LIMIT amount FOR UPDATE SKIP LOCKED)
  RETURNING *
$$;

CREATE FUNCTION public.refuse_tickets() RETURNS SETOF public.ticket LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  RAISE EXCEPTION 'not today';
END
$$;
