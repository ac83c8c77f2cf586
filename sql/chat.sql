-- What: the schema everything inside lives in, and the extension with the rules.
-- Why: `chat` is not exposed by PostgREST; what people call is `public.chat_*`.
-- Leaves out: grants; those are policies/.

create schema if not exists chat;
comment on schema chat is 'pg_chat: everything inside. Not exposed; people and programs use public.chat_* and public.mod_chat_*.';

-- Trusted: a role with CREATE on the database installs it, no superuser needed.
create schema if not exists chat_rules;
create extension if not exists pg_chat_ext schema chat_rules;
