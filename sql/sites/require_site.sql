-- What: that there is a site.
-- Why: whoever asks of one that is not there hears so, and not what a site without settings would say.
-- Leaves out: who may work in it (policies/).

create or replace function chat.require_site(p_site uuid)
returns void
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    if not exists (select from public.sites s where s.id = p_site) then
        raise exception 'there is no site %', coalesce(p_site::text, 'null')
            using errcode = 'PT404', detail = 'chat/no_such_site', hint = 'use the id of an existing site';
    end if;
end
$$;
comment on function chat.require_site(uuid) is 'Refuses where there is no such site. PT404 chat/no_such_site.';
