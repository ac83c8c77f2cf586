-- What: secrets as they come in, sealed, and the keys they are sealed for.
-- Why: nobody but a worker may read a token, so it is sealed before it is sent; a text that is not is refused, and never
--      kept or shown, not even in the refusal. An envelope is a version byte 1, the 8 bytes of the key's id and a box of
--      libsodium's crypto_box_seal (48 bytes more than the secret), in base64.
-- Leaves out: opening, which needs the private key (worker/src/sealed.rs).

create or replace function chat.sealed(p_envelope text, p_what text)
returns bytea
language plpgsql
stable
as $$
declare
    envelope bytea;
begin
    if p_envelope is null then
        return null;
    end if;
    if p_envelope ~ '^[A-Za-z0-9+/]{77,}={0,2}$' and length(p_envelope) % 4 = 0 then
        envelope := decode(p_envelope, 'base64');
    end if;
    if envelope is null or get_byte(envelope, 0) <> 1 or octet_length(envelope) not between 58 and 8192 then
        raise exception 'the % is not sealed', p_what
            using errcode = 'PT422', detail = 'chat/not_sealed', hint = 'seal it with the key of chat_worker_key, or with `worker seal`; and since it was sent open, have a new one made';
    end if;
    if not exists (select from chat.worker_keys k where k.id = encode(substr(envelope, 2, 8), 'hex')) then
        raise exception 'the % is sealed for a key that no worker has published', p_what
            using errcode = 'PT422', detail = 'chat/unknown_worker_key', hint = 'ask chat_worker_key for the key and seal it again';
    end if;
    return envelope;
end
$$;
comment on function chat.sealed(text, text) is
    'The bytes of a sealed secret; null for none. PT422 chat/not_sealed, PT422 chat/unknown_worker_key.';

create or replace function public.chat_worker_key()
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    current chat.worker_keys;
begin
    if cardinality(chat.my_sites_with('live-chat.whatsapp.manage')) = 0 then
        raise exception 'this needs the permission live-chat.whatsapp.manage at some site'
            using errcode = 'PT403', detail = 'chat/not_allowed', hint = 'ask an admin of the site for it';
    end if;
    select k.* into current from chat.worker_keys k where k.is_current;
    if not found then
        raise exception 'no worker has published a key yet'
            using errcode = 'PT409', detail = 'chat/no_worker_key', hint = 'give the worker CHAT_SECRETS_PRIVATE_KEY (`worker keygen` makes one) and start it';
    end if;
    return jsonb_build_object(
        'key_id', current.id, 'public_key', encode(current.public_key, 'base64'),
        'algorithm', 'x25519-xsalsa20-poly1305-seal', 'version', 1);
end
$$;
comment on function public.chat_worker_key() is
    'The key to seal secrets for: {key_id, public_key, algorithm, version}. Needs live-chat.whatsapp.manage at some site. PT403 chat/not_allowed, PT409 chat/no_worker_key.';

create or replace function public.chat_publish_worker_key(public_key text, webhooks_url text default null, take_over boolean default false)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    key constant bytea := decode(chat_publish_worker_key.public_key, 'base64');
    key_id constant text := encode(substr(sha256(key), 1, 8), 'hex');
    current text;
begin
    lock table chat.worker_keys in share row exclusive mode;
    select k.id into current from chat.worker_keys k where k.is_current;
    -- A key for which something is sealed stays the one to seal for until somebody rotates it.
    if current is null or chat_publish_worker_key.take_over
        or current <> key_id and not exists (select from chat.sealed_secrets s where s.key_id = current)
    then
        update chat.worker_keys k set is_current = false where k.is_current and k.id <> key_id;
        current := key_id;
    end if;
    insert into chat.worker_keys as k (id, public_key, is_current, webhooks_url)
    values (key_id, key, current = key_id, chat_publish_worker_key.webhooks_url)
    on conflict (id) do update
    set is_current = excluded.is_current, webhooks_url = coalesce(excluded.webhooks_url, k.webhooks_url);
    return jsonb_build_object('key_id', key_id, 'current', current);
end
$$;
comment on function public.chat_publish_worker_key(text, text, boolean) is
    'For the worker, at its start: its public key, and where it is reached from outside. Answers {key_id, current}: the key that clients seal for, which stays another one while something is sealed for that, unless this is to take over (`worker rotate-key`).';
