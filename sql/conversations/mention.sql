-- What: agents named in notes, and the list of where somebody was named.
-- Why: a client that offers names sends the ids it was given; names in the text would be guessed.
-- Leaves out: seeing them, which reading does (read.sql).

create or replace function chat.keep_mentions()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    stranger uuid;
begin
    if cardinality(new.mentions) = 0 then
        return null;
    end if;
    if new.kind <> 'note' then
        raise exception 'only internal notes name colleagues'
            using errcode = 'PT422', detail = 'chat/mention_outside_note', hint = 'leave mentions out, or write a note';
    end if;
    select u.id into stranger
    from unnest(new.mentions) u (id)
    where not exists (
        select from public.mod_chat_agents a where a.site_id = new.site_id and a.id = u.id and a.is_active)
    limit 1;
    if found or cardinality(new.mentions) > 50 then
        raise exception 'a note names up to 50 active agents of its site; % is none', coalesce(stranger::text, 'the 51st')
            using errcode = 'PT422', detail = 'chat/no_such_agent', hint = 'mentions are ids of active rows of mod_chat_agents';
    end if;
    insert into chat.mentions (site_id, message_id, agent_id, conversation_id, seq)
    select distinct new.site_id, new.id, u.id, new.conversation_id, new.seq
    from unnest(new.mentions) u (id)
    where u.id::text is distinct from new.sender_id;
    return null;
end
$$;
comment on function chat.keep_mentions() is
    'After a note that names agents. PT422 chat/mention_outside_note, chat/no_such_agent.';

create or replace function public.chat_mentions(
    site uuid, unseen_only boolean default true, before timestamptz default null, page_size integer default 25)
returns setof public.mod_chat_messages
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    agent constant uuid := chat.my_agent(chat_mentions.site);
begin
    perform chat.require(chat_mentions.site, 'live-chat.conversations.view');
    return query
        select m.*
        from chat.mentions n
        join public.mod_chat_messages m on m.id = n.message_id
        where n.agent_id = agent and m.deleted_at is null and chat.sees_conversation(m.conversation_id)
            and (n.seen_at is null or not chat_mentions.unseen_only)
            and (chat_mentions.before is null or n.at < chat_mentions.before)
        order by n.at desc, m.id
        limit least(greatest(coalesce(chat_mentions.page_size, 25), 1), 100);
end
$$;
comment on function public.chat_mentions(uuid, boolean, timestamptz, integer) is
    'Notes that name the caller, newest first; a page ends at the created_at to give as `before`. PT403 chat/not_an_agent, chat/not_allowed.';
