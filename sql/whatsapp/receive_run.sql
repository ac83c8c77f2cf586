-- What: the passes of a run: number, identities, conversations, visitors, messages, then statuses and reactions, then lanes.
-- Why: each pass locks one kind of row, in order, before the next begins; a run of fifty is as safe as one item.
-- Leaves out: routing, which a deferred trigger does at commit.

create or replace function chat.receive_run(p_app uuid, p_phone_number_id text, p_items jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    number record;
    item jsonb;
    refused text;
    people uuid[] := '{}';       -- identity of each message, in step with `messages`
    homes uuid[];                -- its conversation; null for a repetition
    messages jsonb := '[]';
    targets jsonb := '[]';       -- statuses and reactions with the message they speak of: {message, item}
    target uuid;
    wanted integer := 0;
    stored integer := 0;
    duplicate integer := 0;
    dead integer := 0;
    enqueued integer := 0;
begin
    select n.site_id, n.account_id, acc.graph_version, coalesce(acc.portfolio_id, acc.waba_id) as portfolio into number
    from chat.whatsapp_numbers n
    join chat.whatsapp_accounts acc on acc.id = n.account_id
    where n.phone_number_id = p_phone_number_id and n.confirmed_at is not null and acc.app_id = p_app;

    -- What no row will take goes aside first; the rest is split by what it needs.
    for item in select value from jsonb_array_elements(p_items) loop
        refused := case
            when item ->> 'what' = 'field' then 'field_not_handled'
            when p_phone_number_id is null then 'no_phone_number_id'
            when number.site_id is null then 'unknown_number'
            when item ->> 'what' = 'message' and item ->> 'kind' is distinct from 'reaction'
                and coalesce(item ->> 'bsuid', item ->> 'phone') is null then 'no_sender'
            when item ->> 'wamid' is null then 'no_wamid'
        end;
        if refused is not null then
            insert into chat.dead_letters (app_id, phone_number_id, reason, item)
            values (p_app, p_phone_number_id, refused, item);
            dead := dead + 1;
        elsif item ->> 'kind' = 'reaction' then
            target := chat.message_of_status(number.site_id, item -> 'reaction' ->> 'wamid', null);
            if target is not null then
                targets := targets || jsonb_build_object('message', target, 'item', item);
            elsif coalesce(item ->> 'bsuid', item ->> 'phone') is not null then
                messages := messages || (item || '{"kind": "unsupported"}');
            else
                insert into chat.dead_letters (app_id, phone_number_id, reason, item)
                values (p_app, p_phone_number_id, 'no_sender', item);
                dead := dead + 1;
            end if;
        elsif item ->> 'what' = 'status' then
            targets := targets || jsonb_build_object('message',
                chat.message_of_status(number.site_id, item ->> 'wamid', item ->> 'callback'), 'item', item);
        else
            messages := messages || item;
        end if;
    end loop;

    -- Identities: known ones by id, then new ones in the order of the run.
    for item in select value from jsonb_array_elements(messages) loop
        people := people || chat.find_identity(number.site_id, number.portfolio, item);
    end loop;
    perform from chat.identities i where i.id = any (people) order by i.id for no key update;
    for place in 1 .. jsonb_array_length(messages) loop
        item := messages -> (place - 1);
        if people[place] is null then
            people[place] := coalesce(
                chat.find_identity(number.site_id, number.portfolio, item),
                chat.make_identity(number.site_id, number.portfolio, item));
            perform from chat.identities i where i.id = people[place] for no key update;
        end if;
        perform chat.learn_aliases(number.site_id, number.portfolio, people[place], item);
    end loop;

    -- Conversations: all that exist by id, then those to be reopened or made, then visitors by id.
    perform from public.mod_chat_conversations c
    where c.id in (
        select x.id from public.mod_chat_conversations x
        where x.identity_id = any (people) and x.phone_number_id = p_phone_number_id and x.archived_at is null
        union all
        select m.conversation_id from jsonb_array_elements(targets) t
        join public.mod_chat_messages m on m.id = (t ->> 'message')::uuid)
    order by c.id
    for no key update;
    homes := array_fill(null::uuid, array[jsonb_array_length(messages)]);
    for place in 1 .. jsonb_array_length(messages) loop
        -- Asked under the identity's lock: a repetition must not reopen or open a conversation.
        if exists (
            select from public.mod_chat_messages m
            where m.site_id = number.site_id and m.whatsapp_message_id = messages -> (place - 1) ->> 'wamid')
        then
            duplicate := duplicate + 1;
            continue;
        end if;
        wanted := wanted + 1;
        homes[place] := chat.home_conversation(number.site_id, people[place], p_phone_number_id, 'whatsapp');
    end loop;
    if cardinality(people) > 1 then
        perform from public.mod_chat_visitors v
        where v.id in (select i.visitor_id from chat.identities i where i.id = any (people))
        order by v.id
        for no key update;
    end if;

    if wanted > 0 then
        stored := chat.store_messages(homes, messages);
        duplicate := duplicate + wanted - stored;
        enqueued := chat.enqueue_read_marks(
            number.site_id, p_phone_number_id, number.account_id, number.graph_version, people, messages, homes);
    end if;

    for item in select value from jsonb_array_elements(targets) loop
        target := (item ->> 'message')::uuid;
        if target is null then
            perform chat.keep_orphan(number.site_id, item -> 'item');
        elsif item -> 'item' ->> 'what' = 'status' then
            perform chat.apply_status(target, item -> 'item');
        else
            perform chat.apply_reaction(target, item -> 'item');
        end if;
        stored := stored + 1;
    end loop;
    return jsonb_build_object('stored', stored, 'duplicate', duplicate, 'dead', dead, 'enqueued', enqueued);
end
$$;
comment on function chat.receive_run(uuid, text, jsonb) is
    'Stores the items of one number. Answers {stored, duplicate, dead, enqueued}.';
