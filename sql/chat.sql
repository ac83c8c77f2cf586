-- What: the schema everything inside lives in, and the extension with the rules.
-- Why: `chat` is not exposed by PostgREST; what people call is `public.chat_*`.
-- Leaves out: grants; those are policies/.

create schema if not exists chat;
comment on schema chat is 'pg_chat: everything inside. Not exposed; people and programs use public.chat_* and public.mod_chat_*.';

-- Trusted: a role with CREATE on the database installs it, no superuser needed.
create schema if not exists chat_rules;
-- This version and no newer one that the server may have: the wrappers were made for it.
create extension if not exists pg_chat_ext schema chat_rules version '@extension@';
do $$
declare
    has constant text := (select e.extversion from pg_catalog.pg_extension e where e.extname = 'pg_chat_ext');
begin
    if string_to_array(has, '.')::integer[] < string_to_array('@extension@', '.')::integer[] then
        if not exists (
            select from pg_catalog.pg_extension_update_paths('pg_chat_ext') p
            where p.source = has and p.target = '@extension@' and p.path is not null)
        then
            raise exception 'the server has no files of pg_chat_ext @extension@; this database has %', has
                using errcode = 'PT409', detail = 'chat/older_library',
                    hint = 'nothing was changed. Install the extension''s files of this release on the database server first; then apply again';
        end if;
        alter extension pg_chat_ext update to '@extension@';
    end if;
end
$$;
