-- What: the endpoints of the WABA integration plan as functions, with its shapes: conversations, messages, sending.
-- Why: a dashboard that was written to the plan goes on with the names and whole numbers it knows. Beside each whole number
--      stands the uuid that everything else here takes. Whose conversations they are is the token's to say.
-- Leaves out: the plan's webhook, which is a path of the worker; its one conversation a customer for ever: of each person
--      and number the open one is shown, else the last that ended, and the answer says which.

create table if not exists chat.waba_ids (
    id bigint generated always as identity primary key,
    site_id uuid not null,
    conversation_id uuid not null,
    constraint waba_ids_conversation_id_key unique (conversation_id),
    constraint waba_ids_conversation_id_fkey foreign key (site_id, conversation_id)
        references public.mod_chat_conversations (site_id, id) on delete cascade
);
comment on table chat.waba_ids is 'Whole numbers of conversations for clients of the WABA plan; given when one is first shown to them.';
create index if not exists waba_ids_site_id_idx on chat.waba_ids (site_id, conversation_id);
alter table chat.waba_ids enable row level security;

create or replace function chat.waba_page(p_user uuid, p_limit integer, p_offset integer)
returns void
language plpgsql
stable
as $$
begin
    if p_user <> auth.uid() then
        raise exception 'user_id is somebody else''s'
            using errcode = 'PT403', detail = 'chat/not_allowed', hint = 'leave it out: the token says who asks';
    end if;
    perform chat.require_page_size(p_limit, 500);
    if (p_offset between 0 and 100000) is not true then
        raise exception 'a page cannot begin after % rows', coalesce(p_offset::text, 'null')
            using errcode = 'PT422', detail = 'chat/page_size', hint = 'give an offset of 0 to 100000';
    end if;
end
$$;
comment on function chat.waba_page(uuid, integer, integer) is
    'What every page of the plan asks first. PT403 chat/not_allowed, PT422 chat/page_size.';

create or replace function chat.waba_time(p_at timestamptz)
returns text
language sql
stable
as $$ select to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') $$;
comment on function chat.waba_time(timestamptz) is 'A moment as the plan writes it: 2025-11-26T01:00:00Z.';

create or replace function public.chat_waba_conversations(
    phone_number_id text default null, user_id uuid default null, "limit" integer default 50, "offset" integer default 0)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    sites constant uuid[] := chat.my_sites_with('live-chat.conversations.view');
    limited constant uuid[] := chat.my_limited_sites();
    part constant text[] := chat.my_part();
    number constant text := chat_waba_conversations.phone_number_id;
    upto integer;
    shown uuid[];
begin
    perform chat.waba_page(chat_waba_conversations.user_id, chat_waba_conversations."limit", chat_waba_conversations."offset");
    -- Only now both are small enough to be added.
    upto := chat_waba_conversations."limit" + chat_waba_conversations."offset";
    -- Open ones by their last message, then the others by when they ended, each from an index in that order.
    shown := array(
        select p.id from unnest(sites) s (site) cross join lateral (
            (select c.id, true as is_open, c.last_message_at as at from public.mod_chat_conversations c
            where c.site_id = s.site and c.archived_at is null and c.channel = 'whatsapp'
                and (number is null or c.phone_number_id = number)
                and (c.site_id <> all (limited) or chat.in_part(part, c.site_id, c.assigned_agent_id, c.last_agent_id, c.department_id, c.phone_number_id))
            order by c.last_message_at desc limit upto)
            union all
            (select c.id, false, c.archived_at from public.mod_chat_conversations c
            where c.site_id = s.site and c.archived_at is not null and c.channel = 'whatsapp'
                and (number is null or c.phone_number_id = number)
                and (c.site_id <> all (limited) or chat.in_part(part, c.site_id, c.assigned_agent_id, c.last_agent_id, c.department_id, c.phone_number_id))
                and not exists (select from public.mod_chat_conversations o
                    where o.identity_id = c.identity_id and o.phone_number_id = c.phone_number_id and o.archived_at is null)
                and not exists (select from public.mod_chat_conversations o
                    where o.identity_id = c.identity_id and o.phone_number_id = c.phone_number_id
                        and o.archived_at is not null and (o.archived_at, o.id) > (c.archived_at, c.id))
            order by c.archived_at desc limit upto)) p
        order by p.is_open desc, p.at desc, p.id
        offset chat_waba_conversations."offset" limit chat_waba_conversations."limit");
    -- One that is just being erased is waited for, and then is there no more.
    insert into chat.waba_ids (site_id, conversation_id)
    select c.site_id, c.id from public.mod_chat_conversations c
    where c.id = any (shown) and not exists (select from chat.waba_ids w where w.conversation_id = c.id)
    order by c.id
    for key share of c
    on conflict do nothing;
    return jsonb_build_object('success', true, 'conversations', coalesce((
        select jsonb_agg(chat.waba_conversation(c) || jsonb_build_object('id', w.id) order by s.place)
        from unnest(shown) with ordinality s (id, place)
        join chat.waba_ids w on w.conversation_id = s.id
        join public.mod_chat_conversations c on c.id = s.id), '[]'));
end
$$;
comment on function public.chat_waba_conversations(text, uuid, integer, integer) is
    'The WABA plan''s list of conversations, to be called by POST: {success, conversations: [{id, customer_phone, customer_name, customer_profile_pic (null: Meta sends none), last_message, last_message_time, unread_count, status, uuid, site_id, phone_number_id, is_open, earlier, window_expires_at}]}. Of each person and number the open conversation is shown, else the last that ended; is_open says which, earlier how many ended ones there are besides. customer_phone is null for people who show none. user_id, where given, has to be the caller''s. Needs live-chat.conversations.view. PT403 chat/not_allowed, PT422 chat/page_size.';

create or replace function chat.waba_conversation(p_conversation public.mod_chat_conversations)
returns jsonb
language sql
stable
as $$
    select jsonb_build_object(
        'customer_phone', (
            select '+' || a.value from chat.identity_aliases a
            where a.identity_id = p_conversation.identity_id and a.kind = 'phone' order by a.created_at desc limit 1),
        'customer_name', (select v.name from public.mod_chat_visitors v where v.id = p_conversation.visitor_id),
        'customer_profile_pic', null,
        'last_message', p_conversation.last_message_text,
        'last_message_time', chat.waba_time(p_conversation.last_message_at),
        'unread_count', p_conversation.unread_agent_count,
        'status', p_conversation.status,
        'uuid', p_conversation.id,
        'site_id', p_conversation.site_id,
        'phone_number_id', p_conversation.phone_number_id,
        'is_open', p_conversation.archived_at is null,
        'earlier', (
            select count(*) from public.mod_chat_conversations o
            where o.identity_id = p_conversation.identity_id and o.phone_number_id = p_conversation.phone_number_id
                and o.archived_at is not null and o.id <> p_conversation.id),
        'window_expires_at', chat.waba_time(p_conversation.whatsapp_window_expires_at))
$$;
comment on function chat.waba_conversation(public.mod_chat_conversations) is
    'A conversation in the plan''s shape, without its whole number.';
