-- What: public keys that secrets may be sealed for.
-- Why: people seal before anything reaches the database, so the database has to say for whom, and can refuse what is sealed
--      for nobody it knows.
-- Leaves out: private keys; they are in the workers' environment and nowhere else.

create table if not exists chat.worker_keys (
    id text primary key check (id ~ '^[0-9a-f]{16}$'),
    public_key bytea not null check (octet_length(public_key) = 32),
    is_current boolean not null default false,
    webhooks_url text,
    published_at timestamptz not null default clock_timestamp()
);
comment on table chat.worker_keys is 'X25519 keys of workers. Clients seal for the current one.';
comment on column chat.worker_keys.id is 'First 8 bytes of SHA-256 over the key, as 16 hexadecimal digits; stands in every envelope.';
comment on column chat.worker_keys.webhooks_url is 'Where the workers that hold it are reached from outside, when they say so.';
create unique index if not exists worker_keys_current_idx on chat.worker_keys (is_current) where is_current;
alter table chat.worker_keys enable row level security;
