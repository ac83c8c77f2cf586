-- What: files that nobody shall have any more leave Storage.
-- Why: a file lies outside the database: its row in chat.file_deletions is written with what erased it, and a job of the
--      site deletes it after the commit, again and again until Storage has done so.
-- Leaves out: files that lie elsewhere (a message of an older dashboard may name any address); their rows stay, and say so.

create or replace function chat.delete_files(p_site uuid)
returns void
language plpgsql
as $$
begin
    -- One waiting job takes all rows there are when it runs.
    perform chat.enqueue('files:' || p_site, 'storage.delete', 'bulk', p_site, '{}', true, true);
end
$$;
comment on function chat.delete_files(uuid) is 'Has the files of a site that chat.file_deletions names deleted from Storage.';

create or replace function public.chat_files_to_delete(job_id bigint, lease_token uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    site constant uuid := (
        select j.site_id from chat.lanes l join chat.jobs j on j.id = l.running_job
        where l.lease_token = chat_files_to_delete.lease_token and l.busy and j.id = chat_files_to_delete.job_id);
begin
    -- Another message may have the same file; who sent it twice keeps it.
    delete from chat.file_deletions d
    where d.site_id = site and exists (
        select from public.mod_chat_messages m where m.site_id = site and m.file_url = d.file_url);
    return coalesce((
        select jsonb_agg(jsonb_build_object('id', d.id, 'path', d.file_url) order by d.id)
        from (select * from chat.file_deletions d where d.site_id = site and chat.site_of_path(d.file_url) = site
            order by d.id limit 100) d), '[]');
end
$$;
comment on function public.chat_files_to_delete(bigint, uuid) is
    'For the worker: up to a hundred files in bucket chat-media that are to go: [{id, path}]; none when the lease is no longer its own.';

create or replace function public.chat_files_deleted(ids bigint[])
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
    gone integer;
begin
    delete from chat.file_deletions d where d.id = any (chat_files_deleted.ids);
    get diagnostics gone = row_count;
    return gone;
end
$$;
comment on function public.chat_files_deleted(bigint[]) is 'For the worker: these files are gone from Storage. Answers how many were still awaited.';
