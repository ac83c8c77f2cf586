-- What: the passes of a run: number, identities, conversations, visitors, messages, then what changes messages, then lanes.
-- Why: each pass locks one kind of row, in order, before the next begins; a run of fifty is as safe as one item.
-- Leaves out: routing, which a deferred trigger does at commit.

create or replace function chat.receive_run(p_app uuid, p_phone_number_id text, p_items jsonb)
returns jsonb
language plpgsql
as $$
declare
    number record;
    item jsonb;
    refused text;
    messages jsonb := '[]';      -- what becomes a row
    people uuid[] := '{}';       -- the identity of each, in step
    homes uuid[];                -- its conversation; null for a repetition
    targets jsonb := '[]';       -- statuses and reactions with the message they speak of: {message, item}
    one uuid;
    spoken_of uuid[];            -- the messages of targets
    known uuid[] := '{}';
    closed boolean;
    wanted integer := 0;
    stored integer := 0;
    dead integer := 0;
    enqueued integer := 0;
    files integer := 0;
begin
    select * into number from chat.receiving_number(p_app, p_phone_number_id);

    -- What no row will take goes aside first; the rest is split by what it needs.
    for place in 1 .. jsonb_array_length(p_items) loop
        item := p_items -> (place - 1);
        refused := chat.refusal_of_item(item, number.site_id);
        if refused is not null then
            insert into chat.dead_letters (app_id, phone_number_id, reason, item)
            values (p_app, p_phone_number_id, refused, item);
            dead := dead + 1;
        elsif item ->> 'what' = 'status' then
            targets := targets || jsonb_build_object('item', item, 'message',
                chat.message_of_status(number.site_id, item ->> 'wamid', item ->> 'callback'));
        elsif item ->> 'kind' = 'reaction' or item ->> 'what' = 'echo' then
            one := chat.target_of_item(number.site_id, item);
            if one is not null then
                targets := targets || jsonb_build_object('item', item, 'message', one);
            else
                messages := messages || case item ->> 'kind' when 'reaction' then item || '{"kind": "unsupported"}' else item end;
            end if;
        else
            messages := messages || item;
        end if;
    end loop;

    -- Identities: new ones are made in the order of the run, while nothing else is held; then all are locked by id.
    for place in 1 .. jsonb_array_length(messages) loop
        item := messages -> (place - 1);
        people := people || coalesce(
            chat.find_identity(number.site_id, number.portfolio, item),
            chat.make_identity(number.site_id, number.portfolio, item));
    end loop;
    perform chat.lock_identities(people);
    for place in 1 .. cardinality(people) loop
        item := messages -> (place - 1);
        -- Somebody found by the only id they came with brings nothing new.
        if item ->> 'bsuid' is not null and item ->> 'phone' is not null or item -> 'phone_variants' <> '[]'
            or coalesce(item ->> 'new_bsuid', item ->> 'new_phone') is not null
        then
            perform chat.learn_aliases(number.site_id, number.portfolio, people[place], item);
        end if;
    end loop;

    -- Conversations: all that exist by id, then those to be reopened or made, then visitors by id.
    homes := array_fill(null::uuid, array[cardinality(people)]);
    for place in 1 .. cardinality(people) loop
        select c.id into one from public.mod_chat_conversations c
        where c.identity_id = people[place] and c.phone_number_id = p_phone_number_id and c.archived_at is null;
        homes[place] := one;
    end loop;
    spoken_of := array(
        select (t ->> 'message')::uuid from jsonb_array_elements(targets) t where t ->> 'message' is not null);
    if spoken_of <> '{}' then
        known := array(select m.conversation_id from public.mod_chat_messages m where m.id = any (spoken_of));
    end if;
    foreach one in array chat.in_order(homes || known) loop
        select c.archived_at is not null into closed
        from public.mod_chat_conversations c where c.id = one for no key update;
        -- Closed while we waited for it: this message needs another home.
        if closed then
            homes := array_replace(homes, one, null);
        end if;
    end loop;
    if spoken_of <> '{}' and exists (
        select from unnest(spoken_of) s (id) where not exists (select from public.mod_chat_messages m where m.id = s.id))
    then
        raise exception 'this person was erased while something about their messages waited'
            using errcode = 'serialization_failure', hint = 'take it again; then it is about nothing that is known';
    end if;
    for place in 1 .. cardinality(people) loop
        if homes[place] is null then
            item := messages -> (place - 1);
            homes[place] := case item ->> 'what'
                when 'echo' then chat.home_of_echo(number.site_id, people[place], p_phone_number_id, item ->> 'wamid')
                else chat.home_conversation(
                    number.site_id, people[place], p_phone_number_id, 'whatsapp', item ->> 'wamid') end;
        end if;
        wanted := wanted + (homes[place] is not null)::integer;
    end loop;
    if wanted > 1 then
        perform from public.mod_chat_visitors v
        where v.id = any (array(select i.visitor_id from chat.identities i where i.id = any (people)))
        order by v.id
        for no key update;
    end if;

    if wanted > 0 then
        select s.stored, s.enqueued into stored, files from chat.store_messages(number.site_id, homes, messages) s;
    end if;
    if stored > 0 and number.read_policy = 'arrival' then
        enqueued := chat.enqueue_read_marks(
            number.site_id, p_phone_number_id, number.account_id, number.graph_version, people, messages, homes);
    end if;
    wanted := jsonb_array_length(messages);

    for place in 1 .. jsonb_array_length(targets) loop
        item := targets -> (place - 1) -> 'item';
        one := (targets -> (place - 1) ->> 'message')::uuid;
        if one is null then
            perform chat.keep_orphan(number.site_id, item);
        elsif item ->> 'what' = 'status' then
            perform chat.apply_status(one, item);
        elsif item ->> 'what' = 'echo' then
            perform chat.apply_echo(one, item);
        else
            perform chat.apply_reaction(one, item);
        end if;
    end loop;
    return jsonb_build_object(
        'stored', stored + jsonb_array_length(targets), 'duplicate', wanted - stored, 'dead', dead,
        'enqueued', enqueued + files);
end
$$;
comment on function chat.receive_run(uuid, text, jsonb) is
    'Stores the items of one number. Answers {stored, duplicate, dead, enqueued}.';

create or replace function chat.refusal_of_item(p_item jsonb, p_site uuid)
returns text
language plpgsql
immutable
as $$
begin
    return case
        when p_item ->> 'phone_number_id' is null then 'no_phone_number_id'
        when p_site is null then 'unknown_number'
        when p_item ->> 'what' <> 'status' and coalesce(p_item ->> 'bsuid', p_item ->> 'phone') is null
            then case p_item ->> 'what' when 'message' then 'no_sender' else 'no_person' end
        when p_item ->> 'wamid' is null then 'no_wamid'
    end;
end
$$;
comment on function chat.refusal_of_item(jsonb, uuid) is
    'Why no row can take an item, given the site of its number; null when one can. The dead letter''s reason.';

create or replace function chat.in_order(p_ids uuid[])
returns uuid[]
language plpgsql
immutable
as $$
begin
    if cardinality(p_ids) = 1 and p_ids[1] is not null then
        return p_ids;
    end if;
    return array(select distinct id from unnest(p_ids) id where id is not null order by id);
end
$$;
comment on function chat.in_order(uuid[]) is 'Each id once, nulls left out, in the order in which rows are locked.';
