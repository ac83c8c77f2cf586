-- What: accounts keep what Meta told of them; beginning conversations with people who never wrote has an allowance.
-- Why: both are columns and words of tables that 0.1.0 has.
-- Leaves out: the new tables and functions.

alter table chat.whatsapp_accounts add column details jsonb not null default '{}';
alter table chat.rates drop constraint rates_kind_check;
alter table chat.rates add constraint rates_kind_check
    check (kind in ('site_sessions', 'address_sessions', 'messages', 'address_messages', 'proofs', 'starts'));
