-- What: a site switches its CRM on or off, sees what could not be told, and asks what the CRM knows of a visitor.
-- Why: a host's table that refuses a row must not be found out by looking at what is missing.
-- Leaves out: writing contacts; that is the CRM's own screens.

create or replace function chat.crm_of(p_site uuid)
returns jsonb
language plpgsql
stable
as $$
begin
    return (
        select jsonb_build_object(
            'is_on', coalesce((select s.is_on from chat.crm_settings s where s.site_id = p_site), true),
            'contacts', chat.crm_table('contacts')::text,
            'due', count(*) filter (where d.next_at is not null),
            'failed', coalesce(jsonb_agg(
                jsonb_build_object('conversation_id', d.conversation_id, 'event', d.name, 'at', d.at, 'error', d.error)
                order by d.event_id desc) filter (where d.next_at is null), '[]'))
        from chat.crm_due d where d.site_id = p_site);
end
$$;
comment on function chat.crm_of(uuid) is 'A site''s CRM as chat_crm shows it.';

create or replace function public.chat_crm(site uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    perform chat.require(chat_crm.site, 'live-chat.settings.manage');
    return chat.crm_of(chat_crm.site);
end
$$;
comment on function public.chat_crm(uuid) is
    'The site''s CRM: {is_on, contacts: the table they stand in, due: how many beginnings and ends are still to be told, failed: [{conversation_id, event, at, error}]}. Needs live-chat.settings.manage. PT403 chat/not_allowed.';

create or replace function public.chat_save_crm(site uuid, is_on boolean)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform chat.require(chat_save_crm.site, 'live-chat.settings.manage');
    if chat_save_crm.is_on is null then
        raise exception 'the CRM is on or off'
            using errcode = 'PT422', detail = 'chat/on_or_off', hint = 'say true or false';
    end if;
    insert into chat.crm_settings as s (site_id, is_on) values (chat_save_crm.site, chat_save_crm.is_on)
    on conflict (site_id) do update set is_on = excluded.is_on;
    if not chat_save_crm.is_on then
        delete from chat.crm_due d where d.site_id = chat_save_crm.site;
    end if;
    return chat.crm_of(chat_save_crm.site);
end
$$;
comment on function public.chat_save_crm(uuid, boolean) is
    'Switches the site''s CRM on or off; what was still to be told when it goes off is not. Answers as chat_crm. Needs live-chat.settings.manage. PT403 chat/not_allowed, PT422 chat/on_or_off.';

create or replace function public.chat_retry_crm(site uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform chat.require(chat_retry_crm.site, 'live-chat.settings.manage');
    update chat.crm_due d set tries = 0, next_at = clock_timestamp() where d.site_id = chat_retry_crm.site;
    return chat.crm_of(chat_retry_crm.site);
end
$$;
comment on function public.chat_retry_crm(uuid) is
    'Has the CRM told anew what it refused. Answers as chat_crm. Needs live-chat.settings.manage. PT403 chat/not_allowed.';

create or replace function public.chat_contact(visitor uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    site constant uuid := chat.require_for_visitor(chat_contact.visitor, 'live-chat.conversations.view');
    known constant jsonb := chat.crm_known(site, (chat.person_for_crm(chat_contact.visitor) ->> 'contact')::uuid);
begin
    -- No more than this: the host's other columns have the host's policies.
    return case when known is not null then jsonb_build_object(
        'id', known -> 'id', 'name', chat.crm_name(known), 'email', known -> 'email', 'phone', known -> 'phone') end;
end
$$;
comment on function public.chat_contact(uuid) is
    'The CRM''s contact of a visitor: {id, name, email, phone}; null when there is none. Needs live-chat.conversations.view. PT404 chat/no_such_visitor, PT403 chat/not_allowed.';
