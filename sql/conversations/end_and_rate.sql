-- What: the visitor ends their chat and says how it was, in one call or later.
-- Why: SPEC-137's endSession takes both. Who gives up before an agent came is counted as abandoned, not as served.
-- Leaves out: agents, who end a chat by its status; agents' figures, which follow from the rating.

create or replace function chat.require_own_conversation(p_conversation uuid)
returns public.mod_chat_conversations
language plpgsql
as $$
declare
    mine constant uuid[] := chat.my_visitor_ids();
    conversation public.mod_chat_conversations;
begin
    select c.* into conversation from public.mod_chat_conversations c
    where c.id = p_conversation and c.visitor_id = any (mine)
    for no key update;
    if not found then
        raise exception 'you have no conversation %', p_conversation
            using errcode = 'PT404', detail = 'chat/no_such_conversation', hint = 'chat_my_conversations lists yours';
    end if;
    return conversation;
end
$$;
comment on function chat.require_own_conversation(uuid) is
    'Locks a conversation of the caller as a visitor. PT401 as chat.my_session, PT404 chat/no_such_conversation.';

create or replace function chat.rate_conversation(
    p_conversation public.mod_chat_conversations, p_rating integer, p_comment text, p_now timestamptz)
returns void
language plpgsql
as $$
begin
    if p_rating is null or p_rating not between 1 and 5 then
        raise exception 'a rating is a number from 1 to 5, not %', p_rating
            using errcode = 'PT422', detail = 'chat/rating_range', hint = 'send 1, 2, 3, 4 or 5';
    elsif char_length(p_comment) > 2000 then
        raise exception 'a comment has at most 2000 characters, this one %', char_length(p_comment)
            using errcode = 'PT422', detail = 'chat/comment_length', hint = 'make it shorter';
    elsif not coalesce((
        select s.enable_satisfaction_rating from public.mod_chat_widget_settings s where s.site_id = p_conversation.site_id), true)
    then
        raise exception 'this site asks for no ratings'
            using errcode = 'PT409', detail = 'chat/rating_off', hint = 'leave the rating out';
    elsif p_conversation.agent_joined_at is null and p_conversation.outbound_public_count = 0 then
        raise exception 'nobody has answered in this conversation'
            using errcode = 'PT409', detail = 'chat/nothing_to_rate', hint = 'leave the rating out';
    elsif p_conversation.rating is not null then
        raise exception 'this conversation has been rated'
            using errcode = 'PT409', detail = 'chat/already_rated', hint = 'a conversation is rated once';
    end if;
    update public.mod_chat_conversations c
    set rating = p_rating, rating_comment = nullif(btrim(p_comment), ''), rated_at = p_now
    where c.id = p_conversation.id;
end
$$;
comment on function chat.rate_conversation(public.mod_chat_conversations, integer, text, timestamptz) is
    'Rates a conversation the caller has locked, once. PT422 chat/rating_range, chat/comment_length, PT409 chat/rating_off, chat/nothing_to_rate, chat/already_rated.';

create or replace function public.chat_rate(conversation uuid, rating integer, comment text default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    chat_row constant public.mod_chat_conversations := chat.require_own_conversation(chat_rate.conversation);
begin
    perform chat.rate_conversation(chat_row, chat_rate.rating, chat_rate.comment, clock_timestamp());
    return (select to_jsonb(c) from public.chat_my_conversations c where c.id = chat_row.id);
end
$$;
comment on function public.chat_rate(uuid, integer, text) is
    'A visitor rates their conversation, once, 1 to 5. Answers the row of chat_my_conversations. PT401 as chat.my_session, PT404 chat/no_such_conversation, PT422 chat/rating_range, chat/comment_length, PT409 chat/rating_off, chat/nothing_to_rate, chat/already_rated.';

create or replace function public.chat_end(conversation uuid, rating integer default null, comment text default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    at constant timestamptz := clock_timestamp();
    chat_row constant public.mod_chat_conversations := chat.require_own_conversation(chat_end.conversation);
begin
    if chat_end.rating is not null then
        perform chat.rate_conversation(chat_row, chat_end.rating, chat_end.comment, at);
    end if;
    -- Ended twice, by a second tab or by both sides at once, is ended.
    if chat_row.archived_at is null then
        perform chat.end_conversation(
            chat_row.id,
            case when chat_row.status = 'pending' and chat_row.agent_joined_at is null then 'missed' else 'closed' end,
            'visitor', 'Ended by the visitor', at);
    end if;
    return (select to_jsonb(c) from public.chat_my_conversations c where c.id = chat_row.id);
end
$$;
comment on function public.chat_end(uuid, integer, text) is
    'A visitor ends their conversation, with a rating if they like: closed, or missed and abandoned when no agent had come. Answers the row of chat_my_conversations. PT401 as chat.my_session, PT404 chat/no_such_conversation, and the refusals of chat_rate.';
