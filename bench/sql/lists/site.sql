-- What: one big site among twenty small ones, with as many conversations as the setting bench.conversations says.
-- Why: rows are written past the triggers, which would take hours; every number a reader looks at is set as they would.
--      What is open is the work at hand, two thousand at the big site at every size; what grows is the archive.
-- Leaves out: identities, events and jobs, which no list reads.

set session_replication_role = replica;
set synchronous_commit = off;

create schema bench;
create table bench.words as
select n, substr(translate(md5(n::text), '0123456789', 'ghijklmnop'), 1, 7) as word from generate_series(0, 19999) n;
create unique index on bench.words (n);
grant usage on schema bench to public;
grant select on bench.words to public;
create function bench.word(p_n double precision) returns text language sql stable
as $$ select word from bench.words where n = floor(p_n)::integer $$;
-- Half of what people write are the same few words, the other half comes from a long tail.
create function bench.written(p_n bigint) returns text language plpgsql stable as $$
declare
    common constant text[] := array['where', 'is', 'my', 'the', 'order', 'and', 'please', 'have', 'you', 'delivery', 'when', 'will',
        'thank', 'hello', 'can', 'refund', 'not', 'payment', 'still', 'waiting'];
begin
    return (
        select string_agg(case when k % 2 = 0 then common[1 + floor(20 * random())::integer]
            else bench.word(20000 * power(random(), 3)) end, ' ')
        from generate_series(1, 8) k where p_n is not null);
end
$$;

-- People repeat themselves: at most so many texts, or making ten million would take longer than everything else.
create table bench.texts as
select n, bench.written(n) as text
from generate_series(0, least(200000, current_setting('bench.conversations')::bigint * 10) - 1) n;
create unique index on bench.texts (n);
analyze bench.texts;

-- Indexes are built when all rows are there: row by row they would take most of the time.
set maintenance_work_mem = '1GB';
create temp table later as
select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as definition
from pg_index i
where i.indrelid in ('public.mod_chat_visitors'::regclass, 'public.mod_chat_conversations'::regclass,
        'public.mod_chat_messages'::regclass, 'chat.message_words'::regclass)
    and not exists (select from pg_constraint c where c.conindid = i.indexrelid);
do $$
declare
    name text;
begin
    for name in select l.name from later l loop
        execute 'drop index ' || name;
    end loop;
end
$$;

