-- What: the bucket of chats' files, and who puts and reads files there.
-- Why: the bucket is private. A visitor puts a file only where chat_request_upload told their session to, and reads by the
--      addresses of chat_file_url. Agents read the files of conversations they see and put files to be sent. The worker
--      comes with the service key, which no policy binds.
-- Leaves out: installs without Supabase Storage, which have nothing here.

create or replace function chat.may_read_file(p_path text)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    site constant uuid := chat.site_of_path(p_path);
begin
    return chat.may(site, 'live-chat.conversations.view') is true
        and (site <> all (chat.my_limited_sites()) or exists (
            select from public.mod_chat_messages m
            where m.site_id = site and m.file_url = p_path and chat.sees_conversation(m.conversation_id)));
end
$$;
comment on function chat.may_read_file(text) is
    'Whether the caller, as an agent, may read a file of bucket chat-media: one of their site, in the part that they see.';

create or replace function chat.may_put_file(p_path text)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    return chat.may(chat.site_of_path(p_path), 'live-chat.conversations.reply') is true;
end
$$;
comment on function chat.may_put_file(text) is
    'Whether the caller, as an agent, may put a file at a path of bucket chat-media: one of a site where they answer.';

do $$
begin
    if to_regclass('storage.objects') is null then
        return;
    end if;
    -- The most that WhatsApp takes (100 MiB); each site's own limit is asked when a message takes the file.
    insert into storage.buckets (id, name, public, file_size_limit) values ('chat-media', 'chat-media', false, 104857600)
    on conflict do nothing;
    drop policy if exists chat_media_upload on storage.objects;
    create policy chat_media_upload on storage.objects for insert to anon
        with check (bucket_id = 'chat-media' and name = any ((select chat.my_upload_paths())::text[]));
    drop policy if exists chat_media_read on storage.objects;
    create policy chat_media_read on storage.objects for select to authenticated
        using (bucket_id = 'chat-media' and (owner_id = (select auth.uid())::text or chat.may_read_file(name)));
    drop policy if exists chat_media_send on storage.objects;
    create policy chat_media_send on storage.objects for insert to authenticated
        with check (bucket_id = 'chat-media' and chat.may_put_file(name));
end
$$;
revoke all on function chat.may_read_file(text), chat.may_put_file(text) from public, anon, authenticated, service_role;
grant execute on function chat.my_upload_paths() to anon;
grant execute on function chat.may_read_file(text), chat.may_put_file(text) to authenticated;
grant execute on function public.chat_file_url(uuid) to anon, authenticated;
