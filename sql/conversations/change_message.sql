-- What: takes the next change number for a message that is about to change.
-- Why: every change of a message (delivery, reaction, file ready) is seen by clients as `change > last`.
-- Leaves out: the change itself; the caller writes it in one update with these numbers.

create or replace function chat.next_change(p_conversation uuid, p_public boolean, out change bigint, out change_before bigint)
language plpgsql
as $$
begin
    update public.mod_chat_conversations c
    set last_change = c.last_change + 1,
        last_public_change = case when p_public then c.last_change + 1 else c.last_public_change end,
        public_change_before = case when p_public then c.last_public_change else c.public_change_before end
    where c.id = p_conversation
    returning c.last_change, c.public_change_before into change, change_before;
end
$$;
comment on function chat.next_change(uuid, boolean) is
    'Next change number of a conversation whose row the caller has locked, and the visitor-visible one before it; of use when the change itself is visible.';
