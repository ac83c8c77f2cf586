-- What: an agent's dashboard says that it is still there; agents who say nothing go offline.
-- Why: the heartbeat of somebody present touches one row of its own. Only who comes back, or goes, takes the routing row.
-- Leaves out: what an agent says of themselves (set_status.sql); their chats, which may return (routing/take_back.sql).

create or replace function chat.presence_of(p_site uuid, out silent_seconds integer, out offline_chats text)
language plpgsql
stable
as $$
begin
    select r.silent_seconds, r.offline_chats into silent_seconds, offline_chats
    from chat.presence_rules r where r.site_id = p_site;
    silent_seconds := coalesce(silent_seconds, 120);
    offline_chats := coalesce(offline_chats, 'stay');
end
$$;
comment on function chat.presence_of(uuid) is 'How long an agent of the site may be silent, and what becomes of an offline agent''s chats.';

create or replace function public.chat_heartbeat(site uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    agent constant uuid := chat.my_agent(chat_heartbeat.site);
    silent constant integer := (chat.presence_of(chat_heartbeat.site)).silent_seconds;
    lost text;
begin
    select h.status_when_lost into lost from chat.heartbeats h where h.agent_id = agent;
    if lost is null then
        update chat.heartbeats h set seen_at = clock_timestamp() where h.agent_id = agent;
    else
        perform chat.lock_routing(chat_heartbeat.site);
        update public.mod_chat_agents a set status = lost, last_active_at = clock_timestamp()
        where a.id = agent and a.status = 'offline';
        update chat.heartbeats h set seen_at = clock_timestamp(), status_when_lost = null where h.agent_id = agent;
        perform chat.drain(chat_heartbeat.site);
    end if;
    return (
        select jsonb_build_object('status', a.status, 'chats', a.current_chat_count, 'again_in_seconds',
            case when silent = 0 then null else silent / 4 end)
        from public.mod_chat_agents a where a.id = agent);
end
$$;
comment on function public.chat_heartbeat(uuid) is
    'An agent''s dashboard is still there. Whoever was put offline for silence is back as they were. Answers {status, chats, again_in_seconds}; null: the site watches nobody. PT403 chat/not_an_agent.';

create or replace function public.chat_save_presence(site uuid, silent_seconds integer default 120, offline_chats text default 'stay')
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform chat.require(chat_save_presence.site, 'live-chat.agents.manage');
    if chat_save_presence.silent_seconds is null
        or chat_save_presence.silent_seconds <> 0 and chat_save_presence.silent_seconds not between 15 and 86400
    then
        raise exception 'an agent may be silent for 15 to 86400 seconds'
            using errcode = 'PT422', detail = 'chat/silent_seconds', hint = 'use 0 to watch nobody';
    end if;
    if chat_save_presence.offline_chats is null or chat_save_presence.offline_chats not in ('stay', 'return') then
        raise exception 'chats of an offline agent cannot %', coalesce(chat_save_presence.offline_chats, 'null')
            using errcode = 'PT422', detail = 'chat/offline_chats', hint = 'use stay or return';
    end if;
    insert into chat.presence_rules (site_id, silent_seconds, offline_chats)
    values (chat_save_presence.site, chat_save_presence.silent_seconds, chat_save_presence.offline_chats)
    on conflict (site_id) do update
    set silent_seconds = excluded.silent_seconds, offline_chats = excluded.offline_chats;
    return jsonb_build_object(
        'silent_seconds', chat_save_presence.silent_seconds, 'offline_chats', chat_save_presence.offline_chats);
end
$$;
comment on function public.chat_save_presence(uuid, integer, text) is
    'After how many seconds of silence an agent goes offline (0: never), and whether active chats of offline agents stay or return to the queue. Needs live-chat.agents.manage. PT403 chat/not_allowed; PT422 chat/silent_seconds, chat/offline_chats.';

create or replace function chat.lose_silent_agents(p_site uuid, p_now timestamptz default clock_timestamp())
returns integer
language plpgsql
as $$
declare
    silent constant integer := (chat.presence_of(p_site)).silent_seconds;
    lost integer;
begin
    with gone as (
        update public.mod_chat_agents a
        set status = 'offline', last_active_at = h.seen_at
        from (
            select x.agent_id, x.seen_at, b.status
            from chat.heartbeats x
            join public.mod_chat_agents b on b.id = x.agent_id
            where x.site_id = p_site and x.status_when_lost is null and b.status <> 'offline'
                and silent > 0 and x.seen_at < p_now - make_interval(secs => silent)
            order by b.id
            for no key update of b) h
        where a.id = h.agent_id
        returning a.id, h.status
    )
    update chat.heartbeats h set status_when_lost = g.status from gone g where h.agent_id = g.id;
    get diagnostics lost = row_count;
    return lost;
end
$$;
comment on function chat.lose_silent_agents(uuid, timestamptz) is
    'Puts silent agents of a site offline. The caller holds the site''s routing row. Returns how many.';
