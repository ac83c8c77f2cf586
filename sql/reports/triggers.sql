-- What: what happens by itself to figures. Why: LC-01's updated_at. Leaves out: everything else, so far.

create or replace trigger _200_stamp before update on public.mod_chat_analytics
    for each row when (new.updated_at is not distinct from old.updated_at) execute function chat.stamp_updated_at();
