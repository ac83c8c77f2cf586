-- What: a site of bench.agents supervisors who are online with room for everybody, and the way an agent writes.
-- Why: whoever hears of everything is one of these; visitors come as they do, through chat_open_session.
-- Leaves out: forms and allowances, which would only hold the measurement up.

create schema bench;

create function bench.id(p_kind text, p_n bigint) returns uuid language sql immutable
as $$ select (p_kind || '000000-0000-4000-8000-' || lpad(p_n::text, 12, '0'))::uuid $$;

insert into public.agencies (id, name) values (bench.id('0a', 1), 'Agency');
insert into public.sites (id, agency_id, name) values (bench.id('05', 1), bench.id('0a', 1), 'Site');
insert into public.mod_chat_widget_settings (site_id, pre_chat_enabled, sessions_per_minute, address_sessions_per_minute,
    messages_per_minute, address_messages_per_minute)
values (bench.id('05', 1), false, 1000000, 1000000, 1000000, 1000000);
insert into public.mod_chat_agents (id, site_id, user_id, display_name, role, status, max_concurrent_chats)
select bench.id('0b', n), bench.id('05', 1), bench.id('0c', n), 'Agent ' || n, 'supervisor', 'online', 1000
from generate_series(1, current_setting('bench.agents')::bigint) n;

-- A channel that is private and whose policy asks nothing: the least that a join can cost.
create policy bench_open on realtime.messages for select to anon, authenticated using (topic like 'open:%');
