-- What: the file of a received message: its job, and how it ends.
-- Why: the message is there at once and its file follows as a job of its own (`file_state` pending, then ready or
--      failed), so that nothing of Meta's or of Storage's holds a conversation up. The path holds the message's id: whoever
--      does the work again puts the same file in the same place.
-- Leaves out: the download and the upload, which are the worker's; which bytes are believed (chat_rules::whatsapp::media).

create or replace function chat.fetch_media(p_site uuid, p_message uuid, p_conversation uuid)
returns void
language plpgsql
as $$
begin
    -- A lane a file; it ends in the identity, as a person's other lanes do, so that erasing them finds it.
    perform chat.enqueue(
        'media:' || p_message || ':' || c.identity_id, 'whatsapp.fetch_media', 'bulk', p_site,
        jsonb_build_object('message_id', p_message), false)
    from public.mod_chat_conversations c
    where c.id = p_conversation;
end
$$;
comment on function chat.fetch_media(uuid, uuid, uuid) is 'Has the file of a received message brought from Meta into Storage.';

create or replace function public.chat_begin_media(job_id bigint, lease_token uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    message record;
begin
    select m.id, m.site_id, m.kind, m.file_name, m.file_state, m.metadata -> 'media' as media, n.phone_number_id,
        n.confirmed_at, n.account_id, acc.graph_version
    into message
    from chat.lanes l
    join chat.jobs j on j.id = l.running_job
    join public.mod_chat_messages m on m.id = (j.payload ->> 'message_id')::uuid
    join public.mod_chat_conversations c on c.id = m.conversation_id
    left join chat.whatsapp_numbers n on n.site_id = m.site_id and n.phone_number_id = c.phone_number_id
    left join chat.whatsapp_accounts acc on acc.id = n.account_id
    where l.lease_token = chat_begin_media.lease_token and l.busy and j.id = chat_begin_media.job_id;
    if not found or message.file_state is distinct from 'pending' then
        return jsonb_build_object('go', false, 'state', 'gone', 'why', coalesce(
            'the file is ' || message.file_state || ' already', 'the message, its file or the lease is gone'));
    elsif message.confirmed_at is null or message.account_id is null then
        return jsonb_build_object('go', false, 'state', 'not_connected', 'why', 'the message''s number is not connected');
    end if;
    return jsonb_build_object(
        'go', true, 'message_id', message.id, 'site_id', message.site_id, 'kind', message.kind,
        'media_id', message.media ->> 'id', 'sha256', message.media ->> 'sha256', 'mime', message.media ->> 'mime',
        'name', message.file_name, 'folder', 'chat/' || message.site_id,
        'phone_number_id', message.phone_number_id, 'account_id', message.account_id,
        'graph_version', message.graph_version);
end
$$;
comment on function public.chat_begin_media(bigint, uuid) is
    'For the worker, before a download: {go: true, message_id, site_id, kind, media_id, sha256, mime, name, folder, phone_number_id, account_id, graph_version}, or {go: false, state: gone | not_connected, why}. The file''s path is <folder>/<message_id>_<name>.';

create or replace function chat.media_is(p_message uuid, p_state text, p_path text, p_size bigint, p_mime text, p_facts jsonb)
returns text
language plpgsql
as $$
declare
    message public.mod_chat_messages;
    numbers record;
begin
    perform from public.mod_chat_conversations c
    where c.id = (select m.conversation_id from public.mod_chat_messages m where m.id = p_message)
    for no key update;
    select m.* into message from public.mod_chat_messages m where m.id = p_message for no key update;
    if not found or message.file_state is distinct from 'pending' then
        return coalesce(message.file_state, 'gone');
    end if;
    select * into numbers from chat.next_change(message.conversation_id, message.public_seq is not null);
    update public.mod_chat_messages m
    set file_state = p_state,
        file_url = coalesce(p_path, m.file_url),
        file_size = coalesce(p_size, m.file_size),
        file_mime_type = coalesce(p_mime, m.file_mime_type),
        -- What a person called it stays; a photo has no name of its own.
        file_name = coalesce(m.file_name, substr(chat.file_of_path(p_path), 38)),
        metadata = m.metadata || jsonb_build_object('media', coalesce(m.metadata -> 'media', '{}') || p_facts),
        change = numbers.change,
        change_before = case when m.public_seq is not null then numbers.change_before end,
        updated_at = clock_timestamp()
    where m.id = p_message;
    return p_state;
end
$$;
comment on function chat.media_is(uuid, text, text, bigint, text, jsonb) is
    'A pending file becomes ready or failed, as a change of its message. Answers the state it has now, gone without message or file.';

create or replace function public.chat_media_ready(message uuid, path text, size_bytes bigint, mime_type text, sha256 text)
returns text
language plpgsql
security definer
set search_path = ''
as $$
declare
    state text;
    site constant uuid := chat.site_of_path(chat_media_ready.path);
begin
    if site is null or not starts_with(chat.file_of_path(chat_media_ready.path), chat_media_ready.message || '_') then
        raise exception 'this is no path of the message''s file'
            using errcode = 'PT422', detail = 'chat/bad_path', hint = 'a path is chat/<site>/<message>_<name>';
    end if;
    state := chat.media_is(
        chat_media_ready.message, 'ready', chat_media_ready.path, chat_media_ready.size_bytes, chat_media_ready.mime_type,
        jsonb_build_object('stored_sha256', chat_media_ready.sha256));
    -- Erased or taken back while it was on its way: nobody will ask for this file.
    if state = 'gone' then
        insert into chat.file_deletions (site_id, file_url) values (site, chat_media_ready.path);
        perform chat.delete_files(site);
    end if;
    return state;
end
$$;
comment on function public.chat_media_ready(uuid, text, bigint, text, text) is
    'For the worker: the file of a received message is in Storage, with its size, its type by its bytes and its SHA-256 in hex. Answers the file''s state: ready, failed (it had been), or gone with its message; then it is deleted again. PT422 chat/bad_path.';

create or replace function public.chat_media_failed(message uuid, why text)
returns text
language plpgsql
security definer
set search_path = ''
as $$
begin
    return chat.media_is(
        chat_media_failed.message, 'failed', null, null, null, jsonb_build_object('error', chat_media_failed.why));
end
$$;
comment on function public.chat_media_failed(uuid, text) is
    'For the worker: the file of a received message will not come; why is kept in metadata.media.error, for people to read. Answers the file''s state as chat_media_ready does.';
