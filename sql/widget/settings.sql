-- What: one row of settings a site: LC-01's columns, and how long a resolved chat may come back.
-- Why: dashboards read and write these columns under LC-01's names. The WhatsApp ones name the site's default number.
-- Leaves out: secrets. LC-05's accessToken never stands here; see chat.whatsapp_accounts.

create table if not exists public.mod_chat_widget_settings (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null references public.sites (id) on delete cascade,
    primary_color text not null default '#2563eb',
    text_color text not null default '#ffffff',
    position text not null default 'bottom-right' check (position in ('bottom-right', 'bottom-left')),
    launcher_icon text not null default 'message-circle',
    launcher_size integer not null default 60,
    border_radius integer not null default 16,
    z_index integer not null default 9999,
    company_name text,
    welcome_message text not null default 'Hi there! How can we help you today?',
    away_message text not null default 'We''re currently away. Leave us a message and we''ll get back to you.',
    offline_message text not null default 'We''re offline right now. Please leave your details and we''ll reach out.',
    logo_url text,
    pre_chat_enabled boolean not null default true,
    pre_chat_name_required boolean not null default true,
    pre_chat_email_required boolean not null default true,
    pre_chat_phone_enabled boolean not null default false,
    pre_chat_phone_required boolean not null default false,
    pre_chat_message_required boolean not null default false,
    pre_chat_department_selector boolean not null default false,
    business_hours_enabled boolean not null default false,
    business_hours jsonb not null default '{}',
    timezone text not null default 'Africa/Lusaka',
    auto_open_delay_seconds integer not null default 0,
    show_agent_avatar boolean not null default true,
    show_agent_name boolean not null default true,
    show_typing_indicator boolean not null default true,
    enable_file_uploads boolean not null default true,
    enable_emoji boolean not null default true,
    enable_sound_notifications boolean not null default true,
    enable_satisfaction_rating boolean not null default true,
    language text not null default 'en',
    custom_translations jsonb not null default '{}',
    whatsapp_enabled boolean not null default false,
    whatsapp_phone_number text,
    whatsapp_phone_number_id text,
    whatsapp_business_account_id text,
    whatsapp_welcome_template text,
    allowed_domains text[] not null default '{}',
    blocked_ips text[] not null default '{}',
    max_file_size_mb integer not null default 10,
    allowed_file_types text[] not null default array[
        'image/jpeg', 'image/png', 'image/gif', 'image/webp', 'application/pdf', 'application/msword',
        'application/vnd.openxmlformats-officedocument.wordprocessingml.document'],
    reopen_hours integer not null default 24 check (reopen_hours between 0 and 8760),
    auto_resolve_hours integer not null default 0 check (auto_resolve_hours between 0 and 8760),
    missed_after_minutes integer not null default 0 check (missed_after_minutes between 0 and 525600),
    edit_minutes integer not null default 15 check (edit_minutes between 0 and 525600),
    choice_days integer not null default 90 check (choice_days between 1 and 3650),
    session_days integer not null default 30 check (session_days between 1 and 365),
    sessions_per_minute integer not null default 600 check (sessions_per_minute >= 0),
    address_sessions_per_minute integer not null default 60 check (address_sessions_per_minute >= 0),
    messages_per_minute integer not null default 30 check (messages_per_minute >= 0),
    address_messages_per_minute integer not null default 240 check (address_messages_per_minute >= 0),
    privacy_text text,
    privacy_url text,
    privacy_required boolean not null default false,
    privacy_version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint mod_chat_widget_settings_site_id_key unique (site_id)
);
comment on table public.mod_chat_widget_settings is 'Settings of a site: widget, forms, hours, default WhatsApp number.';
comment on column public.mod_chat_widget_settings.reopen_hours is
    'A message within so many hours after a chat was resolved or missed reopens it; 0 = always a new one.';
comment on column public.mod_chat_widget_settings.auto_resolve_hours is
    'A chat that was answered and hears nothing for so many hours is resolved; 0 = never.';
comment on column public.mod_chat_widget_settings.missed_after_minutes is
    'A chat that nobody took within so many minutes is missed; 0 = never.';
comment on column public.mod_chat_widget_settings.edit_minutes is
    'For so many minutes visitors may edit and take back their own messages; 0 = never.';
comment on column public.mod_chat_widget_settings.choice_days is
    'For so many days it is kept what each choice of an agent was made from; that it was made stays.';
comment on column public.mod_chat_widget_settings.session_days is
    'A visitor who does not come back for so many days is somebody new.';
comment on column public.mod_chat_widget_settings.sessions_per_minute is
    'Sessions opened or renewed at this site in a minute; beyond it visitors are told to wait.';
comment on column public.mod_chat_widget_settings.address_sessions_per_minute is 'The same from one address.';
comment on column public.mod_chat_widget_settings.messages_per_minute is 'Messages of one visitor''s session in a minute.';
comment on column public.mod_chat_widget_settings.address_messages_per_minute is 'Messages from one address in a minute.';
comment on column public.mod_chat_widget_settings.privacy_text is 'What visitors are told about their data before they write.';
comment on column public.mod_chat_widget_settings.privacy_required is 'Whether they have to agree to it first.';
comment on column public.mod_chat_widget_settings.privacy_version is
    'Goes up by itself when privacy_text or privacy_url changes; consent is given to one version.';
alter table public.mod_chat_widget_settings enable row level security;
