-- What: paths of files in bucket chat-media, and an address that opens a message's file.
-- Why: the bucket is private and `file_url` a path in it, so whoever may read the message gets an address that ends by
--      itself. It is signed as Storage signs its own: HS256 by the project's key over bucket and path.
-- Leaves out: clients that ask Storage themselves (createSignedUrl), which the policies of policies/storage.sql let agents do.

create or replace function chat.site_of_path(p_path text)
returns uuid
language sql
immutable
as $$
    select case when p_path ~ '^chat/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}_[A-Za-z0-9._-]{1,150}$'
        then split_part(p_path, '/', 2)::uuid end
$$;
comment on function chat.site_of_path(text) is
    'The site whose file a path of bucket chat-media names: chat/<site>/<uuid>_<name>; null for anything else.';

create or replace function chat.file_of_path(p_path text)
returns text
language sql
immutable
as $$ select split_part(p_path, '/', 3) $$;
comment on function chat.file_of_path(text) is 'The last part of a path of bucket chat-media: <uuid>_<name>.';

create or replace function chat.sign_file(p_path text, p_seconds integer)
returns text
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    key constant text := coalesce(
        chat.vault_secret('chat_jwt_key'), nullif(current_setting('app.settings.jwt_secret', true), ''));
    now_s constant bigint := floor(extract(epoch from clock_timestamp()))::bigint;
begin
    if key is null then
        return null;
    end if;
    return '/storage/v1/object/sign/chat-media/' || p_path || '?token=' || chat.session_token(
        jsonb_build_object('url', 'chat-media/' || p_path, 'iat', now_s, 'exp', now_s + p_seconds)::text, key, null);
end
$$;
comment on function chat.sign_file(text, integer) is
    'The address below the project''s own that opens a file for so many seconds; null where the database has no key.';

create or replace function public.chat_file_url(message uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    lasts constant integer := 3600;
    m public.mod_chat_messages;
    inside boolean;
begin
    select x.* into m from public.mod_chat_messages x where x.id = chat_file_url.message;
    if not found or not (
        chat.may_in(m.conversation_id, 'live-chat.conversations.view')
        or exists (select from public.chat_my_messages v where v.id = m.id))
    then
        raise exception 'there is no message % that you may see', chat_file_url.message
            using errcode = 'PT404', detail = 'chat/no_such_message', hint = 'ask with the id of a message that you can read';
    elsif m.file_url is null and m.file_state is null then
        raise exception 'the message has no file'
            using errcode = 'PT404', detail = 'chat/no_file', hint = 'ask for messages whose file_state is not null';
    end if;
    -- A path of another site, whoever wrote it into the row, is not signed.
    inside := chat.site_of_path(m.file_url) = m.site_id;
    return jsonb_build_object(
        'state', coalesce(m.file_state, 'ready'),
        'bucket', case when inside then 'chat-media' end,
        'path', case when inside then m.file_url end,
        'url', case
            when inside then chat.sign_file(m.file_url, lasts)
            when m.file_url ~ '^https://' then m.file_url end,
        'expires_at', case when inside then clock_timestamp() + make_interval(secs => lasts) end,
        'name', m.file_name, 'size_bytes', m.file_size, 'mime_type', m.file_mime_type,
        'why', m.metadata -> 'media' -> 'error');
end
$$;
comment on function public.chat_file_url(uuid) is
    'A message''s file for whoever may read the message: {state: pending | ready | failed, bucket, path, url, expires_at, name, size_bytes, mime_type, why}. url begins at the project''s own address, opens the file for an hour, and is null until the file is ready, or where the database has no key; then agents ask Storage with bucket and path. PT401 as chat.my_session, PT404 chat/no_such_message, chat/no_file.';
