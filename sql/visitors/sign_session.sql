-- What: signs the token of a session by the project's key.
-- Why: Supabase's gateway, REST and Realtime take it like any of their own, with role anon.
-- Leaves out: renewing, which chat_open_session does for whoever has the session's key.

create or replace function chat.vault_secret(p_name text)
returns text
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    secret text;
begin
    -- By its text, because an install without Supabase Vault has no such view.
    if to_regclass('vault.decrypted_secrets') is not null
        and has_table_privilege('vault.decrypted_secrets', 'select')
    then
        execute 'select s.decrypted_secret from vault.decrypted_secrets s where s.name = $1' into secret using p_name;
    end if;
    return secret;
end
$$;
comment on function chat.vault_secret(text) is 'A secret of Supabase Vault by its name; null when there is none.';

create or replace function chat.sign_session(p_session chat.sessions, p_now timestamptz)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    key constant text := coalesce(
        chat.vault_secret('chat_jwt_key'), nullif(current_setting('app.settings.jwt_secret', true), ''));
    kid constant text := nullif(current_setting('app.settings.chat_jwt_kid', true), '');
    expires constant timestamptz := least(p_now + interval '1 hour', p_session.expires_at);
    claims constant jsonb := jsonb_build_object(
        'role', 'anon', 'chat_session', p_session.id, 'chat_site', p_session.site_id,
        'iat', floor(extract(epoch from p_now))::bigint, 'exp', floor(extract(epoch from expires))::bigint);
begin
    if key is null then
        raise exception 'the project has no key to sign visitors'' tokens with'
            using errcode = 'PT503', detail = 'chat/no_token_key',
                hint = 'put the project''s JWT secret into Vault as chat_jwt_key: select vault.create_secret(''…'', ''chat_jwt_key'')';
    end if;
    return jsonb_build_object('token', chat.session_token(claims::text, key, kid), 'expires_at', expires);
end
$$;
comment on function chat.sign_session(chat.sessions, timestamptz) is
    'A token for a session, good for an hour: {token, expires_at}. The key is Vault''s chat_jwt_key, else app.settings.jwt_secret; app.settings.chat_jwt_kid names it. PT503 chat/no_token_key.';
