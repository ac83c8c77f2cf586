-- What: writes parsed messages into their conversations; and what follows a reaction.
-- Why: a row an item, in the order of the run. One insert of all would broadcast once for the run, but starting it costs
--      more than it saves: 340 µs a message against 210, measured with one item, which is the usual case.
-- Leaves out: bringing files (fetch_media.sql); which conversation (home_conversation.sql); numbers and counters, which the message's own triggers keep.

create or replace function chat.store_messages(
    p_site uuid, p_homes uuid[], p_items jsonb, out stored integer, out enqueued integer)
language plpgsql
as $$
declare
    item jsonb;
    facts jsonb;
    quoted uuid;
    written uuid;
    is_echo boolean;
begin
    stored := 0;
    enqueued := 0;
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
            -- Held, because whoever wrote it may be erased in this moment.
            select m.id into quoted
            from public.mod_chat_messages m
            where m.id = chat.message_of_status(p_site, item -> 'context' ->> 'wamid', null)
            for key share;
        end if;
        if item ->> 'kind' in ('unknown', 'unsupported') then
            facts := facts || jsonb_build_object('raw', item -> 'raw');
        end if;
        is_echo := item ->> 'what' = 'echo';
        insert into public.mod_chat_messages (
            conversation_id, site_id, sender_type, origin, sender_name, content, kind, sent_at, whatsapp_message_id, metadata,
            reply_to_id, file_name, file_mime_type, file_state)
        values (
            p_homes[place], p_site, case when is_echo then 'agent' else 'visitor' end,
            case when is_echo then 'echo' else 'live' end, case when not is_echo then item ->> 'name' end,
            item ->> 'content', item ->> 'kind', (item ->> 'at')::timestamptz, item ->> 'wamid', facts, quoted,
            item -> 'file' ->> 'filename', item -> 'file' ->> 'mime',
            case when item -> 'file' ->> 'id' is not null then 'pending' end)
        returning id into written;
        continue when written is null;
        stored := stored + 1;
        -- Statuses of what was sent here wait for the answer of the send; an echo has none.
        if is_echo then
            perform chat.apply_orphans(p_site, item ->> 'wamid');
        end if;
        if item ? 'wish' then
            perform chat.note_wish(c.identity_id, item ->> 'wish', (item ->> 'at')::timestamptz)
            from public.mod_chat_conversations c where c.id = p_homes[place];
        end if;
        if item -> 'file' ->> 'id' is not null then
            perform chat.fetch_media(p_site, written, p_homes[place]);
            enqueued := enqueued + 1;
        end if;
    end loop;
end
$$;
comment on function chat.store_messages(uuid, uuid[], jsonb) is
    'Writes items[n] into homes[n]; where that is null, and for repetitions, nothing. Returns how many were new, and how many files are to be fetched for them.';

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
    actor := case when p_item ->> 'sender_type' = 'agent' then 'agent:phone_app' else 'visitor:' || conversation.visitor_id end;
    -- An older event that comes late does not undo a newer one; so a removal stays as an entry without emoji. Of the
    -- business there is one reaction, whoever chose it.
    if exists (
        select from jsonb_each(message.reactions) r
        where (r.key = actor or starts_with(actor, 'agent:') and starts_with(r.key, 'agent:'))
            and (r.value ->> 'at')::timestamptz >= at)
    then
        return;
    end if;
    select * into numbers from chat.next_change(message.conversation_id, message.public_seq is not null);
    update public.mod_chat_messages m
    set reactions = case
            when starts_with(actor, 'agent:')
                then chat.reactions_of_business(m.reactions, actor, p_item -> 'reaction' ->> 'emoji', at)
            else m.reactions || jsonb_build_object(actor,
                jsonb_build_object('emoji', p_item -> 'reaction' -> 'emoji', 'at', at))
        end,
        change = numbers.change,
        change_before = case when m.public_seq is not null then numbers.change_before end,
        updated_at = clock_timestamp()
    where m.id = p_message;
    update public.mod_chat_conversations c
    set whatsapp_window_expires_at = w.expires
    from (select chat.window_after(conversation.whatsapp_window_expires_at, 'text', at) as expires) w
    where c.id = conversation.id and c.channel = 'whatsapp' and p_item ->> 'what' = 'message'
        and w.expires is distinct from c.whatsapp_window_expires_at;
end
$$;
comment on function chat.apply_reaction(uuid, jsonb) is
    'A reaction to a message, or its removal, by the person or in the business''s phone; the caller holds the conversation. Older events change nothing.';

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
        where p_homes[p.place] is not null and p_items -> (p.place::integer - 1) ->> 'what' = 'message'
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
