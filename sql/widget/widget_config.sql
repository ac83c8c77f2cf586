-- What: what the widget of a site needs to know before anybody writes.
-- Why: the settings table is for colleagues; this is its public part, named column by column, so that a new column is
--      closed until somebody opens it here.
-- Leaves out: rates, block list, allowed domains, ids of WhatsApp accounts.

create or replace function public.chat_widget_config(site uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    settings constant public.mod_chat_widget_settings := chat.settings_of(chat_widget_config.site);
    shown jsonb;
begin
    perform chat.require_module(settings.site_id);
    perform chat.require_domain(settings);
    select to_jsonb(p) into shown from (
        select s.site_id, s.primary_color, s.text_color, s.position, s.launcher_icon, s.launcher_size, s.border_radius,
            s.z_index, s.company_name, s.welcome_message, s.away_message, s.offline_message, s.logo_url,
            s.pre_chat_enabled, s.pre_chat_name_required, s.pre_chat_email_required, s.pre_chat_phone_enabled,
            s.pre_chat_phone_required, s.pre_chat_message_required, s.pre_chat_department_selector,
            s.business_hours_enabled, s.business_hours, s.timezone, s.auto_open_delay_seconds, s.show_agent_avatar,
            s.show_agent_name, s.show_typing_indicator, s.enable_file_uploads, s.enable_emoji,
            s.enable_sound_notifications, s.enable_satisfaction_rating, s.language, s.custom_translations,
            s.max_file_size_mb, s.allowed_file_types, s.privacy_text, s.privacy_url, s.privacy_required, s.privacy_version,
            case when s.whatsapp_enabled then s.whatsapp_phone_number end as whatsapp_phone_number
        from (select settings.*) s) p;
    return shown || jsonb_build_object(
        'online', exists (
            select from public.mod_chat_agents a
            where a.site_id = settings.site_id and a.is_active and a.status = 'online'),
        'hours', public.chat_hours(settings.site_id),
        'departments', case when settings.pre_chat_department_selector then coalesce((
            select jsonb_agg(jsonb_build_object('id', d.id, 'name', d.name, 'description', d.description)
                order by d.sort_order, d.name)
            from public.mod_chat_departments d
            where d.site_id = settings.site_id and d.is_active), '[]') else '[]' end);
end
$$;
comment on function public.chat_widget_config(uuid) is
    'The public part of a site''s settings, whether an agent is online, whether it is open (as chat_hours), and departments to choose from where the form asks. PT404 chat/no_such_site, PT403 chat/module_off, chat/domain_not_allowed.';

create or replace function chat.require_domain(p_settings public.mod_chat_widget_settings)
returns void
language plpgsql
stable
as $$
begin
    if not chat.origin_allowed(chat.request_header('origin'), to_jsonb(p_settings.allowed_domains)) then
        raise exception 'this site''s widget does not open at %', left(chat.request_header('origin'), 100)
            using errcode = 'PT403', detail = 'chat/domain_not_allowed', hint = 'add the domain to the widget''s allowed domains';
    end if;
end
$$;
comment on function chat.require_domain(public.mod_chat_widget_settings) is
    'Raises PT403 chat/domain_not_allowed when a browser shows a page of a domain that the site does not allow.';
