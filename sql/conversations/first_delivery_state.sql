-- What: where the delivery of a message to a visitor starts, and the refusal of what WhatsApp cannot take.
-- Why: the 24-hour window is refused at enqueue as well as at send, for every writer.
-- Leaves out: sending; the row's state makes the job (whatsapp/send_message.sql).

create or replace function chat.first_delivery_state(
    p_conversation public.mod_chat_conversations, p_message public.mod_chat_messages, p_at timestamptz)
returns text
language plpgsql
stable
as $$
begin
    if p_message.origin <> 'live' or p_message.sender_type = 'system' or p_message.kind in ('note', 'event')
        or p_conversation.channel <> 'whatsapp'
    then
        return 'sent';
    end if;

    if p_message.kind <> 'text' then
        raise exception 'a % cannot be sent to WhatsApp', p_message.kind
            using errcode = 'PT422', detail = 'chat/kind_not_sendable', hint = 'send a text';
    end if;
    if coalesce(p_message.content, '') = '' or char_length(p_message.content) > 4096 then
        raise exception 'a WhatsApp text has 1 to 4096 characters, this one % ', coalesce(char_length(p_message.content), 0)
            using errcode = 'PT422', detail = 'chat/text_length', hint = 'split it into several messages';
    end if;
    if not chat.window_allows(p_conversation.whatsapp_window_expires_at, p_message.kind, p_at) then
        raise exception 'the 24-hour window of this WhatsApp conversation is closed'
            using errcode = 'PT422', detail = 'chat/window_closed',
                hint = 'send a template, or wait until the person writes again';
    end if;
    return 'queued';
end
$$;
comment on function chat.first_delivery_state(public.mod_chat_conversations, public.mod_chat_messages, timestamptz) is
    'First delivery_state of a message that no visitor wrote; raises PT422 chat/window_closed, chat/kind_not_sendable or chat/text_length.';
