-- What: what Supabase Storage knows of a file of bucket chat-media.
-- Why: the one place that reads Storage's tables, whose columns are not ours; size and type are what was put there, whatever
--      anybody said of it.
-- Leaves out: who may read or put a file (policies/storage.sql).

create or replace function chat.stored_file(
    p_path text, out is_there boolean, out owner_id text, out size_bytes bigint, out mime_type text)
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    if to_regclass('storage.objects') is not null then
        execute 'select true, o.owner_id, (o.metadata ->> ''size'')::bigint, lower(btrim(split_part(o.metadata ->> ''mimetype'', '';'', 1)))
            from storage.objects o where o.bucket_id = ''chat-media'' and o.name = $1'
            into is_there, owner_id, size_bytes, mime_type using p_path;
    end if;
    is_there := is_there is true;
end
$$;
comment on function chat.stored_file(text) is
    'Whether Storage has a file of bucket chat-media, who put it there, its size in bytes and its type; an install without Storage has none.';
