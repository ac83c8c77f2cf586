-- What: the bucket of chats' files, and who puts files there.
-- Why: a visitor puts a file only where chat_request_upload told their session to; the bucket is private, so reading needs
--      an address that Storage signs.
-- Leaves out: installs without Supabase Storage, which have nothing here.

do $$
begin
    if to_regclass('storage.objects') is null then
        return;
    end if;
    insert into storage.buckets (id, name, public) values ('chat-media', 'chat-media', false) on conflict do nothing;
    drop policy if exists chat_media_upload on storage.objects;
    create policy chat_media_upload on storage.objects for insert to anon
        with check (bucket_id = 'chat-media' and name = any ((select chat.my_upload_paths())::text[]));
end
$$;
grant execute on function chat.my_upload_paths() to anon;
