-- What: what messages said before they were edited or taken back.
-- Why: an edit is no way to unsay something to the team; who answers for a site can look it up.
-- Leaves out: what they say now, which is the message.

create table if not exists chat.message_versions (
    site_id uuid not null,
    message_id uuid not null,
    version integer not null,
    content text,
    file jsonb,
    replaced_at timestamptz not null,
    replaced_by text not null,
    primary key (message_id, version),
    constraint message_versions_message_id_fkey foreign key (site_id, message_id)
        references public.mod_chat_messages (site_id, id) on delete cascade
);
comment on table chat.message_versions is 'Earlier words of edited and deleted messages; version 1 is the first.';
comment on column chat.message_versions.file is 'Its attachment {url, name, size, mime}, where it was deleted with the message.';
comment on column chat.message_versions.replaced_by is 'Who replaced it: agent:<id>, visitor:<id>, or phone_app, the business''s own phone.';
alter table chat.message_versions enable row level security;
