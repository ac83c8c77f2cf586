-- What: an agent writes first: a template to a phone, to a person who may never have written.
-- Why: the person is looked for in every spelling of the number, so that nobody becomes two; who has an open conversation
--      is written to in that one.
-- Leaves out: campaigns; a site begins at most sixty a minute.

create or replace function chat.person_by_phone(p_site uuid, p_portfolio text, p_typed text, p_name text)
returns uuid
language plpgsql
as $$
declare
    item jsonb;
    person uuid;
begin
    select jsonb_build_object('phone', d.phone, 'phone_variants', d.variants, 'name', left(nullif(btrim(p_name), ''), 200))
    into item from chat.dialled_phone(p_typed) d;
    if not found then
        raise exception '% is no phone number that WhatsApp knows', coalesce(left(p_typed, 50), 'nothing')
            using errcode = 'PT422', detail = 'chat/invalid_phone', hint = 'write it with its country code, such as +260 97 1234567';
    end if;
    -- Whoever is erased at this moment is somebody new.
    loop
        person := coalesce(
            chat.find_identity(p_site, p_portfolio, item), chat.make_identity(p_site, p_portfolio, item));
        perform from chat.identities i where i.id = person for no key update;
        exit when found;
    end loop;
    return person;
end
$$;
comment on function chat.person_by_phone(uuid, text, text, text) is
    'Identity of a typed phone number, in any of its spellings, found or made, and locked. PT422 chat/invalid_phone.';

create or replace function public.chat_start_whatsapp(
    site uuid, "to" text, template text default null, language text default null, parameters jsonb default null,
    number uuid default null, name text default null, id uuid default gen_random_uuid())
returns setof public.mod_chat_conversations
language plpgsql
security definer
set search_path = ''
as $$
declare
    agent uuid;
    wait integer;
    from_number chat.whatsapp_numbers;
    the_template chat.whatsapp_templates;
    identity uuid;
    open_one uuid;
    home public.mod_chat_conversations;
begin
    perform chat.require(chat_start_whatsapp.site, 'live-chat.conversations.reply');
    agent := chat.my_agent(chat_start_whatsapp.site);
    select c.* into home from public.mod_chat_messages m
    join public.mod_chat_conversations c on c.id = m.conversation_id
    where m.id = chat_start_whatsapp.id and m.site_id = chat_start_whatsapp.site and m.kind = 'template';
    if found and chat.sees_conversation(home.id) then
        return query select c.* from public.mod_chat_conversations c where c.id = home.id;
        return;
    end if;
    wait := chat.take_rate(chat_start_whatsapp.site, 'starts', '', 60, clock_timestamp());
    if wait is not null then
        raise exception 'this site has begun many conversations within a minute'
            using errcode = 'PT429', detail = 'chat/too_many', hint = format('try again in %s seconds', wait);
    end if;
    from_number := chat.number_for(chat_start_whatsapp.site, chat_start_whatsapp.number);
    -- Who names no template means the site's welcome template.
    the_template := chat.find_template(from_number.account_id,
        coalesce(chat_start_whatsapp.template, (
            select s.whatsapp_welcome_template from public.mod_chat_widget_settings s where s.site_id = chat_start_whatsapp.site)),
        chat_start_whatsapp.language);
    identity := chat.person_by_phone(chat_start_whatsapp.site,
        (select coalesce(a.portfolio_id, a.waba_id) from chat.whatsapp_accounts a where a.id = from_number.account_id),
        chat_start_whatsapp."to", chat_start_whatsapp.name);
    if chat.is_blocked(chat_start_whatsapp.site, (select i.visitor_id from chat.identities i where i.id = identity), null) then
        raise exception 'this person is blocked'
            using errcode = 'PT403', detail = 'chat/blocked', hint = 'lift the block with chat_unblock';
    end if;
    loop
        open_one := chat.home_conversation(
            chat_start_whatsapp.site, identity, from_number.phone_number_id, 'whatsapp', null);
        -- Whoever ends it at this moment ends it before the message.
        select c.* into home from public.mod_chat_conversations c
        where c.id = open_one and c.archived_at is null
        for no key update;
        exit when found;
    end loop;
    -- Whose it is stays so; what is nobody's is the beginner's.
    update public.mod_chat_conversations c set assigned_agent_id = agent
    where c.id = home.id and c.assigned_agent_id is null;
    if not chat.sees_conversation(home.id) then
        raise exception 'a colleague talks to this person already'
            using errcode = 'PT403', detail = 'chat/not_allowed', hint = 'ask a supervisor to hand it to you';
    end if;
    perform chat.write_template(
        home, agent, the_template, chat_start_whatsapp.parameters, null, coalesce(chat_start_whatsapp.id, gen_random_uuid()));
    return query select c.* from public.mod_chat_conversations c where c.id = home.id;
end
$$;
comment on function public.chat_start_whatsapp(uuid, text, text, text, jsonb, uuid, text, uuid) is
    'An agent writes first: sends a template to a phone number, and answers the conversation, which is theirs unless somebody has it. Without a template it is the site''s whatsapp_welcome_template; without a number its default one; `id` is the message''s and makes a repetition answer the same. PT403 chat/not_allowed, chat/not_an_agent, chat/blocked; PT404 chat/no_such_number, chat/no_such_file; PT409 chat/template_not_approved, chat/template_paused, chat/marketing_refused, chat/id_in_use; PT422 chat/invalid_phone, chat/template_unknown, chat/template_parameters, chat/not_your_file; PT429 chat/too_many.';
