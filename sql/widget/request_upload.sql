-- What: a visitor asks where to put a file.
-- Why: the path is ours, so nobody overwrites or names another's file; size and type are asked by the site's settings
--      before a byte is sent, and again of what was sent (take_upload.sql).
-- Leaves out: reading files again, which are private: Storage signs addresses for those who may see the message.

create or replace function public.chat_request_upload(name text, size_bytes integer, mime_type text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    at constant timestamptz := clock_timestamp();
    session chat.sessions := chat.my_session(at);
    settings constant public.mod_chat_widget_settings := chat.settings_of(session.site_id);
    wait constant integer := chat.wait_to_write(session, settings, at);
    mime constant text := lower(btrim(split_part(chat_request_upload.mime_type, ';', 1)));
    -- Whatever a path could misread becomes a line.
    plain constant text := right(regexp_replace(coalesce(chat_request_upload.name, ''), '[^A-Za-z0-9._-]+', '_', 'g'), 100);
    upload chat.uploads;
begin
    if wait is not null then
        return chat.answer_wait(wait);
    end if;
    perform chat.require_file(settings, chat_request_upload.name, chat_request_upload.size_bytes, mime);
    session := chat.lock_person(session);
    insert into chat.uploads (site_id, session_id, path, name, size_bytes, mime_type)
    values (session.site_id, session.id, format('chat/%s/%s_%s', session.site_id, gen_random_uuid(), plain),
        chat.one_line(chat_request_upload.name, 200), chat_request_upload.size_bytes, mime)
    returning * into upload;
    return jsonb_build_object('upload', upload.id, 'bucket', 'chat-media', 'path', upload.path, 'mime_type', upload.mime_type);
end
$$;
comment on function public.chat_request_upload(text, integer, text) is
    'Where a visitor may put a file of this name, size and type: {upload, bucket, path, mime_type}; then chat_post_message takes the upload. PT401 as chat.my_session, 429 chat/too_many, PT422 chat/uploads_off, chat/file_name, chat/file_too_large, chat/file_type.';

create or replace function chat.require_file(
    p_settings public.mod_chat_widget_settings, p_name text, p_size bigint, p_mime text)
returns void
language plpgsql
stable
as $$
begin
    if not p_settings.enable_file_uploads then
        raise exception 'this site takes no files'
            using errcode = 'PT422', detail = 'chat/uploads_off', hint = 'describe it in words';
    elsif chat.one_line(p_name, 200) is null then
        raise exception 'a file has a name'
            using errcode = 'PT422', detail = 'chat/file_name', hint = 'send the name of the file';
    end if;
    perform chat.require_fitting_file(p_settings, p_size, p_mime);
end
$$;
comment on function chat.require_file(public.mod_chat_widget_settings, text, bigint, text) is
    'Raises PT422 chat/uploads_off, chat/file_name, chat/file_too_large or chat/file_type unless a site takes such a file.';

create or replace function chat.require_fitting_file(
    p_settings public.mod_chat_widget_settings, p_size bigint, p_mime text)
returns void
language plpgsql
stable
as $$
begin
    if coalesce(p_size, 0) not between 1 and p_settings.max_file_size_mb * 1048576::bigint then
        raise exception 'a file has 1 byte to % MB, this one % bytes', p_settings.max_file_size_mb, coalesce(p_size::text, 'null')
            using errcode = 'PT422', detail = 'chat/file_too_large', hint = 'send a smaller file';
    elsif split_part(p_mime, '/', 2) = '' or p_mime is null or not exists (
        select from unnest(p_settings.allowed_file_types) t (mime)
        where lower(btrim(t.mime)) in (p_mime, split_part(p_mime, '/', 1) || '/*'))
    then
        raise exception 'this site does not take files of type %', coalesce(left(p_mime, 100), 'null')
            using errcode = 'PT422', detail = 'chat/file_type',
                hint = format('it takes %s', array_to_string(p_settings.allowed_file_types, ', '));
    end if;
end
$$;
comment on function chat.require_fitting_file(public.mod_chat_widget_settings, bigint, text) is
    'Raises PT422 chat/file_too_large or chat/file_type unless a site lets files of this size in bytes and this type be sent.';

create or replace function chat.my_upload_paths()
returns text[]
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    session constant chat.sessions := chat.my_session();
begin
    return array(
        select u.path from chat.uploads u
        where u.session_id = session.id and u.message_id is null
            and u.created_at > clock_timestamp() - interval '1 day');
end
$$;
comment on function chat.my_upload_paths() is
    'Where the caller''s session may put files now: what it asked for within a day and has not sent. PT401 as chat.my_session.';
