-- What: the release of pg_chat that a database has.
-- Why: a definition, as what it tells of is: a dump without rows has it, too. The library is looked at because its rules
--      are asked by functions of this release; an older one would not know all that they ask.
-- Leaves out: what the database had before (upgrade.sql).

create or replace function chat.version()
returns text
language sql immutable parallel safe
as $$ select '@version@' $$;
comment on function chat.version() is 'The release of pg_chat whose migration this database has had.';

do $$
begin
    if string_to_array(chat.library_version(), '.')::integer[] < string_to_array(chat.version(), '.')::integer[] then
        raise exception 'the server has the library of pg_chat_ext %, and this is the migration of %',
            chat.library_version(), chat.version()
            using errcode = 'PT409', detail = 'chat/older_library',
                hint = 'nothing was changed. Install the extension''s files of this release on the database server first; then apply again';
    end if;
end
$$;
