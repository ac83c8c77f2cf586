-- What: the event rows and the broadcast of a change of a conversation's own fields.
-- Why: both are written in the change's transaction, once, whoever made it.
-- Leaves out: messages; see announce_messages.sql.

create or replace function chat.announce_conversation()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    assigned constant boolean := new.assigned_agent_id is not null
        and (tg_op = 'INSERT' or new.assigned_agent_id is distinct from old.assigned_agent_id);
    moved constant boolean := tg_op = 'UPDATE' and new.status is distinct from old.status;
    rated constant boolean := new.rating is not null and (tg_op = 'INSERT' or old.rating is null);
    visitor constant text := case when new.last_public_change = new.row_change then 'chat:visitor:' || new.visitor_id end;
    happening text;
    word text;
begin
    -- An import is no news to anybody.
    if tg_op = 'INSERT' and new.is_history then
        return null;
    end if;
    foreach happening in array array_remove(array[
        case when tg_op = 'INSERT' then 'created' end,
        case when assigned then 'assigned' end,
        case when moved and new.status in ('resolved', 'closed', 'missed') then new.status::text end,
        case when rated then 'rated' end], null)
    loop
        insert into chat.events (site_id, name, conversation_id, agent_id)
        values (new.site_id, 'chat.conversation.' || happening, new.id, new.assigned_agent_id);
    end loop;

    -- A new conversation is told by its first message; the row itself has nothing to refetch yet.
    if tg_op = 'INSERT' then
        return null;
    end if;

    word := case
        when assigned then 'conversation_assigned'
        when moved and new.status = 'resolved' then 'conversation_resolved'
        when new.assigned_agent_id is null and old.assigned_agent_id is not null then 'agent_left'
        else 'status_change'
    end;
    perform chat.broadcast(
        array[
            'chat:site:' || new.site_id,
            'chat:conversation:' || new.id,
            -- The visitor sees who serves them and the state, nothing else of the row.
            case when not assigned then visitor end],
        jsonb_build_object('v', 1, 'type', word, 'conversation_id', new.id, 'change', new.row_change),
        array[null, new.row_change - 1, new.row_change_before]);
    -- What is an assignment to colleagues is somebody who comes to the visitor.
    if assigned and visitor is not null then
        perform chat.broadcast(
            array[visitor],
            jsonb_build_object('v', 1, 'type', 'agent_joined', 'conversation_id', new.id, 'change', new.row_change),
            array[new.row_change_before]);
    end if;
    return null;
end
$$;
comment on function chat.announce_conversation() is
    'After a change of a conversation''s own fields: event rows, and one broadcast to each topic.';

-- A person counts their conversations (LC-01's total_conversations).
create or replace function chat.count_conversation()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    update public.mod_chat_visitors
    set total_conversations = total_conversations + 1, updated_at = clock_timestamp()
    where id = new.visitor_id;
    return null;
end
$$;
comment on function chat.count_conversation() is 'After a new conversation: the visitor''s total_conversations.';
