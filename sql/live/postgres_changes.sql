-- What: puts what a dashboard shows into the publication of Realtime's Postgres Changes, or takes it out again.
-- Why: broadcasts are the way; but a dashboard that is there already and listens to the tables goes on working. Every
--      subscriber costs a read under the policies for each change, so it is off until somebody asks for it.
-- Leaves out: visitors, who may read no table and so hear nothing; deletes, which Realtime tells without asking a policy,
--             but of which it knows no more than the id.

create or replace function chat.enable_postgres_changes(enabled boolean default true)
returns text[]
language plpgsql
as $$
declare
    shown regclass;
    told boolean;
begin
    if to_regnamespace('realtime') is null then
        raise exception 'there is no Realtime here'
            using errcode = 'PT404', detail = 'chat/no_realtime', hint = 'start Realtime for this database first: it makes the schema realtime';
    end if;
    if not exists (select from pg_catalog.pg_publication p where p.pubname = 'supabase_realtime') then
        create publication supabase_realtime;
    end if;
    foreach shown in array array['public.mod_chat_messages', 'public.mod_chat_conversations']::regclass[] loop
        told := exists (
            select from pg_catalog.pg_publication_tables t
            where t.pubname = 'supabase_realtime' and format('%I.%I', t.schemaname, t.tablename)::regclass = shown);
        if enabled and not told then
            execute format('alter publication supabase_realtime add table %s', shown);
        elsif told and not enabled then
            execute format('alter publication supabase_realtime drop table %s', shown);
        end if;
    end loop;
    return array(
        select format('%s.%s', t.schemaname, t.tablename) from pg_catalog.pg_publication_tables t
        where t.pubname = 'supabase_realtime' and t.tablename like 'mod\_chat\_%' order by 1);
end
$$;
comment on function chat.enable_postgres_changes(boolean) is
    'Has Realtime tell changes of mod_chat_messages and mod_chat_conversations by Postgres Changes, too, to agents who may read the rows; false ends that. Answers our tables in the publication. For the owner in psql. PT404 chat/no_realtime.';
