-- What: the steps of erasing a person that are not plain deletes of their rows.
-- Why: what webhooks, queue and storage keep of somebody is found in its own way each.
-- Leaves out: the order of locks and the rows themselves (erase.sql).

create or replace function chat.count_person(p_visitors uuid[], p_identities uuid[], p_conversations uuid[])
returns jsonb
language plpgsql
stable
as $$
begin
    return jsonb_build_object(
        'visitors', cardinality(p_visitors),
        'identities', cardinality(p_identities),
        'aliases', (select count(*) from chat.identity_aliases a where a.identity_id = any (p_identities)),
        'conversations', cardinality(p_conversations),
        'messages', (select count(*) from public.mod_chat_messages m where m.conversation_id = any (p_conversations)),
        'attempts', (
            select count(*) from public.mod_chat_messages m join chat.attempts a on a.message_id = m.id
            where m.conversation_id = any (p_conversations)),
        -- An agent's figures keep what they did for somebody who is gone.
        'answered_by', (
            select coalesce(jsonb_object_agg(d.sender_id, d.chats), '{}') from (
                select m.sender_id, count(distinct m.conversation_id) as chats from public.mod_chat_messages m
                where m.conversation_id = any (p_conversations) and m.sender_type = 'agent' and m.origin = 'live'
                    and m.public_seq is not null and m.sender_id is not null
                group by m.sender_id) d),
        'choices', (select count(*) from chat.choices c where c.conversation_id = any (p_conversations)),
        'visits', (select count(*) from chat.visits v where v.visitor_id = any (p_visitors)),
        'page_views', (
            select count(*) from chat.visits v join chat.page_views p on p.visit_id = v.id
            where v.visitor_id = any (p_visitors)),
        'sessions', (select count(*) from chat.sessions s where s.visitor_id = any (p_visitors)),
        'blocks', (select count(*) from chat.blocks b where b.visitor_id = any (p_visitors)));
end
$$;
comment on function chat.count_person(uuid[], uuid[], uuid[]) is 'How many rows of each kind a person has, and in how many of the conversations each agent answered.';

create or replace function chat.erase_leftovers(p_site uuid, p_identities uuid[], p_conversations uuid[])
returns jsonb
language plpgsql
as $$
declare
    statuses integer;
    letters integer;
    contacts integer;
    told integer;
begin
    delete from chat.orphan_statuses o
    using chat.orphan_statuses_of(p_site, p_identities, p_conversations) x
    where o.site_id = x.site_id and o.wamid = x.wamid and o.status = x.status;
    get diagnostics statuses = row_count;
    delete from chat.dead_letters d using chat.dead_letters_of(p_site, p_identities) x where d.id = x.id;
    get diagnostics letters = row_count;
    delete from chat.phone_contacts p
    using chat.phone_contacts_of(p_identities) x
    where p.site_id = x.site_id and p.portfolio = x.portfolio and p.value = x.value;
    get diagnostics contacts = row_count;
    delete from chat.whatsapp_told t using chat.told_of_groups_with(p_site, p_identities) x where t.id = x.id;
    get diagnostics told = row_count;
    return jsonb_build_object(
        'orphan_statuses', statuses, 'dead_letters', letters, 'phone_contacts', contacts, 'told_of_groups', told);
end
$$;
comment on function chat.erase_leftovers(uuid, uuid[], uuid[]) is
    'Deletes what webhooks left of these people: statuses without a message, dead letters, their names in the business''s phone, what groups told of them. Answers counts.';

create or replace function chat.queue_file_deletions(p_visitors uuid[], p_conversations uuid[])
returns integer
language plpgsql
as $$
declare
    files integer;
begin
    insert into chat.file_deletions (site_id, file_url)
    select m.site_id, m.file_url from public.mod_chat_messages m
    where m.conversation_id = any (p_conversations) and m.file_url is not null
    union
    -- A message that was taken back keeps its file among its versions.
    select v.site_id, v.file ->> 'url' from public.mod_chat_messages m
    join chat.message_versions v on v.message_id = m.id
    where m.conversation_id = any (p_conversations) and v.file ->> 'url' is not null
    union
    select u.site_id, u.path from chat.uploads u join chat.sessions s on s.id = u.session_id
    where s.visitor_id = any (p_visitors);
    get diagnostics files = row_count;
    return files;
end
$$;
comment on function chat.queue_file_deletions(uuid[], uuid[]) is 'Queues the files of conversations, and what visitors uploaded, for deletion. Answers how many.';

create or replace function chat.erase_jobs(p_identities uuid[])
returns integer
language plpgsql
as $$
declare
    -- Lanes of a person end in their identity: send:<number>:<identity>, read:…, media:<message>:<identity>.
    keys constant text[] := array(
        select l.key from chat.lanes l where right(l.key, 36) = any (p_identities::text[]) order by l.key for update);
    jobs integer;
begin
    delete from chat.jobs j where right(j.lane, 36) = any (p_identities::text[]);
    get diagnostics jobs = row_count;
    -- A worker that holds one of them finds its lease stale.
    delete from chat.lanes l where l.key = any (keys);
    return jobs;
end
$$;
comment on function chat.erase_jobs(uuid[]) is 'Deletes lanes of identities and their jobs, dead ones too. Answers how many jobs.';
