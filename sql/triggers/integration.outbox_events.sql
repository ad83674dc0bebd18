-- Events are only ever added; the publisher notes when.
create or replace trigger forbid_change
before update or delete on integration.outbox_events
for each row
execute function app.forbid_change('published_at');

create or replace trigger forget_path
before update on integration.outbox_events
for each row
when (
    old.published_at is null
    and new.published_at is not null
)
execute function app.forget_path();
