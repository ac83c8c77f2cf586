-- What: the delivery of a message moves on.
-- Why: one place applies the rule that it only goes forward (chat_rules::whatsapp delivery), keeps the first time of each
--      word, and gives the change its number. Callers hold the conversation's lock.
-- Leaves out: where words come from: a webhook's status (apply_status.sql), an answer of Graph (finish_attempt.sql).

create or replace function chat.set_delivery(p_message uuid, p_state text, p_facts jsonb)
returns boolean
language plpgsql
as $$
declare
    message public.mod_chat_messages;
    next_state text;
    numbers record;
    kept jsonb;
begin
    select m.* into message from public.mod_chat_messages m where m.id = p_message for no key update;
    next_state := chat.delivery_next(message.delivery_state, p_state);
    kept := message.metadata || coalesce(p_facts, '{}');
    if next_state = message.delivery_state and kept = message.metadata then
        return false;
    end if;
    select * into numbers from chat.next_change(message.conversation_id, message.public_seq is not null);
    update public.mod_chat_messages m
    set delivery_state = next_state,
        status = chat.shown_status(next_state),
        read_at = case when next_state in ('read', 'played') then coalesce(m.read_at, clock_timestamp()) else m.read_at end,
        metadata = kept,
        change = numbers.change,
        change_before = case when m.public_seq is not null then numbers.change_before end,
        updated_at = clock_timestamp()
    where m.id = p_message;
    return true;
end
$$;
comment on function chat.set_delivery(uuid, text, jsonb) is
    'Moves a message''s delivery forward if the rule lets it, merging facts into its metadata; the caller holds the conversation. False when nothing changed.';

create or replace function chat.fail_message(p_message uuid, p_error jsonb)
returns void
language plpgsql
as $$
begin
    perform chat.set_delivery(p_message, 'failed', jsonb_build_object('error', p_error));
end
$$;
comment on function chat.fail_message(uuid, jsonb) is
    'A message failed, with {code, title, details, advice} for people to read.';

create or replace function chat.hold_unknown(p_message uuid, p_job bigint, p_lease uuid)
returns void
language plpgsql
as $$
begin
    perform chat.set_delivery(p_message, 'unknown', null);
    -- A status usually tells within seconds; so long later messages wait behind it, to keep their order.
    perform chat.finish_job(p_job, p_lease, '{"is": "retry", "after_seconds": 60}');
end
$$;
comment on function chat.hold_unknown(uuid, bigint, uuid) is
    'Nobody knows whether a message left: it is shown so, and its lane waits a minute for a status.';

create or replace function chat.message_left(p_message uuid, p_wamid text, p_attempt integer)
returns void
language plpgsql
as $$
begin
    if p_wamid is not null then
        perform chat.take_from_echo(p_message, p_wamid);
    end if;
    -- What was said of an unknown end (timers.sql) is settled with it.
    update public.mod_chat_messages m
    set whatsapp_message_id = coalesce(m.whatsapp_message_id, p_wamid),
        metadata = case when m.delivery_state = 'unknown' then m.metadata - 'error' else m.metadata end
    where m.id = p_message and (m.whatsapp_message_id is null or m.delivery_state = 'unknown');
    update chat.attempts a
    set finished_at = coalesce(a.finished_at, clock_timestamp()), outcome = 'accepted', wamid = p_wamid
    where a.message_id = p_message and a.number = p_attempt and a.outcome is distinct from 'accepted';
    perform chat.set_delivery(p_message, 'accepted', null);
    perform chat.settle_send(p_message);
end
$$;
comment on function chat.message_left(uuid, text, integer) is
    'Meta has the message: its wamid and the attempt''s outcome, whoever told first, the answer or a status.';

create or replace function chat.settle_send(p_message uuid)
returns void
language plpgsql
as $$
declare
    lane chat.lanes;
begin
    select l.* into lane
    from public.mod_chat_messages m
    join public.mod_chat_conversations c on c.id = m.conversation_id
    join chat.lanes l on l.key = chat.send_lane(c.phone_number_id, c.identity_id)
    where m.id = p_message
    for update of l;
    if not found then
        return;
    end if;
    -- A worker that holds the job is told when it asks; only jobs that wait are taken away. There are two where somebody
    -- sent it again while the first was still held.
    delete from chat.jobs j
    where j.lane = lane.key and j.payload ->> 'message_id' = p_message::text and j.died_at is null
        and (not lane.busy or j.id is distinct from lane.running_job);
    if found and not lane.busy then
        perform chat.free_lane(lane.key);
    end if;
end
$$;
comment on function chat.settle_send(uuid) is
    'A message needs no sending any more: its waiting job goes and the lane goes on at once.';
