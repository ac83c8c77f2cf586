-- What: a file of the bucket that an agent sends is one they may read and the site lets be sent, and what Storage knows of it.
-- Why: a row names a path, and naming is not having: without this a message could carry another chat's file away. What
--      leaves by WhatsApp follows Meta's sizes and types instead (send_kinds.sql).
-- Leaves out: whose folder it is (chat.require_own_file); a file that is not there yet, which fails when it is to be sent.

create or replace function chat.file_to_send(
    p_conversation public.mod_chat_conversations, p_path text, out name text, out size_bytes bigint, out mime_type text)
language plpgsql
security definer
set search_path = ''
as $$
declare
    stored record;
begin
    -- Whoever comes without a login (the worker, the service key) answers for what they write.
    if auth.uid() is null or not starts_with(p_path, 'chat/') then
        return;
    end if;
    select * into stored from chat.stored_file(p_path);
    if not stored.is_there then
        return;
    end if;
    if stored.owner_id is distinct from auth.uid()::text and not chat.may_read_file(p_path) then
        raise exception 'there is no file % that you could send', p_path
            using errcode = 'PT404', detail = 'chat/no_such_file',
                hint = 'send a file of a conversation that you see, or put it into bucket chat-media yourself';
    end if;
    name := substr(chat.file_of_path(p_path), 38);
    size_bytes := stored.size_bytes;
    mime_type := stored.mime_type;
    if size_bytes is not null and p_conversation.channel <> 'whatsapp' then
        perform chat.require_fitting_file(chat.settings_of(p_conversation.site_id), size_bytes, mime_type);
    end if;
end
$$;
comment on function chat.file_to_send(public.mod_chat_conversations, text) is
    'What Storage knows of a file that the caller sends: name, size in bytes, type; nothing of one elsewhere or not there yet, and nothing to who has no login. PT404 chat/no_such_file; outside WhatsApp PT422 chat/file_too_large, chat/file_type.';
