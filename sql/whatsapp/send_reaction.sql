-- What: an agent's reaction on its way to WhatsApp, and its failure.
-- Why: a reaction is no message: it has no row, its newest word replaces one that still waits, and sending it twice does no
--      harm. The business has one reaction on a message, whichever agent chose it.
-- Leaves out: who may react, and to what (conversations/edit_message.sql).

create or replace function chat.require_reactable(
    p_conversation public.mod_chat_conversations, p_message public.mod_chat_messages, p_at timestamptz)
returns void
language plpgsql
stable
as $$
begin
    if p_message.whatsapp_message_id is null then
        raise exception 'WhatsApp does not have this message'
            using errcode = 'PT409', detail = 'chat/not_sent_yet', hint = 'react once it is sent';
    end if;
    -- To the person alone it would be about a message that they do not have in that chat.
    if p_message.metadata ? 'group_id' then
        raise exception 'a reaction in a group cannot be sent from here'
            using errcode = 'PT422', detail = 'chat/in_a_group', hint = 'answer with a message whose metadata has the same group_id';
    end if;
    if not chat.window_allows(p_conversation.whatsapp_window_expires_at, 'reaction', p_at) then
        raise exception 'the 24-hour window of this WhatsApp conversation is closed'
            using errcode = 'PT422', detail = 'chat/window_closed', hint = 'wait until the person writes again';
    end if;
end
$$;
comment on function chat.require_reactable(public.mod_chat_conversations, public.mod_chat_messages, timestamptz) is
    'Raises PT409 chat/not_sent_yet, PT422 chat/in_a_group or PT422 chat/window_closed unless a reaction to a message may go to WhatsApp.';

create or replace function chat.reactions_of_business(p_reactions jsonb, p_actor text, p_emoji text, p_at timestamptz)
returns jsonb
language sql
immutable
as $$
    -- On a phone the business shows one reaction, so a colleague's earlier one is gone.
    select coalesce(jsonb_object_agg(r.key, case when starts_with(r.key, 'agent:') then r.value || '{"emoji": null}' else r.value end), '{}')
        || jsonb_build_object(p_actor, jsonb_build_object('emoji', p_emoji, 'at', p_at))
    from jsonb_each(p_reactions) r
$$;
comment on function chat.reactions_of_business(jsonb, text, text, timestamptz) is
    'Reactions of a WhatsApp message after an agent''s: theirs takes the place of every other agent''s.';

create or replace function chat.send_reaction(
    p_conversation public.mod_chat_conversations, p_message public.mod_chat_messages, p_actor text, p_emoji text)
returns void
language plpgsql
as $$
begin
    perform chat.enqueue(
        'react:' || p_conversation.phone_number_id || ':' || p_message.id || ':' || p_conversation.identity_id,
        'whatsapp.send_reaction', 'reply', p_conversation.site_id,
        jsonb_build_object(
            'phone_number_id', n.phone_number_id, 'account_id', n.account_id, 'site_id', n.site_id,
            'graph_version', acc.graph_version, 'wamid', p_message.whatsapp_message_id, 'emoji', p_emoji,
            'callback', 'reaction:' || p_message.id || ':' || p_actor,
            'to', (select i.value from chat.identity_aliases i
                where i.identity_id = p_conversation.identity_id and i.kind = 'phone' order by i.created_at desc limit 1),
            'recipient', (select i.value from chat.identity_aliases i
                where i.identity_id = p_conversation.identity_id and i.kind = 'bsuid' order by i.created_at desc limit 1)),
        true, true)
    from chat.whatsapp_numbers n
    join chat.whatsapp_accounts acc on acc.id = n.account_id
    where n.site_id = p_conversation.site_id and n.phone_number_id = p_conversation.phone_number_id
        and n.confirmed_at is not null;
    if not found then
        raise exception 'the WhatsApp number of this conversation is not connected'
            using errcode = 'PT404', detail = 'chat/no_such_number', hint = 'connect the number again';
    end if;
end
$$;
comment on function chat.send_reaction(public.mod_chat_conversations, public.mod_chat_messages, text, text) is
    'Queues an agent''s reaction to a WhatsApp message, or its removal; one that still waits is replaced. PT404 chat/no_such_number.';

create or replace function chat.reaction_failed(p_callback text, p_error jsonb)
returns void
language plpgsql
as $$
declare
    actor constant text := substr(p_callback, 47);
    message public.mod_chat_messages;
    numbers record;
begin
    select m.* into message from public.mod_chat_messages m where m.id = substr(p_callback, 10, 36)::uuid for no key update;
    -- Erased, taken back or replaced by a colleague's meanwhile, it is of no interest any more.
    if message.reactions -> actor ->> 'emoji' is null then
        return;
    end if;
    select * into numbers from chat.next_change(message.conversation_id, message.public_seq is not null);
    update public.mod_chat_messages m
    set reactions = jsonb_set(m.reactions, array[actor, 'error'], p_error),
        change = numbers.change,
        change_before = case when m.public_seq is not null then numbers.change_before end,
        updated_at = clock_timestamp()
    where m.id = message.id;
end
$$;
comment on function chat.reaction_failed(text, jsonb) is
    'A reaction did not get to the phone: its entry says why, as {code, title, details, advice}; `reaction:<message>:<actor>` names it. The caller holds the conversation.';

create or replace function public.chat_finish_reaction(job_id bigint, lease_token uuid, outcome jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    callback constant text := (select j.payload ->> 'callback' from chat.jobs j where j.id = chat_finish_reaction.job_id);
    ended text;
begin
    perform from public.mod_chat_conversations c
    where c.id = (select m.conversation_id from public.mod_chat_messages m where m.id = substr(callback, 10, 36)::uuid)
    for no key update;
    perform from public.mod_chat_messages m where m.id = substr(callback, 10, 36)::uuid for no key update;
    -- Whoever took the job over tells how it ended.
    perform from chat.lanes l
    where l.running_job = chat_finish_reaction.job_id and l.lease_token = chat_finish_reaction.lease_token and l.busy
    for update;
    if not found then
        return jsonb_build_object('state', 'stale');
    end if;
    if chat_finish_reaction.outcome ->> 'is' = 'failed' then
        perform chat.reaction_failed(callback, chat_finish_reaction.outcome - 'is');
    end if;
    ended := chat.finish_job(chat_finish_reaction.job_id, chat_finish_reaction.lease_token,
        case when chat_finish_reaction.outcome ->> 'is' = 'failed' then '{"is": "done"}' else chat_finish_reaction.outcome end);
    return jsonb_build_object('state', ended);
end
$$;
comment on function public.chat_finish_reaction(bigint, uuid, jsonb) is
    'For the worker, after a reaction: outcome {is: done} | {is: retry, after_seconds, why} | {is: failed, code, title, details, advice}. Answers {state}, `stale` when the lease was lost.';
