-- What: a number says when what people write is marked as read. Why: some want blue ticks to mean that somebody has looked
-- (whatsapp/read_marks.sql). Leaves out: numbers that there are; they go on marking at once.

alter table chat.whatsapp_numbers add column read_policy text not null default 'arrival',
    add constraint whatsapp_numbers_read_policy_check check (read_policy in ('arrival', 'agent_reads', 'never'));
