-- What: writing to a WhatsApp group.
-- Why: what people say in a group stays in their own conversation, marked with `metadata.group_id`. An answer goes to the
--      person alone, or, where its row says the same `group_id`, to the group. A group that nobody here has written from is
--      not written to: its id would be somebody's guess.
-- Leaves out: which kinds a group takes (Meta refuses others with 130501); making and managing groups.

create or replace function chat.require_group(p_conversation uuid, p_group text)
returns void
language plpgsql
stable
as $$
begin
    if not exists (
        select from public.mod_chat_messages m
        where m.conversation_id = p_conversation and m.sender_type = 'visitor' and m.metadata ->> 'group_id' = p_group)
    then
        raise exception 'nobody has written to this conversation from the group %', left(p_group, 60)
            using errcode = 'PT422', detail = 'chat/unknown_group',
                hint = 'take metadata.group_id from a message of the person, or leave it out to write to them alone';
    end if;
end
$$;
comment on function chat.require_group(uuid, text) is
    'Raises PT422 chat/unknown_group unless the person of a conversation has written in it from a group.';
