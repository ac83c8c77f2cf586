-- What: the settings of a site, also of one that never saved any; and the version of its privacy text.
-- Why: the defaults stand once, in the table.
-- Leaves out: what of them is public (widget_config.sql).

create or replace function chat.settings_of(p_site uuid)
returns public.mod_chat_widget_settings
language plpgsql
security definer
set search_path = ''
as $$
declare
    settings public.mod_chat_widget_settings;
begin
    select s.* into settings from public.mod_chat_widget_settings s where s.site_id = p_site;
    if found then
        return settings;
    end if;
    perform chat.require_site(p_site);
    insert into public.mod_chat_widget_settings (site_id) values (p_site)
    on conflict (site_id) do nothing
    returning * into settings;
    if not found then
        select s.* into settings from public.mod_chat_widget_settings s where s.site_id = p_site;
    end if;
    return settings;
end
$$;
comment on function chat.settings_of(uuid) is
    'The settings row of a site; a site that has none gets one with every default. PT404 chat/no_such_site.';

create or replace function chat.next_privacy_version()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    new.privacy_version := old.privacy_version + 1;
    return new;
end
$$;
comment on function chat.next_privacy_version() is
    'Before the privacy text or its address changes: the next version, to which nobody has agreed yet.';
