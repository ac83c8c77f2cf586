-- What: what an agent sees of a conversation's windows.
-- Why: a countdown beside the composer, and why it takes only templates.
-- Leaves out: the rule (chat_rules::whatsapp, window), which every send asks itself.

create or replace function public.chat_window(conversation uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    at constant timestamptz := clock_timestamp();
    c public.mod_chat_conversations;
    is_open boolean;
begin
    if chat.may_in(chat_window.conversation, 'live-chat.conversations.view') then
        select x.* into c from public.mod_chat_conversations x where x.id = chat_window.conversation;
    end if;
    if c.id is null then
        raise exception 'there is no conversation % that you may see', chat_window.conversation
            using errcode = 'PT404', detail = 'chat/no_such_conversation', hint = 'ask with the id of a conversation of your site';
    end if;
    if c.channel <> 'whatsapp' then
        return jsonb_build_object('open', true, 'expires_at', null, 'seconds_left', null, 'free_entry_until', null,
            'free_entry_seconds_left', null, 'may_market', null);
    end if;
    is_open := chat.window_allows(c.whatsapp_window_expires_at, 'text', at);
    return jsonb_build_object(
        'open', is_open,
        'expires_at', c.whatsapp_window_expires_at,
        'seconds_left', case when is_open then ceil(extract(epoch from c.whatsapp_window_expires_at - at))::bigint else 0 end,
        'free_entry_until', c.whatsapp_free_entry_until,
        'free_entry_seconds_left', case when c.whatsapp_free_entry_until is not null
            then greatest(0, ceil(extract(epoch from c.whatsapp_free_entry_until - at)))::bigint end,
        'may_market', chat.may_market(c.identity_id));
end
$$;
comment on function public.chat_window(uuid) is
    'Whether anything but templates may be sent to a conversation, and until when: {open, expires_at, seconds_left, free_entry_until, free_entry_seconds_left, may_market}. Free entry: until then nothing costs, because the person came by an ad. Other channels are always open and have no end. Needs live-chat.conversations.view. PT404 chat/no_such_conversation.';
