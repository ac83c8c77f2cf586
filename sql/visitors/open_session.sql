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
    if chat.is_blocked(settings.site_id, null, address, at) then
        raise exception 'this address is blocked'
            using errcode = 'PT403', detail = 'chat/blocked', hint = 'ask the site to lift the block';
    end if;

    session := chat.resume_session(settings, chat_open_session.key, address, at);
    if session.id is null then
        -- Two random uuids: 244 bits that nobody guesses.
        fresh_key := replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
        session := chat.make_session(settings, fresh_key, address, at);
    end if;
    perform chat.note_page(session, chat_open_session.page, at);
    return chat.sign_session(session, at) || jsonb_build_object(
        'site_id', session.site_id, 'session_id', session.id, 'visitor_id', session.visitor_id,
        'key', coalesce(fresh_key, chat_open_session.key), 'resumed', fresh_key is null,
        'topic', 'chat:visitor:' || session.visitor_id);
end
$$;
comment on function public.chat_open_session(uuid, text, jsonb) is
    'Opens a visitor''s session at a site, or with its key renews it. `page`: {url, title, referrer}. Answers {token, expires_at, key, site_id, session_id, visitor_id, resumed, topic}. PT404 chat/no_such_site, 429 chat/too_many, PT403 chat/blocked, PT503 chat/no_token_key.';

create or replace function chat.resume_session(
    p_settings public.mod_chat_widget_settings, p_key text, p_address inet, p_now timestamptz)
returns chat.sessions
language plpgsql
as $$
declare
    session chat.sessions;
begin
    select s.* into session
    from chat.sessions s
    where s.key_hash = sha256(convert_to(p_key, 'UTF8')) and s.site_id = p_settings.site_id;
    if chat.is_blocked(p_settings.site_id, session.visitor_id, null, p_now) then
        raise exception 'this visitor is blocked'
            using errcode = 'PT403', detail = 'chat/blocked', hint = 'ask the site to lift the block';
    end if;
    -- The visitor before the session, as everywhere.
    perform from public.mod_chat_visitors v where v.id = session.visitor_id for no key update;
    update chat.sessions s
    set ended_at = null, ended_why = null, last_seen_at = p_now, expires_at = p_now + p_settings.session_days * interval '1 day', ip_address = p_address,
        user_agent = left(chat.request_header('user-agent'), 1000)
    where s.id = session.id and (s.ended_at is null or s.ended_why = 'blocked') and s.expires_at > p_now
    returning s.* into session;
    return session;
end
$$;
comment on function chat.resume_session(public.mod_chat_widget_settings, text, inet, timestamptz) is
    'Renews the live session of this key, or one that a block had ended which is over; null when the key opens none. PT403 chat/blocked.';

create or replace function chat.make_session(
    p_settings public.mod_chat_widget_settings, p_key text, p_address inet, p_now timestamptz)
returns chat.sessions
language plpgsql
as $$
declare
    visitor uuid;
    person uuid;
    session chat.sessions;
begin
    insert into public.mod_chat_visitors (site_id, channel) values (p_settings.site_id, 'widget') returning id into visitor;
    insert into chat.identities (site_id, visitor_id) values (p_settings.site_id, visitor) returning id into person;
    insert into chat.sessions (
        site_id, visitor_id, identity_id, key_hash, ip_address, user_agent, origin, created_at, last_seen_at, expires_at)
    values (
        p_settings.site_id, visitor, person, sha256(convert_to(p_key, 'UTF8')), p_address,
        left(chat.request_header('user-agent'), 1000), left(chat.request_header('origin'), 300), p_now, p_now,
        p_now + p_settings.session_days * interval '1 day')
    returning * into session;
    return session;
end
$$;
comment on function chat.make_session(public.mod_chat_widget_settings, text, inet, timestamptz) is
    'A new session of somebody nobody knows: visitor, identity without aliases, session.';
