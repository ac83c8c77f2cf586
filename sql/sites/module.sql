-- What: whether the live-chat module is on at a site, and the switch.
-- Why: the host may sell the module site by site. What it cannot have while off is asked here: widget, sessions, assistant.
-- Leaves out: WhatsApp messages, which are stored all the same: Meta delivers them once.

create table if not exists chat.modules (
    site_id uuid primary key references public.sites (id) on delete cascade,
    enabled boolean not null,
    changed_at timestamptz not null default now()
);
comment on table chat.modules is 'Sites where somebody has moved the module''s switch; without a row it is on.';
alter table chat.modules enable row level security;

-- Made once: a host replaces it by its own, and an upgrade must not undo that.
do $do$
begin
    if to_regprocedure('chat.module_enabled(uuid)') is not null then
        return;
    end if;
    create function chat.module_enabled(p_site uuid)
    returns boolean
    language sql
    stable
    security definer
    set search_path = ''
    as $$
        select coalesce((select m.enabled from chat.modules m where m.site_id = p_site), true)
    $$;
    comment on function chat.module_enabled(uuid) is
        'Whether the module is on at a site. Replaceable by the host, which may know it better; never made anew by an upgrade.';
end
$do$;

create or replace function public.chat_set_module(site uuid, enabled boolean)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform chat.require(chat_set_module.site, 'live-chat.settings.manage');
    if chat_set_module.enabled is null then
        raise exception 'the module is on or off'
            using errcode = 'PT422', detail = 'chat/on_or_off', hint = 'say true or false';
    end if;
    insert into chat.modules (site_id, enabled) values (chat_set_module.site, chat_set_module.enabled)
    on conflict (site_id) do update set enabled = excluded.enabled, changed_at = now();
    -- What the host says counts, if it has a function of its own.
    return jsonb_build_object('enabled', chat.module_enabled(chat_set_module.site));
end
$$;
comment on function public.chat_set_module(uuid, boolean) is
    'Turns the module of a site on or off. Off: no widget, no session, no assistant; WhatsApp is still stored. Needs live-chat.settings.manage. Answers {enabled}. PT403 chat/not_allowed, PT422 chat/on_or_off.';

create or replace function chat.require_module(p_site uuid)
returns void
language plpgsql
stable
as $$
begin
    if not chat.module_enabled(p_site) then
        raise exception 'live chat is off at this site'
            using errcode = 'PT403', detail = 'chat/module_off', hint = 'an admin of the site turns it on with chat_set_module';
    end if;
end
$$;
comment on function chat.require_module(uuid) is 'Raises PT403 chat/module_off where the module is off.';
