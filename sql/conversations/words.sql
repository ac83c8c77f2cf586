-- What: the words that columns may hold, as domains.
-- Why: LC-01's CHECKs hold the same words. PostgreSQL reads a table's CHECKs anew for every statement, a domain's once a
--      session: on a message's insert the CHECKs cost more than its six indexes (44 of 86 µs, measured).
-- Leaves out: what follows from a word; those are rules.

do $$
declare
    word record;
begin
    for word in
        select * from (values
            ('conversation_status', array['pending', 'active', 'waiting', 'resolved', 'closed', 'missed']),
            ('priority', array['low', 'normal', 'high', 'urgent']),
            ('channel', array['widget', 'whatsapp', 'api']),
            ('sender_type', array['visitor', 'agent', 'system', 'ai']),
            ('content_type', array[
                'text', 'image', 'file', 'audio', 'video', 'location', 'system', 'note', 'whatsapp_template']),
            ('message_status', array['sending', 'sent', 'delivered', 'read', 'failed']),
            ('message_kind', array[
                'text', 'image', 'video', 'audio', 'voice', 'document', 'sticker', 'location', 'contacts', 'button_reply',
                'list_reply', 'flow_reply', 'button', 'order', 'template', 'interactive', 'note', 'event', 'edit', 'revoke',
                'system', 'request_welcome', 'unsupported', 'unknown']),
            ('message_origin', array['live', 'echo', 'history']),
            ('delivery_state', array[
                'scheduled', 'queued', 'sending', 'unknown', 'accepted', 'sent', 'delivered', 'read', 'played', 'failed',
                'cancelled', 'received']),
            ('file_state', array['pending', 'ready', 'failed'])
        ) as w (name, words)
    loop
        if to_regtype('chat.' || word.name) is null then
            execute format('create domain chat.%I as text constraint %I check (value = any (%L::text[]))',
                word.name, word.name || '_word', word.words);
        end if;
    end loop;
    if to_regtype('chat.rating') is null then
        create domain chat.rating as integer constraint rating_stars check (value between 1 and 5);
    end if;
end
$$;

comment on domain chat.conversation_status is 'LC-01''s status of a conversation.';
comment on domain chat.priority is 'LC-01''s priority of a conversation.';
comment on domain chat.channel is 'LC-01''s channel.';
comment on domain chat.sender_type is 'LC-01''s sender_type.';
comment on domain chat.content_type is 'LC-01''s content_type of a message.';
comment on domain chat.message_status is 'LC-01''s status of a message.';
comment on domain chat.message_kind is 'What a message is, finer than content_type.';
comment on domain chat.message_origin is 'live; echo: sent from the business''s own phone; history: imported.';
comment on domain chat.delivery_state is 'How far the delivery of a message got; received for incoming ones.';
comment on domain chat.file_state is 'Whether an attachment is there yet.';
comment on domain chat.rating is 'One to five stars.';

-- Inlined, so that it is the expression of the queue's index. Neither a column of its own, which would be computed for
-- each message, nor the index itself may take its place: whoever writes a row would have to be let call it.
create or replace function chat.urgency(p_priority text)
returns integer
language sql
immutable parallel safe
as $$ select case p_priority when 'urgent' then 1 when 'high' then 2 when 'normal' then 3 else 4 end $$;
comment on function chat.urgency(text) is 'A priority as a number, the most urgent 1; a line stands by it, then by who has waited longest.';
