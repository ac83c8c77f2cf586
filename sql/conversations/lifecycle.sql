-- What: what follows from a change of a conversation's own fields: status and assignment fit each other, times are
--       stamped, the change gets its number.
-- Why: a small before-row trigger that touches only `new`, so that a dashboard's plain PATCH, a function and routing
--      all obey one rule (chat_rules::lifecycle).
-- Leaves out: who may change what (policies/conversations.sql) and loads and queue (routing/, at commit).

create or replace function chat.apply_lifecycle()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
    at constant timestamptz := clock_timestamp();
    refusal text;
begin
    -- An assignment alone moves between pending and active; a status alone gives up the agent.
    if new.assigned_agent_id is distinct from old.assigned_agent_id and new.status = old.status then
        if new.assigned_agent_id is null and old.status in ('active', 'waiting') then
            new.status := 'pending';
        elsif new.assigned_agent_id is not null and old.status = 'pending' then
            new.status := 'active';
        end if;
    elsif new.status = 'pending' and old.status <> 'pending' then
        new.assigned_agent_id := null;
    end if;

    if new.status <> old.status then
        refusal := chat.status_refusal(old.status, new.status, new.assigned_agent_id is not null);
        if refusal is not null then
            raise exception 'a % conversation cannot become %', old.status, new.status
                using errcode = 'PT409', detail = refusal, hint = case refusal
                    when 'chat/needs_agent' then 'assign an agent in the same change'
                    when 'chat/pending_has_agent' then 'pending means that nobody has it: leave the agent out'
                    when 'chat/closed_is_final' then 'make it pending or active first, which opens it again'
                    when 'chat/reopen_first' then 'make it pending or active first'
                    when 'chat/only_pending_is_missed' then 'resolve or close it instead'
                    else 'use pending, active, waiting, resolved, closed or missed' end;
        end if;
        new.archived_at := case
            when new.status in ('pending', 'active', 'waiting') then null
            else coalesce(old.archived_at, at)
        end;
        -- The unique index would refuse it too, but without a way out. Two conditions: one with a query is planned anew each time.
        if new.archived_at is null and old.archived_at is not null then
            if exists (
                select from public.mod_chat_conversations c
                where c.identity_id = new.identity_id and c.phone_number_id is not distinct from new.phone_number_id
                    and c.archived_at is null)
            then
                raise exception 'this person has another open conversation'
                    using errcode = 'PT409', detail = 'chat/another_is_open', hint = 'go on in that one, or end it first';
            end if;
        end if;
        -- Whoever takes it back from an agent says since when the visitor has been waiting.
        new.pending_since := case when new.status = 'pending' then coalesce(new.pending_since, at) end;
        new.resolved_at := case
            when new.status = 'resolved' then at
            when new.archived_at is null then null
            else old.resolved_at
        end;
        new.closed_at := case when new.status = 'closed' then at end;
        if new.archived_at is null then
            new.ended_by := null;
            new.abandoned_at := null;
        elsif old.archived_at is null then
            new.ended_by := coalesce(new.ended_by, 'agent');
            new.abandoned_at := case when new.ended_by = 'visitor' and old.agent_joined_at is null then at end;
            -- Whoever was never taken waited until the end.
            new.wait_time_seconds := coalesce(old.wait_time_seconds,
                greatest(0, extract(epoch from at - coalesce(old.pending_since, old.created_at)))::integer);
        end if;
        if new.status = 'resolved' or new.status = 'closed' and old.archived_at is null and old.agent_joined_at is not null then
            new.resolution_time_seconds := greatest(0, extract(epoch from at - new.created_at))::integer;
        end if;
        if new.status <> 'waiting' then
            new.snoozed_until := null;
        end if;
    end if;

    if new.assigned_agent_id is distinct from old.assigned_agent_id then
        new.last_agent_id := coalesce(old.assigned_agent_id, old.last_agent_id);
        if new.choice_id is not distinct from old.choice_id then
            new.choice_id := null;
        end if;
        if new.assigned_agent_id is not null then
            new.returned_by := null;
            new.agent_joined_at := at;
            new.wait_time_seconds := coalesce(
                old.wait_time_seconds,
                greatest(0, extract(epoch from at - coalesce(old.pending_since, old.created_at)))::integer);
        end if;
    end if;

    if new.tags is distinct from old.tags then
        new.tags := array(
            select btrim(t.tag) from unnest(new.tags) with ordinality t (tag, place)
            where btrim(t.tag) <> '' group by btrim(t.tag) order by min(t.place));
        if cardinality(new.tags) > 50 or exists (select from unnest(new.tags) t (tag) where char_length(t.tag) > 64) then
            raise exception 'a conversation has at most 50 tags of 64 characters'
                using errcode = 'PT422', detail = 'chat/tags', hint = 'take some away, or make them shorter';
        end if;
    end if;
    if new.skills is distinct from old.skills then
        new.skills := nullif(chat.clean_skills(new.skills), '{}');
    end if;
    if char_length(new.subject) > 500 and new.subject is distinct from old.subject then
        raise exception 'a subject has at most 500 characters, this one %', char_length(new.subject)
            using errcode = 'PT422', detail = 'chat/subject_length', hint = 'make it shorter';
    end if;

    new.updated_at := at;
    new.last_change := new.last_change + 1;
    new.row_change := new.last_change;
    new.row_change_before := new.last_public_change;
    if (new.status, new.assigned_agent_id) is distinct from (old.status, old.assigned_agent_id) then
        new.public_change_before := new.last_public_change;
        new.last_public_change := new.last_change;
    end if;
    return new;
end
$$;
comment on function chat.apply_lifecycle() is
    'Before a change of a conversation''s own fields: rule of states, times, and the number of the change.';
