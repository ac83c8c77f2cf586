-- What: the decisions of this room as SQL functions.
-- Why: thin wrappers that the planner inlines. Nothing else names chat_rules, so the rules can be pointed at another
--      provider here; how each is decided stands in the crate chat_rules.
-- Leaves out: who may call them (policies/).

create or replace function chat.session_token(claims text, key text, kid text)
returns text
language sql immutable parallel safe
as $$ select chat_rules.session_token(claims, key, kid) $$;
comment on function chat.session_token(text, text, text) is 'Claims as an HS256 token; null without claims or key.';

create or replace function chat.identity_proven(external_id text, proof text, key text)
returns boolean
language sql immutable parallel safe
as $$ select chat_rules.identity_proven(external_id, proof, key) $$;
comment on function chat.identity_proven(text, text, text) is
    'Whether proof is the HMAC-SHA256 of the id by the key, in hexadecimal; compared in constant time.';

create or replace function chat.forwarded_address(header text, hops integer)
returns text
language sql immutable parallel safe
as $$ select chat_rules.forwarded_address(header, hops) $$;
comment on function chat.forwarded_address(text, integer) is
    'Entry `hops` from the right of x-forwarded-for, when it is an address; else null.';

create or replace function chat.user_agent_of(header text)
returns table (browser text, os text, device text)
language sql immutable parallel safe rows 1
as $$ select * from chat_rules.user_agent_of(header) $$;
comment on function chat.user_agent_of(text) is
    'Browser, system and device (desktop, mobile, tablet, tv, bot) that a User-Agent header tells. One row, nulls where it does not.';

create or replace function chat.place_of(country_header text, city_header text)
returns table (country text, city text)
language sql immutable parallel safe rows 1
as $$ select * from chat_rules.place_of(country_header, city_header) $$;
comment on function chat.place_of(text, text) is
    'Country (ISO letters) and city that a proxy''s headers tell. One row, nulls where they do not.';
