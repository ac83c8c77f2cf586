-- What: a host with sites, agencies and members of its own, and the trigger function that LC-01 expects of it.
-- Why: LC-01 was written for such a host.
-- Leaves out: everything of chat.

create table public.agencies (id uuid primary key default gen_random_uuid(), name text);
create table public.sites (
    id uuid primary key default gen_random_uuid(), agency_id uuid not null references public.agencies (id), name text);
create table public.agency_members (
    agency_id uuid references public.agencies (id), user_id uuid, role text default 'member',
    primary key (agency_id, user_id));
create function public.update_updated_at_column() returns trigger language plpgsql as $$
begin
    new.updated_at := now();
    return new;
end
$$;
