-- What: writes messages of the past into the conversation that holds them, and the files that follow.
-- Why: numbers, times and states are known, so rows come with them and no trigger counts; the conversation moves once for
--      all. What was here before its message, a status or a file, is applied then.
-- Leaves out: whose they are and where they stand (history.sql).

create or replace function chat.store_past(p_site uuid, p_home uuid, p_items jsonb[], out stored integer, out files integer)
language plpgsql
as $$
declare
    at constant timestamptz := clock_timestamp();
    home public.mod_chat_conversations;
    item jsonb;
    facts jsonb;
    quoted uuid;
    written uuid;
    written_at timestamptz;
    state text;
    begins timestamptz;
    ends timestamptz;
    wamids text[] := '{}';
    orphan record;
begin
    stored := 0;
    files := 0;
    select c.* into home from public.mod_chat_conversations c where c.id = p_home;
    for item in
        select x.item from (
            select distinct on (i.item ->> 'wamid') i.item, i.place from unnest(p_items) with ordinality i (item, place)
            where not exists (
                select from public.mod_chat_messages m
                where m.site_id = p_site and m.whatsapp_message_id = i.item ->> 'wamid')
            order by i.item ->> 'wamid', i.place) x
        order by (x.item ->> 'at')::timestamptz, x.place
    loop
        facts := coalesce(item -> 'metadata', '{}');
        quoted := null;
        if jsonb_typeof(item -> 'file') = 'object' then
            facts := facts || jsonb_build_object('media', item -> 'file');
        end if;
        if jsonb_typeof(item -> 'context') = 'object' then
            facts := facts || jsonb_build_object('context', item -> 'context');
            select m.id into quoted
            from public.mod_chat_messages m
            where m.id = chat.message_of_status(p_site, item -> 'context' ->> 'wamid', null)
            for key share;
        end if;
        if item ->> 'kind' in ('unknown', 'unsupported', 'reaction') and facts ->> 'reason' is distinct from 'media_placeholder' then
            facts := facts || jsonb_build_object('raw', item -> 'raw');
        end if;
        written_at := chat.sent_at_of((item ->> 'at')::timestamptz, at);
        state := case
            when item ->> 'sender_type' = 'visitor' then 'received'
            when item ->> 'status' in ('accepted', 'delivered', 'read', 'played', 'failed') then item ->> 'status'
            else 'sent'
        end;
        stored := stored + 1;
        insert into public.mod_chat_messages (
            conversation_id, site_id, sender_type, sender_id, sender_name, content, content_type, kind, origin, sent_at,
            whatsapp_message_id, whatsapp_status, metadata, reply_to_id, file_name, file_mime_type, file_state, seq, public_seq,
            change, change_before, delivery_state, status)
        select p_home, p_site, item ->> 'sender_type',
            case when item ->> 'sender_type' = 'visitor' then home.visitor_id::text end,
            case when item ->> 'sender_type' = 'visitor' then item ->> 'name' end,
            item ->> 'content', chat.content_type_of(k.kind), k.kind, 'history', written_at, item ->> 'wamid',
            item ->> 'status', facts, quoted, item -> 'file' ->> 'filename', item -> 'file' ->> 'mime',
            case when item -> 'file' ->> 'id' is not null then 'pending' end,
            home.last_seq + stored, home.last_public_seq + stored, home.last_change + stored,
            case stored when 1 then home.last_public_change else home.last_change + stored - 1 end,
            state, chat.shown_status(state)
        -- A reaction to a message that we do not have.
        from (select case item ->> 'kind' when 'reaction' then 'unsupported' else item ->> 'kind' end) k (kind)
        returning id into written;
        wamids := wamids || (item ->> 'wamid');
        begins := least(begins, written_at);
        ends := greatest(ends, written_at);
        if item -> 'file' ->> 'id' is not null then
            perform chat.fetch_media(p_site, written, p_home);
            files := files + 1;
        end if;
    end loop;
    if stored = 0 then
        return;
    end if;
    update public.mod_chat_conversations c
    set last_seq = c.last_seq + stored,
        last_public_seq = c.last_public_seq + stored,
        last_change = c.last_change + stored,
        last_public_change = c.last_change + stored,
        message_count = c.message_count + stored,
        -- It was when it was said, not when it was imported.
        created_at = least(c.created_at, begins),
        archived_at = case
            when c.archived_at is null then null
            when c.message_count = 0 then ends
            else greatest(c.archived_at, ends)
        end,
        closed_at = case c.message_count when 0 then ends else c.closed_at end,
        updated_at = at
    where c.id = p_home;
    update public.mod_chat_visitors v
    set first_seen_at = least(v.first_seen_at, begins),
        -- Somebody made by this very import was not seen today.
        last_seen_at = case when v.created_at = now() then ends else greatest(v.last_seen_at, ends) end
    where v.id = home.visitor_id;
    -- What came before the messages it speaks of.
    for orphan in
        delete from chat.orphan_statuses o where o.site_id = p_site and o.wamid = any (wamids)
        returning o.item, chat.message_of_status(o.site_id, o.wamid, null) as message
    loop
        if orphan.item ->> 'what' = 'status' then
            perform chat.apply_status(orphan.message, orphan.item);
        elsif chat.fill_past(orphan.message, orphan.item) then
            files := files + 1;
        end if;
    end loop;
end
$$;
comment on function chat.store_past(uuid, uuid, jsonb[]) is
    'Writes items of the past into the conversation that holds it, which the caller has locked, in the order of their times; those that are known, nothing. Returns how many were new, and how many files are to be fetched for them.';

create or replace function chat.fill_past(p_message uuid, p_item jsonb)
returns boolean
language plpgsql
as $$
declare
    message public.mod_chat_messages;
    numbers record;
begin
    select m.* into message from public.mod_chat_messages m where m.id = p_message for no key update;
    if message.metadata ->> 'reason' is distinct from 'media_placeholder' or message.deleted_at is not null then
        return false;
    end if;
    select * into numbers from chat.next_change(message.conversation_id, message.public_seq is not null);
    update public.mod_chat_messages m
    set kind = p_item ->> 'kind',
        content_type = p_item ->> 'content_type',
        content = p_item ->> 'content',
        metadata = (m.metadata - 'reason') || coalesce(p_item -> 'metadata', '{}')
            || jsonb_build_object('media', p_item -> 'file'),
        file_name = p_item -> 'file' ->> 'filename',
        file_mime_type = p_item -> 'file' ->> 'mime',
        file_state = 'pending',
        change = numbers.change,
        change_before = numbers.change_before,
        updated_at = clock_timestamp()
    where m.id = p_message;
    perform chat.fetch_media(message.site_id, p_message, message.conversation_id);
    return true;
end
$$;
comment on function chat.fill_past(uuid, jsonb) is
    'A message of the past that stood for its file becomes what it was; the caller holds the conversation. False when it is none, or was filled already.';
