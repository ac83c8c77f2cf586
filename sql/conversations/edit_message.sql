-- What: editing, deleting and reacting, as agents and visitors ask for it.
-- Why: one function each for both sides, since the rule is one.
-- Leaves out: the rule and the writing (revise_message.sql); how an agent's reaction gets to a phone
--             (whatsapp/send_reaction.sql), and a person's on WhatsApp, which Meta reports.

create or replace function public.chat_edit_message(message uuid, content text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
    return chat.revise(chat_edit_message.message, 'edit', chat_edit_message.content);
end
$$;
comment on function public.chat_edit_message(uuid, text) is
    'Replaces the words of one''s own message, for agents and visitors. Answers the row as the caller reads it. PT401 as chat.my_session, PT404 chat/no_such_message, PT403 chat/not_your_message, PT409 chat/message_deleted, chat/not_editable, chat/already_sent, chat/too_late, PT422 chat/text_length.';

create or replace function public.chat_delete_message(message uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
    return chat.revise(chat_delete_message.message, 'delete', null);
end
$$;
comment on function public.chat_delete_message(uuid) is
    'Takes back one''s own message; whoever may assign chats also what others wrote. A tombstone stays and is answered. PT401 as chat.my_session, PT404 chat/no_such_message, PT403 chat/not_your_message, PT409 chat/message_deleted, chat/not_deletable, chat/already_sent, chat/too_late.';

create or replace function public.chat_react(message uuid, emoji text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    at constant timestamptz := clock_timestamp();
    target record;
    actor text;
    leaves boolean;
    numbers record;
begin
    if chat_react.emoji is not null and (
        char_length(chat_react.emoji) not between 1 and 16 or octet_length(chat_react.emoji) > 64
        or chat_react.emoji ~ '[[:cntrl:][:space:][:alpha:]<>&]')
    then
        raise exception 'a reaction is one emoji'
            using errcode = 'PT422', detail = 'chat/not_an_emoji', hint = 'send one emoji, or null to take it back';
    end if;
    target := chat.message_for_actor(chat_react.message);
    if (target.message).deleted_at is not null then
        raise exception 'the message was taken back'
            using errcode = 'PT409', detail = 'chat/message_deleted', hint = 'react to another message';
    end if;
    leaves := (target.conversation).channel = 'whatsapp' and (target.message).public_seq is not null;
    actor := case when target.visitor_id is null then 'agent:' || target.agent_id else 'visitor:' || target.visitor_id end;
    if (target.message).reactions -> actor ->> 'emoji' is distinct from chat_react.emoji then
        if leaves then
            perform chat.require_reactable(target.conversation, target.message, at);
        end if;
        select * into numbers from chat.next_change((target.conversation).id, (target.message).public_seq is not null);
        update public.mod_chat_messages m
        set reactions = case
                when leaves then chat.reactions_of_business(m.reactions, actor, chat_react.emoji, at)
                else m.reactions || jsonb_build_object(actor, jsonb_build_object('emoji', chat_react.emoji, 'at', at))
            end,
            change = numbers.change,
            change_before = case when m.public_seq is not null then numbers.change_before end,
            updated_at = at
        where m.id = (target.message).id;
        if leaves then
            perform chat.send_reaction(target.conversation, target.message, actor, chat_react.emoji);
        end if;
    end if;
    return chat.message_as_seen((target.message).id, target.visitor_id is not null);
end
$$;
comment on function public.chat_react(uuid, text) is
    'The caller''s reaction to a message, one each; null takes it back. On WhatsApp it is the business''s, sent to the phone; where that fails the entry has an error {code, title, details, advice}. Answers the row as the caller reads it. PT401 as chat.my_session, PT404 chat/no_such_message, chat/no_such_number, PT409 chat/message_deleted, chat/not_sent_yet, PT422 chat/not_an_emoji, chat/in_a_group, chat/window_closed.';
