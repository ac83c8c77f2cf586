-- What: a message that answers another one.
-- Why: it answers within its own conversation, and no public message quotes a note.
-- Leaves out: quotes that WhatsApp reports, which may go back to an earlier conversation.

create or replace function chat.check_reply()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    quoted record;
begin
    select m.conversation_id, m.public_seq into quoted from public.mod_chat_messages m where m.id = new.reply_to_id;
    if not found or quoted.conversation_id <> new.conversation_id then
        raise exception 'the message % it replies to is not in this conversation', new.reply_to_id
            using errcode = 'PT422', detail = 'chat/no_such_reply', hint = 'reply_to_id is the id of a message of the same conversation';
    end if;
    if quoted.public_seq is null and new.kind <> 'note' then
        raise exception 'a message to the visitor cannot quote an internal note'
            using errcode = 'PT422', detail = 'chat/reply_to_note', hint = 'reply with a note, or without quoting';
    end if;
    return new;
end
$$;
comment on function chat.check_reply() is
    'Before a message that replies to another. PT422 chat/no_such_reply, chat/reply_to_note.';
