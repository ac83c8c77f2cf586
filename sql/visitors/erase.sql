-- What: erases a person: every row, every queued job, the list of their files; what stays is a proof with counts.
-- Why: one call, one transaction, in the order of locks. A message that arrives meanwhile waits for the identity and then
--      begins afresh with a new one (whatsapp/home_conversation.sql).
-- Leaves out: event rows and figures, which name ids that mean nothing any more; the files themselves, which whoever
--             has the storage key deletes (chat.file_deletions).

create or replace function public.chat_erase_visitor(visitor uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform chat.require_for_visitor(chat_erase_visitor.visitor, 'live-chat.settings.manage');
    return chat.erase_person(chat_erase_visitor.visitor);
end
$$;
comment on function public.chat_erase_visitor(uuid) is
    'Erases a person with all visitors merged with them: identities, sessions, conversations, messages, notes, jobs; files are queued for deletion. Cannot be undone. Answers the proof {id, visitor_ids, erased_by, erased_at, counts}. Needs live-chat.settings.manage. PT404 chat/no_such_visitor, PT403 chat/not_allowed, PT409 chat/changed_meanwhile.';

create or replace function chat.erase_person(p_visitor uuid)
returns jsonb
language plpgsql
as $$
declare
    site uuid;
    rows constant uuid[] := chat.person_rows(p_visitor);
    identities uuid[];
    conversations uuid[];
    agents uuid[];
    counts jsonb;
    proof chat.erasures;
begin
    identities := array(select i.id from chat.identities i where i.visitor_id = any (rows) order by i.id for update);
    conversations := array(
        select c.id from public.mod_chat_conversations c where c.visitor_id = any (rows) order by c.id for update);
    perform from public.mod_chat_visitors v where v.id = any (rows) order by v.id for update;
    select v.site_id into site from public.mod_chat_visitors v where v.id = p_visitor;
    -- What was added before these locks were complete is not locked, and so not erased: better to begin again.
    if site is null or rows <> chat.person_rows(p_visitor) or exists (
            select from public.mod_chat_conversations c where c.visitor_id = any (rows) and c.id <> all (conversations))
        or exists (select from chat.identities i where i.visitor_id = any (rows) and i.id <> all (identities))
    then
        raise exception 'somebody merged, erased or wrote meanwhile'
            using errcode = 'PT409', detail = 'chat/changed_meanwhile', hint = 'call again';
    end if;

    agents := array(
        select distinct c.assigned_agent_id from public.mod_chat_conversations c
        where c.id = any (conversations) and c.archived_at is null and c.assigned_agent_id is not null);
    counts := chat.count_person(rows, identities, conversations)
        || chat.erase_leftovers(site, identities, conversations)
        || jsonb_build_object('files', chat.queue_file_deletions(conversations));

    -- All that hangs on these goes with them: attempts, choices, aliases, sessions, visits, blocks.
    delete from public.mod_chat_messages m where m.conversation_id = any (conversations);
    delete from public.mod_chat_conversations c where c.id = any (conversations);
    delete from chat.identities i where i.id = any (identities);
    delete from public.mod_chat_visitors v where v.id = any (rows);

    perform chat.lock_routing(site);
    perform chat.recount_load(site, agents);
    perform chat.drain(site);
    counts := counts || jsonb_build_object('jobs', chat.erase_jobs(identities));

    insert into chat.erasures (site_id, visitor_ids, erased_by, counts)
    values (site, rows, auth.uid(), counts)
    returning * into proof;
    perform chat.broadcast(
        array['chat:site:' || site],
        jsonb_build_object('v', 1, 'type', 'status_change', 'erased_visitor_ids', rows),
        array[null::bigint]);
    return to_jsonb(proof);
end
$$;
comment on function chat.erase_person(uuid) is
    'Erases a person, whoever asks: chat_erase_visitor asks for the right; the owner of the database may call this. Answers the proof. PT409 chat/changed_meanwhile.';

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
        'choices', (select count(*) from chat.choices c where c.conversation_id = any (p_conversations)),
        'blocks', (select count(*) from chat.blocks b where b.visitor_id = any (p_visitors)));
end
$$;
comment on function chat.count_person(uuid[], uuid[], uuid[]) is 'How many rows of each kind a person has.';

create or replace function chat.erase_leftovers(p_site uuid, p_identities uuid[], p_conversations uuid[])
returns jsonb
language plpgsql
as $$
declare
    statuses integer;
    letters integer;
begin
    delete from chat.orphan_statuses o
    where o.site_id = p_site
        and (o.wamid in (
                select m.whatsapp_message_id from public.mod_chat_messages m where m.conversation_id = any (p_conversations))
            or exists (
                select from chat.identity_aliases a
                where a.identity_id = any (p_identities) and position(a.value in o.item::text) > 0));
    get diagnostics statuses = row_count;
    -- An item that no row would take is kept as it came, so the ids are looked for in all of it.
    delete from chat.dead_letters d
    where d.phone_number_id in (select n.phone_number_id from chat.whatsapp_numbers n where n.site_id = p_site)
        and exists (
            select from chat.identity_aliases a
            where a.identity_id = any (p_identities) and position(a.value in d.item::text) > 0);
    get diagnostics letters = row_count;
    return jsonb_build_object('orphan_statuses', statuses, 'dead_letters', letters);
end
$$;
comment on function chat.erase_leftovers(uuid, uuid[], uuid[]) is
    'Deletes what webhooks left of these people: statuses without a message, dead letters. Answers counts.';

create or replace function chat.queue_file_deletions(p_conversations uuid[])
returns integer
language plpgsql
as $$
declare
    files integer;
begin
    insert into chat.file_deletions (site_id, file_url)
    select distinct m.site_id, m.file_url from public.mod_chat_messages m
    where m.conversation_id = any (p_conversations) and m.file_url is not null;
    get diagnostics files = row_count;
    return files;
end
$$;
comment on function chat.queue_file_deletions(uuid[]) is 'Queues the files of conversations for deletion. Answers how many.';

create or replace function chat.erase_jobs(p_identities uuid[])
returns integer
language plpgsql
as $$
declare
    -- Lanes of a person end in their identity: send:<number>:<identity>, read:<number>:<identity>.
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
