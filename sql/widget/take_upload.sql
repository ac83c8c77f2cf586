-- What: a message of a visitor takes a file that was put where they were told.
-- Why: once, and by the session that asked. What was said of the file beforehand only spared the way: the site's rules
--      hold for what Storage has.
-- Leaves out: files that no message took, which are forgotten with their session.

create or replace function chat.take_upload(p_session chat.sessions, p_upload uuid, p_message uuid, p_now timestamptz)
returns chat.uploads
language plpgsql
as $$
declare
    upload chat.uploads;
    is_there record;
begin
    if p_upload is null then
        return null;
    end if;
    update chat.uploads u
    set message_id = p_message
    where u.id = p_upload and u.session_id = p_session.id and u.message_id is null
        and u.created_at > p_now - interval '1 day' and chat.stored(u.path)
    returning u.* into upload;
    if not found then
        raise exception 'there is no uploaded file % to send', p_upload
            using errcode = 'PT404', detail = 'chat/no_such_upload',
                hint = 'ask chat_request_upload for a path, put the file there, then send it once';
    end if;
    select f.size_bytes, f.mime_type into is_there from chat.stored_file(upload.path) f;
    if is_there.size_bytes is not null then
        perform chat.require_file(chat.settings_of(upload.site_id), upload.name, is_there.size_bytes, is_there.mime_type);
        update chat.uploads u
        set size_bytes = is_there.size_bytes, mime_type = is_there.mime_type
        where u.id = upload.id
        returning u.* into upload;
    end if;
    return upload;
end
$$;
comment on function chat.take_upload(chat.sessions, uuid, uuid, timestamptz) is
    'Takes an upload of the session for a message, with the size and type that Storage has it in; null stays null. PT404 chat/no_such_upload, PT422 chat/uploads_off, chat/file_too_large, chat/file_type.';

create or replace function chat.stored(p_path text)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    found_there boolean := false;
begin
    if to_regclass('storage.objects') is not null then
        execute 'select exists (select from storage.objects o where o.bucket_id = ''chat-media'' and o.name = $1)'
            into found_there using p_path;
    end if;
    return found_there;
end
$$;
comment on function chat.stored(text) is 'Whether Storage has this file in bucket chat-media; an install without Storage has none.';

create or replace function chat.stored_file(p_path text, out size_bytes bigint, out mime_type text)
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    if to_regclass('storage.objects') is not null then
        execute 'select (o.metadata ->> ''size'')::bigint, lower(btrim(split_part(o.metadata ->> ''mimetype'', '';'', 1)))
            from storage.objects o where o.bucket_id = ''chat-media'' and o.name = $1'
            into size_bytes, mime_type using p_path;
    end if;
end
$$;
comment on function chat.stored_file(text) is
    'Size in bytes and type that Storage has a file of bucket chat-media in; null where it has none or does not say.';

create or replace function chat.kind_of_file(p_mime text)
returns text
language sql
immutable
as $$
    select case when split_part(p_mime, '/', 1) in ('image', 'video', 'audio') then split_part(p_mime, '/', 1) else 'document' end
$$;
comment on function chat.kind_of_file(text) is 'The kind of a message that carries a file of this type.';
