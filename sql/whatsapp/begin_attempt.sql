-- What: the step before a message is handed to Graph: is it still to be sent, may it be, and the attempt's own row.
-- Why: the row is committed before the call. Whoever finds an attempt that never ended knows that the message may have
--      left, and does not send it again.
-- Leaves out: the call and its answer (finish_attempt.sql).

create or replace function public.chat_begin_attempt(job_id bigint, lease_token uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    at constant timestamptz := clock_timestamp();
    message public.mod_chat_messages;
    conversation public.mod_chat_conversations;
    last chat.attempts;
    target record;
begin
    select c.* into conversation
    from chat.jobs j
    join public.mod_chat_messages m on m.id = (j.payload ->> 'message_id')::uuid
    join public.mod_chat_conversations c on c.id = m.conversation_id
    where j.id = chat_begin_attempt.job_id
    for no key update of c;
    if not found then
        perform chat.finish_job(chat_begin_attempt.job_id, chat_begin_attempt.lease_token, '{"is": "done"}');
        return jsonb_build_object('go', false, 'state', 'gone', 'why', 'the message does not exist any more');
    end if;
    select m.* into message
    from public.mod_chat_messages m
    where m.id = (select (j.payload ->> 'message_id')::uuid from chat.jobs j where j.id = chat_begin_attempt.job_id)
    for no key update;
    perform from chat.lanes l
    where l.running_job = chat_begin_attempt.job_id and l.lease_token = chat_begin_attempt.lease_token and l.busy
    for update;
    if not found then
        return jsonb_build_object('go', false, 'state', 'stale', 'why', 'the lease was lost');
    end if;

    if message.delivery_state not in ('queued', 'sending', 'unknown') then
        perform chat.finish_job(chat_begin_attempt.job_id, chat_begin_attempt.lease_token, '{"is": "done"}');
        return jsonb_build_object('go', false, 'state', 'gone', 'why', 'the message is ' || message.delivery_state || ' already');
    end if;

    select a.* into last from chat.attempts a where a.message_id = message.id order by a.number desc limit 1;
    -- An attempt that never ended: its worker died, or lost its lease. The message may have left.
    if found and last.outcome is null and last.lease_token <> chat_begin_attempt.lease_token then
        update chat.attempts set finished_at = at, outcome = 'unknown' where message_id = last.message_id and number = last.number;
        perform chat.hold_unknown(message.id, chat_begin_attempt.job_id, chat_begin_attempt.lease_token);
        return jsonb_build_object('go', false, 'state', 'unknown', 'why', 'an attempt was begun and nobody knows how it ended');
    elsif last.outcome = 'unknown' and message.delivery_state = 'unknown' then
        -- Its time at the head is over: the lane goes on, the tick settles the message by the number's policy.
        perform chat.finish_job(chat_begin_attempt.job_id, chat_begin_attempt.lease_token, '{"is": "done"}');
        return jsonb_build_object('go', false, 'state', 'unknown', 'why', 'no status has told yet; the lane goes on');
    end if;

    select n.phone_number_id, n.confirmed_at, n.account_id, acc.graph_version,
        (select i.value from chat.identity_aliases i where i.identity_id = conversation.identity_id and i.kind = 'phone'
            order by i.created_at desc limit 1) as phone,
        (select i.value from chat.identity_aliases i where i.identity_id = conversation.identity_id and i.kind = 'bsuid'
            order by i.created_at desc limit 1) as bsuid,
        (select r.whatsapp_message_id from public.mod_chat_messages r where r.id = message.reply_to_id) as reply_to
    into target
    from chat.whatsapp_numbers n
    join chat.whatsapp_accounts acc on acc.id = n.account_id
    where n.site_id = message.site_id and n.phone_number_id = conversation.phone_number_id;

    if not found or target.confirmed_at is null then
        perform chat.fail_message(message.id, jsonb_build_object(
            'code', null, 'title', 'The WhatsApp number is not connected', 'details', conversation.phone_number_id,
            'advice', 'Connect the number again, then send the message anew.'));
        perform chat.finish_job(chat_begin_attempt.job_id, chat_begin_attempt.lease_token, '{"is": "done"}');
        return jsonb_build_object('go', false, 'state', 'failed', 'why', 'the number is not confirmed for this site');
    end if;
    if not chat.window_allows(conversation.whatsapp_window_expires_at, message.kind, at) then
        perform chat.fail_message(message.id, jsonb_build_object(
            'code', 131047, 'title', 'The 24-hour window is closed', 'details', 'it closed before the message left',
            'advice', 'Send a template, or wait until the person writes again.'));
        perform chat.finish_job(chat_begin_attempt.job_id, chat_begin_attempt.lease_token, '{"is": "done"}');
        return jsonb_build_object('go', false, 'state', 'failed', 'why', 'the 24-hour window is closed');
    end if;

    -- The same lease asks again when our answer was lost on the way: the attempt is begun already, Graph was not called.
    if last.number is null or last.outcome is not null then
        insert into chat.attempts (message_id, number, lease_token, started_at)
        values (message.id, coalesce(last.number, 0) + 1, chat_begin_attempt.lease_token, at)
        returning * into last;
        perform chat.set_delivery(message.id, 'sending', null);
    end if;
    return jsonb_build_object(
        'go', true, 'message_id', message.id, 'attempt', last.number,
        'phone_number_id', target.phone_number_id, 'to', target.phone, 'recipient', target.bsuid,
        'kind', message.kind, 'content', message.content, 'metadata', message.metadata,
        'file_name', message.file_name,
        'file', case when message.file_url is not null then jsonb_build_object('path', message.file_url,
            'name', message.file_name, 'mime', message.file_mime_type, 'size', message.file_size,
            'media_id', chat.uploaded_media(message.metadata, target.phone_number_id, at)) end,
        -- For a worker of 0.1.0 that had claimed a text when the database was upgraded.
        'text', message.content,
        'reply_to_wamid', target.reply_to, 'callback', message.id || ':' || last.number,
        'graph_version', target.graph_version, 'account_id', target.account_id, 'site_id', message.site_id);
end
$$;
comment on function public.chat_begin_attempt(bigint, uuid) is
    'For the worker, before a send: {go: true, message_id, attempt, phone_number_id, to, recipient, kind, content, metadata, file_name, file: {path, name, mime, size, media_id} or null, text, reply_to_wamid, callback, graph_version, account_id, site_id}, or {go: false, state, why} when the database has settled the job already.';
