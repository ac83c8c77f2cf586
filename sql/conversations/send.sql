-- What: sending as an agent by a function, where a dashboard would rather not make a row.
-- Why: one way in for every kind: the author comes from the token, the row's own id makes a repetition harmless, and the
--      row's triggers do the rest.
-- Leaves out: what only WhatsApp has (whatsapp/send_kinds.sql); the rules (first_delivery_state.sql).

create or replace function chat.send_as_agent(p_message public.mod_chat_messages)
returns setof public.mod_chat_messages
language plpgsql
as $$
declare
    author record;
    the_id constant uuid := coalesce(p_message.id, gen_random_uuid());
begin
    select * into author from chat.author_of(p_message.conversation_id);
    insert into public.mod_chat_messages (
        id, conversation_id, site_id, sender_type, sender_id, sender_name, sender_avatar, content, kind, metadata, reply_to_id,
        file_url, file_name, file_mime_type, file_size)
    values (
        the_id, p_message.conversation_id, author.site_id, 'agent', author.agent_id, author.name, author.avatar, p_message.content,
        p_message.kind, coalesce(p_message.metadata, '{}'), p_message.reply_to_id, p_message.file_url, p_message.file_name,
        p_message.file_mime_type, p_message.file_size);
    return query select m.* from public.mod_chat_messages m where m.id = the_id;
end
$$;
comment on function chat.send_as_agent(public.mod_chat_messages) is
    'Writes a message as the calling agent and answers its row; repeated with its id, the row that is there. PT404 chat/no_such_conversation, PT403 chat/not_an_agent, and what the row''s triggers refuse.';

create or replace function public.chat_send_text(
    conversation uuid, content text, id uuid default null, reply_to uuid default null, preview_url boolean default false)
returns setof public.mod_chat_messages
language plpgsql
security definer
set search_path = ''
as $$
declare
    m public.mod_chat_messages;
begin
    perform chat.author_of(chat_send_text.conversation);
    perform chat.require_text(chat_send_text.content);
    m.conversation_id := chat_send_text.conversation;
    m.id := chat_send_text.id;
    m.kind := 'text';
    m.content := chat_send_text.content;
    m.reply_to_id := chat_send_text.reply_to;
    if chat_send_text.preview_url then
        m.metadata := '{"preview_url": true}';
    end if;
    return query select * from chat.send_as_agent(m);
end
$$;
comment on function public.chat_send_text(uuid, text, uuid, uuid, boolean) is
    'The calling agent writes a text; preview_url: WhatsApp shows what its first link leads to. Repeated with its id it answers the same row. Needs live-chat.conversations.reply. PT403 chat/not_an_agent, PT404 chat/no_such_conversation, PT409 chat/id_in_use, chat/conversation_not_open, PT422 chat/text_length, chat/window_closed.';

create or replace function public.chat_send_media(
    conversation uuid, kind text, file_url text, content text default null, file_name text default null,
    file_mime_type text default null, file_size integer default null, id uuid default null, reply_to uuid default null)
returns setof public.mod_chat_messages
language plpgsql
security definer
set search_path = ''
as $$
declare
    m public.mod_chat_messages;
begin
    perform chat.author_of(chat_send_media.conversation);
    if coalesce(chat_send_media.kind, '') not in ('image', 'video', 'audio', 'voice', 'document', 'sticker') then
        raise exception 'a % has no file', coalesce(chat_send_media.kind, 'message of no kind')
            using errcode = 'PT422', detail = 'chat/file_kind', hint = 'use image, video, audio, voice, document or sticker';
    end if;
    if coalesce(chat_send_media.file_url, '') = '' then
        raise exception 'a % names no file', chat_send_media.kind
            using errcode = 'PT422', detail = 'chat/file_missing', hint = 'upload the file and give its path as file_url';
    end if;
    m.conversation_id := chat_send_media.conversation;
    m.id := chat_send_media.id;
    m.kind := chat_send_media.kind;
    m.content := nullif(chat_send_media.content, '');
    m.file_url := chat_send_media.file_url;
    m.file_name := chat_send_media.file_name;
    m.file_mime_type := chat_send_media.file_mime_type;
    m.file_size := chat_send_media.file_size;
    m.reply_to_id := chat_send_media.reply_to;
    return query select * from chat.send_as_agent(m);
end
$$;
comment on function public.chat_send_media(uuid, text, text, text, text, text, integer, uuid, uuid) is
    'The calling agent sends a file: its kind (image, video, audio, voice, document, sticker), its path in the bucket or an https address, a caption. Repeated with its id it answers the same row. Needs live-chat.conversations.reply. PT403 chat/not_an_agent, PT404 chat/no_such_conversation, chat/no_such_file, PT409 chat/id_in_use, chat/conversation_not_open, PT422 chat/file_kind, chat/file_missing, chat/not_your_file, chat/file_too_large, chat/file_type (as the site''s settings say, outside WhatsApp), chat/caption_length, chat/field_length, chat/window_closed.';
