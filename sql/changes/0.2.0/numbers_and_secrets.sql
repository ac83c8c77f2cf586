-- What: apps, accounts and numbers that people save themselves, their state, and the queue's knowledge of limits.
-- Why: many numbers a site, secrets sealed, a refused token waits for another one. Leaves out: comments and new tables.

alter table chat.whatsapp_apps add column site_id uuid references public.sites (id) on delete cascade;
alter table chat.whatsapp_apps add column verify_token_hash bytea;
alter table chat.whatsapp_apps add column last_webhook_at timestamptz;
alter table chat.whatsapp_apps add column last_refused_at timestamptz;
alter table chat.whatsapp_apps add column last_refused_why text;
alter table chat.whatsapp_apps add column refused_count bigint not null default 0;
alter table chat.whatsapp_accounts add column token_mark text;
alter table chat.whatsapp_accounts add column auth_failed_at timestamptz;
alter table chat.whatsapp_accounts add column auth_error jsonb;
alter table chat.whatsapp_numbers add column disconnected_at timestamptz;
alter table chat.whatsapp_numbers add column last_error jsonb;
alter table chat.whatsapp_numbers add column test jsonb;
alter table chat.whatsapp_numbers add column test_send jsonb;
alter table chat.lanes add column owed_until timestamptz;
alter table chat.pauses drop constraint pauses_what_check;
alter table chat.pauses add constraint pauses_what_check check (what in ('kind', 'number', 'token'));
