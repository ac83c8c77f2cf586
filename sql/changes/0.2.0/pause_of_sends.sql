-- What: a pause of sends has their new word. Why: jobs that send are `whatsapp.send_message` now, no longer only texts, and
-- whoever paused them paused all. Leaves out: jobs that are queued already. The worker knows their earlier word, which a
-- transaction that ends beside the upgrade may still write.

update chat.pauses set name = 'whatsapp.send_message' where what = 'kind' and name = 'whatsapp.send_text';
