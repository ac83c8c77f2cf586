-- What: skills: what an agent can do and what a conversation needs, as words.
-- Why: both sides say them the same way, so that `German ` and `german` meet.
-- Leaves out: what comes of them; that is the strategy skills (chat_rules::routing).

create or replace function chat.clean_skills(p_skills text[])
returns text[]
language plpgsql
immutable
as $$
declare
    cleaned constant text[] := array(
        select lower(btrim(s.skill)) from unnest(p_skills) with ordinality s (skill, place)
        where btrim(s.skill) <> '' group by lower(btrim(s.skill)) order by min(s.place));
begin
    if cardinality(cleaned) > 20 or exists (select from unnest(cleaned) s (skill) where char_length(s.skill) > 64) then
        raise exception 'there are at most 20 skills of 64 characters'
            using errcode = 'PT422', detail = 'chat/skills', hint = 'take some away, or make them shorter';
    end if;
    return cleaned;
end
$$;
comment on function chat.clean_skills(text[]) is
    'Skills as they are kept: lower case, each once, without empty ones; null has none. PT422 chat/skills.';

create or replace function public.chat_save_skills(site uuid, agent uuid, skills text[])
returns setof public.mod_chat_agents
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform chat.require(chat_save_skills.site, 'live-chat.agents.manage');
    perform chat.lock_routing(chat_save_skills.site);
    update public.mod_chat_agents a
    set skills = chat.clean_skills(chat_save_skills.skills)
    where a.site_id = chat_save_skills.site and a.id = chat_save_skills.agent;
    if not found then
        raise exception 'the site has no agent %', chat_save_skills.agent
            using errcode = 'PT404', detail = 'chat/no_such_agent', hint = 'use the id of an agent of the site';
    end if;
    perform chat.drain(chat_save_skills.site);
    return query select a.* from public.mod_chat_agents a where a.id = chat_save_skills.agent;
end
$$;
comment on function public.chat_save_skills(uuid, uuid, text[]) is
    'What an agent can do, all of it; waiting chats that need it go out at once. Needs live-chat.agents.manage. PT403 chat/not_allowed, PT404 chat/no_such_agent, PT422 chat/skills.';
