-- What: the visitors that the caller is: of their token's session, or of their login.
-- Why: views of visitors are a sentence over this. Only proof joins rows here: what an agent merged stays apart.
-- Leaves out: agents, who see people under their own policies.

create or replace function chat.visitors_of(p_identity uuid)
returns uuid[]
language sql
stable
as $$
    select array_agg(i.visitor_id) from chat.identities i where i.id = p_identity or i.proven_as = p_identity
$$;
comment on function chat.visitors_of(uuid) is
    'The visitor of an identity, and of anonymous ones that were proven to be the same person.';

create or replace function chat.my_visitor_ids()
returns uuid[]
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    claims constant jsonb := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
begin
    -- Anon without a token is told so, too.
    if claims ? 'chat_session' or claims ->> 'role' = 'anon' then
        return chat.visitors_of((chat.my_session()).identity_id);
    end if;
    return array(
        select unnest(chat.visitors_of(a.identity_id))
        from chat.identity_aliases a
        where a.kind = 'auth' and a.portfolio = '' and a.value = auth.uid()::text);
end
$$;
comment on function chat.my_visitor_ids() is
    'Visitors the caller is: by the token of a session (PT401 as chat.my_session), else by their Supabase login; nobody otherwise.';
