-- What: files that visitors were allowed to upload, a row each.
-- Why: the site's rules for files are asked before a byte is sent, and a message can only take a file of its own session.
-- Leaves out: the bytes, which are Storage's.

create table if not exists chat.uploads (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null,
    session_id uuid not null,
    path text not null,
    name text not null,
    size_bytes integer not null,
    mime_type text not null,
    message_id uuid,
    created_at timestamptz not null default clock_timestamp(),
    constraint uploads_path_key unique (path),
    constraint uploads_session_id_fkey foreign key (site_id, session_id)
        references chat.sessions (site_id, id) on delete cascade
);
comment on table chat.uploads is 'Files a visitor may put into bucket chat-media, and the message that took each.';
comment on column chat.uploads.message_id is 'The message it was sent with; null while it waits for one.';
create index if not exists uploads_session_id_idx on chat.uploads (session_id);
alter table chat.uploads enable row level security;
