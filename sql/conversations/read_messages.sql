-- What: a conversation's messages: pages both ways, and what changed since.
-- Why: pages are cut by the gapless `seq`, so nothing is skipped or read twice while messages arrive; within a page rows
--      stand as they are shown, by (sent_at, seq). Both run with the caller's rights: the policies say who reads.
--      One plan serves every page, because planning the policies would cost more than reading. So a bound is a variable:
--      under a policy a condition with coalesce() may leak for all PostgreSQL knows, and would be asked row by row.
-- Leaves out: visitors, who read their own view.

create or replace function chat.require_conversation(p_conversation uuid)
returns void
language plpgsql
stable
as $$
begin
    if not exists (select from public.mod_chat_conversations c where c.id = p_conversation) then
        raise exception 'there is no conversation % that you may see', coalesce(p_conversation::text, 'null')
            using errcode = 'PT404', detail = 'chat/no_such_conversation', hint = 'ask with the id of a conversation of your site';
    end if;
end
$$;
comment on function chat.require_conversation(uuid) is
    'PT404 chat/no_such_conversation unless whoever asks sees the conversation.';

create or replace function public.chat_messages(
    conversation uuid, before bigint default null, after bigint default null, page_size integer default 50
)
returns setof public.mod_chat_messages
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
    bound constant bigint := coalesce(chat_messages.before, 9223372036854775807);
begin
    perform chat.require_page_size(chat_messages.page_size, 500);
    if chat_messages.before is not null and chat_messages.after is not null then
        raise exception 'a page goes one way'
            using errcode = 'PT422', detail = 'chat/two_ways', hint = 'give before for older messages or after for newer ones';
    end if;
    if chat_messages.after is null then
        return query
            select (page.m).* from (
                select m from public.mod_chat_messages m
                where m.conversation_id = chat_messages.conversation
                    and m.seq < bound
                order by m.seq desc limit chat_messages.page_size) page
            order by (page.m).sent_at, (page.m).seq;
    else
        return query
            select (page.m).* from (
                select m from public.mod_chat_messages m
                where m.conversation_id = chat_messages.conversation and m.seq > chat_messages.after
                order by m.seq limit chat_messages.page_size) page
            order by (page.m).sent_at, (page.m).seq;
    end if;
    if not found then
        perform chat.require_conversation(chat_messages.conversation);
    end if;
end
$$;
comment on function public.chat_messages(uuid, bigint, bigint, integer) is
    'A page of messages in the order they are shown: the newest, those before a seq, or those after one. A short page is the last. PT404 chat/no_such_conversation, PT422 chat/two_ways, chat/page_size.';

create or replace function public.chat_changes(conversation uuid, since bigint, page_size integer default 100)
returns jsonb
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
    known constant bigint := coalesce(chat_changes.since, 0);
    c public.mod_chat_conversations;
    messages jsonb;
    newest bigint;
    found bigint;
begin
    perform chat.require_page_size(chat_changes.page_size, 500);
    select * into c from public.mod_chat_conversations x where x.id = chat_changes.conversation;
    if c.id is null then
        perform chat.require_conversation(chat_changes.conversation);
    end if;
    select jsonb_agg(to_jsonb(m) order by m.change), max(m.change), count(*) into messages, newest, found
    from (
        select * from public.mod_chat_messages x
        where x.conversation_id = c.id and x.change > known
        order by x.change limit chat_changes.page_size) m;
    return jsonb_build_object(
        'conversation', case when c.row_change > known then to_jsonb(c) end,
        'messages', coalesce(messages, '[]'),
        'more', found = chat_changes.page_size,
        'change', case when found = chat_changes.page_size then newest else c.last_change end);
end
$$;
comment on function public.chat_changes(uuid, bigint, integer) is
    'What changed in a conversation after a change number: {conversation (null when its own fields did not), messages, more, change (to ask with next)}. PT404 chat/no_such_conversation, PT422 chat/page_size.';
