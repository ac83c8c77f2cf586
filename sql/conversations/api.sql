-- What: conversations of a site's own programs: what somebody wrote elsewhere comes in, and agents begin one.
-- Why: LC-01's channel `api`. The service key vouches for the external id, so it selects a person; the answers are read as
--      rows or heard as events.
-- Leaves out: carrying answers out, which outgoing webhooks do.

create or replace function chat.api_identity(p_site uuid, p_external_id text, p_person jsonb)
returns uuid
language plpgsql
as $$
declare
    person uuid;
    visitor uuid;
begin
    if not exists (select from public.sites s where s.id = p_site) then
        raise exception 'there is no site %', p_site
            using errcode = 'PT404', detail = 'chat/no_such_site', hint = 'use the id of a row of sites';
    end if;
    if coalesce(char_length(btrim(p_external_id)), 0) = 0 or char_length(p_external_id) > 255 then
        raise exception 'an external id has 1 to 255 characters'
            using errcode = 'PT422', detail = 'chat/external_id', hint = 'send the id your own system knows the person by';
    end if;
    if jsonb_typeof(coalesce(p_person, '{}')) <> 'object' or pg_column_size(p_person) > 16384 then
        raise exception 'person is an object of up to 16 kB'
            using errcode = 'PT422', detail = 'chat/person', hint = 'send {name, email, phone}, or leave it out';
    end if;
    -- Whoever is erased at this moment is somebody new.
    loop
        person := gen_random_uuid();
        insert into chat.identity_aliases (site_id, portfolio, kind, value, identity_id)
        values (p_site, '', 'api', p_external_id, person)
        on conflict do nothing;
        if found then
            insert into public.mod_chat_visitors (site_id, external_id, name, email, phone, channel)
            values (p_site, p_external_id, left(p_person ->> 'name', 200), left(p_person ->> 'email', 320),
                left(p_person ->> 'phone', 50), 'api')
            returning id into visitor;
            insert into chat.identities (id, site_id, visitor_id) values (person, p_site, visitor);
            return person;
        end if;
        select a.identity_id into person from chat.identity_aliases a
        where a.site_id = p_site and a.portfolio = '' and a.kind = 'api' and a.value = p_external_id;
        perform from chat.identities i where i.id = person for no key update;
        if found then
            return person;
        end if;
    end loop;
end
$$;
comment on function chat.api_identity(uuid, text, jsonb) is
    'Identity of an external id, found or made, and locked. PT404 chat/no_such_site, PT422 chat/external_id, chat/person.';

create or replace function chat.api_home(p_site uuid, p_identity uuid)
returns uuid
language plpgsql
as $$
declare
    home uuid;
begin
    loop
        home := chat.home_conversation(p_site, p_identity, null, 'api', null);
        if home is null then
            raise exception 'this person is blocked'
                using errcode = 'PT403', detail = 'chat/blocked', hint = 'lift the block with chat_unblock';
        end if;
        -- Whoever ends it at this moment ends it before the message, which then opens it again or begins another.
        perform from public.mod_chat_conversations c where c.id = home and c.archived_at is null for no key update;
        exit when found;
    end loop;
    return home;
end
$$;
comment on function chat.api_home(uuid, uuid) is
    'Open conversation, locked, of an identity the caller has locked. PT403 chat/blocked.';

create or replace function public.chat_receive_api(
    site uuid, external_id text, content text, id uuid default gen_random_uuid(), person jsonb default '{}',
    metadata jsonb default '{}')
returns setof public.mod_chat_messages
language plpgsql
security definer
set search_path = ''
as $$
declare
    identity uuid;
    home uuid;
begin
    perform chat.require_text(chat_receive_api.content);
    if jsonb_typeof(coalesce(chat_receive_api.metadata, '{}')) <> 'object' or pg_column_size(chat_receive_api.metadata) > 16384 then
        raise exception 'metadata is an object of up to 16 kB'
            using errcode = 'PT422', detail = 'chat/metadata', hint = 'send fewer facts, or leave it out';
    end if;
    identity := chat.api_identity(chat_receive_api.site, chat_receive_api.external_id, chat_receive_api.person);
    -- A repetition must not open or reopen a conversation.
    if not exists (
        select from public.mod_chat_messages m
        join public.mod_chat_conversations c on c.id = m.conversation_id
        where m.id = chat_receive_api.id and c.identity_id = identity)
    then
        home := chat.api_home(chat_receive_api.site, identity);
        insert into public.mod_chat_messages (id, conversation_id, sender_type, sender_name, content, metadata)
        select coalesce(chat_receive_api.id, gen_random_uuid()), home, 'visitor', v.name, chat_receive_api.content,
            coalesce(chat_receive_api.metadata, '{}')
        from chat.identities i join public.mod_chat_visitors v on v.id = i.visitor_id
        where i.id = identity
        returning mod_chat_messages.id into id;
    end if;
    return query select m.* from public.mod_chat_messages m where m.id = chat_receive_api.id;
end
$$;
comment on function public.chat_receive_api(uuid, text, text, uuid, jsonb, jsonb) is
    'For a service key: what the person with an external id wrote elsewhere. Repeated with its id it answers the same row. PT403 chat/blocked, PT404 chat/no_such_site, PT409 chat/id_in_use, PT422 chat/text_length, chat/external_id, chat/person, chat/metadata.';

create or replace function public.chat_start_conversation(
    site uuid, external_id text, content text default null, subject text default null, id uuid default gen_random_uuid())
returns setof public.mod_chat_conversations
language plpgsql
security definer
set search_path = ''
as $$
declare
    identity uuid;
    home uuid;
    agent public.mod_chat_agents;
begin
    perform chat.require(chat_start_conversation.site, 'live-chat.conversations.reply');
    select a.* into agent from public.mod_chat_agents a where a.id = chat.my_agent(chat_start_conversation.site);
    if chat_start_conversation.content is not null then
        perform chat.require_text(chat_start_conversation.content);
    end if;
    identity := chat.api_identity(chat_start_conversation.site, chat_start_conversation.external_id, '{}');
    home := chat.api_home(chat_start_conversation.site, identity);
    -- Whose it is stays so; what is nobody's is the beginner's.
    update public.mod_chat_conversations c
    set assigned_agent_id = coalesce(c.assigned_agent_id, agent.id),
        subject = coalesce(chat_start_conversation.subject, c.subject)
    where c.id = home
        and (c.assigned_agent_id is null or chat_start_conversation.subject is distinct from c.subject);
    if not chat.sees_conversation(home) then
        raise exception 'a colleague talks to this person already'
            using errcode = 'PT403', detail = 'chat/not_allowed', hint = 'ask a supervisor to hand it to you';
    end if;
    if chat_start_conversation.content is not null then
        insert into public.mod_chat_messages (id, conversation_id, sender_type, sender_id, sender_name, sender_avatar, content)
        values (coalesce(chat_start_conversation.id, gen_random_uuid()), home, 'agent', agent.id, agent.display_name,
            agent.avatar_url, chat_start_conversation.content);
    end if;
    return query select c.* from public.mod_chat_conversations c where c.id = home;
end
$$;
comment on function public.chat_start_conversation(uuid, text, text, text, uuid) is
    'An agent begins, or goes on with, the conversation of the person with an external id; `id` is the message''s. PT403 chat/not_allowed, chat/not_an_agent and chat/blocked, PT404 chat/no_such_site, PT409 chat/id_in_use, PT422 chat/text_length, chat/external_id, chat/subject_length.';
