-- What: the number that an item came to, for the app whose signature was on it.
-- Why: one place says what makes a number ours: Graph confirmed it, and its own app signed.
-- Leaves out: a plain text's way, which finds number and person by one look (receive_plain.sql).

create or replace function chat.receiving_number(p_app uuid, p_phone_number_id text)
returns table (site_id uuid, account_id uuid, read_policy text, graph_version text, portfolio text)
language plpgsql
stable
rows 1
as $$
begin
    return query
    select n.site_id, n.account_id, n.read_policy::text, acc.graph_version::text, coalesce(acc.portfolio_id, acc.waba_id)::text
    from chat.whatsapp_numbers n
    join chat.whatsapp_accounts acc on acc.id = n.account_id
    where n.phone_number_id = p_phone_number_id and n.confirmed_at is not null and acc.app_id = p_app;
end
$$;
comment on function chat.receiving_number(uuid, text) is
    'A confirmed number of an app: its site, account, when it tells that it read, Graph''s version, and what its people are known by. No row when the app has no such number.';
