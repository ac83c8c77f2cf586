-- What: which fields a site's forms ask for, and that they were given before anybody writes.
-- Why: what a widget asks can be left out by whoever calls the database; so it is asked again here, of what is known of
--      the visitor. A person whom the site has named already fills in nothing.
-- Leaves out: whether values are right, which is a rule (chat_rules form_problems).

create or replace function chat.form_fields(p_settings public.mod_chat_widget_settings, p_form text)
returns text[]
language sql
immutable
as $$
    select case p_form
        when 'pre_chat' then array_remove(array[
            case when s.pre_chat_enabled and s.pre_chat_name_required then 'name' end,
            case when s.pre_chat_enabled and s.pre_chat_email_required then 'email' end,
            case when s.pre_chat_enabled and s.pre_chat_phone_enabled and s.pre_chat_phone_required then 'phone' end,
            case when s.pre_chat_enabled and s.pre_chat_message_required then 'message' end], null)
        -- Whoever leaves a message has to be reached later.
        when 'offline' then array_remove(array[
            case when s.pre_chat_enabled and s.pre_chat_name_required then 'name' end, 'email', 'message'], null)
    end
    from (select p_settings.*) s
$$;
comment on function chat.form_fields(public.mod_chat_widget_settings, text) is
    'Fields that a site requires in a form (pre_chat, offline), by its settings; null for a form there is not.';

create or replace function chat.form_values(p_given jsonb)
returns jsonb
language sql
immutable
as $$
    -- What is nested is no text, however deep it is.
    select coalesce(jsonb_object_agg(f.key, case when jsonb_typeof(f.value) in ('object', 'array') then 'false' else f.value end), '{}')
    from jsonb_each(case jsonb_typeof(p_given) when 'object' then p_given end) f
    where f.key in ('name', 'email', 'phone', 'message')
$$;
comment on function chat.form_values(jsonb) is 'The fields of a form among what somebody sent; empty when it is no object.';

create or replace function chat.require_form(p_session chat.sessions, p_settings public.mod_chat_widget_settings)
returns void
language plpgsql
stable
as $$
declare
    missing jsonb;
begin
    if p_settings.privacy_required and not exists (
        select from chat.consents c
        where c.visitor_id = any (chat.visitors_of(p_session.identity_id)) and c.version = p_settings.privacy_version)
    then
        raise exception 'the privacy text has not been agreed to'
            using errcode = 'PT422', detail = 'chat/consent_required',
                hint = 'show the text of chat_widget_config, then call chat_consent with its version';
    end if;
    select chat.form_problems(
        to_jsonb(array_remove(chat.form_fields(p_settings, 'pre_chat'), 'message')),
        jsonb_build_object('name', v.name, 'email', v.email, 'phone', v.phone))
    into missing
    from public.mod_chat_visitors v
    where v.id = p_session.visitor_id;
    if missing @? '$[*] ? (@.problem == "missing")' then
        raise exception 'the form before the chat has not been filled in'
            using errcode = 'PT422', detail = 'chat/form_required', hint = 'call chat_submit_form first';
    end if;
end
$$;
comment on function chat.require_form(chat.sessions, public.mod_chat_widget_settings) is
    'Raises PT422 chat/consent_required or chat/form_required unless a visitor has given what the site asks before a chat.';
