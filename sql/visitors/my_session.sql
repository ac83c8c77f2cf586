-- What: the live session that the caller's token names.
-- Why: one place decides whether a token still counts; the signature was checked before the database was asked, the rest
--      is looked up here each time.
-- Leaves out: customers signed in with Supabase Auth, who get a session and its token from chat_open_session.

create or replace function chat.refuse_dead_session()
returns void
language plpgsql
as $$
begin
    raise exception 'the session of this token is over'
        using errcode = 'PT401', detail = 'chat/session_dead', hint = 'open a new one with chat_open_session';
end
$$;
comment on function chat.refuse_dead_session() is 'PT401 chat/session_dead.';

create or replace function chat.my_session(p_now timestamptz default clock_timestamp())
returns chat.sessions
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    claims constant jsonb := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
    named constant text := claims ->> 'chat_session';
    session chat.sessions;
begin
    if named is null then
        raise exception 'this needs a visitor''s token'
            using errcode = 'PT401', detail = 'chat/no_session', hint = 'open a session with chat_open_session and send its token';
    end if;
    -- Whatever a token says, it is looked up by a uuid or not at all.
    if named ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' then
        select s.* into session from chat.sessions s where s.id = named::uuid;
    end if;
    if session.id is not null and session.site_id::text is distinct from lower(claims ->> 'chat_site') then
        raise exception 'this token is of another site than its session'
            using errcode = 'PT401', detail = 'chat/session_foreign', hint = 'open a session at this site with chat_open_session';
    end if;
    if jsonb_typeof(claims -> 'exp') is distinct from 'number'
        or (claims ->> 'exp')::numeric <= extract(epoch from p_now)
    then
        raise exception 'this token has expired'
            using errcode = 'PT401', detail = 'chat/session_expired',
                hint = 'renew it: call chat_open_session with the session''s key';
    end if;
    if session.id is null or session.ended_at is not null or session.expires_at <= p_now then
        perform chat.refuse_dead_session();
    end if;
    perform chat.require_module(session.site_id);
    return session;
end
$$;
comment on function chat.my_session(timestamptz) is
    'The caller''s session. PT401: chat/no_session (no token of ours), chat/session_foreign (another site''s), chat/session_expired (renew it), chat/session_dead (ended, blocked, erased or never there). PT403 chat/module_off.';

create or replace function chat.lock_person(p_session chat.sessions)
returns chat.sessions
language plpgsql
as $$
declare
    session chat.sessions := p_session;
    known uuid;
begin
    -- Whoever proves meanwhile who they are writes as that person; whoever ends the session writes no more.
    loop
        known := session.identity_id;
        perform from chat.identities i where i.id = known for no key update;
        select s.* into session from chat.sessions s where s.id = p_session.id and s.ended_at is null;
        if not found then
            perform chat.refuse_dead_session();
        end if;
        exit when session.identity_id = known;
    end loop;
    return session;
end
$$;
comment on function chat.lock_person(chat.sessions) is
    'Locks the identity of a session, the first lock of whoever writes for a visitor; answers the session as it is then. PT401 chat/session_dead.';
