-- What one row of invitations needs, and no escalation through an open one.
create or replace trigger forbid_agency_change
before update on tenancy.invitations
for each row
when (
    old.agency_id is distinct from new.agency_id
    or old.id is distinct from new.id
    or old.created_at is distinct from new.created_at
    or old.created_by is distinct from new.created_by
)
execute function app.forbid_agency_change();

create or replace trigger guard
before update on tenancy.invitations
for each row
execute function app.guard_invitation();

create or replace trigger stamp
before insert or update on tenancy.invitations
for each row
execute function app.stamp_row();
