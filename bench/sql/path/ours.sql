-- What: a site with twenty agents and a confirmed number, and the loop that receives one item a transaction.
-- Why: what the path finds in a site that is at work. The people who write come through the path itself.
-- Leaves out: departments, widget settings; the path does not look at them once a chat is assigned.

insert into public.agencies (id, name) values ('0a000000-0000-4000-8000-000000000001', 'Agency');
insert into public.sites (id, agency_id, name)
values ('05000000-0000-4000-8000-000000000001', '0a000000-0000-4000-8000-000000000001', 'Site');
insert into public.mod_chat_agents (site_id, user_id, display_name, status, max_concurrent_chats)
select '05000000-0000-4000-8000-000000000001', gen_random_uuid(), 'Agent ' || n, 'online', 1000000
from generate_series(1, 20) n;

insert into chat.whatsapp_apps (id, name) values ('0b000000-0000-4000-8000-000000000001', 'bench');
insert into chat.whatsapp_accounts (id, site_id, app_id, waba_id)
values ('0c000000-0000-4000-8000-000000000001', '05000000-0000-4000-8000-000000000001',
    '0b000000-0000-4000-8000-000000000001', '102290129340398');
insert into chat.whatsapp_numbers (site_id, account_id, phone_number_id, is_default, confirmed_at)
values ('05000000-0000-4000-8000-000000000001', '0c000000-0000-4000-8000-000000000001', '106540352242922', true, now());

create schema bench;
grant usage on schema bench to chat_worker;

create procedure bench.each(app uuid, runs jsonb[])
language plpgsql
as $$
declare
    run jsonb;
begin
    foreach run in array runs loop
        perform public.chat_receive_whatsapp(app, run);
        commit;
    end loop;
end
$$;
grant execute on procedure bench.each(uuid, jsonb[]) to chat_worker;
