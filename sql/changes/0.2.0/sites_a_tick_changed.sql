-- What: two of the tick's timers answer sites instead of a number (whatsapp/timers.sql). Why: a tick takes the routing rows
-- of all that it changed in one order. Leaves out: the functions themselves, which are made anew.

drop function chat.adopt_orphans(integer);
drop function chat.settle_unknown(integer);
