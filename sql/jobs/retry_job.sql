-- What: a dead job gets another chance.
-- Why: what killed it may be mended: a token, a URL, a rule. It keeps its id, so it comes before what was queued later.
-- Leaves out: failed messages; a person sends those again with chat_resend_message.

create or replace function chat.is_dba()
returns boolean
language sql
stable
as $$
    select pg_catalog.pg_has_role(session_user, c.relowner, 'member') from pg_catalog.pg_class c where c.oid = 'chat.jobs'::regclass
$$;
comment on function chat.is_dba() is
    'Whether the session was opened by the owner of our tables or a superuser, as psql does. PostgREST opens none so.';

create or replace function public.chat_retry_job(job_id bigint)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    job chat.jobs;
begin
    select j.* into job from chat.jobs j where j.id = chat_retry_job.job_id and j.died_at is not null;
    if not found or not (chat.is_dba() or chat.may(job.site_id, 'live-chat.settings.manage')) then
        raise exception 'there is no dead job % that you may retry', chat_retry_job.job_id
            using errcode = 'PT404', detail = 'chat/no_such_job', hint = 'chat.queue_now counts dead jobs by kind; chat.jobs has their reasons';
    end if;
    -- The lane first, as enqueue does; the sweep keeps lanes of dead jobs.
    update chat.lanes l set ready = true, idle_since = null where l.key = job.lane;
    update chat.jobs j set died_at = null, reason = null where j.id = job.id;
    notify chat_jobs;
    return jsonb_build_object('job_id', job.id, 'kind', job.kind, 'lane', job.lane, 'died_of', job.reason);
end
$$;
comment on function public.chat_retry_job(bigint) is
    'Puts a dead job back to work: for people with psql, and at a site for live-chat.settings.manage. Answers {job_id, kind, lane, died_of}. PT404 chat/no_such_job.';
