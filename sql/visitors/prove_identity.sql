-- What: a session turns out to be of a person whose id was proven.
-- Why: two browsers of one person meet at the unique alias. What somebody did before they said who they are stays theirs:
--      a pointer of the anonymous identity, and for agents the pointer of a merge.
-- Leaves out: the proof itself (identify.sql, or Supabase's login in open_session.sql).

create or replace function chat.prove_identity(p_session chat.sessions, p_kind text, p_value text, p_now timestamptz)
returns chat.sessions
language plpgsql
as $$
declare
    anonymous constant boolean := not exists (
        select from chat.identity_aliases a where a.identity_id = p_session.identity_id);
    made uuid := p_session.identity_id;
    person chat.identities;
    session chat.sessions;
begin
    -- Asked first: nearly always it is known.
    select i.* into person
    from chat.identity_aliases a join chat.identities i on i.id = a.identity_id
    where a.site_id = p_session.site_id and a.portfolio = '' and a.kind = p_kind and a.value = p_value;
    if not found then
        if not anonymous then
            made := gen_random_uuid();
        end if;
        insert into chat.identity_aliases (site_id, portfolio, kind, value, identity_id)
        values (p_session.site_id, '', p_kind, p_value, made)
        on conflict do nothing;
        if not found then
            -- Somebody was faster.
            return chat.prove_identity(p_session, p_kind, p_value, p_now);
        end if;
        if made = p_session.identity_id then
            -- Erased meanwhile it could not be the alias's, which would be known at commit only. Locked as an erasing locks
            -- it, which waits here or is waited for here, and not later, for the visitor.
            perform from chat.identities i where i.id = made for no key update;
            if not found then
                perform chat.refuse_dead_session();
            end if;
            return p_session;
        end if;
        -- Another person at the same browser.
        person := chat.make_person(p_session.site_id, made);
    elsif person.id = p_session.identity_id then
        return p_session;
    else
        perform from chat.identities i where i.id in (p_session.identity_id, person.id) order by i.id for no key update;
        if anonymous then
            perform chat.join_anonymous(p_session, person, p_now);
        end if;
    end if;
    perform from public.mod_chat_visitors v where v.id in (p_session.visitor_id, person.visitor_id)
    order by v.id for no key update;
    update chat.sessions s
    set identity_id = person.id, visitor_id = person.visitor_id
    where s.id = p_session.id
    returning s.* into session;
    if not found then
        perform chat.refuse_dead_session();
    end if;
    return session;
end
$$;
comment on function chat.prove_identity(chat.sessions, text, text, timestamptz) is
    'Makes a session the proven person''s (kind hmac or auth, and their id). The caller has checked the proof. Answers the session. PT401 chat/session_dead when it was erased meanwhile.';

create or replace function chat.make_person(p_site uuid, p_identity uuid)
returns chat.identities
language plpgsql
as $$
declare
    visitor uuid;
    person chat.identities;
begin
    insert into public.mod_chat_visitors (site_id, channel) values (p_site, 'widget') returning id into visitor;
    insert into chat.identities (id, site_id, visitor_id) values (p_identity, p_site, visitor) returning * into person;
    return person;
end
$$;
comment on function chat.make_person(uuid, uuid) is 'A new visitor of the widget with an identity of this id.';

create or replace function chat.join_anonymous(p_session chat.sessions, p_person chat.identities, p_now timestamptz)
returns void
language plpgsql
as $$
begin
    update chat.identities i set proven_as = p_person.id where i.id = p_session.identity_id;
    -- The chat that is going on goes on, unless the person has one already; then both stay, and theirs takes what comes.
    update public.mod_chat_conversations c
    set identity_id = p_person.id
    where c.identity_id = p_session.identity_id and c.archived_at is null
        and not exists (
            select from public.mod_chat_conversations o
            where o.identity_id = p_person.id and o.phone_number_id is null and o.archived_at is null);
    perform from public.mod_chat_visitors v
    where v.id in (p_session.visitor_id, p_person.visitor_id)
    order by v.id for no key update;
    update public.mod_chat_visitors v
    set merged_into = p_person.visitor_id, updated_at = p_now
    where v.id = p_session.visitor_id and v.merged_into is null
        and chat.person_of(p_person.visitor_id) <> v.id;
end
$$;
comment on function chat.join_anonymous(chat.sessions, chat.identities, timestamptz) is
    'Makes what a session did without a name part of the person it turned out to be; the caller holds both identities.';
