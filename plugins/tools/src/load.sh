# The token is the same in every attempt, so a second one finds it there and changes nothing.
set -eu
PGPASSWORD=$(cat /run/secrets/pg)
export PGPASSWORD
psql "$1" -X -q -t -A -v ON_ERROR_STOP=1 -v token="$WRUN_ACTION" >/out/receipt.txt <<'SQL'
CREATE TABLE IF NOT EXISTS loads (token text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now());
CREATE TABLE IF NOT EXISTS delays (carrier text, mean numeric, flights integer);
BEGIN;
WITH new AS (INSERT INTO loads (token) VALUES (:'token') ON CONFLICT DO NOTHING RETURNING token)
SELECT count(*) > 0 AS first FROM new \gset
\if :first
\copy delays FROM '/in/delays/delays.csv' WITH (FORMAT csv, HEADER)
\endif
COMMIT;
SELECT count(*) || ' carriers' FROM delays;
SQL
