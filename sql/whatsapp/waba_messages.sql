-- What: the WABA plan's endpoints inside a conversation: its messages, and sending one.
-- Why: the plan's body names conversation, number and recipient, which say the same thing three times; where they disagree,
--      a client is about to write to the wrong person, and nothing is sent.
-- Leaves out: notes and lines of the system, which the plan does not know; templates (chat_send_template).

create or replace function chat.waba_home(p_id bigint, p_permission text)
returns public.mod_chat_conversations
language plpgsql
stable
as $$
declare
    home public.mod_chat_conversations;
begin
    select c.* into home from chat.waba_ids w
    join public.mod_chat_conversations c on c.id = w.conversation_id
    where w.id = p_id and chat.may_in(c.id, p_permission);
    if not found then
        raise exception 'there is no conversation % that you may see', coalesce(p_id::text, 'null')
            using errcode = 'PT404', detail = 'chat/no_such_conversation', hint = 'chat_waba_conversations lists them';
    end if;
    return home;
end
$$;
comment on function chat.waba_home(bigint, text) is
    'The conversation behind a whole number, where the caller has a permission. PT404 chat/no_such_conversation.';

create or replace function chat.waba_message(p_conversation bigint, p_message public.mod_chat_messages)
returns jsonb
language sql
stable
as $$
    select jsonb_build_object(
        -- A conversation would have to hold ten million messages before two had the same.
        'id', p_conversation * 10000000 + p_message.seq,
        'content', p_message.content,
        'message_type', case
            when p_message.kind in ('image', 'video', 'document', 'audio', 'location', 'contacts', 'template') then p_message.kind::text
            when p_message.kind = 'voice' then 'audio'
            when p_message.kind = 'sticker' then 'image'
            else 'text' end,
        'sender', case when p_message.sender_type = 'visitor' then 'customer' else 'user' end,
        'timestamp', chat.waba_time(p_message.sent_at),
        'status', p_message.status,
        'media_url', case
            when chat.site_of_path(p_message.file_url) = p_message.site_id then chat.sign_file(p_message.file_url, 3600)
            when p_message.file_url ~ '^https://' then p_message.file_url end,
        'media_caption', case when p_message.file_state is not null then p_message.content end,
        'wa_message_id', p_message.whatsapp_message_id,
        'conversation_id', p_conversation,
        'uuid', p_message.id,
        'kind', p_message.kind,
        'error', p_message.metadata -> 'error')
$$;
comment on function chat.waba_message(bigint, public.mod_chat_messages) is 'A message in the plan''s shape.';

create or replace function public.chat_waba_messages(
    conversation_id bigint, "limit" integer default 50, "offset" integer default 0, user_id uuid default null)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    home public.mod_chat_conversations;
begin
    perform chat.waba_page(chat_waba_messages.user_id, chat_waba_messages."limit", chat_waba_messages."offset");
    home := chat.waba_home(chat_waba_messages.conversation_id, 'live-chat.conversations.view');
    return jsonb_build_object('success', true, 'messages', coalesce((
        select jsonb_agg(chat.waba_message(chat_waba_messages.conversation_id, (page.m)) order by (page.m).sent_at, (page.m).seq)
        from (
            select m from public.mod_chat_messages m
            where m.conversation_id = home.id and m.public_seq is not null and m.sender_type <> 'system'
            order by m.seq desc
            offset chat_waba_messages."offset" limit chat_waba_messages."limit") page), '[]'));
end
$$;
comment on function public.chat_waba_messages(bigint, integer, integer, uuid) is
    'The WABA plan''s messages of a conversation: {success, messages: [{id, content, message_type, sender (user or customer), timestamp, status, media_url, media_caption, wa_message_id, conversation_id, uuid, kind, error}]}, the newest page first and each page in the order it reads; offset counts from the newest. media_url opens the file for an hour. Needs live-chat.conversations.view. PT403 chat/not_allowed, PT404 chat/no_such_conversation, PT422 chat/page_size.';

create or replace function public.chat_waba_send_message(
    conversation_id bigint, phone_number_id text, "to" text, message text default null, message_type text default 'text',
    media_url text default null, id uuid default gen_random_uuid())
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
    home constant public.mod_chat_conversations :=
        chat.waba_home(chat_waba_send_message.conversation_id, 'live-chat.conversations.view');
    dialled constant text[] := array(
        select unnest(d.phone || d.variants) from chat.dialled_phone(chat_waba_send_message."to") d);
    written public.mod_chat_messages;
begin
    if chat_waba_send_message.phone_number_id is distinct from home.phone_number_id then
        raise exception 'conversation % is not on the number %', chat_waba_send_message.conversation_id,
            coalesce(left(chat_waba_send_message.phone_number_id, 40), 'null')
            using errcode = 'PT422', detail = 'chat/other_number', hint = 'an answer leaves from the number that was written to: ' || coalesce(home.phone_number_id, 'none');
    elsif not exists (
        select from chat.identity_aliases a
        where a.identity_id = home.identity_id
            and (a.kind = 'phone' and a.value = any (dialled) or a.kind = 'bsuid' and a.value = chat_waba_send_message."to"))
    then
        raise exception 'conversation % is not with %', chat_waba_send_message.conversation_id,
            coalesce(left(chat_waba_send_message."to", 40), 'null')
            using errcode = 'PT422', detail = 'chat/other_recipient', hint = 'take `to` and conversation_id from the same row of chat_waba_conversations';
    end if;
    if chat_waba_send_message.message_type = 'text' and chat_waba_send_message.media_url is null then
        select * into written from public.chat_send_text(home.id, chat_waba_send_message.message, chat_waba_send_message.id);
    else
        select * into written from public.chat_send_media(
            home.id, chat_waba_send_message.message_type, chat_waba_send_message.media_url,
            chat_waba_send_message.message, id => chat_waba_send_message.id);
    end if;
    return jsonb_build_object('success', true,
        'message', chat.waba_message(chat_waba_send_message.conversation_id, written));
end
$$;
comment on function public.chat_waba_send_message(bigint, text, text, text, text, text, uuid) is
    'The WABA plan''s way to send a message: {success, message} with the row as chat_waba_messages shows it. message_type text, or image, video, document, audio, voice or sticker with media_url, the path of an upload or an https address; message is then the caption. phone_number_id and to have to be the conversation''s own. Repeated with its id it answers the same message. Needs live-chat.conversations.reply. PT403 chat/not_allowed, chat/not_an_agent, PT404 chat/no_such_conversation, chat/no_such_file, PT409 chat/id_in_use, chat/conversation_not_open, PT422 chat/other_number, chat/other_recipient, chat/text_length, chat/file_kind, chat/file_missing, chat/not_your_file, chat/caption_length, chat/window_closed.';
