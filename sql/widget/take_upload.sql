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
    stored record;
begin
    if p_upload is null then
        return null;
    end if;
    select u.* into upload
    from chat.uploads u
    where u.id = p_upload and u.session_id = p_session.id and u.message_id is null
        and u.created_at > p_now - interval '1 day'
    for no key update;
    select * into stored from chat.stored_file(upload.path);
    if not stored.is_there then
        raise exception 'there is no uploaded file % to send', p_upload
            using errcode = 'PT404', detail = 'chat/no_such_upload',
                hint = 'ask chat_request_upload for a path, put the file there, then send it once';
    end if;
    if stored.size_bytes is not null then
        perform chat.require_file(chat.settings_of(upload.site_id), upload.name, stored.size_bytes, stored.mime_type);
        upload.size_bytes := stored.size_bytes;
        upload.mime_type := stored.mime_type;
    end if;
    update chat.uploads u
    set message_id = p_message, size_bytes = upload.size_bytes, mime_type = upload.mime_type
    where u.id = upload.id
    returning u.* into upload;
    return upload;
end
$$;
comment on function chat.take_upload(chat.sessions, uuid, uuid, timestamptz) is
    'Takes an upload of the session for a message, with the size and type that Storage has it in; null stays null. PT404 chat/no_such_upload, PT422 chat/uploads_off, chat/file_too_large, chat/file_type.';

create or replace function chat.kind_of_file(p_mime text)
returns text
language sql
immutable
as $$
    select case when split_part(p_mime, '/', 1) in ('image', 'video', 'audio') then split_part(p_mime, '/', 1) else 'document' end
$$;
comment on function chat.kind_of_file(text) is 'The kind of a message that carries a file of this type.';
