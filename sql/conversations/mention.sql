-- What: the notes that name somebody, and which of them they have not seen.
-- Why: seen is what their cursor has passed, so nothing is kept for it.
-- Leaves out: telling them by other ways, which notifications do.

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
        from public.mod_chat_messages m
        left join chat.cursors k on k.conversation_id = m.conversation_id and k.agent_id = agent
        where m.mentions @> array[agent] and m.site_id = chat_mentions.site
            and chat.sees_conversation(m.conversation_id) and m.sender_id is distinct from agent::text
            and (m.seq > coalesce(k.read_seq, 0) or not chat_mentions.unseen_only)
            and (chat_mentions.before is null or m.sent_at < chat_mentions.before)
        order by m.sent_at desc, m.id
        limit least(greatest(coalesce(chat_mentions.page_size, 25), 1), 100);
end
$$;
comment on function public.chat_mentions(uuid, boolean, timestamptz, integer) is
    'Notes of colleagues that name the caller, newest first; a page ends at the sent_at to give as `before`. PT403 chat/not_an_agent, chat/not_allowed.';
