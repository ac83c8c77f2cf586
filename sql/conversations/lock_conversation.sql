-- What: the conversation an agent's function works on: asked for the right, locked, and read after that.
-- Why: every such function begins so; whoever may not see a conversation cannot tell it from one that does not exist.
-- Leaves out: visitors (actor.sql).

create or replace function chat.lock_conversation(p_conversation uuid, p_permission text)
returns public.mod_chat_conversations
language plpgsql
as $$
declare
    conversation public.mod_chat_conversations;
begin
    if chat.may_in(p_conversation, 'live-chat.conversations.view') then
        select c.* into conversation from public.mod_chat_conversations c where c.id = p_conversation;
        perform chat.require(conversation.site_id, p_permission);
        -- Erased meanwhile, it is there no more.
        select c.* into conversation from public.mod_chat_conversations c where c.id = p_conversation for no key update;
    end if;
    if conversation.id is null then
        raise exception 'there is no conversation % that you may see', p_conversation
            using errcode = 'PT404', detail = 'chat/no_such_conversation', hint = 'ask with the id of a conversation of your site';
    end if;
    return conversation;
end
$$;
comment on function chat.lock_conversation(uuid, text) is
    'Locks a conversation for an agent who has the permission. PT404 chat/no_such_conversation, PT403 chat/not_allowed.';
