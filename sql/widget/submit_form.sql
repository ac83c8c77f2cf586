-- What: a visitor fills in the form before a chat, or leaves a message while nobody is there.
-- Why: one call stores what they say of themselves, their consent and their first message, or says of every field what is
--      wrong with it.
-- Leaves out: proof. What is typed here finds no history of anybody.

create or replace function public.chat_submit_form(form text, given jsonb, message_id uuid default gen_random_uuid())
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    at constant timestamptz := clock_timestamp();
    session chat.sessions := chat.my_session(at);
    settings constant public.mod_chat_widget_settings := chat.settings_of(session.site_id);
    wait constant integer := chat.wait_to_write(session, settings, at);
    problems jsonb;
    message jsonb;
begin
    if wait is not null then
        return chat.answer_wait(wait);
    end if;
    -- Held from before it is looked for, because it may be deleted in this moment.
    perform from public.mod_chat_departments d
    where d.site_id = session.site_id and d.id::text = lower(given ->> 'department_id')
    for key share;
    problems := chat.problems_of_form(settings, chat_submit_form.form, given);
    if problems <> '[]' then
        return chat.answer_refusal(422, 'chat/form_invalid', 'some fields are not filled in well',
            'see `problems`: each names a field and what is wrong with it') || jsonb_build_object('problems', problems);
    end if;
    -- Identity, conversations, visitor: the order of locks.
    session := chat.lock_person(session);
    perform from public.mod_chat_conversations c where c.identity_id = session.identity_id order by c.id for no key update;
    perform chat.keep_profile(session, given, at);
    if given ->> 'privacy_version' is not null then
        perform chat.keep_consent(session, settings, (given ->> 'privacy_version')::integer, at);
    end if;
    if btrim(given ->> 'message') <> '' then
        perform chat.require_form(session, settings);
        message := chat.write_as_visitor(session, jsonb_build_object(
            'id', chat_submit_form.message_id, 'content', given ->> 'message', 'department_id', given -> 'department_id',
            'metadata', jsonb_build_object('form', chat_submit_form.form)), at);
    end if;
    return jsonb_build_object('visitor_id', session.visitor_id, 'message', message);
end
$$;
comment on function public.chat_submit_form(text, jsonb, uuid) is
    'form: pre_chat or offline. given: {name, email, phone, message, department_id, privacy_version}. Stores them and sends the message. Answers {visitor_id, message}; or 422 chat/form_invalid with `problems`: [{field, problem}]. PT401 as chat.my_session, 429 chat/too_many, PT422 chat/unknown_form, chat/consent_required, PT409 chat/privacy_changed, PT403 chat/blocked.';

create or replace function chat.problems_of_form(p_settings public.mod_chat_widget_settings, p_form text, p_given jsonb)
returns jsonb
language plpgsql
stable
as $$
declare
    required constant text[] := chat.form_fields(p_settings, p_form);
    department constant text := p_given ->> 'department_id';
    problems jsonb;
begin
    if required is null then
        raise exception 'there is no form %', coalesce(left(p_form, 50), 'null')
            using errcode = 'PT422', detail = 'chat/unknown_form', hint = 'use pre_chat or offline';
    end if;
    problems := chat.form_problems(to_jsonb(required), chat.form_values(p_given));
    if department is not null and not exists (
        select from public.mod_chat_departments d
        where d.site_id = p_settings.site_id and d.id::text = lower(department) and d.is_active
            and p_settings.pre_chat_department_selector)
    then
        problems := problems || '[{"field": "department_id", "problem": "unknown"}]';
    end if;
    -- A jsonb number of any size or a word would fail as a cast.
    if p_given ->> 'privacy_version' !~ '^[0-9]{1,9}$' then
        problems := problems || '[{"field": "privacy_version", "problem": "unknown"}]';
    end if;
    return problems;
end
$$;
comment on function chat.problems_of_form(public.mod_chat_widget_settings, text, jsonb) is
    'What is wrong with the values of a form at a site: [{field, problem}]. PT422 chat/unknown_form.';

create or replace function chat.keep_profile(p_session chat.sessions, p_given jsonb, p_now timestamptz)
returns void
language plpgsql
as $$
begin
    update public.mod_chat_visitors v
    set name = coalesce(nullif(btrim(p_given ->> 'name'), ''), v.name),
        email = coalesce(nullif(btrim(p_given ->> 'email'), ''), v.email),
        phone = coalesce(nullif(btrim(p_given ->> 'phone'), ''), v.phone),
        updated_at = p_now
    where v.id = p_session.visitor_id;
end
$$;
comment on function chat.keep_profile(chat.sessions, jsonb, timestamptz) is
    'What a visitor says of themselves: {name, email, phone}; what is empty stays as it was.';
