-- What: a visitor opens the widget: a new session, or the old one again for whoever has its key.
-- Why: the one door of people without a login. What has to be counted is taken first; then site, domain and block list
--      decide; then a person is made, or found.
-- Leaves out: what the widget shows (widget_config.sql) and asks (submit_form.sql).

create or replace function public.chat_open_session(site uuid, key text default null, page jsonb default '{}')
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    at constant timestamptz := clock_timestamp();
    address constant inet := chat.client_address();
    settings public.mod_chat_widget_settings;
    session chat.sessions;
    fresh_key text;
    wait integer;
begin
    settings := chat.settings_of(chat_open_session.site);
    wait := coalesce(
        chat.take_rate(settings.site_id, 'site_sessions', '', settings.sessions_per_minute, at),
        chat.take_rate(settings.site_id, 'address_sessions', coalesce(host(address), 'unknown'),
            settings.address_sessions_per_minute, at));
    if wait is not null then
        return chat.answer_wait(wait);
    end if;
    perform chat.require_module(settings.site_id);
    perform chat.require_domain(settings);
    if chat.is_blocked(settings.site_id, null, address, at) then
        raise exception 'this address is blocked'
            using errcode = 'PT403', detail = 'chat/blocked', hint = 'ask the site to lift the block';
    end if;

    session := chat.session_of_key(settings, chat_open_session.key, at);
    if session.id is null then
        -- Two random uuids: 244 bits that nobody guesses.
        fresh_key := replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
        session := chat.make_session(settings, fresh_key, at);
    end if;
    -- Somebody signed in with Supabase has proven who they are.
    if auth.uid() is not null then
        session := chat.prove_identity(session, 'auth', auth.uid()::text, at);
    end if;
    session.ip_address := address;
    session.user_agent := left(chat.request_header('user-agent'), 1000);
    perform chat.note_page(session, chat_open_session.page, at);
    session := chat.renew_session(session, settings, at);
    return chat.session_answer(session, at) || jsonb_build_object(
        'key', coalesce(fresh_key, chat_open_session.key), 'resumed', fresh_key is null);
end
$$;
comment on function public.chat_open_session(uuid, text, jsonb) is
    'Opens a visitor''s session at a site, or with its key renews it. `page`: {url, title, referrer, language}; without a language the browser''s counts. Answers {token, expires_at, key, site_id, session_id, visitor_id, resumed, topics}. Somebody signed in with Supabase is known by their login. PT404 chat/no_such_site, 429 chat/too_many, PT403 chat/module_off, chat/domain_not_allowed, chat/blocked, PT503 chat/no_token_key.';

create or replace function chat.session_of_key(
    p_settings public.mod_chat_widget_settings, p_key text, p_now timestamptz)
returns chat.sessions
language plpgsql
stable
as $$
declare
    session chat.sessions;
begin
    select s.* into session
    from chat.sessions s
    where s.key_hash = sha256(convert_to(p_key, 'UTF8')) and s.site_id = p_settings.site_id
        and (s.ended_at is null or s.ended_why = 'blocked') and s.expires_at > p_now;
    if chat.is_blocked(p_settings.site_id, session.visitor_id, null, p_now) then
        raise exception 'this visitor is blocked'
            using errcode = 'PT403', detail = 'chat/blocked', hint = 'ask the site to lift the block';
    end if;
    return session;
end
$$;
comment on function chat.session_of_key(public.mod_chat_widget_settings, text, timestamptz) is
    'The live session of this key at a site, or one that a block had ended which is over; null when the key opens none. PT403 chat/blocked.';

create or replace function chat.make_session(p_settings public.mod_chat_widget_settings, p_key text, p_now timestamptz)
returns chat.sessions
language plpgsql
as $$
declare
    person constant chat.identities := chat.make_person(p_settings.site_id, gen_random_uuid());
    session chat.sessions;
begin
    insert into chat.sessions (site_id, visitor_id, identity_id, key_hash, created_at, expires_at)
    values (p_settings.site_id, person.visitor_id, person.id, sha256(convert_to(p_key, 'UTF8')), p_now,
        p_now + p_settings.session_days * interval '1 day')
    returning * into session;
    return session;
end
$$;
comment on function chat.make_session(public.mod_chat_widget_settings, text, timestamptz) is
    'A new session of somebody nobody knows: visitor, identity without aliases, session.';

create or replace function chat.renew_session(
    p_session chat.sessions, p_settings public.mod_chat_widget_settings, p_now timestamptz)
returns chat.sessions
language plpgsql
as $$
declare
    session chat.sessions;
begin
    update chat.sessions s
    set ended_at = null, ended_why = null, last_seen_at = p_now,
        expires_at = p_now + p_settings.session_days * interval '1 day', ip_address = p_session.ip_address,
        user_agent = p_session.user_agent, origin = left(chat.request_header('origin'), 300)
    where s.id = p_session.id and (s.ended_at is null or s.ended_why = 'blocked')
    returning s.* into session;
    if not found then
        raise exception 'this session was ended meanwhile'
            using errcode = 'PT401', detail = 'chat/session_dead', hint = 'open a new one with chat_open_session';
    end if;
    return session;
end
$$;
comment on function chat.renew_session(chat.sessions, public.mod_chat_widget_settings, timestamptz) is
    'Moves the end of a session on and notes where it is used from; the caller holds the visitor. PT401 chat/session_dead.';

create or replace function chat.session_answer(p_session chat.sessions, p_now timestamptz)
returns jsonb
language plpgsql
stable
as $$
begin
    return chat.sign_session(p_session, p_now) || jsonb_build_object(
        'site_id', p_session.site_id, 'session_id', p_session.id, 'visitor_id', p_session.visitor_id,
        'topics', (select jsonb_agg('chat:visitor:' || v.id order by v.id <> p_session.visitor_id, v.id)
            from unnest(chat.visitors_of(p_session.identity_id)) v (id)));
end
$$;
comment on function chat.session_answer(chat.sessions, timestamptz) is
    'What a client is told of its session: {token, expires_at, site_id, session_id, visitor_id, topics}, its own topic first.';
