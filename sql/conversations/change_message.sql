-- What: takes the next change number for a message that is about to change.
-- Why: every change of a message (delivery, reaction, file ready) is seen by clients as `change > last`.
-- Leaves out: the change itself; the caller writes it in one update with these numbers.

create or replace function chat.next_change(p_conversation uuid, p_public boolean, out change bigint, out change_before bigint)
language plpgsql
as $$
begin
    -- The caller holds the conversation's lock, so before and after are of one step.
    select c.last_public_change into change_before from public.mod_chat_conversations c where c.id = p_conversation;
    update public.mod_chat_conversations c
    set last_change = c.last_change + 1,
        last_public_change = case when p_public then c.last_change + 1 else c.last_public_change end
    where c.id = p_conversation
    returning c.last_change into change;
end
$$;
comment on function chat.next_change(uuid, boolean) is
    'Next change number of a conversation whose row the caller has locked, and the visitor-visible one before it.';
