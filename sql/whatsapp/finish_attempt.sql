-- What: what Graph answered, or that nobody knows.
-- Why: message, attempt, lane and job end together. That a message left is true even when the lease was lost meanwhile,
--      so an accepted answer is kept in any case; the lease only decides about the lane.
-- Leaves out: judging the answer (chat_rules::retry, in the worker).

create or replace function public.chat_finish_attempt(
    job_id bigint, lease_token uuid, message_id uuid, attempt integer, outcome jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
    answer constant text := chat_finish_attempt.outcome ->> 'is';
    message public.mod_chat_messages;
    mine boolean;
begin
    perform from public.mod_chat_conversations c
    join public.mod_chat_messages m on m.conversation_id = c.id
    where m.id = chat_finish_attempt.message_id
    for no key update of c;
    if not found then
        return jsonb_build_object('state',
            chat.finish_job(chat_finish_attempt.job_id, chat_finish_attempt.lease_token, '{"is": "done"}'));
    end if;
    select m.* into message from public.mod_chat_messages m where m.id = chat_finish_attempt.message_id for no key update;

    if answer = 'accepted' then
        update chat.attempts a set http = (chat_finish_attempt.outcome ->> 'http')::integer
        where a.message_id = message.id and a.number = chat_finish_attempt.attempt;
        perform chat.message_left(message.id, chat_finish_attempt.outcome ->> 'wamid', chat_finish_attempt.attempt);
        -- To a group, the answer is about the group and nobody's phone.
        if not message.metadata ? 'group_id' then
            perform chat.learn_phone(message.conversation_id, chat_finish_attempt.outcome ->> 'wa_id');
        end if;
        perform chat.apply_orphans(message.site_id, chat_finish_attempt.outcome ->> 'wamid');
        perform chat.finish_job(chat_finish_attempt.job_id, chat_finish_attempt.lease_token, '{"is": "done"}');
        if message.metadata -> 'last_try' ? 'stops' then
            perform chat.number_goes_on(message.conversation_id);
        end if;
        return jsonb_build_object('state', 'accepted');
    end if;

    -- Anything but success counts only while the attempt is open and ours; a status may have told better already.
    update chat.attempts a
    set finished_at = clock_timestamp(), outcome = answer, code = (chat_finish_attempt.outcome ->> 'code')::integer,
        http = (chat_finish_attempt.outcome ->> 'http')::integer
    where a.message_id = message.id and a.number = chat_finish_attempt.attempt
        and a.lease_token = chat_finish_attempt.lease_token and a.outcome is null;
    mine := found;
    -- The number learns of it, and then the account of its token.
    if mine and jsonb_typeof(chat_finish_attempt.outcome -> 'token') = 'object' then
        perform chat.lock_account((chat_finish_attempt.outcome #>> '{token,account}')::uuid);
    end if;
    if mine and chat_finish_attempt.outcome ->> 'code' is not null then
        update chat.whatsapp_numbers n
        set last_error = chat_finish_attempt.outcome - '{is,http,closes_window,after_seconds,token,stops}'::text[]
            || jsonb_build_object('at', clock_timestamp())
        from public.mod_chat_conversations c
        where c.id = message.conversation_id and n.site_id = c.site_id and n.phone_number_id = c.phone_number_id;
    end if;
    if not mine then
        perform chat.finish_job(chat_finish_attempt.job_id, chat_finish_attempt.lease_token, '{"is": "done"}');
        return jsonb_build_object('state', 'stale');
    end if;

    case answer
        when 'retry' then
            perform chat.set_delivery(message.id, 'sending',
                jsonb_build_object('last_try', chat_finish_attempt.outcome - '{is,token}'::text[]));
            if jsonb_typeof(chat_finish_attempt.outcome -> 'token') = 'object' then
                perform chat.hold_for_token(chat_finish_attempt.job_id, chat_finish_attempt.lease_token, chat_finish_attempt.outcome);
            else
                perform chat.finish_job(chat_finish_attempt.job_id, chat_finish_attempt.lease_token, chat_finish_attempt.outcome);
                perform chat.too_fast(j.lane, split_part(j.lane, ':', 2), (chat_finish_attempt.outcome ->> 'code')::integer)
                from chat.jobs j where j.id = chat_finish_attempt.job_id;
                if chat_finish_attempt.outcome ? 'stops' then
                    perform chat.number_stopped(message.conversation_id, chat_finish_attempt.outcome);
                end if;
            end if;
        when 'failed' then
            perform chat.fail_message(message.id,
                chat_finish_attempt.outcome - '{is,http,closes_window}'::text[]);
            perform chat.refuse_template(message.id, (chat_finish_attempt.outcome ->> 'code')::integer);
            if (chat_finish_attempt.outcome ->> 'closes_window')::boolean then
                perform chat.close_window(message.conversation_id);
            elsif chat_finish_attempt.outcome ->> 'code' = '131050' then
                perform chat.note_wish(c.identity_id, 'stop', clock_timestamp())
                from public.mod_chat_conversations c where c.id = message.conversation_id;
            end if;
            perform chat.finish_job(chat_finish_attempt.job_id, chat_finish_attempt.lease_token, '{"is": "done"}');
        when 'unknown' then
            perform chat.hold_unknown(message.id, chat_finish_attempt.job_id, chat_finish_attempt.lease_token);
        else
            raise exception 'an attempt ends accepted, retry, failed or unknown, not %', answer
                using errcode = 'PT422', detail = 'chat/unknown_outcome', hint = 'this is the worker''s to mend';
    end case;
    return jsonb_build_object('state', answer);
end
$$;
comment on function public.chat_finish_attempt(bigint, uuid, uuid, integer, jsonb) is
    'For the worker, after a send: outcome {is: accepted, wamid, wa_id, http} | {is: retry, after_seconds, code, title, details, http, token: {account, mark} when Graph does not accept that token, stops: what to do when it refuses the number itself} | {is: failed, code, title, details, advice, http, closes_window} | {is: unknown, details}. Answers {state}.';

create or replace function chat.close_window(p_conversation uuid)
returns void
language plpgsql
as $$
begin
    update public.mod_chat_conversations c
    set whatsapp_window_expires_at = least(c.whatsapp_window_expires_at, clock_timestamp())
    where c.id = p_conversation;
end
$$;
comment on function chat.close_window(uuid) is 'Meta said the window is closed (131047); its word is the truth.';

create or replace function chat.learn_phone(p_conversation uuid, p_wa_id text)
returns void
language plpgsql
as $$
begin
    insert into chat.identity_aliases (site_id, portfolio, kind, value, identity_id)
    select i.site_id, i.portfolio, 'phone', p_wa_id, i.id
    from public.mod_chat_conversations c
    join chat.identities i on i.id = c.identity_id
    where c.id = p_conversation and p_wa_id is not null
    on conflict do nothing;
end
$$;
comment on function chat.learn_phone(uuid, text) is
    'The spelling of a phone that Meta answered with becomes an alias; an alias somebody has already stays theirs.';
