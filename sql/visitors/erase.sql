-- What: erases a person: every row, every queued job, the list of their files; what stays is a proof with counts.
-- Why: one call, one transaction, in the order of locks. A message that arrives meanwhile waits for the identity and then
--      begins afresh with a new one (whatsapp/home_conversation.sql).
-- Leaves out: event rows and figures, which name ids that mean nothing any more; the files themselves, which the
--             worker deletes (delete_files.sql).

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
    -- Whoever holds a conversation may still ask whether its identity and visitor are there; so those are not yet locked
    -- against that, or both would wait for each other.
    identities := array(
        select i.id from chat.identities i where i.visitor_id = any (rows) order by i.id for no key update);
    conversations := array(
        select c.id from public.mod_chat_conversations c where c.visitor_id = any (rows) order by c.id for update);
    perform from public.mod_chat_visitors v where v.id = any (rows) order by v.id for no key update;
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
        || chat.erase_contacts(rows, conversations)
        || jsonb_build_object('files', chat.queue_file_deletions(rows, conversations));

    -- All that hangs on these goes with them: attempts, choices, aliases, sessions, visits, blocks.
    delete from public.mod_chat_messages m where m.conversation_id = any (conversations);
    delete from public.mod_chat_conversations c where c.id = any (conversations);
    delete from chat.identities i where i.id = any (identities);
    delete from public.mod_chat_visitors v where v.id = any (rows);

    -- Lanes of a person come before the routing row: whoever writes to them has theirs, and waits for that at commit.
    counts := counts || jsonb_build_object('jobs', chat.erase_jobs(identities));
    if (counts ->> 'files')::integer > 0 then
        perform chat.delete_files(site);
    end if;
    perform chat.lock_routing(site);
    perform chat.recount_load(site, agents);
    perform chat.drain(site);

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

create or replace function public.chat_erasures(site uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    perform chat.require(chat_erasures.site, 'live-chat.settings.manage');
    return coalesce((
        select jsonb_agg(to_jsonb(e) order by e.id desc) from chat.erasures e where e.site_id = chat_erasures.site), '[]');
end
$$;
comment on function public.chat_erasures(uuid) is
    'Proofs of who was erased at a site, latest first: [{id, visitor_ids, erased_by, erased_at, counts}]. Needs live-chat.settings.manage. PT403 chat/not_allowed.';
