-- What: a conversation is handed over to another agent or department, with a note for colleagues.
-- Why: giver, taker and visitor see one line in the conversation that says so, and are told as of every change; the note is
--      there before the taker has it.
-- Leaves out: what stands against it and what follows (by_hand.sql).

create or replace function public.chat_transfer(
    conversation uuid, agent uuid default null, department uuid default null, note text default null,
    override boolean default false)
returns setof public.mod_chat_conversations
language plpgsql
security definer
set search_path = ''
as $$
declare
    c constant public.mod_chat_conversations :=
        chat.lock_conversation(chat_transfer.conversation, 'live-chat.conversations.reply');
    target record;
begin
    perform chat.require_hand(c);
    if c.archived_at is not null then
        raise exception 'this conversation is %', c.status
            using errcode = 'PT409', detail = 'chat/conversation_ended', hint = 'open it again first: make it pending or active';
    end if;
    if chat_transfer.override then
        perform chat.require(c.site_id, 'live-chat.conversations.assign');
    end if;
    if chat_transfer.agent is null and chat_transfer.department is null
        or chat_transfer.agent = c.assigned_agent_id and coalesce(chat_transfer.department, c.department_id) is not distinct from c.department_id
    then
        raise exception 'a conversation is handed over to somebody else'
            using errcode = 'PT422', detail = 'chat/transfer_target', hint = 'name another agent, a department, or both';
    end if;
    -- Held, or it could be deleted before the conversation is given to it.
    select d.name, d.is_active into target
    from public.mod_chat_departments d where d.site_id = c.site_id and d.id = chat_transfer.department
    for key share;
    if chat_transfer.department is not null and target.is_active is not true then
        raise exception 'the site has no active department %', chat_transfer.department
            using errcode = 'PT404', detail = 'chat/no_such_department', hint = 'use the id of an active department of the site';
    end if;

    if chat_transfer.note is not null then
        perform chat.require_text(chat_transfer.note);
        insert into public.mod_chat_messages (conversation_id, sender_type, sender_id, sender_name, sender_avatar, kind, content)
        select c.id, 'agent', a.id::text, a.display_name, a.avatar_url, 'note', chat_transfer.note
        from public.mod_chat_agents a where a.id = chat.my_agent(c.site_id);
    end if;
    -- Visitors read it too, so it names no colleague.
    insert into public.mod_chat_messages (conversation_id, sender_type, kind, content, metadata)
    values (c.id, 'system', 'event', coalesce('Handed over to ' || target.name, 'Handed over to a colleague'),
        jsonb_build_object('event', 'transferred', 'from_agent_id', c.assigned_agent_id, 'agent_id', chat_transfer.agent,
            'department_id', chat_transfer.department));
    return query select * from chat.assign_by_hand(c, 'transferred', chat_transfer.agent,
        coalesce(chat_transfer.department, c.department_id), chat_transfer.override);
end
$$;
comment on function public.chat_transfer(uuid, uuid, uuid, text, boolean) is
    'Hands a conversation over to an agent, to a department (which routes it, not to the giver), or to an agent in a department; the note is for colleagues, and a line tells both sides. One''s own needs live-chat.conversations.reply, anybody''s live-chat.conversations.assign; override as in chat_assign. PT403 chat/not_allowed, chat/not_an_agent; PT404 chat/no_such_conversation, chat/no_such_agent, chat/no_such_department; PT409 chat/agent_full, chat/agent_offline, chat/conversation_ended; PT422 chat/transfer_target, chat/text_length.';
