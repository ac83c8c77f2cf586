-- What: planning a message for later, calling it off, and the list of what is planned.
-- Why: it is sent as if its agent had written it then: in order, with the window and the state of the chat of that moment.
-- Leaves out: sending (send_scheduled.sql).

create or replace function public.chat_schedule_message(
    conversation uuid, content text, at timestamptz, unless_answered boolean default false, id uuid default gen_random_uuid())
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    now_is constant timestamptz := clock_timestamp();
    chat_row public.mod_chat_conversations;
    agent uuid;
    planned chat.scheduled_messages;
begin
    chat_row := chat.lock_conversation(chat_schedule_message.conversation, 'live-chat.conversations.reply');
    agent := chat.my_agent(chat_row.site_id);
    perform chat.require_text(chat_schedule_message.content);
    if chat_schedule_message.at is null or chat_schedule_message.at <= now_is
        or chat_schedule_message.at > now_is + interval '1 year'
    then
        raise exception 'a message is planned for a time within a year, not %', chat_schedule_message.at
            using errcode = 'PT422', detail = 'chat/schedule_time', hint = 'name a time to come, or send it now';
    end if;
    insert into chat.scheduled_messages as s (
        id, site_id, conversation_id, agent_id, content, due_at, unless_answered, inbound_count)
    values (coalesce(chat_schedule_message.id, gen_random_uuid()), chat_row.site_id, chat_row.id, agent,
        chat_schedule_message.content, chat_schedule_message.at, coalesce(chat_schedule_message.unless_answered, false),
        chat_row.inbound_count)
    on conflict on constraint scheduled_messages_pkey do nothing
    returning s.* into planned;
    if not found then
        select s.* into planned from chat.scheduled_messages s
        where s.id = chat_schedule_message.id and s.conversation_id = chat_row.id and s.agent_id = agent;
        if not found then
            raise exception 'id % stands elsewhere', chat_schedule_message.id
                using errcode = 'PT409', detail = 'chat/id_in_use', hint = 'make a new uuid for each message';
        end if;
    end if;
    return to_jsonb(planned) - 'inbound_count';
end
$$;
comment on function public.chat_schedule_message(uuid, text, timestamptz, boolean, uuid) is
    'Plans a message of the caller; with unless_answered it is cancelled if the visitor writes before. Repeated with its id it answers the same. PT404 chat/no_such_conversation, PT403 chat/not_allowed and chat/not_an_agent, PT409 chat/id_in_use, PT422 chat/text_length and chat/schedule_time.';

create or replace function public.chat_cancel_scheduled(id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    planned chat.scheduled_messages;
begin
    select s.* into planned from chat.scheduled_messages s where s.id = chat_cancel_scheduled.id;
    if not found or not chat.may_in(planned.conversation_id, 'live-chat.conversations.view') then
        raise exception 'there is no planned message %', chat_cancel_scheduled.id
            using errcode = 'PT404', detail = 'chat/no_such_message', hint = 'chat_scheduled lists what is planned';
    end if;
    perform chat.lock_conversation(planned.conversation_id, 'live-chat.conversations.reply');
    update chat.scheduled_messages s
    set state = 'cancelled', ended_at = clock_timestamp()
    where s.id = planned.id and s.state = 'waiting'
    returning s.* into planned;
    if not found then
        raise exception 'the message is not planned any more'
            using errcode = 'PT409', detail = 'chat/not_scheduled', hint = 'it was sent, failed or was called off before';
    end if;
    return to_jsonb(planned) - 'inbound_count';
end
$$;
comment on function public.chat_cancel_scheduled(uuid) is
    'Calls a planned message off. PT404 chat/no_such_message and chat/no_such_conversation, PT403 chat/not_allowed, PT409 chat/not_scheduled.';

create or replace function public.chat_scheduled(conversation uuid)
returns setof jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    if not chat.may_in(chat_scheduled.conversation, 'live-chat.conversations.view') then
        raise exception 'there is no conversation % that you may see', chat_scheduled.conversation
            using errcode = 'PT404', detail = 'chat/no_such_conversation', hint = 'ask with the id of a conversation of your site';
    end if;
    return query
        select to_jsonb(s) - 'inbound_count'
        from chat.scheduled_messages s
        where s.conversation_id = chat_scheduled.conversation and s.state in ('waiting', 'failed')
        order by s.due_at, s.id;
end
$$;
comment on function public.chat_scheduled(uuid) is
    'What is planned in a conversation, and what of it failed with its reason, in the order of its times. PT404 chat/no_such_conversation.';
