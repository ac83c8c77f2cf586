-- What: what happens by itself to visitors. Why: LC-01's updated_at. Leaves out: totals, which messages and conversations keep.

create or replace trigger _200_stamp before update on public.mod_chat_visitors
    for each row when (new.updated_at is not distinct from old.updated_at) execute function chat.stamp_updated_at();
