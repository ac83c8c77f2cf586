-- What: the job of a message that has to leave.
-- Why: an insert into mod_chat_messages is all a dashboard does; the queued row makes its own job, in the lane of its
--      number and recipient, so replies keep their order and nobody else's slow send holds them.
-- Leaves out: the call itself, which is the worker's.

create or replace function chat.send_lane(p_phone_number_id text, p_identity uuid)
returns text
language sql
immutable
as $$ select 'send:' || p_phone_number_id || ':' || p_identity::text $$;
comment on function chat.send_lane(text, uuid) is 'Key of the lane of sends from a number to a person.';

create or replace function chat.send_message()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform chat.enqueue(
        chat.send_lane(c.phone_number_id, c.identity_id), 'whatsapp.send_message', 'reply', new.site_id,
        jsonb_build_object('message_id', new.id), true)
    from public.mod_chat_conversations c
    where c.id = new.conversation_id;
    return null;
end
$$;
comment on function chat.send_message() is 'After a queued message: its job, in the lane of its number and recipient.';
