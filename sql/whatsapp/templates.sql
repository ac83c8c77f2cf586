-- What: the message templates of WhatsApp accounts, and how far the last look at all of them got.
-- Why: a message is checked against the template's own components before it is sent, and pickers need no call to Meta.
--      Webhooks change rows at once (told.sql); a full pass brings what they do not tell (sync_templates.sql).
-- Leaves out: making and editing templates, which people do at Meta.

create table if not exists chat.whatsapp_templates (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null,
    account_id uuid not null,
    meta_id text,
    name text not null,
    language text not null,
    category text,
    next_category text,
    next_category_at timestamptz,
    status text not null,
    quality text,
    parameter_format text,
    components jsonb not null default '[]',
    rejected_reason text,
    note text,
    seen_in uuid,
    told_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint whatsapp_templates_key unique (account_id, name, language),
    constraint whatsapp_templates_account_id_fkey foreign key (site_id, account_id)
        references chat.whatsapp_accounts (site_id, id) on delete cascade
);
comment on table chat.whatsapp_templates is 'Message templates as Meta has them. Gone there, they are gone here after the next complete pass.';
comment on column chat.whatsapp_templates.category is 'MARKETING, UTILITY or AUTHENTICATION.';
comment on column chat.whatsapp_templates.next_category is 'What Meta will make of it, when it said so; next_category_at says when.';
comment on column chat.whatsapp_templates.status is 'Meta''s word; only APPROVED is sent.';
comment on column chat.whatsapp_templates.components is 'As Graph gives them; read by chat_rules alone.';
comment on column chat.whatsapp_templates.note is 'What Meta said with its last word about it: why it was paused, when it will be disabled.';
comment on column chat.whatsapp_templates.seen_in is 'The pass that saw it last.';
comment on column chat.whatsapp_templates.told_at is 'When a webhook or a refusal changed it; a pass that began before that brings nothing newer.';
create index if not exists whatsapp_templates_site_id_idx on chat.whatsapp_templates (site_id, name);
alter table chat.whatsapp_templates enable row level security;

create table if not exists chat.template_syncs (
    account_id uuid primary key,
    site_id uuid not null,
    due_at timestamptz not null,
    asked_at timestamptz,
    pass uuid,
    job_id bigint,
    next_page text,
    began_at timestamptz,
    touched_at timestamptz,
    complete_at timestamptz,
    constraint template_syncs_account_id_fkey foreign key (site_id, account_id)
        references chat.whatsapp_accounts (site_id, id) on delete cascade
);
comment on table chat.template_syncs is 'A row for each account whose templates are looked at: the pass under way, and when the next is due.';
comment on column chat.template_syncs.asked_at is 'When the last pass was put into the queue.';
comment on column chat.template_syncs.next_page is 'Graph''s cursor after the last page that was stored; the same job goes on there.';
comment on column chat.template_syncs.complete_at is 'When a pass last reached the end.';
create index if not exists template_syncs_due_at_idx on chat.template_syncs (due_at);
alter table chat.template_syncs enable row level security;
