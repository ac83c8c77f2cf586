-- What: what the extension says of itself.
-- Why: as with the rules of each room, nothing but a wrapper names chat_rules.
-- Leaves out: rules.

create or replace function chat.library_version()
returns text
language sql stable parallel safe
as $$ select chat_rules.library_version() $$;
comment on function chat.library_version() is
    'The release of the extension''s library that this connection has loaded.';
