-- What: a run of parsed webhook items becomes rows, in one transaction.
-- Why: all or nothing a run, idempotent, in the one order of locks: identities, conversations, visitors, messages,
--      lanes; routing follows at commit. So deliveries may come twice, at once and in any order. What is not said now goes
--      its own way: the past (history.sql), and what is no message and no status (receive_fields.sql).
-- Leaves out: Meta's JSON; the worker parsed it (chat_rules::whatsapp).

create or replace function public.chat_receive_whatsapp(app uuid, items jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
-- One item a call is the usual case; planning anew for each would cost more than the work.
set plan_cache_mode = 'force_generic_plan'
as $$
declare
    run record;
    done jsonb;
    stored integer := 0;
    duplicate integer := 0;
    dead integer := 0;
    enqueued integer := 0;
begin
    if jsonb_array_length(chat_receive_whatsapp.items) = 1 then
        done := chat.receive_plain(chat_receive_whatsapp.app, chat_receive_whatsapp.items -> 0);
        if done is not null then
            return done;
        elsif chat_receive_whatsapp.items -> 0 ->> 'what' in ('message', 'status', 'echo') then
            return chat.receive_run(
                chat_receive_whatsapp.app, chat_receive_whatsapp.items -> 0 ->> 'phone_number_id', chat_receive_whatsapp.items);
        end if;
    end if;
    for run in
        select case i.item ->> 'what' when 'field' then 'field' when 'history' then 'history' else 'live' end as what,
            i.item ->> 'phone_number_id' as phone_number_id, jsonb_agg(i.item order by i.place) as items
        from jsonb_array_elements(chat_receive_whatsapp.items) with ordinality as i (item, place)
        group by 1, 2 order by 1 desc, 2
    loop
        done := case run.what
            when 'field' then chat.receive_fields(chat_receive_whatsapp.app, run.items)
            when 'history' then chat.receive_history(chat_receive_whatsapp.app, run.phone_number_id, run.items)
            else chat.receive_run(chat_receive_whatsapp.app, run.phone_number_id, run.items)
        end;
        stored := stored + (done ->> 'stored')::integer;
        duplicate := duplicate + (done ->> 'duplicate')::integer;
        dead := dead + (done ->> 'dead')::integer;
        enqueued := enqueued + (done ->> 'enqueued')::integer;
    end loop;
    return jsonb_build_object('stored', stored, 'duplicate', duplicate, 'dead', dead, 'enqueued', enqueued);
end
$$;
comment on function public.chat_receive_whatsapp(uuid, jsonb) is
    'For the worker: stores parsed webhook items that `app` signed. Idempotent. Answers {stored, duplicate, dead, enqueued}.';

create or replace function public.chat_keep_dead_letter(app uuid, reason text, item jsonb)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
    insert into chat.dead_letters (app_id, phone_number_id, reason, item)
    values (app, item ->> 'phone_number_id', reason, item);
end
$$;
comment on function public.chat_keep_dead_letter(uuid, text, jsonb) is
    'For the worker: keeps an item that no row could take, with the reason.';
