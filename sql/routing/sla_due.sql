-- What: what is due first of what was promised to a conversation, for lists.
-- Why: a view that runs with its reader's rights cannot read the clocks; this reads one row by its key.
-- Leaves out: who may see the conversation; its reader found it in a row that they see.

create or replace function chat.sla_due(p_conversation uuid, out due_at timestamptz, out target text)
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    select k.due_at, k.target into due_at, target from chat.sla_cases k where k.conversation_id = p_conversation;
end
$$;
comment on function chat.sla_due(uuid) is
    'What is due first of what was promised to a conversation, and when. For chat_conversation_list, whose reader sees the conversation.';
