-- What: who reads and changes a site's settings.
-- Why: every colleague reads them; changing needs settings.manage, and the whatsapp_* columns whatsapp.manage. A column's
--      right needs the old row, so an invoker trigger asks for it.
-- Leaves out: the public part, which the widget gets from a function, not from this table.

create or replace function chat.require_for_settings(p_site uuid, p_whatsapp boolean, p_other boolean)
returns void
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    if p_whatsapp then
        perform chat.require(p_site, 'live-chat.whatsapp.manage');
    end if;
    if p_other then
        perform chat.require(p_site, 'live-chat.settings.manage');
    end if;
end
$$;
comment on function chat.require_for_settings(uuid, boolean, boolean) is
    'Rights that a direct change of settings needs: of the whatsapp_* columns, of any other.';

create or replace function chat.guard_settings()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
    ours constant text[] := array['whatsapp_enabled', 'whatsapp_phone_number', 'whatsapp_phone_number_id',
        'whatsapp_business_account_id', 'whatsapp_welcome_template'];
    before constant jsonb := case when tg_op = 'UPDATE' then to_jsonb(old) else '{"whatsapp_enabled": false}' end;
    after constant jsonb := to_jsonb(new);
begin
    perform chat.require_for_settings(
        new.site_id,
        exists (select from unnest(ours) k where before ->> k is distinct from after ->> k),
        tg_op = 'INSERT' or before - ours <> after - ours);
    return new;
end
$$;
comment on function chat.guard_settings() is 'Before a client''s own write: whatsapp_* columns and the others ask for their rights.';

create or replace trigger _100_guard before insert or update on public.mod_chat_widget_settings
    for each row when (row_security_active('public.mod_chat_widget_settings'::regclass))
    execute function chat.guard_settings();

grant select, insert on public.mod_chat_widget_settings to authenticated;
grant update (
    primary_color, text_color, position, launcher_icon, launcher_size, border_radius, z_index, company_name,
    welcome_message, away_message, offline_message, logo_url, pre_chat_enabled, pre_chat_name_required,
    pre_chat_email_required, pre_chat_phone_enabled, pre_chat_phone_required, pre_chat_message_required,
    pre_chat_department_selector, business_hours_enabled, business_hours, timezone, auto_open_delay_seconds,
    show_agent_avatar, show_agent_name, show_typing_indicator, enable_file_uploads, enable_emoji,
    enable_sound_notifications, enable_satisfaction_rating, language, custom_translations, whatsapp_enabled,
    whatsapp_phone_number, whatsapp_phone_number_id, whatsapp_business_account_id, whatsapp_welcome_template,
    allowed_domains, blocked_ips, max_file_size_mb, allowed_file_types, reopen_hours,
    auto_resolve_hours, missed_after_minutes, edit_minutes, choice_days,
    session_days, sessions_per_minute, address_sessions_per_minute, messages_per_minute, address_messages_per_minute,
    privacy_text, privacy_url, privacy_required)
    on public.mod_chat_widget_settings to authenticated;
grant select, insert, update, delete, truncate on public.mod_chat_widget_settings to service_role;
revoke all on function chat.require_for_settings(uuid, boolean, boolean), chat.guard_settings()
    from public, anon, authenticated, service_role;
grant execute on function chat.require_for_settings(uuid, boolean, boolean) to authenticated;

-- Visitors, by the token of their session; and their views, which show what is theirs.
grant execute on function
    public.chat_widget_config(uuid),
    public.chat_consent(integer),
    public.chat_submit_form(text, jsonb, uuid),
    public.chat_request_upload(text, integer, text),
    public.chat_post_message(text, uuid, uuid, uuid, uuid),
    chat.my_visitor_ids()
to anon, authenticated;
grant select on public.chat_my_conversations, public.chat_my_messages to anon, authenticated;

drop policy if exists chat_widget_settings_select on public.mod_chat_widget_settings;
create policy chat_widget_settings_select on public.mod_chat_widget_settings for select to authenticated
    using (site_id = any ((select chat.my_site_ids())::uuid[]));
drop policy if exists chat_widget_settings_insert on public.mod_chat_widget_settings;
create policy chat_widget_settings_insert on public.mod_chat_widget_settings for insert to authenticated
    with check (site_id = any ((select chat.my_sites_with('live-chat.settings.manage'))::uuid[]));
drop policy if exists chat_widget_settings_update on public.mod_chat_widget_settings;
create policy chat_widget_settings_update on public.mod_chat_widget_settings for update to authenticated
    using (site_id = any ((select chat.my_site_ids())::uuid[]));
