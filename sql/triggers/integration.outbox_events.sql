-- Events are only ever added; the publisher notes when.
create or replace trigger forbid_change
before update or delete on integration.outbox_events
for each row
execute function app.forbid_change('published_at');
