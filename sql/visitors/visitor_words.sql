-- What: what somebody can be found by in a list: name, mail, numbers.
-- Why: one expression for the index and for whoever asks it.
-- Leaves out: identity. Finding somebody so opens nothing that the finder may not read anyway.

create or replace function chat.visitor_words(p_name text, p_email text, p_phone text, p_whatsapp_phone text)
returns text
language sql
immutable
parallel safe
as $$ select coalesce(p_name, '') || ' ' || coalesce(p_email, '') || ' ' || coalesce(p_phone, '') || ' ' || coalesce(p_whatsapp_phone, '') $$;
comment on function chat.visitor_words(text, text, text, text) is 'Name, mail and numbers of a visitor as one text, for search.';
