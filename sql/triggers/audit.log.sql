-- Append-only for whoever passes the grants.
create or replace trigger forbid_change
before update or delete on audit.log
for each row
execute function audit.forbid_change('redactable');

create or replace trigger forbid_truncate
before truncate on audit.log
for each statement
execute function audit.forbid_truncate();
