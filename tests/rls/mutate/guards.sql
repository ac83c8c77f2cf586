-- What: each trigger that runs for clients' own writes only, and the statement that drops it.
-- Why: such a trigger asks what a policy cannot: the old row, the author.
-- Leaves out: triggers that keep data right, whoever writes.

select
    format('trigger %s on %s dropped', t.tgname, t.tgrelid::regclass),
    pg_get_triggerdef(t.oid),
    format('drop trigger %I on %s', t.tgname, t.tgrelid::regclass),
    t.tgrelid::regclass::text, null, null
from pg_trigger t
where not t.tgisinternal and pg_get_triggerdef(t.oid) like '%row_security_active(%'
order by 1
