-- What: an agent sends a template in a conversation, whose 24-hour window may be closed.
-- Why: the only message that reaches somebody who has not written for a day; so it is checked in full before it is queued.
-- Leaves out: the send itself, which is any message's.

create or replace function chat.write_template(
    p_conversation public.mod_chat_conversations, p_agent uuid, p_template chat.whatsapp_templates, p_parameters jsonb,
    p_reply_to uuid, p_id uuid)
returns void
language plpgsql
as $$
declare
    filled jsonb;
begin
    perform chat.require_sendable(p_template);
    perform chat.require_wanted(p_template, p_conversation.identity_id);
    filled := chat.fill_template(p_template, p_parameters);
    insert into public.mod_chat_messages (
        id, conversation_id, sender_type, sender_id, sender_name, sender_avatar, kind, content, reply_to_id, file_url, metadata)
    select p_id, p_conversation.id, 'agent', a.id, a.display_name, a.avatar_url, 'template', filled ->> 'preview', p_reply_to,
        -- A header's file of the bucket is the message's file.
        jsonb_path_query_first(filled -> 'components', '$[*] ? (@.type == "header").parameters[0].*.path') #>> '{}',
        jsonb_build_object('template', jsonb_build_object(
            'name', p_template.name, 'language', p_template.language, 'category', p_template.category,
            'components', filled -> 'components', 'parameters', coalesce(p_parameters, '{}')))
    from public.mod_chat_agents a where a.id = p_agent;
end
$$;
comment on function chat.write_template(
    public.mod_chat_conversations, uuid, chat.whatsapp_templates, jsonb, uuid, uuid) is
    'Writes a template message of an agent into a conversation that the caller has locked. PT404 chat/no_such_file, PT409 chat/template_not_approved, chat/template_paused, chat/marketing_refused, PT422 chat/template_parameters, chat/not_your_file.';

create or replace function chat.require_template_wanted(
    p_conversation public.mod_chat_conversations, p_message public.mod_chat_messages)
returns void
language plpgsql
stable
as $$
declare
    sent constant jsonb := p_message.metadata -> 'template';
    known chat.whatsapp_templates;
begin
    select t.* into known
    from chat.whatsapp_numbers n
    join chat.whatsapp_templates t on t.account_id = n.account_id and t.name = sent ->> 'name'
        and t.language = coalesce(sent -> 'language' ->> 'code', sent ->> 'language')
    where n.site_id = p_conversation.site_id and n.phone_number_id = p_conversation.phone_number_id;
    if found then
        perform chat.require_sendable(known);
    end if;
    -- What we do not know may be marketing: whoever said stop gets none by that way either.
    perform chat.require_wanted(known, p_conversation.identity_id);
end
$$;
comment on function chat.require_template_wanted(public.mod_chat_conversations, public.mod_chat_messages) is
    'For a template that somebody inserts as a row: one that we know has to be approved, and marketing be wanted. One that we do not know is Meta''s to judge, but not sent to somebody who said stop. PT409 chat/template_not_approved, chat/template_paused, chat/marketing_refused.';

create or replace function public.chat_send_template(
    conversation uuid, name text, language text default null, parameters jsonb default null, reply_to uuid default null,
    id uuid default gen_random_uuid())
returns setof public.mod_chat_messages
language plpgsql
security definer
set search_path = ''
as $$
declare
    c constant public.mod_chat_conversations :=
        chat.lock_conversation(chat_send_template.conversation, 'live-chat.conversations.reply');
    agent constant uuid := chat.my_agent(c.site_id);
    account uuid;
begin
    -- A repetition is answered as the first time, whatever became of the template since.
    if not exists (
        select from public.mod_chat_messages m where m.id = chat_send_template.id and m.conversation_id = c.id)
    then
        if c.channel <> 'whatsapp' then
            raise exception 'templates are sent on WhatsApp only'
                using errcode = 'PT422', detail = 'chat/not_whatsapp', hint = 'write a text, or use a canned response';
        end if;
        select n.account_id into account from chat.whatsapp_numbers n
        where n.site_id = c.site_id and n.phone_number_id = c.phone_number_id and n.confirmed_at is not null;
        if account is null then
            raise exception 'the WhatsApp number of this conversation is not connected'
                using errcode = 'PT404', detail = 'chat/no_such_number', hint = 'connect the number again';
        end if;
        perform chat.write_template(
            c, agent, chat.find_template(account, chat_send_template.name, chat_send_template.language),
            chat_send_template.parameters, chat_send_template.reply_to,
            coalesce(chat_send_template.id, gen_random_uuid()));
    end if;
    return query select m.* from public.mod_chat_messages m
        where m.conversation_id = c.id and m.id = chat_send_template.id;
end
$$;
comment on function public.chat_send_template(uuid, text, text, jsonb, uuid, uuid) is
    'Sends a message template, also while the 24-hour window is closed. parameters: {header, body, buttons, cards, offer} as chat_templates lists them. Repeated with its id it answers the same row. PT403 chat/not_allowed, chat/not_an_agent; PT404 chat/no_such_conversation, chat/no_such_number, chat/no_such_file; PT409 chat/template_not_approved, chat/template_paused, chat/marketing_refused, chat/conversation_not_open, chat/id_in_use; PT422 chat/not_whatsapp, chat/template_unknown, chat/template_parameters, chat/not_your_file.';
