-- What: `realtime.messages`, a partition a day, and `realtime.send`, as Supabase Realtime makes them.
-- Why: our triggers broadcast through them, with the same silence on errors and the same rights as there.
-- Leaves out: policies (none are shipped there either); binary payloads; postgres_changes.

create schema if not exists realtime;
grant usage on schema realtime to anon, authenticated, service_role, supabase_realtime_admin;
grant usage on schema realtime to postgres with grant option;

create table if not exists realtime.messages (
    topic text not null,
    extension text not null,
    payload jsonb,
    event text,
    private boolean default false,
    updated_at timestamp not null default now(),
    inserted_at timestamp not null default now(),
    id uuid not null default gen_random_uuid(),
    binary_payload bytea,
    primary key (id, inserted_at)
) partition by range (inserted_at);
create index if not exists messages_inserted_at_topic_index
    on realtime.messages (inserted_at desc, topic) where extension = 'broadcast' and private is true;
alter table realtime.messages owner to supabase_realtime_admin;
alter table realtime.messages enable row level security;
grant insert, select, update on realtime.messages to anon, authenticated, service_role;
grant all on realtime.messages to postgres;

-- Partitions of the UTC days from yesterday to three days ahead; those that ended more than 72 hours ago go.
create or replace function realtime.keep_partitions() returns void language plpgsql as $$
declare
    v_today date := (now() at time zone 'UTC')::date;
    v_day date;
    v_old text;
begin
    for v_day in select v_today + n from generate_series(-1, 3) as n loop
        if to_regclass(format('realtime.messages_%s', to_char(v_day, 'YYYY_MM_DD'))) is null then
            execute format(
                'create table realtime.messages_%s partition of realtime.messages for values from (%L) to (%L)',
                to_char(v_day, 'YYYY_MM_DD'), v_day::timestamp, (v_day + 1)::timestamp);
            execute format('alter table realtime.messages_%s owner to supabase_realtime_admin', to_char(v_day, 'YYYY_MM_DD'));
        end if;
    end loop;
    for v_old in
        select c.relname
        from pg_inherits i
        join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'realtime.messages'::regclass
          and to_date(substr(c.relname, length('messages_') + 1), 'YYYY_MM_DD') < v_today - 3
    loop
        execute format('drop table realtime.%I', v_old);
    end loop;
end
$$;
revoke all on function realtime.keep_partitions() from public;
select realtime.keep_partitions();

-- Never raises: a broadcast that cannot be stored is lost with a warning.
create or replace function realtime.send(payload jsonb, event text, topic text, private boolean default true)
returns void language plpgsql as $$
declare
    v_id uuid := gen_random_uuid();
    v_payload jsonb := payload;
begin
    if v_payload is not null and not v_payload ? 'id' then
        v_payload := jsonb_set(v_payload, '{id}', to_jsonb(v_id));
    end if;
    perform set_config('realtime.topic', topic, true);
    insert into realtime.messages (id, payload, event, topic, private, extension)
    values (v_id, v_payload, event, topic, private, 'broadcast');
exception when others then
    raise warning 'WarnSendingBroadcastMessage: %', sqlerrm;
end
$$;

create or replace function realtime.topic() returns text language sql stable as $$
    select nullif(current_setting('realtime.topic', true), '')
$$;

alter function realtime.send(jsonb, text, text, boolean) owner to supabase_realtime_admin;
alter function realtime.topic() owner to supabase_realtime_admin;
