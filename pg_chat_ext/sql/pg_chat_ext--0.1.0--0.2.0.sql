\echo Use "alter extension pg_chat_ext update" to load this file. \quit

-- What 0.2.0 adds to the functions of 0.1.0. Written by hand, as that script is; the revokes and grants at the end are its.

-- whatsapp

create function check_outgoing(kind text, content text, metadata text, file_name text, has_file boolean)
returns table (code text, message text, hint text)
language c immutable parallel safe rows 1 as 'MODULE_PATHNAME', 'check_outgoing_wrapper';

create function outgoing_words(kind text, content text, metadata text) returns text
language c immutable parallel safe as 'MODULE_PATHNAME', 'outgoing_words_wrapper';

create function template_message(components text, parameter_format text, parameters text) returns text
language c immutable parallel safe as 'MODULE_PATHNAME', 'template_message_wrapper';

create function template_form(components text, parameter_format text) returns text
language c immutable parallel safe as 'MODULE_PATHNAME', 'template_form_wrapper';

create function dialled_phone(typed text) returns table (phone text, variants text[])
language c immutable strict parallel safe rows 1 as 'MODULE_PATHNAME', 'dialled_phone_wrapper';

-- A trusted extension's functions belong to the superuser. Whoever creates the extension decides who calls them.

revoke all on all functions in schema @extschema@ from public;
grant execute on all functions in schema @extschema@ to @extowner@ with grant option;
