-- What: what was said before a number came to us, as the business's phone hands it over in many webhooks.
-- Why: it stands in a conversation of its own a person and number, which is over: thousands of old messages change nothing
--      that somebody works in. No event, no broadcast, no unread, no window, no routing; Meta's times and states as given.
--      A run is at most fifty, so whoever writes now waits for no more than that.
-- Leaves out: the rows (store_past.sql); how far the import has come (phone_app.sql); what is said now
--      (receive_run.sql, echo.sql).

create or replace function chat.receive_history(p_app uuid, p_phone_number_id text, p_items jsonb)
returns jsonb
language plpgsql
as $$
declare
    number record;
    item jsonb;
    refused text;
    has_file boolean;
    past jsonb[] := '{}';        -- what becomes a row
    people uuid[] := '{}';       -- the identity of each, in step
    homes uuid[] := '{}';        -- its conversation
    late jsonb[] := '{}';        -- files of rows that are here already, or will be; reactions to such
    one uuid;
    done record;
    stored integer := 0;
    dead integer := 0;
    enqueued integer := 0;
begin
    select * into number from chat.receiving_number(p_app, p_phone_number_id);
    for place in 1 .. jsonb_array_length(p_items) loop
        item := p_items -> (place - 1);
        refused := chat.refusal_of_item(item, number.site_id);
        has_file := jsonb_typeof(item -> 'file') = 'object';
        if refused is null and chat.message_of_status(
            number.site_id, coalesce(item -> 'reaction' ->> 'wamid', item ->> 'wamid'), null) is not null
        then
            -- What else is known is not touched.
            if has_file or item ->> 'kind' = 'reaction' then
                late := late || item;
            end if;
        elsif refused = 'no_person' and has_file then
            -- A file follows its message; where the business sent it, it names nobody.
            late := late || item;
        elsif refused is not null then
            insert into chat.dead_letters (app_id, phone_number_id, reason, item)
            values (p_app, p_phone_number_id, refused, item);
            dead := dead + 1;
        else
            past := past || item;
            people := people || coalesce(
                chat.find_identity(number.site_id, number.portfolio, item),
                chat.make_identity(number.site_id, number.portfolio, item));
        end if;
    end loop;

    -- In the order of locks: identities, then conversations, those of what comes late too.
    perform chat.lock_identities(people);
    for place in 1 .. cardinality(people) loop
        if past[place] ->> 'bsuid' is not null and past[place] ->> 'phone' is not null or past[place] -> 'phone_variants' <> '[]' then
            perform chat.learn_aliases(number.site_id, number.portfolio, people[place], past[place]);
        end if;
        homes := homes || chat.past_of(people[place], p_phone_number_id);
    end loop;
    foreach one in array chat.in_order(homes || array(
        select m.conversation_id from public.mod_chat_messages m
        where m.site_id = number.site_id
            and m.whatsapp_message_id = any (array(
                select coalesce(l -> 'reaction' ->> 'wamid', l ->> 'wamid') from unnest(late) l))))
    loop
        perform from public.mod_chat_conversations c where c.id = one for no key update;
    end loop;
    for place in 1 .. cardinality(people) loop
        homes[place] := coalesce(
            homes[place], chat.past_of(people[place], p_phone_number_id), chat.make_past(people[place], p_phone_number_id));
    end loop;
    perform chat.lock_visitors(array(select i.visitor_id from chat.identities i where i.id = any (people)));
    foreach one in array chat.in_order(homes) loop
        select * into done from chat.store_past(number.site_id, one, array(
            select p.item from unnest(past, homes) with ordinality p (item, home, place) where p.home = one order by p.place));
        stored := stored + done.stored;
        enqueued := enqueued + done.files;
    end loop;
    foreach item in array late loop
        one := chat.message_of_status(number.site_id, coalesce(item -> 'reaction' ->> 'wamid', item ->> 'wamid'), null);
        if item ->> 'kind' = 'reaction' then
            perform chat.apply_reaction(one, item);
            stored := stored + 1;
        elsif one is null then
            insert into chat.orphan_statuses (site_id, wamid, status, at, item)
            values (number.site_id, item ->> 'wamid', 'file', coalesce((item ->> 'at')::timestamptz, clock_timestamp()), item)
            on conflict do nothing;
            stored := stored + found::integer;
        elsif chat.fill_past(one, item) then
            stored := stored + 1;
            enqueued := enqueued + 1;
        end if;
    end loop;
    return jsonb_build_object('stored', stored, 'duplicate', jsonb_array_length(p_items) - dead - stored, 'dead', dead,
        'enqueued', enqueued);
end
$$;
comment on function chat.receive_history(uuid, text, jsonb) is
    'Stores messages of one number''s past. Answers {stored, duplicate, dead, enqueued}.';

create or replace function chat.past_of(p_identity uuid, p_phone_number_id text)
returns uuid
language plpgsql
stable
as $$
begin
    return (
        select c.id from chat.identities i
        join public.mod_chat_conversations c on c.visitor_id = i.visitor_id
        where i.id = p_identity and c.identity_id = p_identity and c.phone_number_id = p_phone_number_id and c.is_history);
end
$$;
comment on function chat.past_of(uuid, text) is 'Conversation that holds what was imported of a person on a number, if there is one.';

create or replace function chat.make_past(p_identity uuid, p_phone_number_id text)
returns uuid
language plpgsql
as $$
declare
    at constant timestamptz := clock_timestamp();
    made uuid;
begin
    insert into public.mod_chat_conversations (
        site_id, visitor_id, identity_id, channel, phone_number_id, status, archived_at, closed_at, ended_by, pending_since,
        is_history)
    select i.site_id, i.visitor_id, i.id, 'whatsapp', p_phone_number_id, 'closed', at, at, 'system', null, true
    from chat.identities i where i.id = p_identity
    returning id into made;
    if not found then
        raise exception 'this person was erased while messages of theirs were imported'
            using errcode = 'serialization_failure', hint = 'take them again; they begin afresh';
    end if;
    return made;
end
$$;
comment on function chat.make_past(uuid, text) is
    'A conversation for what is imported of a person whose identity the caller has locked. 40001 when they were erased meanwhile.';
