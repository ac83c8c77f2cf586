-- What: a lease goes on.
-- Why: a file may take longer than a lease; whoever still works on it says so, and one that died does not.
-- Leaves out: jobs that call once (send, read mark), which end within their lease.

create or replace function public.chat_renew_lease(job_id bigint, lease_token uuid)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
    update chat.lanes l
    set lease_until = clock_timestamp() + interval '30 seconds'
    where l.lease_token = chat_renew_lease.lease_token and l.busy and l.running_job = chat_renew_lease.job_id;
    return found;
end
$$;
comment on function public.chat_renew_lease(bigint, uuid) is
    'For the worker: holds a job for another 30 s. False when the lease is no longer its own; then nothing changed.';
