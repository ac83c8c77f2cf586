-- What: writes parsed messages into their conversations; and what follows a reaction.
-- Why: a row an item, in the order of the run. One insert of all would broadcast once for the run, but starting it costs
--      more than it saves: 340 µs a message against 210, measured with one item, which is the usual case.
-- Leaves out: which conversation (home_conversation.sql); numbers and counters, which the message's own triggers keep.

create or replace function chat.store_messages(p_site uuid, p_homes uuid[], p_items jsonb)
returns integer
language plpgsql
as $$
declare
    item jsonb;
    facts jsonb;
    quoted uuid;
    rows integer;
    stored integer := 0;
begin
    for place in 1 .. cardinality(p_homes) loop
        continue when p_homes[place] is null;
        item := p_items -> (place - 1);
        facts := coalesce(item -> 'metadata', '{}');
        quoted := null;
        if jsonb_typeof(item -> 'file') = 'object' then
            facts := facts || jsonb_build_object('media', item -> 'file');
        end if;
        if jsonb_typeof(item -> 'context') = 'object' then
            facts := facts || jsonb_build_object('context', item -> 'context');
            quoted := chat.message_of_status(p_site, item -> 'context' ->> 'wamid', null);
        end if;
        if item ->> 'kind' in ('unknown', 'unsupported') then
            facts := facts || jsonb_build_object('raw', item -> 'raw');
        end if;
        insert into public.mod_chat_messages (
            conversation_id, site_id, sender_type, sender_name, content, kind, sent_at, whatsapp_message_id, metadata,
            reply_to_id, file_name, file_mime_type, file_state)
        values (
            p_homes[place], p_site, 'visitor', item ->> 'name', item ->> 'content', item ->> 'kind',
            (item ->> 'at')::timestamptz, item ->> 'wamid', facts, quoted, item -> 'file' ->> 'filename',
            item -> 'file' ->> 'mime', case when item -> 'file' ->> 'id' is not null then 'pending' end);
        get diagnostics rows = row_count;
        stored := stored + rows;
    end loop;
    return stored;
end
$$;
comment on function chat.store_messages(uuid, uuid[], jsonb) is
    'Writes items[n] into homes[n]; where that is null, and for repetitions, nothing. Returns how many were new.';

create or replace function chat.apply_reaction(p_message uuid, p_item jsonb)
returns void
language plpgsql
as $$
declare
    at constant timestamptz := coalesce((p_item ->> 'at')::timestamptz, clock_timestamp());
    message public.mod_chat_messages;
    conversation public.mod_chat_conversations;
    actor text;
    numbers record;
begin
    select m.* into message from public.mod_chat_messages m where m.id = p_message for no key update;
    select c.* into conversation from public.mod_chat_conversations c where c.id = message.conversation_id;
    actor := 'visitor:' || conversation.visitor_id;
    -- An older event that comes late does not undo a newer one; so a removal stays as an entry without emoji.
    if (message.reactions -> actor ->> 'at')::timestamptz >= at then
        return;
    end if;
    select * into numbers from chat.next_change(message.conversation_id, message.public_seq is not null);
    update public.mod_chat_messages m
    set reactions = m.reactions || jsonb_build_object(actor,
            jsonb_build_object('emoji', p_item -> 'reaction' -> 'emoji', 'at', at)),
        change = numbers.change,
        change_before = case when m.public_seq is not null then numbers.change_before end,
        updated_at = clock_timestamp()
    where m.id = p_message;
    update public.mod_chat_conversations c
    set whatsapp_window_expires_at = w.expires
    from (select chat.window_after(conversation.whatsapp_window_expires_at, 'text', at) as expires) w
    where c.id = conversation.id and c.channel = 'whatsapp'
        and w.expires is distinct from c.whatsapp_window_expires_at;
end
$$;
comment on function chat.apply_reaction(uuid, jsonb) is
    'A person''s reaction to a message, or its removal; the caller holds the conversation. Older events change nothing.';

create or replace function chat.enqueue_read_marks(
    p_site uuid, p_phone_number_id text, p_account uuid, p_graph_version text, p_people uuid[], p_items jsonb, p_homes uuid[])
returns integer
language plpgsql
as $$
declare
    mark record;
    marks integer := 0;
begin
    for mark in
        select distinct on (p.person) p.person, p_items -> (p.place::integer - 1) ->> 'wamid' as wamid
        from unnest(p_people) with ordinality p (person, place)
        where p_homes[p.place] is not null
        order by p.person, p.place desc
    loop
        perform chat.enqueue_read_mark(
            p_site, p_phone_number_id, p_account, p_graph_version, mark.person, mark.wamid);
        marks := marks + 1;
    end loop;
    return marks;
end
$$;
comment on function chat.enqueue_read_marks(uuid, text, uuid, text, uuid[], jsonb, uuid[]) is
    'One read mark a person of the run, in the order of their ids. Returns how many.';

create or replace function chat.enqueue_read_mark(
    p_site uuid, p_phone_number_id text, p_account uuid, p_graph_version text, p_person uuid, p_wamid text)
returns void
language plpgsql
as $$
begin
    -- Marking one marks all before it, so a newer mark replaces one that still waits.
    perform chat.enqueue(
        'read:' || p_phone_number_id || ':' || p_person, 'whatsapp.mark_read', 'notification', p_site,
        jsonb_build_object('phone_number_id', p_phone_number_id, 'wamid', p_wamid, 'account_id', p_account,
            'graph_version', p_graph_version),
        false, true);
end
$$;
comment on function chat.enqueue_read_mark(uuid, text, uuid, text, uuid, text) is
    'Has Meta told that everything up to a person''s message was seen.';
