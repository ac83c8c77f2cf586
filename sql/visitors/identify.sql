-- What: the site's own server vouches for its user: HMAC-SHA256 of the user's id by the site's key.
-- Why: the only way by which a widget's visitor becomes a person known from before. Tries are counted, right or wrong.
-- Leaves out: customers with a Supabase login, who prove themselves by it when they open a session.

create or replace function public.chat_identify(user_id text, user_hash text, profile jsonb default '{}')
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    at constant timestamptz := clock_timestamp();
    session chat.sessions := chat.my_session(at);
    key constant text := chat.vault_secret('chat_identity_key:' || session.site_id);
    wait constant integer := chat.take_rate(
        session.site_id, 'proofs', coalesce(host(chat.client_address()), 'unknown'), 20, at);
    problems constant jsonb := chat.form_problems('[]', chat.form_values(profile));
begin
    if wait is not null then
        return chat.answer_wait(wait);
    elsif key is null then
        raise exception 'this site has no key to prove its users with'
            using errcode = 'PT422', detail = 'chat/no_identity_key', hint = 'make one with chat_rotate_identity_key';
    elsif not chat.identity_proven(user_id, user_hash, key) or char_length(user_id) > 255 then
        return chat.answer_refusal(403, 'chat/wrong_proof', 'this hash does not prove this user',
            'user_hash is the HMAC-SHA256 of user_id by the site''s identity key, in hexadecimal, made on the server; ids have at most 255 characters');
    elsif problems <> '[]' then
        return chat.answer_refusal(422, 'chat/form_invalid', 'some fields of the profile are not right',
            'see `problems`: each names a field and what is wrong with it') || jsonb_build_object('problems', problems);
    end if;
    session := chat.prove_identity(session, 'hmac', user_id, at);
    perform from chat.identities i where i.id = session.identity_id for no key update;
    perform chat.keep_profile(session, profile, at);
    update public.mod_chat_visitors v set external_id = user_id where v.id = session.visitor_id;
    return chat.session_answer(session, at);
end
$$;
comment on function public.chat_identify(text, text, jsonb) is
    'Proves that the session is of the site''s user: user_hash = HMAC-SHA256(user_id) by the site''s identity key, in hexadecimal. profile: {name, email, phone}. Answers as chat_open_session, without key. PT401 as chat.my_session, 429 chat/too_many, 403 chat/wrong_proof, 422 chat/form_invalid, PT422 chat/no_identity_key.';

create or replace function public.chat_rotate_identity_key(site uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    name constant text := 'chat_identity_key:' || chat_rotate_identity_key.site;
    key constant text := replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
    kept uuid;
begin
    perform chat.require(chat_rotate_identity_key.site, 'live-chat.settings.manage');
    if to_regclass('vault.secrets') is null then
        raise exception 'there is no Vault in this database to keep the key in'
            using errcode = 'PT503', detail = 'chat/no_vault', hint = 'install Supabase Vault: create extension supabase_vault';
    end if;
    execute 'select s.id from vault.secrets s where s.name = $1' into kept using name;
    if kept is null then
        execute 'select vault.create_secret($1, $2, ''pg_chat: proves users of a site'')' using key, name;
    else
        execute 'select vault.update_secret($1, $2)' using kept, key;
    end if;
    return jsonb_build_object('site_id', chat_rotate_identity_key.site, 'key', key);
end
$$;
comment on function public.chat_rotate_identity_key(uuid) is
    'A new key by which a site''s server proves its users to chat_identify; shown this once, the old one proves nobody any more. Answers {site_id, key}. Needs live-chat.settings.manage. PT403 chat/not_allowed, PT503 chat/no_vault.';
