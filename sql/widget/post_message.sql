-- What: a visitor writes.
-- Why: what has to be counted is counted first, then the site's own rules ask; then the person's identity is locked and
--      the message goes to their conversation, as a message from WhatsApp does.
-- Leaves out: what follows from a message (conversations/), and who gets the chat (routing, at commit).

create or replace function public.chat_post_message(
    content text, id uuid default gen_random_uuid(), conversation uuid default null, reply_to uuid default null,
    upload uuid default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    at constant timestamptz := clock_timestamp();
    session constant chat.sessions := chat.my_session(at);
    settings constant public.mod_chat_widget_settings := chat.settings_of(session.site_id);
    wait constant integer := chat.wait_to_write(session, settings, at);
begin
    if wait is not null then
        return chat.answer_wait(wait);
    end if;
    if chat_post_message.upload is null or chat_post_message.content <> '' then
        perform chat.require_text(chat_post_message.content);
    end if;
    perform chat.require_form(session, settings);
    return chat.write_as_visitor(session, jsonb_build_object(
        'id', chat_post_message.id, 'content', nullif(chat_post_message.content, ''), 'conversation', chat_post_message.conversation,
        'reply_to', chat_post_message.reply_to, 'upload', chat_post_message.upload), at);
end
$$;
comment on function public.chat_post_message(text, uuid, uuid, uuid, uuid) is
    'A visitor''s message, in their open conversation, a reopened or a new one, or in the open one that is named. The same id again answers the first message. Answers the row of chat_my_messages. PT401 as chat.my_session, 429 chat/too_many, PT422 chat/text_length, chat/form_required, chat/consent_required, PT403 chat/blocked, PT404 chat/no_such_conversation, chat/no_such_upload, PT422 chat/uploads_off, chat/file_too_large, chat/file_type, PT409 chat/conversation_not_open, chat/id_in_use.';

create or replace function chat.wait_to_write(
    p_session chat.sessions, p_settings public.mod_chat_widget_settings, p_now timestamptz)
returns integer
language plpgsql
as $$
begin
    return coalesce(
        chat.take_rate(p_session.site_id, 'address_messages', coalesce(host(chat.client_address()), 'unknown'),
            p_settings.address_messages_per_minute, p_now),
        chat.take_rate(p_session.site_id, 'messages', p_session.id::text, p_settings.messages_per_minute, p_now));
end
$$;
comment on function chat.wait_to_write(chat.sessions, public.mod_chat_widget_settings, timestamptz) is
    'Takes a message of a session''s and its address''s allowance; else the seconds to wait.';
