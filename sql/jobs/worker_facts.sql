-- What: what a worker shows about the queue and what it checks at its start.
-- Why: the worker has no table grant; these are the figures its /metrics and `worker check` need.
-- Leaves out: per-site figures, which are people's.

create or replace function public.chat_worker_facts()
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    return jsonb_build_object(
        'role', session_user,
        'now', clock_timestamp(),
        'version', chat.version(),
        'library_version', chat.library_version(),
        'jobs', (select jsonb_object_agg(c.class, (
            select count(*) from chat.jobs j join chat.lanes l on l.key = j.lane
            where j.died_at is null and l.class = c.class))
            from (values ('reply'), ('assistant'), ('notification'), ('bulk')) c (class)),
        'oldest_job_seconds', (select coalesce(extract(epoch from clock_timestamp() - min(j.created_at)), 0)
            from chat.jobs j where j.died_at is null),
        'dead_jobs', (select count(*) from chat.jobs j where j.died_at is not null),
        'dead_letters', (select count(*) from chat.dead_letters),
        'unknown_messages', (select count(*) from public.mod_chat_messages m where m.delivery_state = 'unknown'),
        'broadcast_failures', (select case when s.is_called then s.last_value else 0 end from chat.broadcast_failures s),
        'numbers', (select coalesce(jsonb_agg(jsonb_build_object(
            'phone_number_id', n.phone_number_id, 'confirmed', n.confirmed_at is not null) order by n.phone_number_id), '[]')
            from chat.whatsapp_numbers n));
end
$$;
comment on function public.chat_worker_facts() is
    'For the worker: role, clock, versions of the database and of its library, jobs by class, dead jobs and letters, unknown messages, failed broadcasts, numbers.';
