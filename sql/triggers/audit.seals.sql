-- Append-only for whoever passes the grants.
create or replace trigger forbid_change
before update or delete on audit.seals
for each row
execute function audit.forbid_change();

create or replace trigger forbid_truncate
before truncate on audit.seals
for each statement
execute function audit.forbid_truncate();
