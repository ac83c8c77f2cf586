-- What: which role of an agent has which of LC-01's ten permissions (a row with a site overrides the row without), and
--       which part of its site a role sees.
-- Why: rights are rows, so a site can change them without a migration.
-- Leaves out: owners and admins of the agency, who may do everything (policies/_may.sql).

create table if not exists chat.permissions (
    site_id uuid references public.sites (id) on delete cascade,
    role text not null check (role in ('agent', 'supervisor', 'admin')),
    permission text not null check (permission in (
        'live-chat.conversations.view', 'live-chat.conversations.reply', 'live-chat.conversations.assign',
        'live-chat.conversations.resolve', 'live-chat.agents.manage', 'live-chat.canned.manage', 'live-chat.kb.manage',
        'live-chat.analytics.view', 'live-chat.settings.manage', 'live-chat.whatsapp.manage')),
    allowed boolean not null default true,
    constraint permissions_key unique nulls not distinct (site_id, role, permission)
);
comment on table chat.permissions is 'Role to permission. Rows without a site are the defaults; a site''s own row wins.';

alter table chat.permissions enable row level security;

insert into chat.permissions (role, permission)
select r.role, 'live-chat.' || p.permission
from (values ('agent', 1), ('supervisor', 2), ('admin', 3)) as r (role, level)
join (values
    ('conversations.view', 1), ('conversations.reply', 1), ('conversations.resolve', 1), ('canned.manage', 1),
    ('conversations.assign', 2), ('analytics.view', 2),
    ('agents.manage', 3), ('kb.manage', 3), ('settings.manage', 3), ('whatsapp.manage', 3)
) as p (permission, level) on p.level <= r.level
on conflict do nothing;

create table if not exists chat.role_limits (
    site_id uuid not null references public.sites (id) on delete cascade,
    role text not null check (role in ('agent', 'supervisor', 'admin')),
    sees text not null check (sees in ('own', 'department', 'number')),
    phone_number_id text,
    primary key (site_id, role),
    constraint role_limits_number_is_named check ((sees = 'number') = (phone_number_id is not null))
);
comment on table chat.role_limits is 'Roles that see part of their site only; without a row a role sees all of it.';
comment on column chat.role_limits.sees is
    'own: chats assigned to the agent, or last theirs while nobody has them. department, number: those of the agent''s department or of that number, besides.';
comment on column chat.role_limits.phone_number_id is 'Meta''s id of the number, when the role sees one number.';
alter table chat.role_limits enable row level security;
