-- What: the usual webhook: one new text of a known person whose conversation is open.
-- Why: the passes of a run (receive_run.sql) are as many for one message as for fifty; this takes half their time. It locks
--      in the same order, identity, conversation, visitor, and writes the same rows (a test compares them).
-- Leaves out: everything else. It answers null, has changed nothing, and the passes take the item.

create or replace function chat.receive_plain(p_app uuid, p_item jsonb)
returns jsonb
language plpgsql
as $$
declare
    the_wamid constant text := p_item ->> 'wamid';
    to_number constant text := p_item ->> 'phone_number_id';
    bsuid constant text := p_item ->> 'bsuid';
    phone constant text := p_item ->> 'phone';
    received constant timestamptz := clock_timestamp();
    written_at constant timestamptz := chat.sent_at_of((p_item ->> 'at')::timestamptz, received);
    sender record;
    home record;
    is_nameless boolean;
begin
    if p_item ->> 'what' <> 'message' or p_item ->> 'kind' <> 'text' or jsonb_typeof(p_item -> 'context') = 'object'
        or the_wamid is null or p_item ? 'wish'
    then
        return null;
    end if;

    -- Somebody found by the id they came with; of two ids, only when both were seen together before: else there is
    -- something to learn.
    select n.site_id, n.account_id, n.read_policy, acc.graph_version, i.id into sender
    from chat.whatsapp_numbers n
    join chat.whatsapp_accounts acc on acc.id = n.account_id
    join chat.identity_aliases a on a.site_id = n.site_id and a.portfolio = coalesce(acc.portfolio_id, acc.waba_id)
        and a.kind = case when bsuid is not null then 'bsuid' else 'phone' end and a.value = coalesce(bsuid, phone)
    join chat.identities i on i.id = a.identity_id
    where n.phone_number_id = to_number and n.confirmed_at is not null and acc.app_id = p_app
        and (bsuid is null or phone is null or a.seen_with = phone)
    for no key update of i;
    if not found then
        return null;
    end if;

    -- A visitor's message counts one everywhere and takes the next of every number (chat_rules::counters). Under the
    -- identity's lock nobody else stores this wamid.
    update public.mod_chat_conversations c
    set last_seq = c.last_seq + 1,
        last_public_seq = c.last_public_seq + 1,
        last_change = c.last_change + 1,
        last_public_change = c.last_change + 1,
        public_change_before = c.last_public_change,
        message_count = c.message_count + 1,
        inbound_count = c.inbound_count + 1,
        unread_agent_count = c.unread_agent_count + 1,
        last_message_text = chat.preview_text('text', p_item ->> 'content'),
        last_message_at = written_at,
        last_message_by = 'visitor',
        whatsapp_window_expires_at = chat.window_after(c.whatsapp_window_expires_at, 'text', written_at),
        updated_at = received
    where c.identity_id = sender.id and c.phone_number_id = to_number and c.archived_at is null
        -- One that comes late leaves the preview as it is; one that ends a waiting changes the conversation, too.
        and c.last_message_at <= written_at and c.status <> 'waiting'
        and not exists (
            select from public.mod_chat_messages m
            where m.site_id = c.site_id and m.whatsapp_message_id = the_wamid)
    returning c.id, c.visitor_id, c.last_seq, c.last_public_seq, c.last_change, c.public_change_before into home;
    if not found then
        return null;
    end if;
    update public.mod_chat_visitors v
    set total_messages = v.total_messages + 1, last_seen_at = greatest(v.last_seen_at, written_at),
        updated_at = received
    where v.id = home.visitor_id
    returning v.name is null into is_nameless;
    if is_nameless then
        perform chat.name_visitor(home.visitor_id, p_item ->> 'name');
    end if;

    insert into public.mod_chat_messages (
        conversation_id, site_id, sender_type, sender_id, sender_name, content, kind, sent_at, whatsapp_message_id,
        metadata, seq, public_seq, change, change_before, delivery_state, status)
    values (
        home.id, sender.site_id, 'visitor', home.visitor_id, p_item ->> 'name', p_item ->> 'content', 'text',
        written_at, the_wamid, coalesce(p_item -> 'metadata', '{}'), home.last_seq, home.last_public_seq,
        home.last_change, home.public_change_before, 'received', 'delivered');
    if sender.read_policy <> 'arrival' then
        return '{"stored": 1, "duplicate": 0, "dead": 0, "enqueued": 0}';
    end if;
    perform chat.enqueue_read_mark(
        sender.site_id, to_number, sender.account_id, sender.graph_version, sender.id, the_wamid);
    return '{"stored": 1, "duplicate": 0, "dead": 0, "enqueued": 1}';
end
$$;
comment on function chat.receive_plain(uuid, jsonb) is
    'Stores one plain text of a known person into their open conversation. Answers {stored, duplicate, dead, enqueued}, or null when it is anything else.';
