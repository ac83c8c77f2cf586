-- What: two sites of bench.agents agents: `arrivals`, where all of them have room and bench.waiting chats wait for a
--       department that nobody works in; `queue`, where all have as much as they may and bench.waiting chats wait for anybody.
-- Why: rows are written past the triggers, which would take minutes; every number that routing reads is set as they would.
-- Leaves out: messages. The full ones' chats are only a number, which nobody counts anew here.

set session_replication_role = replica;
set synchronous_commit = off;

create schema if not exists bench;

create or replace function bench.id(p_kind text, p_n bigint) returns uuid language sql immutable
as $$ select (p_kind || '000000-0000-4000-8000-' || lpad(p_n::text, 12, '0'))::uuid $$;

create temp table place as
select s.n as site, s.n = 2 as is_full, current_setting('bench.agents')::bigint as agents, current_setting('bench.waiting')::bigint as waiting
from generate_series(1, 2) s (n);

insert into public.agencies (id, name) values (bench.id('0a', 0), 'Agency');
insert into public.sites (id, agency_id, name) select bench.id('05', site), bench.id('0a', 0), 'Site ' || site from place;
insert into public.mod_chat_departments (id, site_id, name, max_concurrent_chats)
select bench.id('0d', site * 10 + n), bench.id('05', site), (array['Sales', 'Closed'])[n], 5 from place, generate_series(1, 2) n;
-- The last agent of the full site is the one who comes and goes, with room for one chat.
insert into public.mod_chat_agents (id, site_id, user_id, display_name, status, department_id, max_concurrent_chats, current_chat_count)
select bench.id('0b', site * 100000 + n), bench.id('05', site), bench.id('0c', site * 100000 + n), 'Agent ' || n,
    case when is_full and n = agents then 'offline' else 'online' end, bench.id('0d', site * 10 + 1),
    case when is_full and n = agents then 1 else 5 end, case when is_full and n < agents then 5 else 0 end
from place, generate_series(1, agents) n;
insert into public.mod_chat_visitors (id, site_id, name) select bench.id('0e', site), bench.id('05', site), 'Visitor' from place;
-- Whoever comes is somebody else than who came just before: one person's chats would wait for each other.
insert into public.mod_chat_visitors (id, site_id, name) select bench.id('0e', 1000 + n), bench.id('05', 1), 'Visitor' from generate_series(0, 399) n;
create sequence bench.came;
create function bench.somebody() returns uuid language sql volatile
as $$ select bench.id('0e', 1000 + nextval('bench.came') % 400) $$;
insert into public.mod_chat_conversations (id, site_id, visitor_id, department_id, status, pending_since, created_at, session_number)
select bench.id('0f', site * 1000000 + n), bench.id('05', site), bench.id('0e', site),
    bench.id('0d', site * 10 + case when is_full then 1 else 2 end), 'pending',
    now() - make_interval(secs => n), now() - make_interval(secs => n), 'WAIT-' || n
from place, generate_series(1, waiting) n;
-- Both have a past, as every site has after its first day: plans that were made for empty tables are no site's for long.
insert into public.mod_chat_conversations (id, site_id, visitor_id, department_id, status, archived_at, created_at, session_number)
select bench.id('0f', site * 1000000 + 500000 + n), bench.id('05', site), bench.id('0e', site), bench.id('0d', site * 10 + 1),
    'closed', now() - make_interval(mins => n), now() - make_interval(mins => n + 10), 'PAST-' || n
from place, generate_series(1, 2000) n;
insert into chat.routing (site_id) select bench.id('05', site) from place;

-- What it is compared with: the same tables with their indexes and nothing else, and the statement that first comes to mind.
create table bench.conversations (like public.mod_chat_conversations including defaults including indexes);
create table bench.agents (like public.mod_chat_agents including defaults including indexes);
insert into bench.agents select * from public.mod_chat_agents where site_id = bench.id('05', 1);
insert into bench.conversations select * from public.mod_chat_conversations where site_id = bench.id('05', 1);

create function bench.assign_plainly(p_site uuid, p_visitor uuid, p_department uuid) returns void language plpgsql as $$
declare
    arrived uuid;
    chosen uuid;
begin
    insert into bench.conversations (site_id, visitor_id, department_id) values (p_site, p_visitor, p_department) returning id into arrived;
    select a.id into chosen from bench.agents a
    where a.site_id = p_site and a.department_id = p_department and a.status = 'online' and a.current_chat_count < a.max_concurrent_chats
    order by a.current_chat_count, a.last_assigned_at nulls first, a.id
    limit 1
    for update;
    update bench.agents set current_chat_count = current_chat_count + 1, last_assigned_at = clock_timestamp() where id = chosen;
    update bench.conversations set assigned_agent_id = chosen, status = 'active' where id = arrived;
end
$$;

-- Everybody has room again, and what arrived is over.
create function bench.clear() returns void language plpgsql as $$
begin
    update public.mod_chat_conversations
    set status = 'closed', archived_at = now(), pending_since = null, assigned_agent_id = null
    where status = 'active';
    update public.mod_chat_agents set current_chat_count = 0 where site_id = bench.id('05', 1);
    update public.mod_chat_agents set current_chat_count = 0, status = 'offline'
    where id = bench.id('0b', 200000 + current_setting('bench.agents')::bigint);
    delete from bench.conversations where assigned_agent_id is not null;
    update bench.agents set current_chat_count = 0;
end
$$;

grant usage on schema bench to public;
grant all on all tables in schema bench to public;
grant usage on all sequences in schema bench to public;
