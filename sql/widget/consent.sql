-- What: a visitor agrees to the site's privacy text.
-- Why: consent names the version that was shown; one that has changed since is shown again.
-- Leaves out: asking whether it was given, which writing does (require_form.sql).

create or replace function public.chat_consent(version integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    at constant timestamptz := clock_timestamp();
    session constant chat.sessions := chat.lock_person(chat.my_session(at));
begin
    return chat.keep_consent(session, chat.settings_of(session.site_id), chat_consent.version, at);
end
$$;
comment on function public.chat_consent(integer) is
    'Agrees to the privacy text of this version, which chat_widget_config shows. Answers {version, given_at}. PT401 as chat.my_session, PT409 chat/privacy_changed.';

create or replace function chat.keep_consent(
    p_session chat.sessions, p_settings public.mod_chat_widget_settings, p_version integer, p_now timestamptz)
returns jsonb
language plpgsql
as $$
declare
    kept chat.consents;
begin
    if p_version is distinct from p_settings.privacy_version then
        raise exception 'the privacy text is of version % now', p_settings.privacy_version
            using errcode = 'PT409', detail = 'chat/privacy_changed', hint = 'show chat_widget_config''s text and ask again';
    end if;
    insert into chat.consents (site_id, visitor_id, version, privacy_text, privacy_url, given_at)
    values (p_session.site_id, p_session.visitor_id, p_version, p_settings.privacy_text, p_settings.privacy_url, p_now)
    on conflict (visitor_id, version) do nothing;
    select c.* into kept from chat.consents c where c.visitor_id = p_session.visitor_id and c.version = p_version;
    return jsonb_build_object('version', kept.version, 'given_at', kept.given_at);
end
$$;
comment on function chat.keep_consent(chat.sessions, public.mod_chat_widget_settings, integer, timestamptz) is
    'Keeps a visitor''s consent to the current version, the first time of it. PT409 chat/privacy_changed.';
