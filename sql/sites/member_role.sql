-- What: the role of a user in an agency, in pg_chat's words: owner, admin, member, or null.
-- Why: the one place that reads the host's membership rows. Replace this function where a host names things differently.
-- Leaves out: agents; their rights come from mod_chat_agents.role.

-- Made once: a host replaces it by its own, and an upgrade must not undo that. It reads through jsonb, so that a host
-- table without a `role` column answers 'member' (no rights) instead of failing.
do $do$
begin
    if to_regprocedure('chat.member_role(uuid, uuid)') is not null then
        return;
    end if;
    create function chat.member_role(p_user uuid, p_agency uuid)
    returns text
    language sql
    stable
    security definer
    set search_path = ''
    as $$
        select coalesce(to_jsonb(m) ->> 'role', 'member')
        from public.agency_members m
        where m.user_id = p_user and m.agency_id = p_agency
        limit 1
    $$;
    comment on function chat.member_role(uuid, uuid) is
        'Role of a user in an agency: owner, admin, member; null when not a member. Replaceable by the host; never made anew by an upgrade.';
end
$do$;