insert into public.agencies (id, name) values ('0a000000-0000-4000-8000-000000000000', 'Agency');
insert into public.sites (id, agency_id, name)
select ('05000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, '0a000000-0000-4000-8000-000000000000', 'Site ' || n
from generate_series(0, 20) n;
insert into public.mod_chat_departments (id, site_id, name)
select ('0d000000-0000-4000-8000-' || lpad((s * 100 + n)::text, 12, '0'))::uuid,
    ('05000000-0000-4000-8000-' || lpad(s::text, 12, '0'))::uuid, 'Department ' || n
from generate_series(0, 20) s, generate_series(0, 9) n;
insert into public.mod_chat_agents (id, site_id, user_id, display_name, role, status)
select ('0b000000-0000-4000-8000-' || lpad((s * 100 + n)::text, 12, '0'))::uuid,
    ('05000000-0000-4000-8000-' || lpad(s::text, 12, '0'))::uuid,
    ('0c000000-0000-4000-8000-' || lpad((s * 100 + n)::text, 12, '0'))::uuid, 'Agent ' || n, 'agent', 'online'
from generate_series(0, 20) s, generate_series(0, 49) n;

create temp table plan as
select n, case when n % 5 = 4 then 1 + n % 20 else 0 end as site,
    -- Archived conversations ended one after the other through five years.
    now() - interval '5 years' * (1 - n::double precision / count(*) over ()) as at,
    n >= count(*) over () - 2500 as is_open
from generate_series(0, current_setting('bench.conversations')::bigint - 1) n;

insert into public.mod_chat_visitors (id, site_id, name, email, phone)
select ('0e000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid,
    ('05000000-0000-4000-8000-' || lpad(site::text, 12, '0'))::uuid,
    initcap(bench.word(n % 20000)) || ' ' || initcap(bench.word((n / 7) % 20000)),
    'person' || n || '@example.org', '+1555' || lpad(n::text, 8, '0')
from plan;

insert into public.mod_chat_conversations (id, site_id, visitor_id, assigned_agent_id, department_id, status, priority, channel,
    last_message_text, last_message_at, last_message_by, message_count, unread_agent_count, tags, created_at, updated_at,
    session_number, phone_number_id, last_seq, last_public_seq, last_change, last_public_change, row_change, inbound_count,
    pending_since, archived_at)
select ('0f000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid,
    ('05000000-0000-4000-8000-' || lpad(site::text, 12, '0'))::uuid,
    ('0e000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid,
    case when not (is_open and n % 10 = 1) then ('0b000000-0000-4000-8000-' || lpad((site * 100 + n / 10 % 50)::text, 12, '0'))::uuid end,
    case when n % 3 = 0 then ('0d000000-0000-4000-8000-' || lpad((site * 100 + n / 3 % 10)::text, 12, '0'))::uuid end,
    case when is_open then (array['active', 'pending', 'waiting'])[1 + least(n % 10, 2)]
        else case when n % 50 = 0 then 'missed' when n % 2 = 0 then 'closed' else 'resolved' end end,
    case when n % 100 = 3 then 'urgent' when n % 10 = 0 then 'high' else 'normal' end,
    case when n % 200 = 8 then 'api' when n % 3 = 0 then 'widget' else 'whatsapp' end,
    'where is my order', at, 'visitor', 10, case when is_open then n % 4 when n % 500 = 1 then 1 else 0 end,
    case when n % 1000 = 5 then '{rare}' when n % 50 = 5 then '{vip}' else '{}' end::text[],
    at - interval '1 day', at, 'CHAT-' || lpad(n::text, 8, '0'), case when n % 3 > 0 then (array['700', '701'])[1 + least(n % 40, 1)] end,
    10, 10, 11, 11, 1, 6, case when is_open then at end, case when not is_open then at + interval '1 hour' end
from plan;

insert into public.mod_chat_messages (id, conversation_id, site_id, sender_type, content, content_type, kind, status,
    delivery_state, seq, public_seq, change, change_before, sent_at, created_at, updated_at)
select ('0f' || lpad(to_hex(k), 6, '0') || '-0000-4000-8000-' || lpad(plan.n::text, 12, '0'))::uuid,
    ('0f000000-0000-4000-8000-' || lpad(plan.n::text, 12, '0'))::uuid,
    ('05000000-0000-4000-8000-' || lpad(site::text, 12, '0'))::uuid,
    case when k % 2 = 0 then 'agent' else 'visitor' end, t.text, 'text', 'text', 'read',
    case when k % 2 = 0 then 'read' else 'received' end, k, k, k + 1, k, at - (10 - k) * interval '1 minute', at, at
from plan
cross join generate_series(1, 10) k
join bench.texts t on t.n = (plan.n * 10 + k) % (select count(*) from bench.texts);

-- One conversation that never ends.
insert into public.mod_chat_messages (id, conversation_id, site_id, sender_type, content, content_type, kind, status,
    delivery_state, seq, public_seq, change, change_before, sent_at)
select gen_random_uuid(), '0f000000-0000-4000-8000-000000000000', '05000000-0000-4000-8000-000000000000', 'visitor',
    t.text, 'text', 'text', 'read', 'received', k, k, k + 1, k, now() - interval '5 years' + k * interval '1 minute'
from generate_series(11, 20000) k
join bench.texts t on t.n = k;
update public.mod_chat_conversations set last_seq = 20000, last_change = 20001, message_count = 20000
where id = '0f000000-0000-4000-8000-000000000000';

insert into chat.message_words (message_id, site_id, conversation_id, sent_at, words)
select id, site_id, conversation_id, sent_at, to_tsvector('simple', content) from public.mod_chat_messages;
insert into chat.words (site_id, word)
select s.id, w.word from public.sites s, (select word from bench.words union select unnest(array['where', 'order', 'please', 'have',
    'delivery', 'when', 'will', 'thank', 'hello', 'refund', 'payment', 'still', 'waiting'])) w
on conflict do nothing;
update chat.words_progress set adopted = null;
do $$
declare
    definition text;
begin
    for definition in select l.definition from later l loop
        execute definition;
    end loop;
end
$$;
reset maintenance_work_mem;
reset session_replication_role;
