-- What: what the extension says of itself, and what every room asks before a rule reads what somebody gave.
-- Why: as with the rules of each room, nothing but a wrapper names chat_rules.
-- Leaves out: rules; each room has its own.

create or replace function chat.library_version()
returns text
language sql stable parallel safe
as $$ select chat_rules.library_version() $$;
comment on function chat.library_version() is
    'The release of the extension''s library that this connection has loaded.';

create or replace function chat.is_readable(p_json jsonb)
returns boolean
language sql immutable parallel safe
as $$
    select coalesce(pg_column_size(p_json) <= 65536 and not p_json @? '$.**{17}'
        and not p_json @? '$.** ? (@.type() == "number" && (@ > 1e300 || @ < -1e300))', true)
$$;
comment on function chat.is_readable(jsonb) is
    'Whether a rule can read what somebody gave: at most 64 kB and 16 levels, and no number beyond 1e300.';
