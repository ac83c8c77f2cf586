-- What: what a visitor's name, contact, tags, notes and custom data may hold; and two ways to change them without
--       overwriting a colleague.
-- Why: a plain PATCH writes a whole column; two agents who add a tag at once would lose one.
-- Leaves out: rows that WhatsApp makes, whose fields the parser has bounded.

create or replace function chat.one_line(p_text text, p_longest integer)
returns text
language sql
immutable
parallel safe
as $$
    -- Control characters, and the marks that turn the direction of everything after them, which fake other names.
    select nullif(left(btrim(regexp_replace(
        translate(p_text, U&'\202A\202B\202C\202D\202E\2066\2067\2068\2069', ''),
        '[\u0001-\u0020\u007f-\u00a0\u2028\u2029]+', ' ', 'g')), p_longest), '')
$$;
comment on function chat.one_line(text, integer) is
    'A text for one line: without control characters, line breaks and direction overrides, blanks made one, trimmed, cut to so many characters; null when nothing is left.';

create or replace function chat.name_visitor(p_visitor uuid, p_name text)
returns void
language plpgsql
as $$
begin
    update public.mod_chat_visitors v
    set name = left(p_name, 200), updated_at = clock_timestamp()
    where v.id = p_visitor and coalesce(v.name, '') = '' and p_name <> '';
end
$$;
comment on function chat.name_visitor(uuid, text) is
    'Gives a visitor who has none a name: whom the business wrote to first is known by it once they write, or once the phone says it.';

create or replace function chat.clean_profile()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
    field record;
begin
    for field in
        select * from (values
            ('name', new.name, 200), ('email', new.email, 320), ('phone', new.phone, 50),
            ('avatar_url', new.avatar_url, 2048), ('notes', new.notes, 20000), ('external_id', new.external_id, 255)
        ) f (column_name, content, longest)
        where char_length(f.content) > f.longest
    loop
        raise exception 'the % has % characters', field.column_name, char_length(field.content)
            using errcode = 'PT422', detail = 'chat/too_long', hint = format('use at most %s', field.longest);
    end loop;
    new.name := chat.one_line(new.name, 200);
    new.email := chat.one_line(new.email, 320);
    new.phone := chat.one_line(new.phone, 50);

    -- Each tag once, in the order in which they were given; only what may still be a tag is cleaned.
    if not exists (select from unnest(new.tags) t (tag) where char_length(t.tag) > 200) then
        new.tags := array(
            select t.tag
            from (
                select chat.one_line(u.tag, 200) as tag, min(u.place) as place
                from unnest(new.tags) with ordinality u (tag, place) group by 1) t
            where t.tag is not null
            order by t.place);
    end if;
    if cardinality(new.tags) > 50 or exists (select from unnest(new.tags) t (tag) where char_length(t.tag) > 64) then
        raise exception 'these are too many tags, or too long ones'
            using errcode = 'PT422', detail = 'chat/too_many_tags', hint = 'use at most 50 tags of at most 64 characters';
    end if;
    if jsonb_typeof(new.custom_data) <> 'object' or pg_column_size(new.custom_data) > 65536
        or new.custom_data @? '$.**{17}'
    then
        raise exception 'custom data is an object of at most 64 kB and 16 levels'
            using errcode = 'PT422', detail = 'chat/custom_data', hint = 'send {"key": value, …} and keep files elsewhere';
    end if;
    return new;
end
$$;
comment on function chat.clean_profile() is
    'Before name, contact, tags, notes or custom data of a visitor are written: cleaned and bounded. PT422 chat/too_long, chat/too_many_tags, chat/custom_data.';

create or replace function public.chat_tag_visitor(visitor uuid, add text[] default '{}', remove text[] default '{}')
returns setof public.mod_chat_visitors
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform chat.require_for_visitor(chat_tag_visitor.visitor, 'live-chat.conversations.reply');
    return query
    update public.mod_chat_visitors v
    set tags = array(
        select u.tag from unnest(v.tags || coalesce(add, '{}')) with ordinality u (tag, place)
        where u.tag <> all (coalesce(remove, '{}'))
        order by u.place)
    where v.id = chat_tag_visitor.visitor
    returning v.*;
end
$$;
comment on function public.chat_tag_visitor(uuid, text[], text[]) is
    'Adds tags to a visitor and removes others, whatever colleagues do at the same time. Needs live-chat.conversations.reply. PT404 chat/no_such_visitor, PT422 chat/too_many_tags.';

create or replace function public.chat_set_custom_data(visitor uuid, changes jsonb)
returns setof public.mod_chat_visitors
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform chat.require_for_visitor(chat_set_custom_data.visitor, 'live-chat.conversations.reply');
    if jsonb_typeof(changes) is distinct from 'object' then
        raise exception 'changes of custom data are an object'
            using errcode = 'PT422', detail = 'chat/custom_data', hint = 'send {"key": value}; null removes a key';
    end if;
    return query
    update public.mod_chat_visitors v
    set custom_data = (v.custom_data || changes) - array(
        select e.key from jsonb_each(changes) e where e.value = 'null')
    where v.id = chat_set_custom_data.visitor
    returning v.*;
end
$$;
comment on function public.chat_set_custom_data(uuid, jsonb) is
    'Changes keys of a visitor''s custom data; a null removes its key, others stay. Needs live-chat.conversations.reply. PT404 chat/no_such_visitor, PT422 chat/custom_data.';
